//! What single files are to be, whatever they are on the host: a save file of fakeroot(1), or a table of
//! devices as genext2fs(8), makedevs and Buildroot take it.

use super::entry::{Attrs, Entry, Kind};
use super::names::clean;
use crate::failure::{Failure, Result};
use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Files that one line of a table stands for at most.
const MOST: u32 = 65_536;

/// What a line says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listed {
    perm: u16,
    uid: u32,
    gid: u32,
    /// What it is, unless it stays what it is.
    kind: Option<Node>,
}

/// Files that need no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Directory,
    Fifo,
    Char(u32, u32),
    Block(u32, u32),
}

impl Node {
    fn kind(self) -> Kind {
        match self {
            Node::Directory => Kind::Directory,
            Node::Fifo => Kind::Fifo,
            Node::Char(major, minor) => Kind::CharDevice(major, minor),
            Node::Block(major, minor) => Kind::BlockDevice(major, minor),
        }
    }
}

/// A manifest.
pub enum Manifest {
    /// fakeroot's: by device and inode on the host.
    Fakeroot {
        /// The directory that the paths are in.
        root: std::path::PathBuf,
        /// What is said of each.
        files: HashMap<(u64, u64), FakerootFile>,
    },
    /// A table: by path.
    Table(Table),
}

/// A file of fakeroot's.
#[derive(Clone, Copy, Debug)]
pub struct FakerootFile(Listed);

/// A table of devices, by path.
#[derive(Debug, Default)]
pub struct Table {
    files: BTreeMap<Vec<u8>, Listed>,
    /// Directories whose owners and modes all below them have.
    trees: Vec<(Vec<u8>, Listed)>,
}

impl Manifest {
    /// Reads the manifest at `path`, for the tree at `root`.
    ///
    /// # Errors
    /// It cannot be read; a line that is neither; a save file of fakeroot for something else than a
    /// directory.
    pub fn read(path: &Path, root: &Path) -> Result<Manifest> {
        let text = std::fs::read(path).map_err(|e| Failure::of(path, e))?;
        let text = String::from_utf8_lossy(&text);
        let lines = text
            .lines()
            .enumerate()
            .map(|(n, line)| (n + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let bad = |n: usize, what: &str| Failure::of(path, format!("line {n}: {what}"));
        if text.trim_start().starts_with("dev=") {
            if !root.is_dir() {
                return Err(Failure::of(
                    path,
                    "a save file of fakeroot is for a directory",
                ));
            }
            let mut files = HashMap::new();
            for (n, line) in lines {
                let (id, file) =
                    fakeroot(line).ok_or_else(|| bad(n, "not a line of fakeroot's"))?;
                files.insert(id, FakerootFile(file));
            }
            return Ok(Manifest::Fakeroot {
                root: root.to_owned(),
                files,
            });
        }
        let mut table = Table::default();
        for (n, line) in lines {
            table.add(line).map_err(|what| bad(n, &what))?;
        }
        Ok(Manifest::Table(table))
    }

    /// Gives an entry what is said of it; whether something is.
    pub fn apply(&mut self, entry: &mut Entry) -> bool {
        let path = clean(&entry.path).path;
        let listed = match self {
            Manifest::Fakeroot { root, files } => {
                use std::os::unix::ffi::OsStrExt;
                let full = root.join(std::ffi::OsStr::from_bytes(&path));
                let id = std::fs::symlink_metadata(full).map(|m| (m.dev(), m.ino()));
                id.ok().and_then(|id| files.get(&id).map(|file| file.0))
            }
            Manifest::Table(table) => table.take(&path),
        };
        let Some(listed) = listed else {
            return false;
        };
        entry.attrs.perm = listed.perm;
        entry.attrs.uid = listed.uid;
        entry.attrs.gid = listed.gid;
        if let Some(node) = listed.kind
            && !matches!(entry.kind, Kind::HardLink(_))
        {
            entry.kind = node.kind();
        }
        true
    }

    /// A file that is listed and was not in the source, in the order of paths.
    pub fn next_new(&mut self) -> Option<Entry> {
        let Manifest::Table(table) = self else {
            return None;
        };
        loop {
            let (path, listed) = table.files.pop_first()?;
            if let Some(node) = listed.kind {
                let attrs = Attrs {
                    perm: listed.perm,
                    uid: listed.uid,
                    gid: listed.gid,
                    ..Attrs::default()
                };
                return Some(Entry {
                    path,
                    kind: node.kind(),
                    attrs,
                });
            }
        }
    }
}

impl Table {
    /// Reads `NAME TYPE MODE UID GID MAJOR MINOR START INC COUNT`, with `-` for what does not matter.
    fn add(&mut self, line: &str) -> Result<(), String> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[name, kind, mode, uid, gid, ref device @ ..] = &fields[..] else {
            return Err("not NAME TYPE MODE UID GID MAJOR MINOR START INC COUNT".into());
        };
        let number = |text: &str, what: &str| match text {
            "-" => Ok(0),
            _ => text
                .parse::<u32>()
                .map_err(|_| format!("{what} is no number: {text}")),
        };
        let field = |at: usize, what| device.get(at).map_or(Ok(0), |text| number(text, what));
        let (major, minor) = (field(0, "the major number")?, field(1, "the minor number")?);
        let (start, step, count) = (
            field(2, "the start")?,
            field(3, "the increment")?,
            field(4, "the count")?,
        );
        let perm = u16::from_str_radix(mode, 8)
            .ok()
            .filter(|&mode| mode <= 0o7777);
        let mut listed = Listed {
            perm: perm.ok_or_else(|| format!("no mode: {mode}"))?,
            uid: number(uid, "the user")?,
            gid: number(gid, "the group")?,
            kind: None,
        };
        let path = clean(name.as_bytes()).path;
        if count > MOST {
            return Err(format!("more than {MOST} files"));
        }
        let node = |minor| match kind {
            "c" => Some(Node::Char(major, minor)),
            "b" => Some(Node::Block(major, minor)),
            "d" => Some(Node::Directory),
            "p" => Some(Node::Fifo),
            _ => None,
        };
        match kind {
            "f" => drop(self.files.insert(path, listed)),
            "r" => self.trees.push((path, listed)),
            "c" | "b" | "d" | "p" if count == 0 => {
                listed.kind = node(minor);
                self.files.insert(path, listed);
            }
            "c" | "b" | "d" | "p" => {
                for n in 0..count {
                    let mut numbered = path.clone();
                    numbered.extend((start.saturating_add(n)).to_string().into_bytes());
                    listed.kind = node(minor.saturating_add(n.saturating_mul(step)));
                    self.files.insert(numbered, listed);
                }
            }
            _ => {
                return Err(format!(
                    "unknown type: {kind} (f, d, c, b, p and r are known)"
                ));
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &[u8]) -> Option<Listed> {
        if let Some(listed) = self.files.remove(path) {
            return Some(listed);
        }
        let below = |tree: &[u8]| {
            tree.is_empty()
                || path
                    .strip_prefix(tree)
                    .is_some_and(|rest| rest.first() == Some(&b'/') || rest.is_empty())
        };
        self.trees
            .iter()
            .find(|(tree, _)| below(tree))
            .map(|(_, listed)| *listed)
    }
}

/// `dev=HEX,ino=N,mode=OCTAL,uid=N,gid=N,nlink=N,rdev=N`.
fn fakeroot(line: &str) -> Option<((u64, u64), Listed)> {
    let fields: HashMap<&str, &str> = line
        .split(',')
        .filter_map(|part| part.split_once('='))
        .collect();
    let hex = |key| u64::from_str_radix(fields.get(key)?, 16).ok();
    let decimal = |key| fields.get(key)?.parse::<u64>().ok();
    let mode = u32::from_str_radix(fields.get("mode")?, 8).ok()?;
    let rdev = decimal("rdev").unwrap_or(0);
    let (major, minor) = (rustix::fs::major(rdev), rustix::fs::minor(rdev));
    let kind = match mode & 0o170_000 {
        0o020_000 => Some(Node::Char(major, minor)),
        0o060_000 => Some(Node::Block(major, minor)),
        _ => None,
    };
    let listed = Listed {
        perm: (mode & 0o7777) as u16,
        uid: u32::try_from(decimal("uid")?).ok()?,
        gid: u32::try_from(decimal("gid")?).ok()?,
        kind,
    };
    Some(((hex("dev")?, decimal("ino")?), listed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_count() {
        let mut table = Table::default();
        table.add("/dev d 755 0 0 - - - - -").unwrap();
        table.add("/dev/tty c 666 0 5 4 0 0 1 2").unwrap();
        table.add("/usr r 755 7 8 - - - - -").unwrap();
        let tty1 = table.take(b"dev/tty1").unwrap();
        assert_eq!(tty1.kind, Some(Node::Char(4, 1)));
        assert_eq!(table.take(b"usr/bin").unwrap().gid, 8);
        assert_eq!(table.take(b"usrx"), None);
        assert!(table.add("/x q 755 0 0").is_err());
        assert!(table.add("/x f 999 0 0").is_err());
    }

    #[test]
    fn fakeroot_lines_are_read() {
        let (id, listed) =
            fakeroot("dev=fe00,ino=9,mode=20644,uid=1,gid=2,nlink=1,rdev=259").unwrap();
        assert_eq!((id, listed.uid), ((0xfe00, 9), 1));
        assert_eq!(listed.kind, Some(Node::Char(1, 3)));
        assert!(fakeroot("dev=1,mode=x").is_none());
    }
}
