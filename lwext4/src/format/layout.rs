//! Where things are: every group's bitmaps and inode table, and the blocks that files take.

use super::geometry::Geometry;
use super::space::Space;
use crate::error::{Error, Result};
use std::ops::Range;

/// One group's tables.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    pub block_bitmap: u64,
    pub inode_bitmap: u64,
    pub inode_table: u64,
    /// The block bitmap must be written: more is in use than the group's own metadata.
    pub initialised: bool,
}

/// The file system's blocks while it is laid out.
#[derive(Debug)]
pub(super) struct Layout<'g> {
    pub geometry: &'g Geometry,
    pub space: Space,
    pub groups: Vec<Group>,
}

/// Which of a group's tables is placed.
#[derive(Clone, Copy)]
enum Table {
    BlockBitmap,
    InodeBitmap,
    Inodes,
}

impl<'g> Layout<'g> {
    /// Places superblocks, descriptors, bitmaps and inode tables.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] when they do not fit.
    pub fn new(geometry: &'g Geometry) -> Result<Layout<'g>> {
        let last = geometry.groups - 1;
        let groups = (0..geometry.groups)
            .map(|group| Group {
                // The kernel derives the bitmap of any group but the last when it is not there.
                initialised: !geometry.lazy() || group == last,
                ..Group::default()
            })
            .collect();
        let mut layout = Layout {
            geometry,
            space: Space::new(geometry.blocks),
            groups,
        };
        layout.space.take(0..geometry.first_block);
        for group in 0..geometry.groups {
            let start = geometry.group(group).start;
            let end = geometry.head(group).end;
            if end > geometry.blocks {
                return Err(no_room());
            }
            layout.space.take(start..end);
        }
        for group in 0..geometry.groups {
            let flexible = geometry.flex > 1;
            for table in [Table::BlockBitmap, Table::InodeBitmap, Table::Inodes] {
                let len = match table {
                    Table::Inodes => u64::from(geometry.table_blocks),
                    Table::BlockBitmap | Table::InodeBitmap => 1,
                };
                let start = if flexible {
                    layout.place_in_flex_group(group, table, len)
                } else {
                    layout.space.find(geometry.group(group), len)
                };
                let start = start.ok_or_else(no_room)?;
                layout.space.take(start..start + len);
                if flexible {
                    layout.initialise(start..start + len);
                }
                *layout.field(group, table) = start;
            }
        }
        // Tables share clusters with each other, but not with files.
        layout.space.widen(geometry.cluster_blocks());
        Ok(layout)
    }

    fn field(&mut self, group: u32, table: Table) -> &mut u64 {
        let group = &mut self.groups[group as usize];
        match table {
            Table::BlockBitmap => &mut group.block_bitmap,
            Table::InodeBitmap => &mut group.inode_bitmap,
            Table::Inodes => &mut group.inode_table,
        }
    }

    /// Behind the same table of the previous group, in a flex group's first group behind the previous
    /// table of all its groups; else where the tables of all the remaining groups of the flex group
    /// fit side by side; else anywhere.
    fn place_in_flex_group(&mut self, group: u32, table: Table, len: u64) -> Option<u64> {
        let geometry = self.geometry;
        let within = group % geometry.flex;
        let first = group - within;
        let last = (first + (geometry.flex - 1)).min(geometry.groups - 1);
        // A lone group leaves the same gaps as a full flex group.
        let remaining = match last - group + 1 {
            1 if within == 0 => geometry.flex,
            more => more,
        };
        let gap = u64::from(remaining);
        let next = match (within, table) {
            (0, Table::BlockBitmap) => None,
            (0, Table::InodeBitmap) => Some(*self.field(group, Table::BlockBitmap) + gap),
            (0, Table::Inodes) => Some(*self.field(group, Table::InodeBitmap) + gap),
            _ => Some(*self.field(group - 1, table) + len),
        };
        if let Some(next) = next
            && self.space.is_free(next..next + len)
        {
            return Some(next);
        }
        let all = geometry.group(first).start..geometry.group(last).end;
        let wanted = u64::from(remaining) * len;
        let wanted = wanted
            .min(u64::from(geometry.blocks_per_group / 8))
            .max(len);
        self.space
            .find(all.clone(), wanted)
            .or_else(|| self.space.find(all, len))
            .or_else(|| self.space.find(geometry.first_block..geometry.blocks, len))
    }

    /// Marks the groups that `range` touches as having a bitmap of their own.
    fn initialise(&mut self, range: Range<u64>) {
        let last = range.end.saturating_sub(1);
        for group in self.geometry.group_of(range.start)..=self.geometry.group_of(last) {
            if let Some(group) = self.groups.get_mut(group as usize) {
                group.initialised = true;
            }
        }
    }

    /// Takes `count` blocks for a file, or as many more as fill the last cluster: the first free ones at or after
    /// `goal`, then from the start.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] when they do not fit.
    pub fn take(&mut self, goal: u64, count: u64) -> Result<Vec<Range<u64>>> {
        let cluster = self.geometry.cluster_blocks();
        let (goal, count) = (
            goal.next_multiple_of(cluster),
            count.next_multiple_of(cluster),
        );
        let pieces = self.space.take_from(goal, count).ok_or_else(no_room)?;
        for piece in &pieces {
            self.initialise(piece.clone());
        }
        Ok(pieces)
    }

    /// Free blocks of `group`.
    pub fn free_in(&self, group: u32) -> u32 {
        let blocks = self.geometry.group(group);
        let taken: u64 = self
            .space
            .runs(blocks.clone())
            .map(|run| run.end - run.start)
            .sum();
        (blocks.end - blocks.start - taken) as u32
    }

    /// Where the journal starts: at the emptiest group around the middle, so that no block is far
    /// from it.
    pub fn journal_goal(&self) -> u64 {
        let geometry = self.geometry;
        let middle = geometry.group_of((geometry.blocks - geometry.first_block) / 2);
        let middle = middle.min(geometry.groups - 1);
        let (start, end) = if geometry.flex > 1 && middle > geometry.flex {
            let first = middle - middle % geometry.flex;
            let start = (first..geometry.groups)
                .find(|&group| self.free_in(group) > 0)
                .unwrap_or(0);
            (start, start + 1)
        } else {
            (middle.saturating_sub(1), middle + 1)
        };
        let mut best = (start, self.free_in(start));
        for group in start + 1..=end.min(geometry.groups - 1) {
            let free = self.free_in(group);
            if free > best.1 {
                best = (group, free);
            }
        }
        geometry.group(best.0).start
    }
}

fn no_room() -> Error {
    Error::InvalidOption("the device is too small for a file system with these options".to_owned())
}
