//! Moving what a map consists of, and what it leads to.

use super::array::Array;
use super::descend;
use crate::cache::BlockKind;
use crate::error::{Corrupt, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::types::{BlockNo, FileBlock};

/// See [`crate::map::repoint`].
pub(in crate::map) fn repoint(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    at: FileBlock,
    len: u32,
    phys: BlockNo,
) -> Result<()> {
    let found = descend(h.fs(), inode, u64::from(at.0))?;
    match found {
        Some((array, index)) if array.height == 0 && index + len as usize <= array.len => {
            array.set(h, inode, index, len as usize, phys.0 as u32);
            Ok(())
        }
        _ => {
            let what = "moving a block that is not mapped";
            Err(Corrupt::new(what).ino(inode.ino).into())
        }
    }
}

/// See [`crate::map::lower_nodes`].
pub(in crate::map) fn lower_nodes(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    ceiling: BlockNo,
) -> Result<bool> {
    for array in Array::roots(h.fs()) {
        if array.height > 0 && !lower_children(h, inode, &array, ceiling)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Moves the arrays below one, which has a height. At most three deep.
fn lower_children(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    array: &Array,
    ceiling: BlockNo,
) -> Result<bool> {
    let fs = h.fs();
    for i in 0..array.len {
        let mut number = BlockNo(array.get(inode, i));
        if number.0 == 0 {
            continue;
        }
        let mut child = array.child(fs, inode, i, number)?;
        if number >= ceiling {
            let bytes = child.block.as_ref().map(|block| block.bytes());
            let (no, _) = fs.alloc.alloc_blocks(h, BlockNo(0), 1)?;
            let new = h.create_block(no, BlockKind::Indirect(inode.owner(fs)))?;
            if let Some(bytes) = bytes {
                h.modify(&new, |new| new.copy_from_slice(&bytes));
            }
            array.set(h, inode, i, 1, no.0 as u32);
            fs.alloc.free_blocks(h, number, 1, true)?;
            child = array.child_in(fs, i, new);
            number = no;
            if h.should_restart() {
                return Ok(false);
            }
        }
        debug_assert!(number < ceiling);
        if child.height > 0 && !lower_children(h, inode, &child, ceiling)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// See [`crate::map::nodes`].
pub(in crate::map) fn nodes(fs: &Fs, inode: &InodeData) -> Result<Vec<BlockNo>> {
    let mut nodes = Vec::new();
    for array in Array::roots(fs) {
        nodes_below(fs, inode, &array, &mut nodes)?;
    }
    Ok(nodes)
}

/// The arrays below one. At most three deep.
fn nodes_below(fs: &Fs, inode: &InodeData, array: &Array, nodes: &mut Vec<BlockNo>) -> Result<()> {
    if array.height == 0 {
        return Ok(());
    }
    for i in 0..array.len {
        let number = BlockNo(array.get(inode, i));
        if number.0 != 0 {
            nodes.push(number);
            let child = array.child(fs, inode, i, number)?;
            nodes_below(fs, inode, &child, nodes)?;
        }
    }
    Ok(())
}
