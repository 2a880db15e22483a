//! The trees of hashed directories: which block holds which hashes.

use super::problem::{Problem, ProblemKind as Kind};
use super::state::Checker;
use crate::dir::hash::Hasher;
use crate::ondisk::dx::{self, Index};
use crate::ondisk::features::Incompat;
use crate::ondisk::inode::{RawInode, owner_seed};
use crate::types::Ino;
use std::collections::BTreeMap;

/// A part of the tree.
#[derive(Clone, Copy, Debug)]
enum Part {
    Index,
    /// The lowest and highest hash of its names.
    Leaf(u32, u32),
}

/// A directory's hash tree.
pub(super) struct Tree {
    parts: BTreeMap<u64, Part>,
    pub hasher: Option<Hasher>,
    /// Blocks of the directory.
    end: u64,
    /// The tree makes no sense: blocks outside of it prove nothing.
    broken: bool,
}

impl Tree {
    /// Whether a block holds index entries instead of names.
    pub fn is_index(&self, at: u64) -> bool {
        matches!(self.parts.get(&at), Some(Part::Index))
    }

    /// The hashes of a leaf's names.
    pub fn leaf(&self, at: u64) -> Option<(u32, u32)> {
        match self.parts.get(&at) {
            Some(Part::Leaf(low, high)) => Some((*low, *high)),
            _ => None,
        }
    }
}

/// A node that waits to be read.
struct Waiting {
    at: u64,
    /// Levels of nodes below it.
    below: u8,
    low: u32,
    high: u32,
}

impl Checker<'_> {
    /// Reads the tree. `end` counts the directory's blocks, `block_of` finds them.
    pub(super) fn read_tree(
        &mut self,
        ino: Ino,
        raw: &RawInode,
        end: u64,
        block_of: &dyn Fn(u64) -> Option<u64>,
    ) -> Tree {
        let seed = self
            .geo
            .has_csum()
            .then(|| owner_seed(self.geo.seed, ino, raw.generation()));
        let mut tree = Tree {
            parts: BTreeMap::new(),
            hasher: None,
            end,
            broken: false,
        };
        let mut waiting = vec![Waiting {
            at: 0,
            below: 0,
            low: 0,
            high: u32::MAX,
        }];
        while let Some(node) = waiting.pop() {
            let found = block_of(node.at).and_then(|block| Some((block, self.read_block(block)?)));
            let Some((block, bytes)) = found else {
                tree.broken = true;
                continue;
            };
            tree.parts.insert(node.at, Part::Index);
            if let Err(what) = dx::verify(&bytes, seed) {
                let kind = if what.contains("checksum") {
                    Kind::Checksum
                } else {
                    Kind::Htree
                };
                self.report(Problem::new(kind, what).ino(ino).block(block));
                if kind == Kind::Htree {
                    tree.broken = true;
                    continue;
                }
            }
            let mut below = node.below;
            if node.at == 0 {
                let Some(root) = dx::root_info(&bytes) else {
                    tree.broken = true;
                    continue;
                };
                let large = self.geo.features.incompat.contains(Incompat::LARGEDIR);
                if root.levels > if large { 2 } else { 1 } {
                    let text = "the hash tree is too deep";
                    self.report(Problem::new(Kind::Htree, text).ino(ino).block(block));
                }
                tree.hasher = self.hasher(root.hash_version, raw.flags());
                below = root.levels.saturating_add(1);
            }
            self.add_children(ino, &mut tree, &mut waiting, &node, below, (block, &bytes));
        }
        tree
    }

    fn add_children(
        &mut self,
        ino: Ino,
        tree: &mut Tree,
        waiting: &mut Vec<Waiting>,
        node: &Waiting,
        below: u8,
        (block, bytes): (u64, &[u8]),
    ) {
        let Some(index) = Index::new(bytes) else {
            tree.broken = true;
            return;
        };
        for i in 0..index.count() {
            let at = u64::from(index.block(i).0);
            let low = if i == 0 { node.low } else { index.hash(i) & !1 };
            // A continued hash is in both blocks.
            let high = if i + 1 < index.count() {
                let next = index.hash(i + 1);
                if next & 1 == 1 {
                    next
                } else {
                    next.saturating_sub(1)
                }
            } else {
                node.high
            };
            let problem = |text: &str| Problem::new(Kind::Htree, text).ino(ino).block(block);
            if at >= tree.end {
                self.report(problem("the hash tree leads beyond the directory"));
                tree.broken = true;
                continue;
            }
            if at == 0 || tree.parts.contains_key(&at) {
                self.report(problem("the hash tree leads to a block twice"));
                tree.broken = true;
                continue;
            }
            if low < node.low & !1 || low > node.high {
                self.report(problem("a hash outside of its node's range"));
            }
            if below <= 1 {
                tree.parts.insert(at, Part::Leaf(low, high));
            } else {
                tree.parts.insert(at, Part::Index);
                waiting.push(Waiting {
                    at,
                    below: below - 1,
                    low,
                    high,
                });
            }
        }
    }

    /// Reports blocks that the tree does not lead to.
    pub(super) fn finish_tree(&mut self, ino: Ino, tree: &Tree) {
        if tree.broken {
            return;
        }
        if let Some(at) = (0..tree.end).find(|at| !tree.parts.contains_key(at)) {
            let text = format!("the hash tree does not lead to block {at} of the directory");
            self.bad_inode(Kind::Htree, ino, text);
        }
    }
}
