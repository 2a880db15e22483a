//! Finding names and reading directories.

use super::check_name;
use crate::attr::{Attr, DirEntry, Entry};
use crate::dir;
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::types::{FileType, Ino};

/// How many entries are gathered at a time.
const BATCH: usize = 128;

impl Fs {
    /// The inode behind a name; takes a hold.
    pub fn lookup(&self, parent: Ino, name: &[u8]) -> Result<Entry> {
        check_name(name)?;
        let dir = self.inode(parent)?;
        let data = dir.data.read();
        data.check_dir()?;
        let found = dir::lookup(self, &data, name)?.ok_or(Error::NotFound)?;
        if name == b"." || name == b".." {
            // A parent must not be locked while its child is.
            drop(data);
            self.inodes.hold(found.ino);
        } else {
            // Held before the directory is unlocked: nobody can delete it in between.
            self.inodes.hold(found.ino);
            drop(data);
        }
        let attr = self
            .inode(found.ino)
            .and_then(|inode| inode.data.read().attr(self));
        if attr.is_err() {
            self.inodes.unhold(found.ino, 1);
        }
        // A name that leads to a free inode is damage, not absence.
        let attr = attr.map_err(|error| match error {
            Error::NotFound => crate::Corrupt::new("a name leads to a free inode")
                .ino(found.ino)
                .into(),
            other => other,
        })?;
        Ok(Entry { attr })
    }

    /// The attributes of an inode.
    pub fn getattr(&self, ino: Ino) -> Result<Attr> {
        self.inode(ino)?.data.read().attr(self)
    }

    /// The entries of a directory from position `from` on, until `each` says no.
    pub fn read_dir(
        &self,
        ino: Ino,
        from: u64,
        each: &mut dyn FnMut(DirEntry<'_>) -> bool,
    ) -> Result<()> {
        let dir = self.inode(ino)?;
        let data = dir.data.read();
        data.check_dir()?;
        dir::read(self, &data, from, each)
    }

    /// [`Self::read_dir`] with attributes; takes a hold for every entry that is accepted with them.
    pub fn read_dir_plus(
        &self,
        ino: Ino,
        from: u64,
        each: &mut dyn FnMut(DirEntry<'_>, Option<Attr>) -> bool,
    ) -> Result<()> {
        // Entries are gathered under the directory's lock and looked at without it: an inode must not
        // be locked while something below it may be (and in a damaged image, that is anything).
        let mut from = from;
        loop {
            let mut batch = Vec::new();
            self.read_dir(ino, from, &mut |entry| {
                let dots = entry.name == b"." || entry.name == b"..";
                if !dots {
                    self.inodes.hold(entry.ino);
                }
                batch.push((
                    entry.ino,
                    entry.file_type,
                    entry.name.to_vec(),
                    entry.next,
                    dots,
                ));
                batch.len() < BATCH
            })?;
            // The last one was refused to end the reading: read_dir counts it as not taken.
            let full = batch.len() == BATCH;
            if full
                && let Some((ino, .., dots)) = batch.pop()
                && !dots
            {
                self.inodes.unhold(ino, 1);
            }
            let mut going = true;
            for (ino, file_type, name, next, dots) in &batch {
                let entry = DirEntry {
                    ino: *ino,
                    file_type: *file_type,
                    name,
                    next: *next,
                };
                // Damage in one inode must not hide the names of the others.
                let attr = if *dots || !going {
                    None
                } else {
                    self.getattr(*ino).ok()
                };
                going = going && each(entry, attr);
                if going {
                    from = *next;
                }
                if !dots && (attr.is_none() || !going) {
                    self.inodes.unhold(*ino, 1);
                }
            }
            if !going || !full {
                return Ok(());
            }
        }
    }

    /// The target of a symbolic link.
    pub fn readlink(&self, ino: Ino) -> Result<Vec<u8>> {
        let inode = self.inode(ino)?;
        let data = inode.data.read();
        if data.raw.file_type() != Some(FileType::Symlink) {
            return Err(Error::InvalidArgument("not a symbolic link"));
        }
        let target = self.stored_target(&data)?;
        if !data.is_encrypted() {
            return Ok(target);
        }
        // Two bytes are the length of what follows.
        let encrypted = target.split_first_chunk().and_then(|(len, rest)| {
            let len = usize::from(u16::from_le_bytes(*len));
            rest.get(..len).filter(|rest| !rest.is_empty())
        });
        match encrypted {
            Some(encrypted) => Ok(dir::show_without_key(encrypted, [0; 2])),
            None => Err(crate::Corrupt::new("encrypted link's target")
                .ino(ino)
                .into()),
        }
    }

    /// A symbolic link's target as it is stored.
    fn stored_target(&self, data: &InodeData) -> Result<Vec<u8>> {
        let ino = data.ino;
        let size = data.raw.size();
        if data.is_fast_symlink(self) {
            let len = (size as usize).min(data.raw.block().len());
            return Ok(data.raw.block()[..len].to_vec());
        }
        if size > u64::from(self.geo.block_size) {
            return Err(crate::Corrupt::new("symbolic link longer than a block")
                .ino(ino)
                .into());
        }
        let mut target = vec![0; size as usize];
        self.read_mapped(data, 0, &mut target)?;
        Ok(target)
    }
}
