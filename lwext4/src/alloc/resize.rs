//! What the allocator does when a file system grows or shrinks. The caller's handle is alone.

use super::Allocator;
use super::group::{Group, desc_place};
use crate::cache::BlockKind;
use crate::error::Result;
use crate::fs::Geometry;
use crate::journal::Handle;
use crate::ondisk::group_desc::{BLOCK_UNINIT, GroupDesc, INODE_UNINIT};
use crate::types::{BlockNo, GroupNo};
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

    /// The blocks of a group that are given out: those from its start on.
    pub(super) fn open_len(&self, geo: &Geometry, no: GroupNo) -> u32 {
        let ceiling = self.ceiling.load(Ordering::Relaxed);
        let below = ceiling.saturating_sub(geo.group_start(no).0);
        u64::from(geo.group_len(no)).min(below) as u32
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
}
