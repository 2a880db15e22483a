//! Two maps for one file: the same blocks in another order, each with the other's nodes among the data.
//! So whichever of the two the inode has, every block belongs to the file.

use crate::error::{Error, Result};
use crate::ondisk::Le;
use crate::ondisk::extent::{self, Entry, Extent, Index, MAX_WRITTEN};
use crate::types::{BlockNo, FileBlock};

/// Blocks in a row.
pub(super) type Blocks = (BlockNo, u32);

/// A map: `i_block`, and the nodes with their content.
pub(super) struct Map {
    pub root: [u8; 60],
    pub nodes: Vec<(BlockNo, Vec<u8>)>,
}

fn too_fragmented() -> Error {
    Error::Unsupported("the journal is in too many pieces to be moved".to_owned())
}

/// How many nodes each of the two maps needs, when they map `count` blocks besides nodes, in `pieces`
/// runs at most.
pub(super) fn nodes_needed(
    extents: bool,
    block_size: u32,
    count: u64,
    pieces: usize,
) -> Result<usize> {
    if extents {
        let entries = pieces + (count / u64::from(MAX_WRITTEN)) as usize + 1;
        if entries <= extent::capacity(60) {
            return Ok(0);
        }
        let per_leaf = extent::capacity(block_size as usize);
        // Each leaf may be a piece of its own in the other map.
        let leaves = (entries + extent::capacity(60)).div_ceil(per_leaf);
        return if leaves <= extent::capacity(60) {
            Ok(leaves)
        } else {
            Err(too_fragmented())
        };
    }
    // More nodes are more data of the other map.
    let mut nodes = 0;
    loop {
        let needed = indirect_nodes(u64::from(block_size / 4), count + nodes)?;
        if needed == nodes {
            return Ok(nodes as usize);
        }
        nodes = needed;
    }
}

/// Indirect blocks of a file of `count` blocks without holes.
fn indirect_nodes(per_block: u64, count: u64) -> Result<u64> {
    let mut left = count.saturating_sub(12);
    let mut nodes = 0;
    for level in 1..=3 {
        let here = left.min(per_block.saturating_pow(level));
        left -= here;
        let arrays = (1..=level).map(|n| here.div_ceil(per_block.saturating_pow(n)));
        nodes += arrays.sum::<u64>();
    }
    if left > 0 {
        return Err(Error::FileTooBig);
    }
    Ok(nodes)
}

/// Maps `runs`, from file block 0 on, using exactly `nodes`.
pub(super) fn build(
    extents: bool,
    block_size: u32,
    runs: &[Blocks],
    nodes: &[BlockNo],
) -> Result<Map> {
    if extents {
        build_extents(block_size, runs, nodes)
    } else {
        build_indirect(block_size, runs, nodes)
    }
}

fn build_extents(block_size: u32, runs: &[Blocks], nodes: &[BlockNo]) -> Result<Map> {
    let mut entries: Vec<Extent> = Vec::new();
    let mut at = 0u32;
    for &(start, len) in runs {
        let mut done = 0;
        while done < len {
            let part = (len - done).min(MAX_WRITTEN);
            entries.push(Extent {
                at: FileBlock(at),
                len: part,
                start: BlockNo(start.0 + u64::from(done)),
                unwritten: false,
            });
            done += part;
            at = at.checked_add(part).ok_or(Error::FileTooBig)?;
        }
    }
    let mut map = Map {
        root: [0; 60],
        nodes: Vec::new(),
    };
    let encode = |entries: &[Extent]| entries.iter().map(Extent::encode).collect::<Vec<Entry>>();
    let fill = |bytes: &mut [u8], depth, entries: &[Entry]| {
        extent::init(bytes, depth);
        extent::replace(bytes, 0, 0, entries)
    };
    if nodes.is_empty() {
        return if fill(&mut map.root, 0, &encode(&entries)) {
            Ok(map)
        } else {
            Err(too_fragmented())
        };
    }
    let mut indexes = Vec::new();
    let mut rest = &entries[..];
    for (i, &node) in nodes.iter().enumerate() {
        let (leaf, behind) = rest.split_at(rest.len().div_ceil(nodes.len() - i));
        rest = behind;
        let Some(first) = leaf.first() else {
            return Err(too_fragmented());
        };
        let mut bytes = vec![0; block_size as usize];
        if !fill(&mut bytes, 0, &encode(leaf)) {
            return Err(too_fragmented());
        }
        let index = Index {
            at: first.at,
            child: node,
        };
        indexes.push(index.encode());
        map.nodes.push((node, bytes));
    }
    if fill(&mut map.root, 1, &indexes) {
        Ok(map)
    } else {
        Err(too_fragmented())
    }
}

fn build_indirect(block_size: u32, runs: &[Blocks], nodes: &[BlockNo]) -> Result<Map> {
    let mut data = runs
        .iter()
        .flat_map(|&(start, len)| (0..u64::from(len)).map(move |i| start.0 + i));
    let mut left: u64 = runs.iter().map(|&(_, len)| u64::from(len)).sum();
    let mut unused = nodes.iter();
    let mut map = Map {
        root: [0; 60],
        nodes: Vec::new(),
    };
    for slot in 0..15_usize {
        if left == 0 {
            break;
        }
        let height = slot.saturating_sub(11) as u32;
        let number = subtree(
            height,
            block_size,
            &mut left,
            &mut data,
            &mut unused,
            &mut map.nodes,
        )?;
        number.put(&mut map.root, slot * 4);
    }
    if left > 0 || unused.next().is_some() {
        return Err(too_fragmented());
    }
    Ok(map)
}

/// A block number, of data or of an array that leads to it. At most three deep.
fn subtree<'a>(
    height: u32,
    block_size: u32,
    left: &mut u64,
    data: &mut impl Iterator<Item = u64>,
    unused: &mut impl Iterator<Item = &'a BlockNo>,
    nodes: &mut Vec<(BlockNo, Vec<u8>)>,
) -> Result<u32> {
    let number = |block: u64| u32::try_from(block).map_err(|_| Error::FileTooBig);
    if height == 0 {
        *left -= 1;
        return number(data.next().ok_or_else(too_fragmented)?);
    }
    let node = *unused.next().ok_or_else(too_fragmented)?;
    let mut bytes = vec![0; block_size as usize];
    for at in (0..bytes.len()).step_by(4) {
        if *left == 0 {
            break;
        }
        subtree(height - 1, block_size, left, data, unused, nodes)?.put(&mut bytes, at);
    }
    nodes.push((node, bytes));
    number(node.0)
}
