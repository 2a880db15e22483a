//! Group descriptors, where the groups' metadata lies, and the copies of both.

use super::problem::{Problem, ProblemKind as Kind};
use super::state::Checker;
use crate::alloc::{base_blocks, desc_place, has_super};
use crate::ondisk::features::Incompat;
use crate::ondisk::group_desc::{self, BLOCK_UNINIT, GroupDesc, INODE_UNINIT};
use crate::ondisk::mmp::{self, Mmp};
use crate::ondisk::superblock::{MAGIC, SIZE, Superblock};
use crate::types::GroupNo;

impl Checker<'_> {
    fn bad_group(&mut self, group: u32, text: &str) {
        self.report(Problem::new(Kind::GroupDescriptor, text).group(group));
    }

    /// Blocks of a group's inode table.
    pub(super) fn table_blocks(&self) -> u64 {
        (u64::from(self.geo.inodes_per_group) * u64::from(self.geo.inode_size))
            .div_ceil(u64::from(self.geo.block_size))
    }

    /// Reads the descriptors. Those whose numbers lead nowhere are kept apart.
    pub(super) fn check_groups(&mut self) {
        let geo = self.geo.clone();
        let mut block = (0, Vec::new());
        let size = usize::from(geo.desc_size);
        for group in 0..geo.groups() {
            let (no, at) = desc_place(&geo, GroupNo(group));
            if block.0 != no.0 {
                block = (no.0, self.read_block(no.0).unwrap_or_default());
            }
            let Some(bytes) = block.1.get(at..at + size) else {
                self.bad_group(group, "the descriptor cannot be read");
                self.bad_groups.insert(group);
                self.groups.push(GroupDesc::default());
                continue;
            };
            let right =
                group_desc::verify(&geo.features, geo.seed, &geo.uuid, GroupNo(group), bytes);
            let mut desc = GroupDesc::decode(bytes);
            let uninit = BLOCK_UNINIT | INODE_UNINIT;
            if !geo.has_group_csum() {
                if desc.flags & uninit != 0 {
                    self.bad_group(group, "flags of uninitialised groups without checksums");
                }
                desc.flags &= !uninit;
                desc.itable_unused = 0;
            }
            if group + 1 == geo.groups() && desc.flags & BLOCK_UNINIT != 0 {
                self.bad_group(group, "the last group's block bitmap is not initialised");
            }
            self.check_descriptor(group, &desc);
            self.groups.push(desc);
            if !right {
                let text = "the descriptor's checksum is wrong";
                self.report(Problem::new(Kind::Checksum, text).group(group));
            }
        }
        self.check_backups();
    }

    fn check_descriptor(&mut self, group: u32, desc: &GroupDesc) {
        let table = self.table_blocks();
        let flex = self.geo.features.incompat.contains(Incompat::FLEX_BG);
        let own_start = self.geo.group_start(GroupNo(group)).0;
        let own_end = own_start + u64::from(self.geo.group_len(GroupNo(group)));
        for (start, len, what) in [
            (desc.block_bitmap.0, 1, "the block bitmap is out of range"),
            (desc.inode_bitmap.0, 1, "the inode bitmap is out of range"),
            (desc.inode_table.0, table, "the inode table is out of range"),
        ] {
            let inside =
                self.inside(start, len) && (flex || (start >= own_start && start + len <= own_end));
            if !inside {
                self.bad_group(group, what);
                self.bad_groups.insert(group);
            }
        }
        if desc.itable_unused > self.geo.inodes_per_group {
            self.bad_group(group, "more unused inodes than there are");
        }
    }

    /// Marks the groups' metadata as used.
    pub(super) fn mark_metadata(&mut self) {
        let geo = self.geo.clone();
        // Block 0 of images with blocks of 1 KiB and clusters belongs to the first group.
        let boot = u64::from(geo.block_size == 1024 && geo.first_data_block == 0);
        if boot == 1 {
            self.claim(0, 1);
        }
        for group in 0..geo.groups() {
            let base = u64::from(base_blocks(&geo, GroupNo(group)));
            let start = geo.group_start(GroupNo(group)).0 + if group == 0 { boot } else { 0 };
            self.claim(start, base);
        }
        if geo.features.incompat.contains(Incompat::MMP) {
            self.check_mmp();
        }
        let table = self.table_blocks();
        for group in 0..geo.groups() {
            if self.bad_groups.contains(&group) {
                continue;
            }
            let Some(desc) = self.groups.get(group as usize).copied() else {
                continue;
            };
            for (start, len) in [
                (desc.block_bitmap.0, 1),
                (desc.inode_bitmap.0, 1),
                (desc.inode_table.0, table),
            ] {
                let (_, conflict) = self.claim(start, len);
                // Metadata of one cluster shares it.
                if let Some(block) = conflict.filter(|_| self.cluster_bits == 0) {
                    let text = "a group's bitmap or inode table lies over other metadata";
                    let problem = Problem::new(Kind::SharedBlock, text);
                    self.report(problem.group(group).block(block));
                }
            }
        }
    }

    /// The block of multiple-mount protection.
    fn check_mmp(&mut self) {
        let block = self.sb.mmp_block();
        let problem = |kind, text: &str| Problem::new(kind, text).block(block);
        if !self.inside(block, 1) || self.claim(block, 1).1.is_some() {
            let text = "the block of multiple-mount protection is out of place";
            self.report(problem(Kind::Superblock, text));
            return;
        }
        let Some(bytes) = self.read_block(block) else {
            return;
        };
        let mmp = Mmp::from_bytes(&bytes).filter(|mmp| mmp.magic() == mmp::MAGIC);
        let Some(mmp) = mmp else {
            let text = "no block of multiple-mount protection";
            self.report(problem(Kind::Superblock, text));
            return;
        };
        if mmp
            .verify(self.geo.has_csum().then_some(self.geo.seed))
            .is_err()
        {
            let text = "the checksum of multiple-mount protection is wrong";
            self.report(problem(Kind::Checksum, text));
        } else if mmp.seq() != mmp::SEQ_CLEAN {
            let text = format!("not closed on node \"{}\", or in use there", mmp.node());
            self.report(problem(Kind::Superblock, &text).note());
        }
    }

    /// Compares the superblock's copies. They may be old in everything that changes at work.
    fn check_backups(&mut self) {
        let geo = self.geo.clone();
        for group in (1..geo.groups()).filter(|&group| has_super(&geo, GroupNo(group))) {
            let block = geo.group_start(GroupNo(group)).0;
            let mut bytes = [0; SIZE];
            if !self.read(block, &mut bytes) {
                continue;
            }
            let copy = Superblock::from_bytes(&bytes).filter(|copy| {
                copy.magic() == MAGIC
                    && (!geo.has_csum() || copy.checksum() == copy.computed_checksum())
            });
            let what = match copy {
                None => "no sound copy of the superblock",
                Some(copy)
                    if copy.blocks_count() != self.sb.blocks_count()
                        || copy.inodes_count() != self.sb.inodes_count()
                        || copy.blocks_per_group() != self.sb.blocks_per_group()
                        || copy.uuid() != self.sb.uuid() =>
                {
                    "the copy of the superblock is of another file system"
                }
                Some(_) => continue,
            };
            let problem = Problem::new(Kind::Backup, what).group(group);
            self.report(problem.block(block).note());
        }
    }
}
