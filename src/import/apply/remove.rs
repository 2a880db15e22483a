//! Taking out what gives way, and what a layer says is gone.

use super::Applier;
use crate::failure::{Failure, Result};
use crate::import::names::{join, shown, split};
use lwext4::{Attr, Error, FileType, Ino};

/// Directories below each other at most: a damaged image may have them in a circle.
const DEPTH: usize = 4096;

impl Applier<'_, '_> {
    /// Takes out what has the name of something new.
    pub(super) fn give_way(
        &mut self,
        parent: Ino,
        name: &[u8],
        path: &[u8],
        old: &Attr,
    ) -> Result<()> {
        self.unsettle(parent)?;
        if old.file_type != FileType::Directory {
            if old.file_type == FileType::Symlink {
                self.forget_paths();
            }
            let removed = self.bulk.unlink(parent, name);
            return removed.map_err(|error| self.fail(path, &error));
        }
        if self.options.layers {
            return self.remove_tree(parent, name, path, old.ino);
        }
        self.drop_directory(old.ino);
        match self.bulk.rmdir(parent, name) {
            Ok(()) => Ok(()),
            Err(Error::NotEmpty) => Err(Failure::of(
                &self.image,
                format!(
                    "{}: a directory with files in it is in the way",
                    shown(path)
                ),
            )
            .remedy("remove it first")),
            Err(error) => Err(self.fail(path, &error)),
        }
    }

    /// Takes out whatever is at a path; nothing may be.
    pub(super) fn remove(&mut self, path: &[u8]) -> Result<()> {
        let path = self.clean(path);
        let Some((parent, name)) = split(&path) else {
            return self.clear(&path);
        };
        let Some(parent) = self.existing(parent)? else {
            return Ok(());
        };
        if self.is_in_layer(&path) {
            return self.clear(&path);
        }
        match self.peek(parent, name, &path)? {
            Some(old) if old.file_type == FileType::Directory => {
                self.unsettle(parent)?;
                self.remove_tree(parent, name, &path, old.ino)
            }
            Some(old) => self.give_way(parent, name, &path, &old),
            None => Ok(()),
        }
    }

    /// Takes out what is in a directory, if it is one, but for what the current layer put there.
    pub(super) fn clear(&mut self, path: &[u8]) -> Result<()> {
        let path = self.clean(path);
        let Some(ino) = self.existing(&path)? else {
            return Ok(());
        };
        self.forget_paths();
        let mut dirs = vec![(ino, path)];
        while let Some((ino, path)) = dirs.pop() {
            self.unsettle(ino)?;
            for (name, is_dir) in self.names(ino, &path)? {
                let below = join(&path, &name);
                let Some(found) = self.peek(ino, &name, &below)? else {
                    continue;
                };
                match (self.is_in_layer(&below), is_dir) {
                    (true, true) => dirs.push((found.ino, below)),
                    (true, false) => {}
                    (false, true) => self.remove_tree(ino, &name, &below, found.ino)?,
                    (false, false) => self.give_way(ino, &name, &below, &found)?,
                }
            }
        }
        Ok(())
    }

    /// The directory at a path, if there is one.
    fn existing(&mut self, path: &[u8]) -> Result<Option<Ino>> {
        let Some((parent, name)) = split(path) else {
            return Ok(Some(self.base));
        };
        let mut here = self.base;
        for part in parent.split(|&b| b == b'/').chain([name]) {
            if part.is_empty() {
                continue;
            }
            match self.peek(here, part, path)? {
                Some(found) if found.file_type == FileType::Directory => here = found.ino,
                // A whiteout does not reach through symbolic links.
                _ => return Ok(None),
            }
        }
        Ok(Some(here))
    }

    fn remove_tree(&mut self, parent: Ino, name: &[u8], path: &[u8], ino: Ino) -> Result<()> {
        self.empty(ino, path)?;
        self.drop_directory(ino);
        let removed = self.bulk.rmdir(parent, name);
        removed.map_err(|error| self.fail(path, &error))
    }

    /// Takes out everything below a directory.
    fn empty(&mut self, top: Ino, path: &[u8]) -> Result<()> {
        let mut levels = vec![(top, self.names(top, path)?)];
        while let Some((here, names)) = levels.last_mut() {
            let here = *here;
            let Some((name, is_dir)) = names.pop() else {
                levels.pop();
                // The directory's own name goes when its parent comes to it again, now empty.
                continue;
            };
            if !is_dir {
                let removed = self.bulk.unlink(here, &name);
                removed.map_err(|error| self.fail(path, &error))?;
                continue;
            }
            let Some(found) = self.peek(here, &name, path)? else {
                continue;
            };
            self.drop_directory(found.ino);
            match self.bulk.rmdir(here, &name) {
                Ok(()) => {}
                Err(Error::NotEmpty) if levels.len() < DEPTH => {
                    let below = self.names(found.ino, path)?;
                    if let Some((_, names)) = levels.last_mut() {
                        names.push((name, true));
                    }
                    levels.push((found.ino, below));
                }
                Err(error) => return Err(self.fail(path, &error)),
            }
        }
        Ok(())
    }

    /// The names in a directory, and whether each is one itself.
    fn names(&self, ino: Ino, path: &[u8]) -> Result<Vec<(Vec<u8>, bool)>> {
        let mut names = Vec::new();
        let mut each = |entry: lwext4::DirEntry<'_>, attr: Option<Attr>| {
            if let Some(attr) = attr {
                names.push((entry.name.to_vec(), attr.file_type == FileType::Directory));
                self.volume.forget(attr.ino, 1);
            }
            true
        };
        let read = self.volume.read_dir_plus(ino, 0, &mut each);
        read.map_err(|error| self.fail(path, &error))?;
        Ok(names)
    }

    /// Forgets what is known of a directory that goes.
    fn drop_directory(&mut self, ino: Ino) {
        self.forget_paths();
        self.settled.remove(&ino);
        self.restore.remove(&ino);
    }
}
