//! Maps of ext2 and ext3: arrays of block numbers.
//!
//! `i_block` has 12 numbers of data blocks, and one each of an array of data blocks (indirect), an
//! array of such arrays (double indirect) and one level more (triple indirect). 0 is a hole. The tree
//! has this shape for every file, so walks are bounded whatever the arrays say.
//!
//! Source: kernel documentation, ext4 "Direct/Indirect Block Addressing".

mod array;
mod relocate;

pub(super) use relocate::{lower_nodes, nodes, repoint};

use super::{Run, alloc_nodes, free_nodes, is_metadata};
use crate::cache::BlockKind;
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::types::{BlockNo, FileBlock};
use array::{Array, span};

const FAR: Error = Error::NotSupported("block numbers beyond 32 bits need extents");

/// The lowest array on the way to file block `at` that exists, and the number in it to follow.
/// `None` beyond what can be mapped.
fn descend(fs: &Fs, inode: &InodeData, at: u64) -> Result<Option<(Array, usize)>> {
    let roots = Array::roots(fs).into_iter();
    let Some(mut array) = roots.rev().find(|array| at >= array.base) else {
        return Ok(None);
    };
    if at >= array.end(fs) {
        return Ok(None);
    }
    loop {
        let index = array.index(fs, at);
        let number = array.get(inode, index);
        if array.height == 0 || number == 0 {
            return Ok(Some((array, index)));
        }
        array = array.child(fs, inode, index, BlockNo(number))?;
    }
}

/// See [`super::lookup`].
pub(super) fn lookup(fs: &Fs, inode: &InodeData, at: FileBlock) -> Result<Run> {
    let Some((array, index)) = descend(fs, inode, u64::from(at.0))? else {
        return Ok(Run::hole(at, 1 << 32));
    };
    let (first, count) = array.read(inode, |number| {
        let first = number(index);
        let alike = |&i: &usize| match first {
            0 => number(i) == 0,
            _ => number(i) == first + (i - index) as u64,
        };
        (first, (index..array.len).take_while(alike).count())
    });
    if first == 0 {
        let end = array.base + (index + count) as u64 * span(fs, array.height);
        return Ok(Run::hole(at, end));
    }
    fs.geo.check_blocks(BlockNo(first), count as u64)?;
    Ok(Run {
        len: count as u32,
        phys: Some(BlockNo(first)),
        unwritten: false,
    })
}

/// See [`super::goal`]: behind the block before in the same array, or behind the array, or behind the
/// file block before.
pub(super) fn goal(fs: &Fs, inode: &InodeData, at: FileBlock) -> Result<Option<BlockNo>> {
    let Some((array, index)) = descend(fs, inode, u64::from(at.0))? else {
        return Ok(None);
    };
    if array.height == 0 {
        let before = array.read(inode, |number| {
            let before = (0..index).rev().find(|&i| number(i) != 0)?;
            Some(number(before) + (index - before) as u64)
        });
        if before.is_some() {
            return Ok(before.map(BlockNo));
        }
    }
    if let Some(before) = at.0.checked_sub(1)
        && let Some(phys) = lookup(fs, inode, FileBlock(before))?.phys
    {
        return Ok(phys.checked_add(1));
    }
    Ok(array.block.map(|block| BlockNo(block.no.0 + 1)))
}

/// See [`super::insert`].
pub(super) fn insert(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    at: FileBlock,
    phys: BlockNo,
    len: u32,
) -> Result<()> {
    let fs = h.fs();
    let [.., last] = Array::roots(fs);
    let (from, end) = (u64::from(at.0), u64::from(at.0) + u64::from(len));
    if end > last.end(fs) {
        return Err(Error::FileTooBig);
    }
    if phys.0 + u64::from(len) > u64::from(u32::MAX) {
        return Err(FAR);
    }
    let mut hole = from;
    while hole < end {
        let run = lookup(fs, inode, FileBlock(hole as u32))?;
        if run.phys.is_some() {
            let what = "mapping a block that is mapped already";
            return Err(Corrupt::new(what).ino(inode.ino).into());
        }
        hole += u64::from(run.len);
    }
    let mut done = 0;
    while done < len {
        let next = u64::from(at.0 + done);
        let near = BlockNo(phys.0 + u64::from(done));
        let array = match ensure_array(h, inode, next, near) {
            Ok(array) => array,
            Err(error) => {
                let free = None;
                clear(
                    h,
                    inode,
                    &mut Cut {
                        from,
                        end,
                        free,
                        stopped: None,
                    },
                )?;
                return Err(error);
            }
        };
        let index = array.index(fs, next);
        let count = (array.len - index).min((len - done) as usize);
        array.set(h, inode, index, count, near.0 as u32);
        inode.add_blocks(fs, count as i64);
        done += count as u32;
    }
    Ok(())
}

/// The array with the number of file block `at`'s data block; it and those above are made where there
/// are none.
fn ensure_array(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    at: u64,
    near: BlockNo,
) -> Result<Array> {
    let fs = h.fs();
    let (mut array, mut index) = descend(fs, inode, at)?.ok_or(Error::FileTooBig)?;
    let nodes = alloc_nodes(h, near, array.height as usize)?;
    if nodes.iter().any(|no| no.0 > u64::from(u32::MAX)) {
        free_nodes(h, &nodes)?;
        return Err(FAR);
    }
    for no in nodes {
        let number = no.0 as u32;
        let block = h.create_block(no, BlockKind::Indirect(inode.owner(fs)))?;
        array.set(h, inode, index, 1, number);
        inode.add_blocks(fs, 1);
        array = array.child_in(fs, index, block);
        index = array.index(fs, at);
    }
    Ok(array)
}

/// What is to be unmapped.
struct Cut {
    from: u64,
    end: u64,
    /// Whether data blocks are freed, and then whether as metadata.
    free: Option<bool>,
    /// Where the work ended early.
    stopped: Option<u64>,
}

/// See [`super::remove`].
pub(super) fn remove(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    from: FileBlock,
    end: u64,
) -> Result<Option<FileBlock>> {
    let mut cut = Cut {
        from: u64::from(from.0),
        end,
        free: Some(is_metadata(inode)),
        stopped: None,
    };
    clear(h, inode, &mut cut)?;
    Ok(cut.stopped.map(|end| FileBlock(end as u32)))
}

fn clear(h: &mut Handle<'_>, inode: &mut InodeData, cut: &mut Cut) -> Result<()> {
    for array in Array::roots(h.fs()).iter().rev() {
        clear_array(h, inode, array, cut)?;
        if cut.stopped.is_some() {
            break;
        }
    }
    Ok(())
}

/// Unmaps the cut's part of an array, from the end backwards. At most three arrays deep.
fn clear_array(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    array: &Array,
    cut: &mut Cut,
) -> Result<()> {
    let fs = h.fs();
    let (lo, hi) = (cut.from.max(array.base), cut.end.min(array.end(fs)));
    if lo >= hi {
        return Ok(());
    }
    let (first, mut behind) = (array.index(fs, lo), array.index(fs, hi - 1) + 1);
    if array.height == 0 {
        return clear_data(h, inode, array, first..behind, cut);
    }
    while behind > first {
        behind -= 1;
        let number = array.get(inode, behind);
        if number == 0 {
            continue;
        }
        let child = array.child(fs, inode, behind, BlockNo(number))?;
        clear_array(h, inode, &child, cut)?;
        if child.is_empty(inode) {
            array.set(h, inode, behind, 1, 0);
            fs.alloc.free_blocks(h, BlockNo(number), 1, true)?;
            inode.add_blocks(fs, -1);
        }
        if cut.stopped.is_some() {
            break;
        }
    }
    Ok(())
}

/// Unmaps the data blocks of some of an array's numbers.
fn clear_data(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    array: &Array,
    range: std::ops::Range<usize>,
    cut: &mut Cut,
) -> Result<()> {
    let fs = h.fs();
    let mut end = range.end;
    while end > range.start {
        // The run that ends at `end`: descending numbers, or holes.
        let (number, count) = array.read(inode, |number| {
            let last = number(end - 1);
            let alike = |&i: &usize| match last {
                0 => number(i) == 0,
                _ => number(i) != 0 && number(i) + (end - 1 - i) as u64 == last,
            };
            let count = (range.start..end).rev().take_while(alike).count();
            (number(end - count), count)
        });
        end -= count;
        if number == 0 {
            continue;
        }
        fs.geo.check_blocks(BlockNo(number), count as u64)?;
        array.set(h, inode, end, count, 0);
        inode.add_blocks(fs, -(count as i64));
        if let Some(metadata) = cut.free {
            fs.alloc
                .free_blocks(h, BlockNo(number), count as u32, metadata)?;
            let at = array.base + end as u64;
            if at > cut.from && h.should_restart() {
                cut.stopped = Some(at);
                return Ok(());
            }
        }
    }
    Ok(())
}
