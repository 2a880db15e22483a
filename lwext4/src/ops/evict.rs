//! The end of an inode: its blocks, its attributes, itself.

use crate::error::Result;
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::{Credits, Handle};
use crate::ondisk::inode::InodeFlags;
use crate::types::{FileBlock, FileType, Ino, Timestamp};
use crate::{map, xattr};

impl InodeData {
    /// Whether a symbolic link's target is in the inode itself.
    pub fn is_fast_symlink(&self, fs: &Fs) -> bool {
        if self.raw.flags().contains(InodeFlags::EXTENTS) {
            return false;
        }
        // Old images: a link without blocks of its own, apart from attributes.
        let own = if self.raw.file_acl() == 0 {
            0
        } else {
            u64::from(fs.geo.block_size / 512)
        };
        self.raw.size() < 60 && self.raw.sectors(fs.geo.block_size) <= own
    }

    /// Whether `i_block` maps blocks.
    pub fn maps_blocks(&self, fs: &Fs) -> bool {
        match self.raw.file_type() {
            Some(FileType::Regular | FileType::Directory) => {
                !self.raw.flags().contains(InodeFlags::INLINE_DATA)
            }
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
        let inode = self.inode(ino)?;
        loop {
            let mut h = self.begin(Credits::MAP)?;
            let mut data = inode.data.write();
            let keep = data.raw.links_count() > 0;
            let left = if data.maps_blocks(self) {
                let bits = self.geo.block_bits;
                let from = if keep {
                    data.raw.size().div_ceil(1 << bits)
                } else {
                    0
                };
                let from = FileBlock(u32::try_from(from).unwrap_or(u32::MAX));
                map::remove(&mut h, &mut data, from, 1 << 32)?
            } else {
                None
            };
            if left.is_some() {
                h.store_synced(&inode, &mut data, true)?;
                continue;
            }
            h.remove_orphan(&mut data)?;
            if keep {
                return h.store_synced(&inode, &mut data, true);
            }
            self.alloc.end_append(self, ino)?;
            xattr::free_all(&mut h, &mut data)?;
            let is_dir = data.raw.is_dir();
            return self.finish_delete(&mut h, &mut data, is_dir);
        }
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
        data.raw
            .set_dtime(Timestamp::now().secs.clamp(1, i64::from(u32::MAX)) as u32);
        h.store(data)?;
        self.alloc.free_inode(h, data.ino, is_dir)?;
        self.inodes.remove(data.ino);
        Ok(())
    }
}
