//! Where free blocks and inodes are, and who gets them.
//!
//! The unit of allocation is the cluster: with bigalloc several blocks, else one. Here, positions in a group and
//! counts of a group are clusters; block numbers, and lengths beside them, are blocks, as everywhere.
//!
//! Each group has a mutex; everything about a group's bitmaps and counts happens under it. Groups are
//! loaded when first needed: opening a large image costs what opening a small one does.

mod bitmap;
mod blocks;
mod free;
mod group;
mod inodes;
mod resize;
mod slots;

pub(crate) use group::{base_blocks, desc_place, has_super, tables};
pub(crate) use resize::NewGroup;

use crate::cache::Block;
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::journal::Freed;
use crate::types::{BlockNo, GroupNo, Ino};
use group::Group;
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use slots::Slots;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// A run of free blocks kept for a file that grows by appending.
#[derive(Clone, Copy, Debug)]
struct Window {
    ino: Ino,
    start: BlockNo,
    len: u32,
}

/// The allocator of one file system.
#[derive(Debug)]
pub(crate) struct Allocator {
    groups: Slots,
    free_blocks: AtomicU64,
    free_inodes: AtomicU32,
    /// Blocks freed by transactions that are not on disk yet.
    freed_held: AtomicU64,
    windows: Mutex<VecDeque<Window>>,
    /// Where the search for a group of a new top-level directory starts.
    next_dir_group: AtomicU32,
    /// Blocks from here on, and inodes of groups that start there, are not given out: what shrinking
    /// will cut off.
    ceiling: AtomicU64,
    /// Set when no block or inode was found: growing would help.
    starved: AtomicBool,
}

impl Allocator {
    /// An allocator that starts from the superblock's counts.
    pub fn new(free_blocks: u64, free_inodes: u32) -> Allocator {
        Allocator {
            groups: Slots::new(),
            free_blocks: AtomicU64::new(free_blocks),
            free_inodes: AtomicU32::new(free_inodes),
            freed_held: AtomicU64::new(0),
            windows: Mutex::new(VecDeque::new()),
            next_dir_group: AtomicU32::new(0),
            ceiling: AtomicU64::new(u64::MAX),
            starved: AtomicBool::new(false),
        }
    }

    /// A group, locked and loaded.
    fn group(&self, fs: &Fs, no: GroupNo) -> Result<MappedMutexGuard<'_, Group>> {
        let mut slot = self.groups.get(no.0).lock();
        if slot.is_none() {
            *slot = Some(Box::new(Group::load(fs, no)?));
        }
        match MutexGuard::try_map(slot, |slot| slot.as_deref_mut()) {
            Ok(group) => Ok(group),
            Err(_) => Err(crate::error::Corrupt::new("group is not loaded")
                .group(no)
                .into()),
        }
    }

    /// Free blocks in all.
    pub fn free_blocks_count(&self) -> u64 {
        self.free_blocks.load(Ordering::Relaxed)
    }

    /// Free inodes in all.
    pub fn free_inodes_count(&self) -> u32 {
        self.free_inodes.load(Ordering::Relaxed)
    }

    /// Counts free blocks and inodes from the descriptors: after a recovery, the superblock's own
    /// counts may be old.
    pub fn recount(&self, fs: &Fs) -> Result<()> {
        let (mut blocks, mut inodes) = (0u64, 0u32);
        for no in 0..fs.geo.groups() {
            let group = self.group(fs, GroupNo(no))?;
            blocks += u64::from(group.desc.free_blocks) << fs.geo.cluster_bits;
            inodes = inodes.saturating_add(group.desc.free_inodes);
        }
        self.free_blocks.store(blocks, Ordering::Relaxed);
        self.free_inodes.store(inodes, Ordering::Relaxed);
        Ok(())
    }

    /// Notes that nothing was found: what a search then returns.
    fn starve<T>(&self) -> Result<T> {
        self.starved.store(true, Ordering::Relaxed);
        Err(Error::NoSpace)
    }

    /// Whether a search found nothing since this was last asked.
    pub fn take_starved(&self) -> bool {
        self.starved.swap(false, Ordering::Relaxed)
    }

    /// Whether blocks wait for a commit before they can be used again.
    pub fn waits_for_commit(&self) -> bool {
        self.freed_held.load(Ordering::Relaxed) > 0
    }

    /// The first block of the inode's group: where its data should be when nothing better is known.
    pub fn goal_for_inode(&self, fs: &Fs, ino: Ino) -> BlockNo {
        let group = GroupNo(ino.0.saturating_sub(1) / fs.geo.inodes_per_group);
        fs.geo
            .group_start(GroupNo(group.0.min(fs.geo.groups() - 1)))
    }

    /// Makes blocks available that a transaction freed, now that it is on disk.
    pub fn release(&self, fs: &Fs, freed: &[Freed]) -> Result<()> {
        for run in freed {
            self.freed_held
                .fetch_sub(u64::from(run.len), Ordering::Relaxed);
            self.each_group(fs, run.start, run.len, |group, start, len| {
                group.hold(&fs.geo, start, len, false);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Brings the descriptors of changed groups up to date while a transaction is sealed: the blocks
    /// to write.
    pub fn seal(&self, fs: &Fs, groups: impl Iterator<Item = GroupNo>) -> Result<Vec<Arc<Block>>> {
        let mut blocks: Vec<Arc<Block>> = Vec::new();
        for no in groups {
            let block = self.group(fs, no)?.seal(fs)?;
            if blocks.last().is_none_or(|last| last.no != block.no) {
                blocks.push(block);
            }
        }
        // Neighbouring groups share a block, except with meta groups.
        blocks.sort_by_key(|block| block.no);
        blocks.dedup_by_key(|block| block.no);
        Ok(blocks)
    }

    /// Which clusters of a group are in use: a set bit each, from the group's first one on, and set bits
    /// behind its end.
    pub fn blocks_in_use(&self, fs: &Fs, no: GroupNo) -> Result<Vec<u8>> {
        self.group(fs, no)?.blocks_in_use(fs)
    }

    /// Calls `each` with every group that the run of blocks touches, and the clusters in it (relative to
    /// the group's start) that the run touches.
    fn each_group(
        &self,
        fs: &Fs,
        start: BlockNo,
        len: u32,
        mut each: impl FnMut(&mut Group, u32, u32) -> Result<()>,
    ) -> Result<()> {
        fs.geo.check_blocks(start, u64::from(len))?;
        let mut at = start.0;
        let end = start.0 + u64::from(len);
        while at < end {
            let no = fs.geo.group_of(BlockNo(at));
            let first = fs.geo.group_start(no).0;
            let piece = end.min(first + u64::from(fs.geo.group_len(no))) - at;
            let mut group = self.group(fs, no)?;
            let cluster = ((at - first) >> fs.geo.cluster_bits) as u32;
            let behind = (at - first + piece).div_ceil(u64::from(fs.geo.cluster_blocks()));
            each(&mut group, cluster, behind as u32 - cluster)?;
            at += piece;
        }
        Ok(())
    }
}
