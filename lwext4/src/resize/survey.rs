//! What is where: how small a file system can get, and how far in one go.

use super::fit;
use crate::alloc::{base_blocks, tables};
use crate::dimensions::Dimensions;
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::types::{BlockNo, GroupNo};
use std::ops::Range;

/// A group's numbers.
struct Usage {
    free_blocks: u64,
    free_inodes: u64,
    /// Its bitmaps and inode table: where, and how long.
    tables: [(BlockNo, u32); 3],
}

/// Every group's numbers.
pub(super) struct Survey<'fs> {
    fs: &'fs Fs,
    groups: Vec<Usage>,
}

/// How many of the blocks `start..start + len` lie in `range`.
pub(super) fn overlap(start: BlockNo, len: u32, range: &Range<u64>) -> u64 {
    let end = (start.0 + u64::from(len)).min(range.end);
    end.saturating_sub(start.0.max(range.start))
}

/// Blocks that moving `data` blocks may take besides: trees of extents grow when extents are split.
fn margin(data: u64) -> u64 {
    data / 256 + 16
}

impl<'fs> Survey<'fs> {
    pub fn new(fs: &'fs Fs) -> Result<Survey<'fs>> {
        let usage = |no| {
            let desc = fs.alloc.descriptor(fs, GroupNo(no))?;
            Ok(Usage {
                free_blocks: desc.free_blocks.into(),
                free_inodes: desc.free_inodes.into(),
                tables: tables(&fs.geo, &desc),
            })
        };
        let groups = (0..fs.geo.groups()).map(usage).collect::<Result<_>>()?;
        Ok(Survey { fs, groups })
    }

    /// Blocks of `range` that the own metadata of the groups from `first` on takes.
    pub fn own(&self, first: u32, range: &Range<u64>) -> u64 {
        let geo = &self.fs.geo;
        let heads = (first..geo.groups()).map(GroupNo);
        let heads: u64 = heads
            .map(|no| overlap(geo.group_start(no), base_blocks(geo, no), range))
            .sum();
        let tables = self.groups.iter().skip(first as usize);
        let tables: u64 = tables
            .flat_map(|group| &group.tables)
            .map(|&(start, len)| overlap(start, len, range))
            .sum();
        heads + tables
    }

    /// Whether everything would fit below `blocks` as it is now.
    fn fits(&self, blocks: u64) -> Result<bool> {
        let geo = &self.fs.geo;
        let kept = geo.groups_for(blocks) as u32;
        let last = GroupNo(kept - 1);
        let (below, above) = self.groups.split_at(kept as usize);
        let free = |groups: &[Usage]| groups.iter().map(|group| group.free_blocks).sum::<u64>();
        let mut own = self.own(kept, &(blocks..geo.blocks()));
        // Files keep below what is behind that.
        let mut end = blocks;
        if let Some(places) = self.fs.places_in_last(blocks)? {
            end = places.ceiling.0;
            let tables = below.last().map(|group| group.tables).unwrap_or_default();
            let range = end..geo.blocks();
            own += tables
                .map(|(start, len)| overlap(start, len, &range))
                .iter()
                .sum::<u64>();
        }
        let within = (end - geo.group_start(last).0) as u32;
        let in_last = below.last().map_or(0, |group| group.free_blocks);
        let head = u64::from(self.fs.alloc.free_in(self.fs, last, within)?);
        let tail = in_last.saturating_sub(head);
        let free_below = free(below) - tail;
        let data = (geo.blocks() - end).saturating_sub(free(above) + tail + own);
        let free_inodes: u64 = below.iter().map(|group| group.free_inodes).sum();
        let per_group = u64::from(geo.inodes_per_group);
        let inodes: u64 = above
            .iter()
            .map(|group| per_group.saturating_sub(group.free_inodes))
            .sum();
        let needed = if data == 0 { 0 } else { data + margin(data) };
        Ok(needed <= free_below && inodes <= free_inodes)
    }

    /// How far the file system can shrink in one go on the way to `target`: to that, or to the end of a
    /// group behind it. What the groups cut off had in others becomes free then.
    pub fn stage(&self, target: u64) -> Result<u64> {
        if self.fits(target)? {
            return Ok(target);
        }
        let geo = &self.fs.geo;
        // The first group boundary that will do. More room is never worse.
        let (mut no, mut yes) = (geo.groups_for(target) as u32, geo.groups());
        let end = |groups: u32| geo.group_start(GroupNo(groups)).0;
        if end(no) < geo.blocks() && self.fits(end(no))? {
            return Ok(end(no));
        }
        while no + 1 < yes {
            let middle = no + (yes - no) / 2;
            if self.fits(end(middle))? {
                yes = middle;
            } else {
                no = middle;
            }
        }
        if yes == geo.groups() {
            return Err(Error::NoSpace);
        }
        Ok(end(yes))
    }

    /// The fewest blocks that hold everything, about.
    pub fn minimum(&self) -> Result<u64> {
        let geo = &self.fs.geo;
        let old = geo.dimensions();
        let free: u64 = self.groups.iter().map(|group| group.free_blocks).sum();
        let data = (geo.blocks() - geo.first_data_block)
            .saturating_sub(free + self.own(0, &(0..geo.blocks())));
        let used_inodes: u64 = self
            .groups
            .iter()
            .map(|group| u64::from(geo.inodes_per_group).saturating_sub(group.free_inodes))
            .sum();
        let needed = |groups: u32| {
            let end = geo.group_start(GroupNo(groups)).0.min(geo.blocks());
            let new = self.fs.shrunk(&old, end);
            geo.with(&new).overhead() + data + margin(data)
        };
        let enough = |groups: u32| {
            needed(groups) <= geo.group_start(GroupNo(groups)).0
                && u64::from(groups) * u64::from(geo.inodes_per_group) >= used_inodes
        };
        let (mut no, mut yes) = (0, geo.groups());
        while no + 1 < yes {
            let middle = no + (yes - no) / 2;
            if enough(middle) {
                yes = middle;
            } else {
                no = middle;
            }
        }
        let least_last = super::needed_in_last(geo, GroupNo(yes - 1)) + super::WORTHWHILE;
        let start = geo.group_start(GroupNo(yes - 1)).0;
        let page = u64::from(4096u32.div_ceil(geo.block_size));
        let blocks = needed(yes).max(start + if yes > 1 { least_last } else { 0 });
        let whole = geo.group_start(GroupNo(yes)).0;
        fit(
            geo,
            blocks.next_multiple_of(page).min(whole).min(geo.blocks()),
        )
    }
}

impl Fs {
    /// The dimensions of the file system cut off at `blocks`.
    pub(super) fn shrunk(&self, old: &Dimensions, blocks: u64) -> Dimensions {
        let geo = &self.geo;
        let groups = geo.groups_for(blocks) as u32;
        let table = groups.div_ceil(geo.descs_per_block());
        let first_meta_bg = match old.first_meta_bg {
            u32::MAX => u32::MAX,
            first => first.min(table),
        };
        let mut new = Dimensions {
            blocks,
            groups,
            inodes: groups.saturating_mul(geo.inodes_per_group),
            reserved_gdt_blocks: 0,
            first_meta_bg,
            backup_bgs: old.backup_bgs.map(|no| if no < groups { no } else { 0 }),
        };
        if old.reserved_gdt_blocks > 0 || self.has_resize_inode() {
            let before = geo.with(old).table_len() + old.reserved_gdt_blocks;
            let spare = before.saturating_sub(table);
            new.reserved_gdt_blocks = spare.min(geo.block_size / 4);
        }
        new
    }
}
