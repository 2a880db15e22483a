//! Where a file's blocks are: file block → block on disk.
//!
//! A file maps its blocks by a tree of extents ([`extents`]), or, in ext2 and ext3 files, by blocks
//! of block numbers ([`indirect`]). The functions here work on both.
//!
//! None of them stores the inode: a caller that changes the map stores it before its handle ends.
//! Where a function fails for want of space, the map is what it was.

mod clusters;
mod extents;
mod indirect;
#[cfg(test)]
mod tests;

pub(crate) use clusters::take;

use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inline::is_inline;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::extent;
use crate::ondisk::inode::{InodeFlags, RawInode};
use crate::types::{BlockNo, FileBlock, FileType};

/// Behind the last file block that there can be. The largest number is no block: a file's length in
/// blocks must fit 32 bits.
const END: u64 = u32::MAX as u64;

/// Blocks of a file in a row that share one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// How many, from the block asked for on; at least 1. The next run may go on in the same state.
    pub len: u32,
    /// Where the first one is on disk, and the others behind it; `None`: a hole.
    pub phys: Option<BlockNo>,
    /// Allocated, but reads as zeroes.
    pub unwritten: bool,
}

impl Run {
    /// A hole up to file block `end` (exclusive).
    fn hole(at: FileBlock, end: u64) -> Run {
        let len = end.saturating_sub(u64::from(at.0)).max(1);
        Run {
            len: u32::try_from(len).unwrap_or(u32::MAX),
            phys: None,
            unwritten: false,
        }
    }
}

pub(crate) fn has_extents(inode: &RawInode) -> bool {
    inode.flags().contains(InodeFlags::EXTENTS)
}

/// Whether the blocks of the file's content are written through the journal.
pub(crate) fn is_metadata(inode: &RawInode) -> bool {
    matches!(
        inode.file_type(),
        Some(FileType::Directory | FileType::Symlink)
    ) || inode
        .flags()
        .intersects(InodeFlags::EA_INODE | InodeFlags::JOURNAL_DATA)
}

/// Levels of nodes below the inode; 0 without extents.
pub(crate) fn depth(inode: &RawInode) -> u16 {
    if has_extents(inode) {
        extent::Node::new(inode.block()).depth()
    } else {
        0
    }
}

/// Gives a new inode an empty map: an extent tree where the image has them.
pub(crate) fn init(fs: &Fs, inode: &mut RawInode) {
    let extents = fs.has_extents();
    let mut flags = inode.flags();
    flags.set(InodeFlags::EXTENTS, extents);
    inode.set_flags(flags);
    inode.block_mut().fill(0);
    if extents {
        extent::init(inode.block_mut(), 0);
    }
}

/// What is at a file block.
///
/// # Errors
/// [`Error::Corrupt`] when the map contradicts itself; as of every function here.
pub(crate) fn lookup(fs: &Fs, inode: &InodeData, at: FileBlock) -> Result<Run> {
    if is_inline(inode) {
        return Err(Corrupt::new("data inside an inode that needs blocks")
            .ino(inode.ino)
            .into());
    }
    if has_extents(inode) {
        extents::lookup(fs, inode, at)
    } else {
        indirect::lookup(fs, inode, at)
    }
}

/// Where a file block is on disk; `None` when it reads as zeroes.
pub(crate) fn block_of(fs: &Fs, inode: &InodeData, at: FileBlock) -> Result<Option<BlockNo>> {
    let run = lookup(fs, inode, at)?;
    Ok(if run.unwritten { None } else { run.phys })
}

/// The first run at or behind `from` that is not a hole, and where it starts.
pub(crate) fn next_mapped(
    fs: &Fs,
    inode: &InodeData,
    from: FileBlock,
) -> Result<Option<(FileBlock, Run)>> {
    let mut at = from;
    // Every node of the map ends at most two holes, and each node is a block of its own.
    let most = fs.geo.blocks().saturating_mul(2).saturating_add(16);
    for _ in 0..most {
        let run = lookup(fs, inode, at)?;
        if run.phys.is_some() {
            return Ok(Some((at, run)));
        }
        match at.0.checked_add(run.len) {
            Some(next) if u64::from(next) < END => at = FileBlock(next),
            _ => return Ok(None),
        }
    }
    Err(Corrupt::new("map has more nodes than the image has blocks")
        .ino(inode.ino)
        .into())
}

/// Where a new block for file block `at` should be, to be near its neighbours.
pub(crate) fn goal(fs: &Fs, inode: &InodeData, at: FileBlock) -> Result<BlockNo> {
    let near = if has_extents(inode) {
        extents::goal(fs, inode, at)?
    } else {
        indirect::goal(fs, inode, at)?
    };
    Ok(match near {
        Some(block) if fs.geo.check_blocks(block, 1).is_ok() => block,
        _ => fs.alloc.goal_for_inode(fs, inode.ino),
    })
}

/// Maps a hole: file blocks `at..at + len` are at `phys` and behind it, which the caller has
/// allocated. Counts them in the inode.
///
/// # Errors
/// [`Error::NoSpace`] when a node of the map finds no room, [`Error::FileTooBig`] beyond what the map
/// can hold, [`Error::NotSupported`] for `unwritten` blocks without extents; then nothing is mapped
/// and the blocks stay the caller's.
pub(crate) fn insert(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    at: FileBlock,
    phys: BlockNo,
    len: u32,
    unwritten: bool,
) -> Result<()> {
    h.fs().geo.check_blocks(phys, u64::from(len))?;
    if u64::from(at.0) + u64::from(len) > END {
        return Err(Error::FileTooBig);
    }
    if has_extents(inode) {
        extents::insert(h, inode, at, phys, len, unwritten)
    } else if unwritten {
        Err(Error::NotSupported("unwritten blocks need extents"))
    } else {
        indirect::insert(h, inode, at, phys, len)
    }
}

/// Allocates a block near `goal` and maps it at file block `at`, which is a hole.
///
/// # Errors
/// As [`insert`]; then the block is free again.
pub(crate) fn append_block(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    at: FileBlock,
    goal: BlockNo,
) -> Result<BlockNo> {
    let taken = take(h, inode, at, 1, goal, None)?;
    match insert(h, inode, at, taken.phys, 1, false) {
        Ok(()) => Ok(taken.phys),
        Err(error) => {
            taken.give_back(h)?;
            Err(error)
        }
    }
}

/// Says that the unwritten blocks among `at..at + len` hold data now. Written blocks and holes are
/// left alone.
///
/// Where the tree would have to grow and there is no space, the rest of the extent up to the file's end
/// is zeroed and becomes written too; what it has behind the end is freed.
pub(crate) fn set_written(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    at: FileBlock,
    len: u32,
) -> Result<()> {
    if has_extents(inode) {
        extents::convert(h, inode, at, len, false)
    } else {
        Ok(())
    }
}

/// Says that the written blocks among `at..at + len` read as zeroes from now on. Unwritten blocks
/// and holes are left alone.
///
/// # Errors
/// [`Error::NotSupported`] without extents; [`Error::NoSpace`] when the tree cannot grow: then a part
/// of the range at its start may be converted.
pub(crate) fn set_unwritten(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    at: FileBlock,
    len: u32,
) -> Result<()> {
    if has_extents(inode) {
        extents::convert(h, inode, at, len, true)
    } else {
        Err(Error::NotSupported("unwritten blocks need extents"))
    }
}

/// Unmaps file blocks `from..end` (`end` may be 1 << 32) and frees them, from the end backwards;
/// frees nodes that become empty.
///
/// `None` when all is gone. `Some(end)` when the transaction is full: everything from there on is
/// gone, and the caller stores the inode and goes on under a new handle, with that end.
///
/// # Errors
/// [`Error::NoSpace`] when an extent must be split and its tree cannot grow; nothing is lost then.
pub(crate) fn remove(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    from: FileBlock,
    end: u64,
) -> Result<Option<FileBlock>> {
    let end = end.min(END);
    if has_extents(inode) {
        extents::remove(h, inode, from, end)
    } else if h.fs().geo.cluster_bits > 0 {
        let what = "a file without extents among clusters";
        Err(Corrupt::new(what).ino(inode.ino).into())
    } else {
        indirect::remove(h, inode, from, end)
    }
}

/// The first blocks at or behind `from` that are on disk at `ceiling` or behind it: where they are in
/// the file, and in a row on disk.
pub(crate) fn next_above(
    fs: &Fs,
    inode: &InodeData,
    from: FileBlock,
    ceiling: BlockNo,
) -> Result<Option<(FileBlock, Run)>> {
    let mut from = from;
    loop {
        let Some((at, run)) = next_mapped(fs, inode, from)? else {
            return Ok(None);
        };
        let phys = run.phys.unwrap_or(ceiling);
        let below = ceiling.0.saturating_sub(phys.0);
        if below < u64::from(run.len) {
            let below = below as u32;
            let part = Run {
                len: run.len - below,
                phys: phys.checked_add(below.into()),
                unwritten: run.unwritten,
            };
            return Ok(Some((FileBlock(at.0 + below), part)));
        }
        match at.0.checked_add(run.len) {
            Some(next) if u64::from(next) < END => from = FileBlock(next),
            _ => return Ok(None),
        }
    }
}

/// The map's own blocks outside of the inode.
pub(crate) fn nodes(fs: &Fs, inode: &InodeData) -> Result<Vec<BlockNo>> {
    if has_extents(inode) {
        extents::nodes(fs, inode)
    } else {
        indirect::nodes(fs, inode)
    }
}

/// Says that file blocks `at..at + len`, which are mapped in a row, are at `phys` from now on. What they
/// were mapped to is the caller's.
///
/// # Errors
/// [`Error::NoSpace`] when a tree of extents would have to grow; then nothing has changed.
pub(crate) fn repoint(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    at: FileBlock,
    len: u32,
    phys: BlockNo,
) -> Result<()> {
    h.fs().geo.check_blocks(phys, u64::from(len))?;
    if has_extents(inode) {
        extents::repoint(h, inode, at, len, phys)
    } else {
        indirect::repoint(h, inode, at, len, phys)
    }
}

/// Moves the map's own blocks that are at `ceiling` or behind it to where the allocator has room.
/// Whether that was all: else the transaction is full, and the caller stores the inode and goes on
/// under a new handle.
pub(crate) fn lower_nodes(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    ceiling: BlockNo,
) -> Result<bool> {
    if has_extents(inode) {
        extents::lower_nodes(h, inode, ceiling)
    } else {
        indirect::lower_nodes(h, inode, ceiling)
    }
}

/// Allocates `count` single blocks for nodes of a map, each in a cluster of its own, all or none.
fn alloc_nodes(h: &mut Handle<'_>, goal: BlockNo, count: usize) -> Result<Vec<BlockNo>> {
    let fs = h.fs();
    let mut nodes = Vec::with_capacity(count);
    while nodes.len() < count {
        let bits = fs.geo.cluster_bits;
        let goal = nodes
            .last()
            .map_or(goal, |last: &BlockNo| BlockNo(last.0 + (1 << bits)));
        let want = u32::try_from((count - nodes.len()) << bits).unwrap_or(1);
        match fs.alloc.alloc_blocks(h, goal, want) {
            Ok((start, got)) => {
                let clusters = u64::from(got >> bits);
                nodes.extend((0..clusters).map(|i| BlockNo(start.0 + (i << bits))));
            }
            Err(error) => {
                free_nodes(h, &nodes)?;
                return Err(error);
            }
        }
    }
    Ok(nodes)
}

/// Gives back nodes that were never written.
fn free_nodes(h: &mut Handle<'_>, nodes: &[BlockNo]) -> Result<()> {
    let fs = h.fs();
    for &node in nodes {
        fs.alloc.free_blocks(h, node, 1, false)?;
    }
    Ok(())
}
