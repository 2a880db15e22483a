//! Walking down an extent tree, and trusting nothing on the way.

use crate::cache::{Block, BlockKind};
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::extent::{self, Node};
use crate::types::BlockNo;
use std::sync::Arc;

/// A node on the way down to a file block.
pub(super) struct Level {
    /// The node's block; `None`: the root, in the inode.
    pub block: Option<Arc<Block>>,
    /// In a leaf: how many entries start at or before the file block. Above: the entry followed.
    pub pos: usize,
    /// The node's entries end at or before this file block.
    pub end: u64,
}

impl Level {
    /// Looks at the node.
    pub fn read<R>(&self, inode: &InodeData, look: impl FnOnce(Node<'_>) -> R) -> R {
        match &self.block {
            None => look(Node::new(inode.block())),
            Some(block) => look(Node::new(&block.bytes())),
        }
    }

    /// Changes the node, as part of the transaction.
    pub fn change<R>(
        &self,
        h: &mut Handle<'_>,
        inode: &mut InodeData,
        change: impl FnOnce(&mut [u8]) -> R,
    ) -> R {
        match &self.block {
            None => change(inode.block_mut()),
            Some(block) => h.modify(block, change),
        }
    }

    /// The node's block, to say where something is wrong.
    fn no(&self) -> Option<BlockNo> {
        self.block.as_ref().map(|block| block.no)
    }
}

pub(super) fn corrupt(inode: &InodeData, block: Option<BlockNo>, what: &'static str) -> Error {
    let corrupt = Corrupt::new(what).ino(inode.ino);
    match block {
        Some(block) => corrupt.block(block).into(),
        None => corrupt.into(),
    }
}

/// Goes down to the leaf that file block `at` belongs to, and gives every node above it to `above`,
/// from the root on.
///
/// Depth falls by one a level, from at most 5, so the way is short whatever the nodes say.
pub(super) fn descend(
    fs: &Fs,
    inode: &InodeData,
    at: u32,
    mut above: impl FnMut(Level),
) -> Result<Level> {
    extent::verify_layout(inode.block()).map_err(|what| corrupt(inode, None, what))?;
    let kind = BlockKind::ExtentNode(inode.owner(fs));
    let mut level = Level {
        block: None,
        pos: 0,
        end: 1 << 32,
    };
    let mut depth = Node::new(inode.block()).depth();
    loop {
        let found = level.read(inode, |node| node.search(at));
        if depth == 0 {
            level.pos = found;
            return Ok(level);
        }
        // What is before the first entry would be put into the first child.
        level.pos = found.saturating_sub(1);
        let (index, end) = level.read(inode, |node| {
            let next = level.pos + 1;
            let end = if next < node.entries() {
                u64::from(node.key(next))
            } else {
                level.end
            };
            (node.index(level.pos), end)
        });
        let child = fs.read_block(index.child, kind)?;
        let next = Level {
            block: Some(child),
            pos: 0,
            end,
        };
        let fault = next.read(inode, |node| {
            if node.depth() != depth - 1 {
                return Some("extent node's depth is not one less than its parent's");
            }
            // Only leaves can be empty: blocks are checked when they are read.
            let last = node.entries().checked_sub(1)?;
            let last_end = if node.depth() == 0 {
                node.extent(last).end()
            } else {
                u64::from(node.key(last)) + 1
            };
            if node.key(0) != index.at.0 {
                Some("extent node does not start where its parent says")
            } else if last_end > end {
                Some("extent node goes on beyond its parent's next entry")
            } else {
                None
            }
        });
        if let Some(what) = fault {
            return Err(corrupt(inode, next.no(), what));
        }
        above(std::mem::replace(&mut level, next));
        depth -= 1;
    }
}

/// The nodes from the root down to a leaf.
pub(super) struct Path {
    /// All but the leaf, from the root on.
    pub above: Vec<Level>,
    pub leaf: Level,
}

impl Path {
    /// The way to the leaf that file block `at` belongs to.
    pub fn find(fs: &Fs, inode: &InodeData, at: u32) -> Result<Path> {
        let mut above = Vec::with_capacity(usize::from(Node::new(inode.block()).depth().min(8)));
        let leaf = descend(fs, inode, at, |level| above.push(level))?;
        Ok(Path { above, leaf })
    }

    /// After the first entry of the node below `above[..levels]` changed: tells the nodes above where
    /// it starts now.
    pub fn fix_keys(&self, h: &mut Handle<'_>, inode: &mut InodeData, levels: usize, key: u32) {
        for level in self.above.iter().take(levels).rev() {
            let pos = level.pos;
            if level.read(inode, |node| node.key(pos)) != key {
                level.change(h, inode, |bytes| extent::set_key(bytes, pos, key));
            }
            if pos > 0 {
                break;
            }
        }
    }
}
