//! The inode that reserves descriptor blocks, and the journal's.

use super::problem::{Problem, ProblemKind as Kind};
use super::state::Checker;
use crate::alloc::has_super;
use crate::ondisk::Le;
use crate::ondisk::features::{Compat, Incompat};
use crate::ondisk::superblock::OFFSET;
use crate::types::{FileType, GroupNo, Ino};

/// The word of `i_block` with the double-indirect block.
const DOUBLE: usize = 13;

impl Checker<'_> {
    /// Looks into the reserved inodes that have a format of their own.
    pub(super) fn check_reserved(&mut self) {
        if self.geo.features.compat.contains(Compat::RESIZE_INODE) {
            self.check_resize_inode();
        }
        let journal = self.sb.journal_inum();
        if self.geo.features.compat.contains(Compat::HAS_JOURNAL)
            && journal != 0
            && let Some(raw) = self.read_inode(journal)
            && raw.size() < u64::from(self.geo.block_size) * 1024
        {
            self.bad_inode(Kind::Journal, Ino(journal), "the journal is too small");
        }
    }

    /// The inode maps, under one double-indirect block, each reserved descriptor block of group 0 as
    /// an indirect block whose words are its places in the groups with copies.
    fn check_resize_inode(&mut self) {
        let ino = Ino::RESIZE;
        let Some(raw) = self.read_inode(ino.0) else {
            return;
        };
        let bad = |checker: &mut Self, text: &str| {
            checker.report(Problem::new(Kind::ResizeInode, text).ino(ino));
        };
        // It matters to who grows the file system only: e2fsck does not look.
        let misplaced = |checker: &mut Self, text: &str| {
            checker.report(Problem::new(Kind::ResizeInode, text).ino(ino).note());
        };
        if self.geo.features.incompat.contains(Incompat::META_BG) {
            bad(self, "both resize_inode and meta_bg");
            return;
        }
        let words = raw.block();
        let double = u64::from(u32::get(words, DOUBLE * 4));
        let others = (0..15).any(|i| i != DOUBLE && u32::get(words, i * 4) != 0);
        if raw.file_type() != Some(FileType::Regular)
            || raw.links_count() != 1
            || others
            || !self.inside(double, 1)
        {
            bad(self, "the inode for descriptor blocks makes no sense");
            return;
        }
        let Some(top) = self.read_block(double) else {
            return;
        };
        let geo = self.geo.clone();
        let per_block = u64::from(geo.block_size / 4);
        let table = u64::from(
            geo.groups()
                .div_ceil(geo.block_size / u32::from(geo.desc_size)),
        );
        // Behind the superblock: the second block of 1 KiB, even where clusters start at block 0.
        let first = (OFFSET >> geo.block_bits) + 1;
        let copies: Vec<u32> = (1..geo.groups())
            .filter(|&group| has_super(&geo, GroupNo(group)))
            .collect();
        for n in table..table + u64::from(geo.dimensions().reserved_gdt_blocks) {
            let block = first + n;
            if u64::from(u32::get(&top, (n % per_block) as usize * 4)) != block {
                misplaced(self, "a reserved descriptor block is not in its place");
                return;
            }
            let Some(bytes) = self.read_block(block) else {
                return;
            };
            for (i, &group) in copies.iter().enumerate() {
                let wanted = block + u64::from(group) * u64::from(geo.blocks_per_group);
                if u64::from(u32::get(&bytes, i * 4)) != wanted {
                    misplaced(
                        self,
                        "a copy of a reserved descriptor block is not in its place",
                    );
                    return;
                }
            }
        }
    }
}
