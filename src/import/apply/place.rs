//! Finding the directory that a path leads to. Symbolic links on the way are followed as a process
//! would that has the image for its root: nothing leads out.

use super::{Applier, KNOWN};
use crate::failure::Result;
use crate::import::names::split;
use lwext4::{Content, Error, FileType, Ino, Node, ParentTimes};

/// Symbolic links on one path, as in Linux.
const LINKS: usize = 40;

impl Applier<'_, '_> {
    /// The directory at a clean path below the base. What is missing is made, with mode 0755 and owned
    /// by root.
    pub(super) fn directory(&mut self, path: &[u8]) -> Result<Ino> {
        if path.is_empty() {
            return Ok(self.base);
        }
        if self.last.0 == path {
            return Ok(self.last.1);
        }
        let ino = match self.known.get(path) {
            Some(&ino) => ino,
            None => {
                let ino = self.walk(path)?;
                self.remember(path.to_vec(), ino);
                ino
            }
        };
        self.last = (path.to_vec(), ino);
        Ok(ino)
    }

    pub(super) fn remember(&mut self, path: Vec<u8>, ino: Ino) {
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        self.known.insert(path, ino);
    }

    /// Forgets where paths led to, as a directory or link on the way changed.
    pub(super) fn forget_paths(&mut self) {
        self.known.clear();
        self.last = (Vec::new(), self.base);
    }

    fn walk(&mut self, path: &[u8]) -> Result<Ino> {
        // The directory above is often known.
        let (start, rest) = match split(path) {
            Some((above, name)) if !above.is_empty() && self.known.contains_key(above) => {
                (self.known.get(above).copied(), name)
            }
            _ => (None, path),
        };
        let mut here = start.unwrap_or(self.base);
        // Components still to go, the next one last.
        let mut ahead: Vec<Vec<u8>> = components(rest);
        let mut links = 0;
        while let Some(name) = ahead.pop() {
            let found = self.peek(here, &name, path)?;
            let Some(found) = found else {
                here = self.make_missing(here, &name, path)?;
                continue;
            };
            match found.file_type {
                FileType::Directory => here = found.ino,
                FileType::Symlink => {
                    links += 1;
                    if links > LINKS {
                        return Err(self.refuse(path, "too many symbolic links on the way"));
                    }
                    let target = self.volume.readlink(found.ino);
                    let target = target.map_err(|error| self.fail(path, &error))?;
                    if target.starts_with(b"/") {
                        here = Ino::ROOT;
                    }
                    ahead.extend(components(&target));
                }
                _ => return Err(self.fail(path, &Error::NotADirectory)),
            }
        }
        Ok(here)
    }

    fn make_missing(&mut self, parent: Ino, name: &[u8], path: &[u8]) -> Result<Ino> {
        let now = self.time(None);
        let node = Node {
            file_type: FileType::Directory,
            perm: 0o755,
            uid: 0,
            gid: 0,
            device: (0, 0),
            atime: now,
            mtime: now,
            ctime: now,
            crtime: now,
            target: Vec::new(),
            xattrs: Vec::new(),
        };
        let times = if self.settled.contains(&parent) {
            ParentTimes::Keep
        } else {
            ParentTimes::Touch
        };
        self.bulk
            .create(parent, name, &node, times, Content::EMPTY)
            .map_err(|error| self.fail(path, &error))
    }
}

/// The components of a path, the last one first. `..` stays: a lookup finds it, and the root is its own.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.rsplit(|&b| b == b'/');
    parts
        .filter(|part| !part.is_empty() && *part != b".")
        .map(<[u8]>::to_vec)
        .collect()
}
