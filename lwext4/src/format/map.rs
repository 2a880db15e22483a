//! The map of a file whose blocks are all there: an extent tree or indirect blocks.

use super::layout::Layout;
use crate::error::{Error, Result};
use crate::ondisk::Le;
use crate::ondisk::extent::{self, Entry, Extent, Index, MAX_WRITTEN};
use crate::ondisk::features::Incompat;
use crate::types::{BlockNo, FileBlock};
use std::ops::Range;

/// A file's blocks and the map to them.
#[derive(Debug)]
pub(super) struct Map {
    /// `i_block`.
    pub root: [u8; 60],
    /// Blocks of the map outside of the inode, with their content.
    pub nodes: Vec<(u64, Vec<u8>)>,
    /// The data, in the order of the file.
    pub data: Vec<Range<u64>>,
    /// Blocks that data and map take, in whole clusters.
    pub taken: u64,
    /// Whether the map is an extent tree.
    pub extents: bool,
}

impl Map {
    /// Takes `count` blocks near `goal` and maps them. `owner_seed` is what the checksums of the
    /// inode's blocks start with.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] when there is no room, [`Error::FileTooBig`] when the map cannot
    /// reach that far.
    pub fn allocate(
        layout: &mut Layout<'_>,
        goal: u64,
        count: u64,
        owner_seed: u32,
    ) -> Result<Map> {
        if layout
            .geometry
            .features
            .incompat
            .contains(Incompat::EXTENTS)
        {
            extents(layout, goal, count, owner_seed)
        } else {
            indirect(layout, goal, count)
        }
    }
}

fn total(runs: &[Range<u64>]) -> u64 {
    runs.iter().map(|run| run.end - run.start).sum()
}

/// A node with as many of `entries` as it has room for, which the caller has counted.
fn write_node(bytes: &mut [u8], depth: u16, entries: &[Entry]) {
    extent::init(bytes, depth);
    extent::replace(bytes, 0, 0, entries);
}

fn extents(layout: &mut Layout<'_>, goal: u64, count: u64, owner_seed: u32) -> Result<Map> {
    let mut data = layout.take(goal, count)?;
    let mut taken = total(&data);
    let mut surplus = taken - count;
    while let Some(last) = data.last_mut()
        && surplus > 0
    {
        let cut = surplus.min(last.end - last.start);
        last.end -= cut;
        surplus -= cut;
        if last.is_empty() {
            data.pop();
        }
    }
    let mut leaves = Vec::new();
    let mut at: u64 = 0;
    for run in &data {
        let mut start = run.start;
        while start < run.end {
            let len = (run.end - start).min(u64::from(MAX_WRITTEN)) as u32;
            leaves.push(Extent {
                at: FileBlock(u32::try_from(at).map_err(|_| Error::FileTooBig)?),
                len,
                start: BlockNo(start),
                unwritten: false,
            });
            at += u64::from(len);
            start += u64::from(len);
        }
    }
    let mut map = Map {
        root: [0; 60],
        nodes: Vec::new(),
        data,
        taken,
        extents: true,
    };
    let root_entries = extent::capacity(map.root.len());
    let encode = |leaves: &[Extent]| leaves.iter().map(Extent::encode).collect::<Vec<_>>();
    if leaves.len() <= root_entries {
        write_node(&mut map.root, 0, &encode(&leaves));
        return Ok(map);
    }
    let block_size = layout.geometry.block_size as usize;
    // The map goes right before the data, where that is free.
    let before = map
        .data
        .first()
        .map_or(0, |run| run.start.saturating_sub(1));
    let mut indexes = Vec::new();
    for leaves in leaves.chunks(extent::capacity(block_size)) {
        let node = layout.take(before, 1)?;
        taken += total(&node);
        let block = node.first().map_or(0, |run| run.start);
        let mut bytes = vec![0; block_size];
        write_node(&mut bytes, 0, &encode(leaves));
        if layout.geometry.metadata_csum() {
            extent::seal_node(&mut bytes, owner_seed);
        }
        let index = Index {
            at: leaves.first().map_or(FileBlock(0), |extent| extent.at),
            child: BlockNo(block),
        };
        indexes.push(index.encode());
        map.nodes.push((block, bytes));
    }
    if indexes.len() > root_entries {
        return Err(Error::FileTooBig);
    }
    write_node(&mut map.root, 1, &indexes);
    map.taken = taken;
    Ok(map)
}

/// Builds a block map from blocks in the order in which the map and the data use them: each indirect
/// block lies before what it maps.
struct Indirect<I> {
    blocks: I,
    per_block: u64,
    nodes: Vec<(u64, Vec<u8>)>,
    data: Vec<Range<u64>>,
}

impl<I: Iterator<Item = u64>> Indirect<I> {
    fn next(&mut self) -> Result<u64> {
        self.blocks.next().ok_or(Error::FileTooBig)
    }

    /// Maps up to `left` data blocks through `level` levels of indirect blocks and counts them off.
    fn subtree(&mut self, level: u32, left: &mut u64) -> Result<u32> {
        let block = self.next()?;
        if level == 0 {
            *left -= 1;
            match self.data.last_mut() {
                Some(run) if run.end == block => run.end += 1,
                _ => self.data.push(block..block + 1),
            }
        } else {
            let mut bytes = vec![0; self.per_block as usize * 4];
            let mut at = 0;
            while *left > 0 && at < bytes.len() {
                self.subtree(level - 1, left)?.put(&mut bytes, at);
                at += 4;
            }
            self.nodes.push((block, bytes));
        }
        u32::try_from(block).map_err(|_| Error::FileTooBig)
    }
}

fn indirect(layout: &mut Layout<'_>, goal: u64, count: u64) -> Result<Map> {
    let per_block = u64::from(layout.geometry.block_size / 4);
    let mut nodes = 0;
    let mut left = count.saturating_sub(12);
    for level in 1..=3 {
        let here = left.min(per_block.pow(level));
        left -= here;
        nodes += (1..=level)
            .map(|n| here.div_ceil(per_block.pow(n)))
            .sum::<u64>();
    }
    if left > 0 {
        return Err(Error::FileTooBig);
    }
    let blocks = layout.take(goal, count + nodes)?;
    let mut build = Indirect {
        blocks: blocks.into_iter().flatten(),
        per_block,
        nodes: Vec::new(),
        data: Vec::new(),
    };
    let mut root = [0; 60];
    let mut left = count;
    for slot in 0..15_usize {
        if left == 0 {
            break;
        }
        let level = slot.saturating_sub(11) as u32;
        build.subtree(level, &mut left)?.put(&mut root, slot * 4);
    }
    Ok(Map {
        root,
        taken: count + nodes,
        nodes: build.nodes,
        data: build.data,
        extents: false,
    })
}
