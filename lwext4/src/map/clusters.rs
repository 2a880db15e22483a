//! Files in images with clusters (feature bigalloc).
//!
//! Extents map blocks, but what is allocated is clusters: all blocks of one cluster of the file are in one cluster of
//! the image, in the same places. So a hole beside a mapped block of its cluster has its place already; an inode
//! accounts for a cluster as soon as one block of it is mapped; and a cluster is freed when its last block is unmapped.
//! Without clusters, all of this comes down to single blocks.

use super::{END, lookup};
use crate::error::{Corrupt, Error, Result};
use crate::fs::{Fs, Geometry};
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::types::{BlockNo, FileBlock};

/// Blocks for a hole, not mapped yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// Where the first one is.
    pub phys: BlockNo,
    /// How many.
    pub len: u32,
    /// What was allocated for them: nothing where they are in a cluster that the file has.
    fresh: Option<(BlockNo, u32)>,
}

impl Taken {
    /// Frees what was allocated: the blocks could not be used.
    pub fn give_back(self, h: &mut Handle<'_>) -> Result<()> {
        match self.fresh {
            Some((start, len)) => h.fs().alloc.free_blocks(h, start, len, false),
            None => Ok(()),
        }
    }
}

/// Finds or allocates blocks for the hole of `len` blocks at `at`, as many as go in one run. `goal` is where the first
/// should be; `extra`: the file is written, and up to so many blocks behind them are kept for its next append.
pub(crate) fn take(
    h: &mut Handle<'_>,
    inode: &InodeData,
    at: FileBlock,
    len: u32,
    goal: BlockNo,
    extra: Option<u32>,
) -> Result<Taken> {
    let fs = h.fs();
    let geo = &fs.geo;
    let lead = geo.within_cluster(u64::from(at.0));
    let mut len = len;
    if geo.cluster_bits > 0 {
        check_place(geo, inode, at, None)?;
        if let Some((mapped, phys)) = in_cluster(fs, inode, u64::from(at.0))? {
            check_place(geo, inode, mapped, Some(phys))?;
            let start = phys.0 - u64::from(geo.within_cluster(phys.0));
            return Ok(Taken {
                phys: BlockNo(start + u64::from(lead)),
                len: len.min(geo.cluster_blocks() - lead),
                fresh: None,
            });
        }
        // The hole may end in a cluster that blocks behind it have.
        let end = u64::from(at.0) + u64::from(len);
        let tail = geo.within_cluster(end);
        if tail > 0 && len > tail && in_cluster(fs, inode, end)?.is_some() {
            len -= tail;
        }
    }
    let goal = BlockNo(goal.0.saturating_sub(u64::from(lead)));
    let want = len.saturating_add(lead);
    let (start, got) = match extra {
        None => fs.alloc.alloc_blocks(h, goal, want)?,
        Some(extra) => fs.alloc.alloc_for_append(h, inode.ino, goal, want, extra)?,
    };
    Ok(Taken {
        phys: BlockNo(start.0 + u64::from(lead)),
        len: len.min(got.saturating_sub(lead)),
        fresh: Some((start, got)),
    })
}

/// Whether a run can be where it is: in the same places of its clusters as in the file. `phys`: `None` for a run that
/// has no place yet.
fn check_place(
    geo: &Geometry,
    inode: &InodeData,
    at: FileBlock,
    phys: Option<BlockNo>,
) -> Result<()> {
    let bad = |what| Err(Corrupt::new(what).ino(inode.ino).into());
    if !super::has_extents(inode) {
        return bad("a file without extents among clusters");
    }
    let place = geo.within_cluster(u64::from(at.0));
    if phys.is_some_and(|phys| geo.within_cluster(phys.0) != place) {
        return bad("a block in the wrong place of its cluster");
    }
    Ok(())
}

/// A mapped block in the cluster of the file that block `at` is in.
fn in_cluster(fs: &Fs, inode: &InodeData, at: u64) -> Result<Option<(FileBlock, BlockNo)>> {
    let first = at - u64::from(fs.geo.within_cluster(at));
    let end = (first + u64::from(fs.geo.cluster_blocks())).min(END);
    let mut block = first;
    while block < end {
        let run = lookup(fs, inode, FileBlock(block as u32))?;
        if let Some(phys) = run.phys {
            return Ok(Some((FileBlock(block as u32), phys)));
        }
        block += u64::from(run.len);
    }
    Ok(None)
}

/// Which clusters of the blocks `at..at + len` have no mapped block: the first of them, in blocks, and how many blocks
/// they have. The blocks themselves are not mapped; so only those at the ends can have others that are.
fn unshared(fs: &Fs, inode: &InodeData, at: u64, len: u32) -> Result<(u64, u32)> {
    let geo = &fs.geo;
    if geo.cluster_bits == 0 || len == 0 {
        return Ok((at, len));
    }
    let size = u64::from(geo.cluster_blocks());
    let behind = at + u64::from(len);
    let mut first = at - u64::from(geo.within_cluster(at));
    let mut end = behind.next_multiple_of(size);
    if in_cluster(fs, inode, first)?.is_some() {
        first += size;
    }
    if first < end && in_cluster(fs, inode, end - 1)?.is_some() {
        end -= size;
    }
    Ok((first, end.saturating_sub(first) as u32))
}

/// How many blocks the inode accounts for more once the hole `at..at + len` is mapped to `phys`.
pub(super) fn added(
    fs: &Fs,
    inode: &InodeData,
    at: FileBlock,
    len: u32,
    phys: BlockNo,
) -> Result<u32> {
    if fs.geo.cluster_bits > 0 {
        check_place(&fs.geo, inode, at, Some(phys))?;
    }
    Ok(unshared(fs, inode, u64::from(at.0), len)?.1)
}

/// Blocks that were unmapped just now: those at `phys` and behind it, which were the file's blocks `at..at + len`. Gives
/// the clusters that no block of the file is in any more, as blocks, for the inode to account for and to be freed.
pub(super) fn left(
    fs: &Fs,
    inode: &InodeData,
    at: FileBlock,
    len: u32,
    phys: BlockNo,
) -> Result<(BlockNo, u32)> {
    let (first, len) = unshared(fs, inode, u64::from(at.0), len)?;
    let start = (phys.0 + first).checked_sub(u64::from(at.0));
    Ok((BlockNo(start.ok_or(Error::FileTooBig)?), len))
}

/// Fails where blocks that are to be unmapped are not in the places of their clusters: nothing can be freed then.
pub(super) fn check_removable(
    fs: &Fs,
    inode: &InodeData,
    at: FileBlock,
    phys: BlockNo,
) -> Result<()> {
    if fs.geo.cluster_bits == 0 {
        return Ok(());
    }
    check_place(&fs.geo, inode, at, Some(phys))
}
