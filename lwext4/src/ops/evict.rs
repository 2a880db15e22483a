//! The end of an inode: its blocks, its attributes, itself.

use crate::error::Result;
use crate::fs::Fs;
use crate::inline::is_inline;
use crate::inode::{Inode, InodeData};
use crate::journal::{Credits, Handle};
use crate::ondisk::features::Incompat;
use crate::ondisk::inode::InodeFlags;
use crate::types::{FileBlock, FileType, Ino};
use crate::{map, xattr};

impl InodeData {
    /// Whether a symbolic link's target is in the inode itself.
    pub fn is_fast_symlink(&self, fs: &Fs) -> bool {
        let elsewhere = InodeFlags::EXTENTS | InodeFlags::INLINE_DATA;
        if self.raw.flags().intersects(elsewhere) {
            return false;
        }
        // Blocks of attributes count as the inode's there: they say nothing.
        if fs.geo.features.incompat.contains(Incompat::EA_INODE) {
            return self.raw.is_short();
        }
        // Old images: a link without blocks of its own, apart from attributes.
        let own = if self.raw.file_acl() == 0 {
            0
        } else {
            u64::from(fs.geo.block_size / 512) << fs.geo.cluster_bits
        };
        self.raw.is_short() && self.raw.sectors(fs.geo.block_size) <= own
    }

    /// Whether `i_block` maps blocks.
    pub fn maps_blocks(&self, fs: &Fs) -> bool {
        match self.raw.file_type() {
            _ if is_inline(&self.raw) => false,
            Some(FileType::Regular | FileType::Directory) => true,
            Some(FileType::Symlink) => !self.is_fast_symlink(fs),
            _ => false,
        }
    }
}

impl Fs {
    /// Gives back holds; deletes the inode if it has no name and nobody else holds it.
    pub fn forget(&self, ino: Ino, count: u64) -> Result<()> {
        if self.inodes.unhold(ino, count) && self.orphans.contains(ino) {
            return self.evict_if_unused(ino);
        }
        Ok(())
    }

    /// Deletes an orphan that nobody holds. One caller does the work.
    pub fn evict_if_unused(&self, ino: Ino) -> Result<()> {
        if self.inodes.is_held(ino) || !self.orphans.claim(ino) {
            return Ok(());
        }
        let evicted = self.evict(ino);
        if evicted.is_err() {
            self.orphans.unclaim(ino);
        }
        evicted
    }

    /// Finishes with an orphan: deletes it, or, if it still has a name, cuts it to its size. A chain
    /// of transactions if need be.
    pub fn evict(&self, ino: Ino) -> Result<()> {
        self.evict_one(ino)?;
        self.evict_values()
    }

    /// Deletes what attributes were in inodes that nobody uses any more. The caller has no handle, and
    /// no inode locked.
    pub fn evict_values(&self) -> Result<()> {
        while let Some(ino) = self.values.next_unused() {
            if self.orphans.claim(ino) {
                let evicted = self.evict_one(ino);
                evicted.inspect_err(|_| self.orphans.unclaim(ino))?;
            }
        }
        Ok(())
    }

    fn evict_one(&self, ino: Ino) -> Result<()> {
        let inode = self.inode(ino)?;
        loop {
            let mut h = self.begin(Credits::MAP)?;
            let mut data = inode.data.write();
            let step = self.evict_step(&mut h, &inode, &mut data);
            if h.finish_with(&mut data, step)? {
                return Ok(());
            }
        }
    }

    /// As much as one transaction takes: whether that was all.
    fn evict_step(&self, h: &mut Handle<'_>, inode: &Inode, data: &mut InodeData) -> Result<bool> {
        let keep = data.raw.links_count() > 0;
        let left = if data.maps_blocks(self) {
            let bits = self.geo.block_bits;
            let from = if keep {
                data.raw.size().div_ceil(1 << bits)
            } else {
                0
            };
            let from = FileBlock(u32::try_from(from).unwrap_or(u32::MAX));
            map::remove(h, data, from, 1 << 32)?
        } else {
            None
        };
        if left.is_some() {
            h.store_synced(inode, data, true)?;
            return Ok(false);
        }
        if keep {
            h.remove_orphan(data)?;
            h.store_synced(inode, data, true)?;
            return Ok(true);
        }
        self.alloc.end_append(self, data.ino)?;
        if !xattr::free_all(h, data)? {
            h.store_synced(inode, data, true)?;
            return Ok(false);
        }
        h.remove_orphan(data)?;
        let is_dir = data.raw.is_dir();
        self.finish_delete(h, data, is_dir)?;
        Ok(true)
    }

    /// Gives back an inode that has neither blocks nor attributes any more.
    pub(super) fn finish_delete(
        &self,
        h: &mut Handle<'_>,
        data: &mut InodeData,
        is_dir: bool,
    ) -> Result<()> {
        data.raw.set_links_count(0);
        data.raw.set_size(0);
        let now = self.now().secs;
        data.raw.set_dtime(deletion_time(now, self.geo.inodes()));
        h.store(data)?;
        self.alloc.free_inode(h, data.ino, is_dir)?;
        self.inodes.remove(data.ino);
        Ok(())
    }
}

/// When an inode was deleted, in seconds since 1970, as far as 32 bits go. A number that could be an
/// inode's would be taken for a link of the orphan list: clocks that start in 1970 give such times.
fn deletion_time(now: i64, inodes: u32) -> u32 {
    let soonest = inodes.saturating_add(1);
    u32::try_from(now.max(0)).unwrap_or(u32::MAX).max(soonest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_time_is_never_an_inode_number() {
        assert_eq!(deletion_time(1_700_000_000, 5000), 1_700_000_000);
        assert_eq!(deletion_time(77, 5000), 5001);
        assert_eq!(deletion_time(-1, 5000), 5001);
        assert_eq!(deletion_time(i64::MAX, 5000), u32::MAX);
    }
}
