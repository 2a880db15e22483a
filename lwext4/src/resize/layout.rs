//! Where the metadata of new groups lies.

use crate::alloc::{NewGroup, base_blocks};
use crate::error::{Error, Result};
use crate::fs::Geometry;
use crate::ondisk::features::Incompat;
use crate::types::{BlockNo, GroupNo};
use std::ops::Range;

/// Free blocks of some groups, in ascending runs.
struct Space(Vec<Range<u64>>);

impl Space {
    /// What is behind the superblocks and descriptors of `groups`.
    fn behind_heads(geo: &Geometry, groups: Range<u32>) -> Result<Space> {
        let run = |group| {
            let group = GroupNo(group);
            let (base, len) = (base_blocks(geo, group), geo.group_len(group));
            let start = geo.group_start(group).0;
            let end = start + u64::from(len);
            match start + u64::from(base) {
                start if start <= end => Ok(start..end),
                _ => Err(no_room()),
            }
        };
        groups.map(run).collect::<Result<_>>().map(Space)
    }

    /// The first run of `len` blocks.
    fn take(&mut self, len: u64) -> Result<u64> {
        let run = self
            .0
            .iter_mut()
            .find(|run| run.end - run.start >= len)
            .ok_or_else(no_room)?;
        run.start += len;
        Ok(run.start - len)
    }
}

fn no_room() -> Error {
    Error::InvalidOption("a new group has no room for its own bitmaps and inode table".to_owned())
}

/// Lays out `groups`, the last groups of `geo`: with flex_bg, their bitmaps and inode tables side by
/// side from the first group on; without, each group's own in itself.
pub(super) fn lay_out(geo: &Geometry, groups: Range<u32>) -> Result<Vec<NewGroup>> {
    let flexible = geo.features.incompat.contains(Incompat::FLEX_BG);
    let last = geo.groups().saturating_sub(1);
    let mut new: Vec<NewGroup> = groups
        .clone()
        .map(|no| NewGroup {
            no: GroupNo(no),
            block_bitmap: BlockNo(0),
            inode_bitmap: BlockNo(0),
            inode_table: BlockNo(0),
            lent: Vec::new(),
            // The kernel does not derive the last group's.
            initialised: no == last,
        })
        .collect();
    let size = if flexible { new.len().max(1) } else { 1 };
    for batch in new.chunks_mut(size) {
        let (Some(first), Some(end)) = (batch.first(), batch.last()) else {
            continue;
        };
        let mut space = Space::behind_heads(geo, first.no.0..end.no.0 + 1)?;
        for group in batch.iter_mut() {
            group.block_bitmap = BlockNo(space.take(1)?);
        }
        for group in batch.iter_mut() {
            group.inode_bitmap = BlockNo(space.take(1)?);
        }
        for group in batch.iter_mut() {
            group.inode_table = BlockNo(space.take(geo.table_blocks().into())?);
        }
    }
    let first = groups.start;
    let tables: Vec<(GroupNo, BlockNo, u64)> = new
        .iter()
        .flat_map(|group| {
            [
                (group.no, group.block_bitmap, 1),
                (group.no, group.inode_bitmap, 1),
                (group.no, group.inode_table, geo.table_blocks().into()),
            ]
        })
        .collect();
    for (owner, start, len) in tables {
        // A run never leaves the group it starts in.
        let host = geo.group_of(start);
        if host != owner
            && let Some(group) = new.get_mut((host.0 - first) as usize)
        {
            let at = (start.0 - geo.group_start(host).0) as u32;
            group.lent.push((at, len as u32));
        }
    }
    Ok(new)
}
