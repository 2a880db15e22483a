//! Bitmaps and counts, against what the other passes found in use.

use super::problem::{Problem, ProblemKind as Kind};
use super::state::{Checker, Seen};
use crate::alloc::base_blocks;
use crate::ondisk::checksum::crc32c;
use crate::ondisk::group_desc::{GroupDesc, INODE_UNINIT};
use crate::types::GroupNo;

/// Counts over all groups.
#[derive(Default)]
struct Totals {
    free_clusters: u64,
    free_inodes: u64,
}

/// Whether bit `at` is set.
fn bit(bytes: &[u8], at: u64) -> bool {
    bytes
        .get((at / 8) as usize)
        .is_some_and(|byte| byte >> (at % 8) & 1 == 1)
}

/// Bits that differ: how many are set without need, how many are missing, and the first of either.
#[derive(Default)]
struct Difference {
    extra: u64,
    missing: u64,
    first: Option<u64>,
}

impl Difference {
    fn compare(&mut self, at: u64, stored: bool, wanted: bool) {
        if stored != wanted {
            *(if stored {
                &mut self.extra
            } else {
                &mut self.missing
            }) += 1;
            self.first.get_or_insert(at);
        }
    }

    fn text(&self, what: &str) -> Option<(String, u64)> {
        let first = self.first?;
        let text = match (self.extra, self.missing) {
            (extra, 0) => format!("{extra} {what} marked as used that are free"),
            (0, missing) => format!("{missing} {what} in use that are marked as free"),
            (extra, missing) => {
                format!("{extra} {what} wrongly marked as used, {missing} as free")
            }
        };
        Some((text, first))
    }
}

impl Checker<'_> {
    /// Compares the bitmaps and counts of every group, and the sums.
    pub(super) fn check_bitmaps(&mut self) {
        let mut totals = Totals::default();
        for group in 0..self.geo.groups() {
            let Some(desc) = self.groups.get(group as usize).copied() else {
                continue;
            };
            self.check_block_bitmap(group, &desc, &mut totals);
            self.check_inode_bitmap(group, &desc, &mut totals);
        }
        let free = totals.free_clusters << self.cluster_bits;
        let counts = [
            (self.sb.free_blocks_count(), free, "free blocks"),
            (
                u64::from(self.sb.free_inodes_count()),
                totals.free_inodes,
                "free inodes",
            ),
        ];
        for (stored, wanted, what) in counts {
            // They are not journaled: after a replay they are old.
            if stored != wanted && self.summary.replayed == 0 {
                let text = format!("the superblock counts {stored} {what}, there are {wanted}");
                // Nobody believes them: kernel and e2fsck take the sum of the groups' counts.
                self.report(Problem::new(Kind::Counts, text).note());
            }
        }
    }

    /// A bitmap, with its checksum and the unused rest of its block checked.
    fn read_bitmap(
        &mut self,
        kind: Kind,
        group: u32,
        block: u64,
        stored: u32,
        bits: u64,
    ) -> Option<Vec<u8>> {
        if self.bad_groups.contains(&group) {
            return None;
        }
        let bytes = self.read_block(block)?;
        let (used, rest) = bytes.split_at_checked((bits / 8) as usize)?;
        let problem = |kind, text: &str| Problem::new(kind, text).group(group).block(block);
        if self.geo.has_csum() {
            let sum = crc32c(self.geo.seed, used);
            let sum = if self.geo.desc_size >= 64 {
                sum
            } else {
                sum & 0xFFFF
            };
            if sum != stored {
                self.report(problem(Kind::Checksum, "the bitmap's checksum is wrong"));
            }
        }
        if rest.iter().any(|&byte| byte != 0xFF) {
            self.report(problem(kind, "the bitmap's unused rest is not set"));
        }
        Some(bytes)
    }

    /// Blocks of a group that are in use without any file: its copies, bitmaps and inode table.
    fn own_metadata(&self, group: u32, desc: &GroupDesc) -> u64 {
        let start = self.geo.group_start(GroupNo(group)).0;
        let end = start + u64::from(self.geo.group_len(GroupNo(group)));
        let inside = |first: u64, len: u64| {
            let last = first.saturating_add(len).min(end);
            last.saturating_sub(first.max(start))
        };
        u64::from(base_blocks(&self.geo, GroupNo(group)))
            + inside(desc.block_bitmap.0, 1)
            + inside(desc.inode_bitmap.0, 1)
            + inside(desc.inode_table.0, self.table_blocks())
    }

    fn check_block_bitmap(&mut self, group: u32, desc: &GroupDesc, totals: &mut Totals) {
        let bits = u64::from(self.geo.blocks_per_group) >> self.cluster_bits;
        let len = u64::from(self.geo.group_len(GroupNo(group))).div_ceil(1 << self.cluster_bits);
        let used = self.used.count(group as usize);
        self.summary.blocks += used << self.cluster_bits;
        let free = len.saturating_sub(used);
        totals.free_clusters += free;
        if u64::from(desc.free_blocks) != free {
            let text = format!("counts {} free blocks, has {free}", desc.free_blocks);
            self.report(Problem::new(Kind::GroupCounts, text).group(group));
        }
        if self.blocks_uninit(group) {
            if self.cluster_bits == 0 && used != self.own_metadata(group, desc) {
                let text = "blocks are in use, but the block bitmap is not initialised";
                self.report(Problem::new(Kind::BlockBitmap, text).group(group));
            }
            return;
        }
        let kind = Kind::BlockBitmap;
        let block = desc.block_bitmap.0;
        let Some(bytes) = self.read_bitmap(kind, group, block, desc.block_bitmap_csum, bits) else {
            return;
        };
        let words = self.used.words(group as usize).unwrap_or(&[]);
        let mut difference = Difference::default();
        for (n, chunk) in (0u64..).zip(bytes.chunks(8)) {
            let base = n * 64;
            if base >= bits {
                break;
            }
            let mut stored = [0; 8];
            for (to, from) in stored.iter_mut().zip(chunk) {
                *to = *from;
            }
            let mut wanted = words.get(n as usize).copied().unwrap_or(0);
            // Behind the last group's end everything is marked.
            if base + 64 > len {
                let valid = len.saturating_sub(base);
                let mask = if valid == 0 {
                    0
                } else {
                    u64::MAX >> (64 - valid)
                };
                wanted |= !mask;
            }
            let stored = u64::from_le_bytes(stored);
            if stored != wanted {
                let end = (base + 64).min(bits);
                for at in base..end {
                    difference.compare(
                        at,
                        stored >> (at - base) & 1 == 1,
                        wanted >> (at - base) & 1 == 1,
                    );
                }
            }
        }
        let what = if self.cluster_bits == 0 {
            "blocks"
        } else {
            "clusters"
        };
        if let Some((text, first)) = difference.text(what) {
            let first = self.geo.group_start(GroupNo(group)).0 + (first << self.cluster_bits);
            let text = format!("{text}, from block {first} on");
            self.report(Problem::new(kind, text).group(group));
        }
    }

    fn check_inode_bitmap(&mut self, group: u32, desc: &GroupDesc, totals: &mut Totals) {
        let per_group = self.geo.inodes_per_group;
        let seen = self.seen.get_mut(group as usize).and_then(Option::take);
        let list: &[Seen] = seen.as_deref().unwrap_or(&[]);
        let used = list.iter().filter(|seen| seen.has(Seen::USED)).count() as u32;
        let dirs = list
            .iter()
            .filter(|seen| seen.has(Seen::USED) && seen.is_dir())
            .count() as u32;
        let free = per_group.saturating_sub(used);
        totals.free_inodes += u64::from(free);
        for (stored, wanted, what) in [
            (desc.free_inodes, free, "free inodes"),
            (desc.used_dirs, dirs, "directories"),
        ] {
            if stored != wanted {
                let text = format!("counts {stored} {what}, has {wanted}");
                self.report(Problem::new(Kind::GroupCounts, text).group(group));
            }
        }
        let uninit = self.geo.has_group_csum() && desc.flags & INODE_UNINIT != 0;
        let (kind, block) = (Kind::InodeBitmap, desc.inode_bitmap.0);
        let bits = u64::from(per_group);
        if !uninit
            && let Some(bytes) = self.read_bitmap(kind, group, block, desc.inode_bitmap_csum, bits)
        {
            let mut difference = Difference::default();
            for at in 0..bits {
                let wanted = list
                    .get(at as usize)
                    .is_some_and(|seen| seen.has(Seen::USED));
                difference.compare(at, bit(&bytes, at), wanted);
            }
            if let Some((text, first)) = difference.text("inodes") {
                let first = u64::from(group) * bits + first + 1;
                let text = format!("{text}, from inode {first} on");
                self.report(Problem::new(kind, text).group(group));
            }
        }
        if let Some(slot) = self.seen.get_mut(group as usize) {
            *slot = seen;
        }
    }
}
