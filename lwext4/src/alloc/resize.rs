//! What the allocator does when a file system grows or shrinks. The caller's handle is alone. None of it is
//! asked for with bigalloc, so a cluster is a block here.

use super::Allocator;
use super::bitmap::{self, Bits};
use super::group::{Group, desc_place, tables};
use crate::cache::BlockKind;
use crate::error::{Error, Result};
use crate::fs::{Fs, Geometry};
use crate::journal::Handle;
use crate::ondisk::group_desc::{BLOCK_UNINIT, GroupDesc, INODE_UNINIT};
use crate::types::{BlockNo, GroupNo, Ino};
use std::sync::atomic::Ordering;

/// A group to be added.
#[derive(Debug)]
pub(crate) struct NewGroup {
    pub no: GroupNo,
    /// Where its bitmaps and inode table lie.
    pub block_bitmap: BlockNo,
    pub inode_bitmap: BlockNo,
    pub inode_table: BlockNo,
    /// Its blocks that other groups' metadata takes: from the group's start, and how many.
    pub lent: Vec<(u32, u32)>,
    /// Whether its block bitmap is written even if it could be derived.
    pub initialised: bool,
}

impl Allocator {
    /// Groups that give out blocks and inodes.
    pub(super) fn open_groups(&self, geo: &Geometry) -> u32 {
        let ceiling = geo.groups_for(self.ceiling.load(Ordering::Relaxed));
        u32::try_from(ceiling)
            .unwrap_or(u32::MAX)
            .clamp(1, geo.groups().max(1))
    }

    /// The clusters of a group that are given out: those from its start on.
    pub(super) fn open_len(&self, geo: &Geometry, no: GroupNo) -> u32 {
        let ceiling = self.ceiling.load(Ordering::Relaxed);
        let below = ceiling.saturating_sub(geo.group_start(no).0);
        let blocks = u64::from(geo.group_len(no)).min(below) as u32;
        blocks.div_ceil(geo.cluster_blocks())
    }

    /// Adds a group, whose descriptor's block is in the cache. Its inode table reads as zeroes.
    pub fn add_group(&self, h: &mut Handle<'_>, new: &NewGroup) -> Result<()> {
        let fs = h.fs();
        let geo = &fs.geo;
        let (block, at) = desc_place(geo, new.no);
        let desc_block = fs.read_block(block, BlockKind::Descriptors)?;
        let lazy = geo.has_group_csum();
        let desc = GroupDesc {
            block_bitmap: new.block_bitmap,
            inode_bitmap: new.inode_bitmap,
            inode_table: new.inode_table,
            free_inodes: geo.inodes_per_group,
            itable_unused: if lazy { geo.inodes_per_group } else { 0 },
            flags: if lazy {
                BLOCK_UNINIT | INODE_UNINIT | crate::ondisk::group_desc::INODE_ZEROED
            } else {
                // For a moment: both are initialised below.
                BLOCK_UNINIT | INODE_UNINIT
            },
            ..GroupDesc::default()
        };
        let mut group = Group::new(new.no, desc, desc_block.clone(), at);
        group.desc.free_blocks = group.fresh_free(geo);
        let mut free = group.desc.free_blocks;
        if new.initialised || !new.lent.is_empty() || !lazy {
            group.init_blocks(h)?;
            for &(at, len) in &new.lent {
                group.mark_blocks(h, at, len, true)?;
                free = free.saturating_sub(len);
            }
        }
        if !lazy {
            group.init_inodes(h)?;
            group.desc.itable_unused = 0;
        }
        // The descriptor itself is stored when the transaction is sealed.
        h.modify(&desc_block, |_| ());
        h.touch_group(new.no);
        self.free_blocks
            .fetch_add(u64::from(free), Ordering::Relaxed);
        self.free_inodes
            .fetch_add(geo.inodes_per_group, Ordering::Relaxed);
        *self.groups.get(new.no.0).lock() = Some(Box::new(group));
        Ok(())
    }

    /// Writes the last group's bitmap if need be, so that the group can change its length.
    pub fn settle_group(&self, h: &mut Handle<'_>, no: GroupNo) -> Result<()> {
        self.group(h.fs(), no)?.init_blocks(h)
    }

    /// Makes the blocks from `from` on of a group free that has become longer. It is settled.
    pub fn lengthen_group(&self, h: &mut Handle<'_>, no: GroupNo, from: u32) -> Result<()> {
        let fs = h.fs();
        let len = fs.geo.group_len(no).saturating_sub(from);
        if len == 0 {
            return Ok(());
        }
        let mut group = self.group(fs, no)?;
        group.mark_blocks(h, from, len, false)?;
        group.max_run = u32::MAX;
        self.free_blocks
            .fetch_add(u64::from(len), Ordering::Relaxed);
        Ok(())
    }

    /// From now on gives out no blocks at `ceiling` or behind it, and no inodes of groups there.
    pub fn set_ceiling(&self, ceiling: BlockNo) {
        self.ceiling.store(ceiling.0, Ordering::Relaxed);
    }

    /// A group's descriptor.
    pub fn descriptor(&self, fs: &Fs, no: GroupNo) -> Result<GroupDesc> {
        Ok(self.group(fs, no)?.desc)
    }

    /// Free blocks among the first `len` of a group.
    pub fn free_in(&self, fs: &Fs, no: GroupNo, len: u32) -> Result<u32> {
        let bytes = self.group(fs, no)?.blocks_in_use(fs)?;
        Ok(Bits::new(&bytes, None, len.min(fs.geo.group_len(no))).count_clear())
    }

    /// A group's inodes that are in use.
    pub fn used_inodes(&self, fs: &Fs, no: GroupNo) -> Result<Vec<Ino>> {
        let mut group = self.group(fs, no)?;
        let len = group.inodes_initialised(&fs.geo);
        if len == 0 || group.desc.flags & INODE_UNINIT != 0 {
            return Ok(Vec::new());
        }
        let bytes = group.inode_bitmap(fs)?.bytes();
        let used = (0..len).filter(|&i| bitmap::all(&bytes, i, 1, true));
        let first = no.0 * fs.geo.inodes_per_group + 1;
        Ok(used.map(|i| Ino(first + i)).collect())
    }

    /// Moves those of a group's bitmaps and its inode table that do not end before `ceiling`: to these
    /// places in the group, where nothing else is, or to wherever there is room. The inode table on disk is
    /// up to date.
    pub fn lower_metadata(
        &self,
        h: &mut Handle<'_>,
        no: GroupNo,
        ceiling: BlockNo,
        places: Option<[BlockNo; 3]>,
    ) -> Result<()> {
        let fs = h.fs();
        self.settle_group(h, no)?;
        let old = tables(&fs.geo, &self.descriptor(fs, no)?);
        let high = old.map(|(start, len)| start.0 + u64::from(len) > ceiling.0);
        let mut moved = old.map(|(start, _)| start);
        let mut taken = Vec::new();
        for i in (0..3).filter(|&i| high[i]) {
            let len = old[i].1;
            let found = match places {
                Some(places) => self.take_at(h, no, places[i], len),
                None => self.alloc_blocks(h, BlockNo(0), len),
            };
            taken.extend(found.as_ref().ok().copied());
            match found {
                Ok((start, got)) if got == len => moved[i] = start,
                Ok(_) | Err(Error::NoSpace) => {
                    for (start, got) in taken {
                        self.free_blocks(h, start, got, false)?;
                    }
                    return Err(Error::NoSpace);
                }
                Err(error) => return Err(error),
            }
        }
        // The bitmaps as they are now, with what was just taken.
        for i in (0..3).filter(|&i| high[i]) {
            let ((from, len), to) = (old[i], moved[i]);
            if i < 2 {
                let bytes = fs.read_block(from, BlockKind::Bitmap)?.bytes();
                let new = h.create_block(to, BlockKind::Bitmap)?;
                h.modify(&new, |new| new.copy_from_slice(&bytes));
            } else {
                fs.copy_blocks(from, to, len)?;
            }
        }
        let mut group = self.group(fs, no)?;
        [
            group.desc.block_bitmap,
            group.desc.inode_bitmap,
            group.desc.inode_table,
        ] = moved;
        drop(group);
        h.touch_group(no);
        for i in (0..3).filter(|&i| high[i]) {
            self.free_blocks(h, old[i].0, old[i].1, true)?;
        }
        Ok(())
    }

    /// Takes these blocks of a group; the ceiling does not count.
    fn take_at(
        &self,
        h: &mut Handle<'_>,
        no: GroupNo,
        start: BlockNo,
        len: u32,
    ) -> Result<(BlockNo, u32)> {
        let fs = h.fs();
        let mut group = self.group(fs, no)?;
        let at = (start.0 - fs.geo.group_start(no).0) as u32;
        if !bitmap::all(&group.blocks_in_use(fs)?, at, len, false) {
            return Err(Error::NoSpace);
        }
        group.mark_blocks(h, at, len, true)?;
        self.free_blocks
            .fetch_sub(u64::from(len), Ordering::Relaxed);
        Ok((start, len))
    }

    /// Cuts a group off behind its first `len` blocks. Those behind are free or were the metadata of
    /// groups that are no more. The group is settled.
    pub fn shorten_group(&self, h: &mut Handle<'_>, no: GroupNo, len: u32) -> Result<()> {
        let fs = h.fs();
        let bits = fs.geo.block_size * 8;
        let mut group = self.group(fs, no)?;
        let block = group.block_bitmap(fs)?;
        h.modify(&block, |bytes| bitmap::fill(bytes, len, bits - len, true));
        group.blocks_moved();
        group.desc.free_blocks = Bits::new(&block.bytes(), None, len).count_clear();
        h.touch_group(no);
        Ok(())
    }

    /// Forgets a group that is no more.
    pub fn drop_group(&self, no: GroupNo) {
        *self.groups.get(no.0).lock() = None;
    }
}
