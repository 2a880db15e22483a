//! Extent trees.

use super::map::Walk;
use super::problem::ProblemKind as Kind;
use crate::ondisk::extent::{Node, verify_layout, verify_node};

/// Where the walk is in the file: what comes next must start here or later.
struct Progress {
    next: u64,
    /// Nodes that may still be read.
    nodes: u64,
}

impl Walk<'_, '_> {
    /// Follows the tree from its root in the inode.
    pub fn extents(&mut self, root: &[u8]) {
        if let Err(what) = verify_layout(root) {
            self.bad(what);
            return;
        }
        let mut progress = Progress {
            next: 0,
            nodes: self.checker.geo.blocks(),
        };
        let root = root.to_vec();
        self.extent_node(&root, &mut progress);
    }

    fn extent_node(&mut self, bytes: &[u8], progress: &mut Progress) {
        let node = Node::new(bytes);
        if node.depth() == 0 {
            for i in 0..node.entries() {
                let extent = node.extent(i);
                if u64::from(extent.at.0) < progress.next {
                    self.bad("extents overlap or are not in order");
                    return;
                }
                progress.next = extent.end();
                self.data(
                    u64::from(extent.at.0),
                    u64::from(extent.len),
                    extent.start.0,
                    !extent.unwritten,
                );
            }
            return;
        }
        for i in 0..node.entries() {
            let index = node.index(i);
            let block = index.child.0;
            let Some(left) = progress.nodes.checked_sub(1) else {
                self.bad("the extent tree has more nodes than there are blocks");
                return;
            };
            progress.nodes = left;
            let Some(child) = self.node(block, false) else {
                continue;
            };
            if let Err(what) = verify_layout(&child) {
                self.bad_block(Kind::Map, block, what);
                continue;
            }
            if verify_node(&child, self.seed).is_err() {
                self.bad_block(
                    Kind::Checksum,
                    block,
                    "the extent block's checksum is wrong",
                );
            }
            let inner = Node::new(&child);
            // The depth bounds the recursion: it shrinks with every level.
            if inner.depth() + 1 != node.depth() {
                self.bad_block(Kind::Map, block, "an extent block of the wrong depth");
                continue;
            }
            if inner.entries() == 0 || inner.key(0) != index.at.0 {
                let text = "an extent block does not begin where its index says";
                self.bad_block(Kind::Map, block, text);
            }
            self.extent_node(&child, progress);
        }
    }
}
