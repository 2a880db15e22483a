//! Allocating and freeing inodes.

use super::Allocator;
use super::bitmap::{self, Bits};
use crate::cache::BlockKind;
use crate::error::{Corrupt, Result};
use crate::fs::Fs;
use crate::journal::Handle;
use crate::ondisk::group_desc::INODE_ZEROED;
use crate::types::{BlockNo, GroupNo, Ino};
use std::sync::atomic::Ordering;

/// How many groups are looked at for a top-level directory's group.
const PROBES: u32 = 32;

impl Allocator {
    /// The inode's place: a block of the inode table, and the byte in it.
    pub fn inode_location(&self, fs: &Fs, ino: Ino) -> Result<(BlockNo, usize)> {
        let (group, index) = fs.geo.inode_place(ino)?;
        let table = self.group(fs, group)?.desc.inode_table;
        let at = u64::from(index) * u64::from(fs.geo.inode_size);
        let block = BlockNo(table.0 + (at >> fs.geo.block_bits));
        Ok((block, (at % u64::from(fs.geo.block_size)) as usize))
    }

    /// Takes an inode near its directory; one for a directory may be further away. The caller writes
    /// all of it.
    ///
    /// # Errors
    /// [`Error::NoSpace`] when no inode is free.
    pub fn alloc_inode(&self, h: &mut Handle<'_>, parent: Ino, is_dir: bool) -> Result<Ino> {
        let fs = h.fs();
        if self.free_inodes.load(Ordering::Relaxed) == 0 {
            return self.starve();
        }
        let (parent_group, _) = fs.geo.inode_place(parent)?;
        let home = if is_dir && parent == Ino::ROOT {
            self.spread(fs)?
        } else {
            parent_group
        };
        let groups = self.open_groups(&fs.geo);
        for step in 0..groups {
            let no = GroupNo(((u64::from(home.0) + u64::from(step)) % u64::from(groups)) as u32);
            if let Some(ino) = self.take_inode(h, no, is_dir)? {
                return Ok(ino);
            }
        }
        self.starve()
    }

    /// A group with room for a new tree: of some, the one with most free inodes and blocks.
    fn spread(&self, fs: &Fs) -> Result<GroupNo> {
        let groups = self.open_groups(&fs.geo);
        let first = self.next_dir_group.fetch_add(1, Ordering::Relaxed) % groups;
        let mut best = (0, GroupNo(first));
        for step in 0..PROBES.min(groups) {
            let no = GroupNo(((u64::from(first) + u64::from(step)) % u64::from(groups)) as u32);
            let group = self.group(fs, no)?;
            let blocks = u64::from(group.available()) * u64::from(fs.geo.inodes_per_group);
            let inodes = u64::from(group.desc.free_inodes) * u64::from(fs.geo.clusters_per_group());
            let score = blocks.min(inodes);
            if score > best.0 {
                best = (score, no);
            }
        }
        Ok(best.1)
    }

    fn take_inode(&self, h: &mut Handle<'_>, no: GroupNo, is_dir: bool) -> Result<Option<Ino>> {
        let fs = h.fs();
        let geo = &fs.geo;
        let mut group = self.group(fs, no)?;
        if group.desc.free_inodes == 0 {
            return Ok(None);
        }
        group.init_inodes(h)?;
        let bytes = group.inode_bitmap(fs)?.bytes();
        let bits = Bits::new(&bytes, None, geo.inodes_per_group);
        // Reserved inodes are never given out, even if a bitmap says they are free.
        let from = if no.0 == 0 { geo.first_ino - 1 } else { 0 };
        let Some(index) = bits.first_clear(from) else {
            return Ok(None);
        };
        drop(bytes);
        self.initialise_table(h, &mut group, index)?;
        group.mark_inode(h, index, true)?;
        group.desc.free_inodes -= 1;
        // 32 bits of the image's own, which count nothing here.
        group.desc.used_dirs = group.desc.used_dirs.saturating_add(u32::from(is_dir));
        if geo.has_group_csum() {
            let unused = geo.inodes_per_group - (index + 1);
            group.desc.itable_unused = group.desc.itable_unused.min(unused);
        }
        self.free_inodes.fetch_sub(1, Ordering::Relaxed);
        Ok(Some(Ino(no.0 * geo.inodes_per_group + index + 1)))
    }

    /// Zeroes the table between the inodes in use so far and inode `index`, which a checker will now
    /// look at. Blocks wholly behind the old end are not read: they were never written.
    fn initialise_table(
        &self,
        h: &mut Handle<'_>,
        group: &mut super::Group,
        index: u32,
    ) -> Result<()> {
        let geo = &h.fs().geo;
        let size = u32::from(geo.inode_size);
        let per_block = geo.block_size / size;
        let mut at = group.inodes_initialised(geo);
        while at <= index {
            let no = BlockNo(group.desc.inode_table.0 + u64::from(at / per_block));
            if at.is_multiple_of(per_block) {
                h.create_block(no, BlockKind::InodeTable)?;
            } else if group.desc.flags & INODE_ZEROED == 0 {
                let block = h.fs().read_block(no, BlockKind::InodeTable)?;
                let (from, to) = (at % per_block * size, geo.block_size);
                h.modify(&block, |bytes| bytes[from as usize..to as usize].fill(0));
            }
            at = (at / per_block + 1) * per_block;
        }
        Ok(())
    }

    /// Gives back an inode.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is free already, or reserved.
    pub fn free_inode(&self, h: &mut Handle<'_>, ino: Ino, is_dir: bool) -> Result<()> {
        let fs = h.fs();
        let (no, index) = fs.geo.inode_place(ino)?;
        if ino.0 < fs.geo.first_ino {
            return Err(Corrupt::new("freeing a reserved inode").ino(ino).into());
        }
        let mut group = self.group(fs, no)?;
        group.init_inodes(h)?;
        if !bitmap::all(&group.inode_bitmap(fs)?.bytes(), index, 1, true) {
            return Err(Corrupt::new("freeing an inode that is free")
                .ino(ino)
                .into());
        }
        group.mark_inode(h, index, false)?;
        group.desc.free_inodes = group.desc.free_inodes.saturating_add(1);
        if is_dir {
            group.desc.used_dirs = group.desc.used_dirs.saturating_sub(1);
        }
        self.free_inodes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
