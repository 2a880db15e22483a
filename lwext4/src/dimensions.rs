//! The part of the geometry that resizing changes while the file system is open.
//!
//! Everybody reads these numbers all the time, and they change only while no operation is under way
//! ([`Fs::begin_alone`](crate::fs::Fs::begin_alone)). So each is an atomic, read without any ordering:
//! that costs what reading a plain number costs. Who looks something up meanwhile, without a handle, may
//! see some of them old and some new. That is harmless: what it looks for exists before and after.

use crate::alloc::base_blocks;
use crate::fs::Geometry;
use crate::types::{BlockNo, GroupNo};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// How large a file system is, and how its descriptors are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dimensions {
    pub blocks: u64,
    pub groups: u32,
    pub inodes: u32,
    /// Blocks behind the descriptor table that let it grow.
    pub reserved_gdt_blocks: u32,
    /// Descriptors of this meta group and those behind it lie in their own groups (feature meta_bg);
    /// `u32::MAX` without the feature.
    pub first_meta_bg: u32,
    /// With sparse_super2, the groups with copies of the superblock; 0: none.
    pub backup_bgs: [u32; 2],
}

/// [`Dimensions`] that change under those who read them.
#[derive(Debug)]
pub(crate) struct Live {
    blocks: AtomicU64,
    groups: AtomicU32,
    inodes: AtomicU32,
    reserved_gdt_blocks: AtomicU32,
    first_meta_bg: AtomicU32,
    backup_bgs: [AtomicU32; 2],
}

impl Live {
    pub fn new(now: Dimensions) -> Live {
        Live {
            blocks: now.blocks.into(),
            groups: now.groups.into(),
            inodes: now.inodes.into(),
            reserved_gdt_blocks: now.reserved_gdt_blocks.into(),
            first_meta_bg: now.first_meta_bg.into(),
            backup_bgs: now.backup_bgs.map(AtomicU32::new),
        }
    }
}

impl Clone for Live {
    fn clone(&self) -> Live {
        Live::new(self.get())
    }
}

impl Live {
    fn get(&self) -> Dimensions {
        Dimensions {
            blocks: self.blocks.load(Relaxed),
            groups: self.groups.load(Relaxed),
            inodes: self.inodes.load(Relaxed),
            reserved_gdt_blocks: self.reserved_gdt_blocks.load(Relaxed),
            first_meta_bg: self.first_meta_bg.load(Relaxed),
            backup_bgs: [
                self.backup_bgs[0].load(Relaxed),
                self.backup_bgs[1].load(Relaxed),
            ],
        }
    }
}

impl Geometry {
    /// Blocks in all, with those before the first group.
    pub fn blocks(&self) -> u64 {
        self.live.blocks.load(Relaxed)
    }

    /// Block groups.
    pub fn groups(&self) -> u32 {
        self.live.groups.load(Relaxed)
    }

    /// Inodes in all.
    pub fn inodes(&self) -> u32 {
        self.live.inodes.load(Relaxed)
    }

    /// All of them.
    pub fn dimensions(&self) -> Dimensions {
        self.live.get()
    }

    /// Changes them for everybody. The caller's handle is alone.
    pub fn set_dimensions(&self, new: &Dimensions) {
        self.live.blocks.store(new.blocks, Relaxed);
        self.live.groups.store(new.groups, Relaxed);
        self.live.inodes.store(new.inodes, Relaxed);
        self.live
            .reserved_gdt_blocks
            .store(new.reserved_gdt_blocks, Relaxed);
        self.live.first_meta_bg.store(new.first_meta_bg, Relaxed);
        for (live, new) in self.live.backup_bgs.iter().zip(new.backup_bgs) {
            live.store(new, Relaxed);
        }
    }

    /// The same file system with other dimensions.
    pub fn with(&self, dimensions: &Dimensions) -> Geometry {
        Geometry {
            live: Live::new(*dimensions),
            ..self.clone()
        }
    }

    /// Descriptors in a block.
    pub fn descs_per_block(&self) -> u32 {
        self.block_size / u32::from(self.desc_size)
    }

    /// Blocks of the descriptor table that lies behind the superblock and its copies.
    pub fn table_len(&self) -> u32 {
        self.groups()
            .div_ceil(self.descs_per_block())
            .min(self.live.first_meta_bg.load(Relaxed))
    }

    /// The group that ends a run of `blocks` blocks in all.
    pub fn groups_for(&self, blocks: u64) -> u64 {
        (blocks.saturating_sub(self.first_data_block)).div_ceil(u64::from(self.blocks_per_group))
    }

    /// The block that holds descriptor block `index` of the table, in `group`'s copy of it.
    pub fn table_block(&self, group: GroupNo, index: u32) -> BlockNo {
        // The primary superblock's block: the second one of 1 KiB, even where clusters start at block 0.
        let superblock = crate::ondisk::superblock::OFFSET >> self.block_bits;
        let primary = superblock + 1 + u64::from(index);
        BlockNo(primary + u64::from(group.0) * u64::from(self.blocks_per_group))
    }

    /// Blocks that the groups' own metadata takes.
    pub fn overhead(&self) -> u64 {
        let table = u64::from(self.table_blocks());
        let groups: u64 = (0..self.groups())
            .map(|no| u64::from(base_blocks(self, GroupNo(no))) + 2 + table)
            .sum();
        groups + self.first_data_block
    }
}
