//! Sizes and counts: how many blocks, groups, inodes and descriptors, and which groups hold copies
//! of the superblock. The rules are those of mke2fs.

use super::options::{self, FormatOptions};
use crate::error::{Error, Result};
use crate::ondisk::features::{Compat, Features, Incompat, RoCompat};
use crate::ondisk::superblock;
use crate::types::Ino;
use std::ops::Range;

/// The first inode that is not reserved: lost+found.
pub(super) const FIRST_INO: u32 = 11;
/// More groups are refused: their descriptors would not fit in memory comfortably. Enough for
/// 256 TiB in blocks of 4 KiB.
const MAX_GROUPS: u64 = 1 << 21;
/// What mke2fs and e2fsck accept.
const MAX_CLUSTER_SIZE: u32 = 512 << 20;
/// A last group must have so many blocks beyond its own metadata to be kept.
const WORTHWHILE: u64 = 50;

/// Sizes and counts of one file system.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    pub features: Features,
    pub block_size: u32,
    /// log2 of the blocks in a cluster; 0 without bigalloc.
    pub cluster_bits: u32,
    /// 1 with blocks of 1 KiB, whose block 0 is outside of all groups; else, and with clusters, 0.
    pub first_block: u64,
    pub blocks: u64,
    /// Blocks that only the reserved user may take.
    pub reserved: u64,
    pub blocks_per_group: u32,
    pub groups: u32,
    pub inode_size: u16,
    pub inodes_per_group: u32,
    /// Blocks of a group's inode table.
    pub table_blocks: u32,
    pub desc_size: u16,
    /// Blocks of the descriptor table.
    pub desc_blocks: u32,
    /// Blocks behind the descriptor table that let it grow.
    pub reserved_gdt: u32,
    /// The groups with backups under sparse_super2; 0: none.
    pub backup_groups: [u32; 2],
    /// Groups whose bitmaps and inode tables lie together.
    pub flex: u32,
}

/// What a group starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Block of the superblock's copy.
    pub superblock: Option<u64>,
    /// Blocks of descriptors.
    pub descriptors: Range<u64>,
    /// First block behind all that, reserved descriptor blocks included.
    pub end: u64,
}

impl Geometry {
    /// The geometry for a device of `size` bytes.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] says which option does not fit the device, or that it is too small or
    /// too large.
    pub fn new(size: u64, options: &FormatOptions, features: Features) -> Result<Geometry> {
        let (class_block_size, class_ratio) = options::size_class(size);
        let block_size = options.block_size.unwrap_or(class_block_size);
        if !block_size.is_power_of_two() || !(1024..=65536).contains(&block_size) {
            return invalid(format!(
                "bad block size {block_size}: a power of two from 1024 to 65536 is needed"
            ));
        }
        let inode_size = options.inode_size.unwrap_or(256);
        if !inode_size.is_power_of_two() || inode_size < 128 || u32::from(inode_size) > block_size {
            return invalid(format!(
                "bad inode size {inode_size}: a power of two from 128 to the block size ({block_size}) is needed"
            ));
        }
        let mut features = features;
        let bigalloc = features.ro_compat.contains(RoCompat::BIGALLOC);
        let cluster_bits = if bigalloc {
            cluster_bits(block_size, options.cluster_size)?
        } else {
            0
        };
        let mut blocks = size / u64::from(block_size);
        // mke2fs leaves the part of a host page at the end unused. A part of a cluster would be of no use.
        blocks -= blocks % u64::from(4096_u32.div_ceil(block_size).max(1 << cluster_bits));
        if blocks == 0 {
            return too_small();
        }
        if blocks >> 32 != 0 {
            if !features.incompat.contains(Incompat::BIT64) {
                return invalid(format!(
                    "the device has more than 2^32 blocks of {block_size} bytes: the feature 64bit or larger blocks are needed"
                ));
            }
            // Reserved descriptors are mapped with 32-bit block numbers.
            features.compat.remove(Compat::RESIZE_INODE);
        }
        // A file takes a cluster at least.
        let ratio = class_ratio.max(u64::from(block_size) << cluster_bits);
        let inodes = options::wanted_inodes(blocks, block_size, inode_size, ratio, options)?;
        let mut geometry = Geometry {
            features,
            block_size,
            cluster_bits,
            first_block: u64::from(block_size == 1024 && !bigalloc),
            blocks,
            reserved: (options.reserved_percent * blocks as f64 / 100.0) as u64,
            blocks_per_group: blocks_per_group(block_size, cluster_bits)?,
            groups: 0,
            inode_size,
            inodes_per_group: 0,
            table_blocks: 0,
            desc_size: if features.incompat.contains(Incompat::BIT64) {
                64
            } else {
                32
            },
            desc_blocks: 0,
            reserved_gdt: 0,
            backup_groups: [0; 2],
            flex: if features.incompat.contains(Incompat::FLEX_BG) {
                16
            } else {
                1
            },
        };
        geometry.divide(inodes)?;
        Ok(geometry)
    }

    /// Divides the blocks into groups and the inodes over them. Drops a last group that has no room
    /// for its own metadata, and shrinks groups that would have too many inodes.
    fn divide(&mut self, inodes: u64) -> Result<()> {
        let (blocks, reserved) = (self.blocks, self.reserved);
        loop {
            let per_group = u64::from(self.blocks_per_group);
            let groups = self
                .blocks
                .saturating_sub(self.first_block)
                .div_ceil(per_group);
            if groups == 0 {
                return too_small();
            }
            if groups > MAX_GROUPS {
                return invalid(format!(
                    "the device is too large for blocks of {} bytes",
                    self.block_size
                ));
            }
            self.groups = groups as u32;
            if inodes.div_ceil(groups) > u64::from(self.block_size) * 8 {
                // Smaller groups are more groups: fewer inodes in each.
                if self.blocks_per_group >> self.cluster_bits < 256 {
                    return too_many_inodes(inodes);
                }
                self.blocks_per_group -= 8 << self.cluster_bits;
                self.blocks = blocks;
                self.reserved = reserved;
                continue;
            }
            self.size_tables(inodes);
            let per_block = self.block_size / u32::from(self.desc_size);
            self.desc_blocks = self.groups.div_ceil(per_block);
            self.reserve_descriptors(per_block);
            if self.overhead_at_most() > per_group {
                return too_many_inodes(inodes);
            }
            self.choose_backup_groups();
            let rest = (self.blocks - self.first_block) % per_group;
            let needed = self.overhead_of_last();
            if rest == 0 || rest >= needed + WORTHWHILE {
                return Ok(());
            }
            if self.groups == 1 {
                return too_small();
            }
            let left = self.blocks - rest;
            let reserved = u128::from(self.reserved) * u128::from(left) / u128::from(self.blocks);
            self.reserved = reserved as u64;
            self.blocks = left;
        }
    }

    /// Inodes per group: enough for `inodes`, filling the blocks of the table, a multiple of 8.
    fn size_tables(&mut self, inodes: u64) {
        let size = u64::from(self.inode_size);
        let block = u64::from(self.block_size);
        let groups = u64::from(self.groups);
        let most = (65536 - block / size).min(block * 8);
        let mut per_group = inodes.div_ceil(groups).min(most);
        per_group = (per_group * size).div_ceil(block) * block / size;
        per_group = per_group.max(8) & !7;
        if per_group * groups < u64::from(FIRST_INO) + 1 {
            per_group += 8;
        }
        per_group = per_group.min((u64::from(u32::MAX) / groups) & !7);
        self.inodes_per_group = per_group as u32;
        self.table_blocks = (per_group * size).div_ceil(block) as u32;
    }

    /// Reserves descriptor blocks for growth to 1,024 times the size, as far as one indirect block
    /// reaches; falls back to meta_bg where descriptors would fill the groups.
    fn reserve_descriptors(&mut self, per_block: u32) {
        self.reserved_gdt = 0;
        if self.features.compat.contains(Compat::RESIZE_INODE) {
            let largest = self.blocks.saturating_mul(1024).min(u64::from(u32::MAX));
            let groups = (largest - self.first_block).div_ceil(u64::from(self.blocks_per_group));
            let wanted = groups
                .div_ceil(u64::from(per_block))
                .saturating_sub(u64::from(self.desc_blocks));
            self.reserved_gdt = wanted.min(u64::from(self.block_size / 4)) as u32;
        }
        if self.desc_blocks + self.reserved_gdt > self.blocks_per_group / 4 * 3 {
            self.features.incompat.insert(Incompat::META_BG);
            self.features.compat.remove(Compat::RESIZE_INODE);
            self.reserved_gdt = 0;
        }
    }

    fn choose_backup_groups(&mut self) {
        self.backup_groups = [0; 2];
        if self.features.compat.contains(Compat::SPARSE_SUPER2) {
            self.backup_groups = match self.groups {
                1 => [0, 0],
                2 => [0, 1],
                more => [1, more - 1],
            };
        }
    }

    /// The most blocks of metadata that a group has before any file.
    fn overhead_at_most(&self) -> u64 {
        let descriptors = if self.meta_bg() { 1 } else { self.desc_blocks };
        3 + u64::from(self.table_blocks) + u64::from(self.reserved_gdt) + u64::from(descriptors)
    }

    /// The blocks of metadata that belong to the last group.
    fn overhead_of_last(&self) -> u64 {
        let tables = 2 + u64::from(self.table_blocks);
        if self.has_super(self.groups - 1) {
            tables + 1 + u64::from(self.desc_blocks) + u64::from(self.reserved_gdt)
        } else {
            tables
        }
    }

    /// Whether descriptors are spread over meta groups.
    pub fn meta_bg(&self) -> bool {
        self.features.incompat.contains(Incompat::META_BG)
    }

    /// Whether descriptors carry checksums, and with them the flags of lazy initialisation.
    pub fn lazy(&self) -> bool {
        self.features
            .ro_compat
            .intersects(RoCompat::METADATA_CSUM | RoCompat::GDT_CSUM)
    }

    /// Whether all metadata carries checksums.
    pub fn metadata_csum(&self) -> bool {
        self.features.ro_compat.contains(RoCompat::METADATA_CSUM)
    }

    /// Inodes in all.
    pub fn inodes(&self) -> u32 {
        // `size_tables` keeps the product in range.
        self.inodes_per_group.saturating_mul(self.groups)
    }

    /// Descriptors in one block.
    pub fn descs_per_block(&self) -> u32 {
        self.block_size / u32::from(self.desc_size)
    }

    /// The blocks of `group`.
    pub fn group(&self, group: u32) -> Range<u64> {
        let per_group = u64::from(self.blocks_per_group);
        let start = self.first_block + u64::from(group) * per_group;
        start..(start + per_group).min(self.blocks)
    }

    /// Blocks in a cluster.
    pub fn cluster_blocks(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// How many clusters hold `blocks` blocks.
    pub fn clusters(&self, blocks: u64) -> u64 {
        blocks.div_ceil(self.cluster_blocks())
    }

    /// The group that holds `block`.
    pub fn group_of(&self, block: u64) -> u32 {
        (block.saturating_sub(self.first_block) / u64::from(self.blocks_per_group)) as u32
    }

    /// Group and index in its table of inode `ino`.
    pub fn place_of(&self, ino: Ino) -> (u32, u32) {
        let index = ino.0.saturating_sub(1);
        (index / self.inodes_per_group, index % self.inodes_per_group)
    }

    /// Whether `group` holds a copy of the superblock.
    pub fn has_super(&self, group: u32) -> bool {
        if group == 0 {
            return true;
        }
        if self.features.compat.contains(Compat::SPARSE_SUPER2) {
            return self.backup_groups.contains(&group);
        }
        group == 1
            || !self.features.ro_compat.contains(RoCompat::SPARSE_SUPER)
            || [3, 5, 7].iter().any(|&base| is_power(group, base))
    }

    /// What `group` starts with.
    pub fn head(&self, group: u32) -> Head {
        // The primary superblock is in the second block of 1 KiB, even where groups start with block 0.
        let least = superblock::OFFSET / u64::from(self.block_size);
        let start = self.group(group).start.max(least);
        let has_super = self.has_super(group);
        let after_super = start + u64::from(has_super);
        let (descriptors, reserved) = if self.meta_bg() {
            let per_block = self.descs_per_block();
            let within = group % per_block;
            let has = within <= 1 || within == per_block - 1;
            (u64::from(has), 0)
        } else if has_super {
            (u64::from(self.desc_blocks), u64::from(self.reserved_gdt))
        } else {
            (0, 0)
        };
        Head {
            superblock: has_super.then_some(start),
            descriptors: after_super..after_super + descriptors,
            end: after_super + descriptors + reserved,
        }
    }
}

/// log2 of the blocks in a cluster of `size` bytes.
fn cluster_bits(block_size: u32, size: Option<u32>) -> Result<u32> {
    match size {
        // As mke2fs.
        None => Ok(4),
        Some(size) if size.is_power_of_two() && size > block_size && size <= MAX_CLUSTER_SIZE => {
            Ok((size / block_size).trailing_zeros())
        }
        Some(size) => invalid(format!(
            "bad cluster size {size}: a power of two above the block size ({block_size}), up to {MAX_CLUSTER_SIZE}, is needed"
        )),
    }
}

/// As many as a block of the bitmap counts clusters, and its descriptor's 16 bits.
fn blocks_per_group(block_size: u32, cluster_bits: u32) -> Result<u32> {
    let blocks = u64::from((block_size * 8).min(65528)) << cluster_bits;
    match u32::try_from(blocks) {
        Ok(blocks) => Ok(blocks),
        Err(_) => invalid("the clusters are too large for the block size".to_owned()),
    }
}

fn is_power(number: u32, base: u32) -> bool {
    let mut power = u64::from(base);
    while power < u64::from(number) {
        power *= u64::from(base);
    }
    power == u64::from(number)
}

fn invalid<T>(text: String) -> Result<T> {
    Err(Error::InvalidOption(text))
}

fn too_small<T>() -> Result<T> {
    invalid("the device is too small for a file system with these options".to_owned())
}

pub(super) fn too_many_inodes<T>(inodes: u64) -> Result<T> {
    invalid(format!("{inodes} inodes are too many for the device"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(size: u64, edits: &str) -> Geometry {
        let options = FormatOptions {
            features: edits.parse().unwrap(),
            ..FormatOptions::default()
        };
        let features = options::features(&options).unwrap();
        Geometry::new(size, &options, features).unwrap()
    }

    #[test]
    fn backups_are_in_groups_1_and_powers_of_3_5_7() {
        let g = geometry(1 << 40, "");
        let with: Vec<u32> = (0..100).filter(|&n| g.has_super(n)).collect();
        assert_eq!(with, [0, 1, 3, 5, 7, 9, 25, 27, 49, 81]);
    }

    #[test]
    fn a_last_group_without_room_for_its_tables_is_dropped() {
        let group = 32768 * 4096;
        let exact = geometry(8 * group, "");
        let with_little = geometry(8 * group + 200 * 4096, "");
        assert_eq!(exact.blocks, with_little.blocks);
        let with_enough = geometry(8 * group + 700 * 4096, "");
        assert_eq!(with_enough.groups, 9);
    }

    #[test]
    fn sizes_are_as_mke2fs_counts_them() {
        let g = geometry(1 << 30, "");
        assert_eq!(
            (
                g.block_size,
                g.groups,
                g.inodes(),
                g.desc_blocks,
                g.reserved_gdt
            ),
            (4096, 8, 65536, 1, 127)
        );
        let g = geometry(100 << 30, "");
        assert_eq!((g.groups, g.inodes(), g.reserved_gdt), (800, 6553600, 1024));
    }
}
