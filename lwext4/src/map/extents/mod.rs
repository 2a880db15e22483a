//! Extent trees.
//!
//! Invariants that hold between any two steps: a node's first entry starts where its parent's entry
//! says; a node's entries end before the next entry of its parent starts; no node but the root is
//! empty, as far as this module made it (empty leaves of others are tolerated).

mod change;
mod grow;
mod path;
mod relocate;
mod remove;

pub(super) use change::{convert, insert};
pub(super) use relocate::{lower_nodes, nodes, repoint};
#[cfg(test)]
pub(super) use remove::forget;
pub(super) use remove::remove;

use super::Run;
use crate::error::Result;
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::types::{BlockNo, FileBlock};
use path::descend;

/// See [`super::lookup`].
pub(super) fn lookup(fs: &Fs, inode: &InodeData, at: FileBlock) -> Result<Run> {
    let leaf = descend(fs, inode, at.0, |_| ())?;
    leaf.read(inode, |node| {
        if let Some(before) = leaf.pos.checked_sub(1)
            && let Some(part) = node.extent(before).within(u64::from(at.0), u64::MAX)
        {
            fs.geo.check_blocks(part.start, u64::from(part.len))?;
            return Ok(Run {
                len: part.len,
                phys: Some(part.start),
                unwritten: part.unwritten,
            });
        }
        let end = if leaf.pos < node.entries() {
            u64::from(node.key(leaf.pos))
        } else {
            leaf.end
        };
        Ok(Run::hole(at, end))
    })
}

/// See [`super::goal`]: as far behind the extent before as the file block is, or before the extent
/// behind, or by the leaf.
pub(super) fn goal(fs: &Fs, inode: &InodeData, at: FileBlock) -> Result<Option<BlockNo>> {
    let leaf = descend(fs, inode, at.0, |_| ())?;
    leaf.read(inode, |node| {
        if let Some(before) = leaf.pos.checked_sub(1) {
            let extent = node.extent(before);
            let same_distance = extent.start.0 + u64::from(at.0 - extent.at.0);
            let behind = extent.start.0 + u64::from(extent.len);
            let inside = same_distance < fs.geo.blocks();
            return Ok(Some(BlockNo(if inside { same_distance } else { behind })));
        }
        if node.entries() > 0 {
            let extent = node.extent(0);
            let distance = u64::from(extent.at.0.saturating_sub(at.0));
            return Ok(extent.start.0.checked_sub(distance).map(BlockNo));
        }
        Ok(leaf.block.as_ref().map(|block| block.no))
    })
}
