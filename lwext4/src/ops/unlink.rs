//! Taking names away.

use super::{check_may_remove, check_name, check_not_dots, drop_subdir_link};
use crate::dir;
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inline::is_inline;
use crate::inode::{Inode, InodeData};
use crate::journal::{Credits, Handle};
use crate::types::{Ino, Timestamp};

impl Fs {
    /// Removes a name of anything but a directory.
    pub fn unlink(&self, parent: Ino, name: &[u8]) -> Result<()> {
        self.remove_name(parent, name, false)
    }

    /// Removes an empty directory.
    pub fn rmdir(&self, parent: Ino, name: &[u8]) -> Result<()> {
        if name == b"." {
            return Err(Error::InvalidArgument("a directory cannot remove itself"));
        }
        if name == b".." {
            return Err(Error::NotEmpty);
        }
        self.remove_name(parent, name, true)
    }

    fn remove_name(&self, parent: Ino, name: &[u8], want_dir: bool) -> Result<()> {
        check_name(name)?;
        check_not_dots(name)?;
        let parent_inode = self.inode(parent)?;
        let ino = {
            let mut h = self.begin(Credits::NAME)?;
            let removed = self.remove_name_with(&mut h, &parent_inode, name, want_dir);
            h.finish(removed)?
        };
        self.evict_if_unused(ino)
    }

    /// The inode that the name led to.
    fn remove_name_with(
        &self,
        h: &mut Handle<'_>,
        parent_inode: &Inode,
        name: &[u8],
        want_dir: bool,
    ) -> Result<Ino> {
        loop {
            let mut dir = parent_inode.data.write();
            dir.check_dir()?;
            let found = dir::lookup(self, &dir, name)?.ok_or(Error::NotFound)?;
            if found.ino == dir.ino {
                return Err(Corrupt::new("a directory contains itself")
                    .ino(dir.ino)
                    .into());
            }
            let inode = self.inode(found.ino)?;
            if let Some(mut child) = inode.data.try_write() {
                self.remove_locked(
                    h,
                    (parent_inode, &mut dir),
                    (&inode, &mut child),
                    name,
                    want_dir,
                )?;
                return Ok(found.ino);
            }
            // Whoever has it may be waiting for the directory.
            drop(dir);
            inode.wait();
        }
    }

    fn remove_locked(
        &self,
        h: &mut Handle<'_>,
        (parent_inode, dir): (&Inode, &mut InodeData),
        (inode, child): (&Inode, &mut InodeData),
        name: &[u8],
        want_dir: bool,
    ) -> Result<()> {
        match (want_dir, child.raw.is_dir()) {
            (true, false) => return Err(Error::NotADirectory),
            (false, true) => return Err(Error::IsADirectory),
            _ => {}
        }
        check_may_remove(dir, child)?;
        if want_dir && !dir::is_empty(self, child)? {
            return Err(Error::NotEmpty);
        }
        dir::remove(h, dir, name)?;
        let now = self.now();
        if want_dir {
            drop_subdir_link(dir);
        }
        dir.touch(now, true);
        h.store_synced(parent_inode, dir, true)?;
        self.drop_link(h, inode, child, now)
    }

    /// One name less for an inode; without a last one it becomes an orphan.
    pub(super) fn drop_link(
        &self,
        h: &mut Handle<'_>,
        inode: &Inode,
        child: &mut InodeData,
        now: Timestamp,
    ) -> Result<()> {
        let links = if child.raw.is_dir() {
            0
        } else {
            child.raw.links_count().saturating_sub(1)
        };
        child.raw.set_links_count(links);
        child.touch(now, false);
        if links == 0 {
            // A size inside the inode is that of an attribute, which stays.
            if child.raw.is_dir() && !is_inline(child) {
                child.raw.set_size(0);
            }
            h.add_orphan(child)?;
        }
        h.store_synced(inode, child, true)
    }
}
