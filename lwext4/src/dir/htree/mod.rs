//! Indexed directories: finding the leaf that a hash belongs to, and going from leaf to leaf.

mod insert;

pub(super) use insert::{add, convert};

use super::fold::Key;
use super::hash::Hasher;
use super::{Blocks, folds};
use crate::cache::Block;
use crate::error::Result;
use crate::ondisk::dirent::{self, Slot};
use crate::ondisk::dx::{self, Index};
use crate::ondisk::features::Incompat;
use crate::types::FileBlock;
use std::sync::Arc;

/// An htree's root, with what it says about the tree.
pub(super) struct Tree {
    root: Arc<Block>,
    levels: u8,
    /// Levels that the tree may have.
    max_levels: u8,
    pub hasher: Hasher,
}

/// An index block on the way to a leaf, and the entry that was taken.
struct Frame {
    block: Arc<Block>,
    bytes: Arc<Vec<u8>>,
    at: usize,
}

/// The way from the root to a leaf.
pub(super) struct Path {
    /// The root first; never empty.
    frames: Vec<Frame>,
}

impl Tree {
    /// Reads the root.
    pub fn open(blocks: &Blocks<'_>) -> Result<Tree> {
        let geo = &blocks.fs.geo;
        let root = blocks.index(FileBlock(0))?;
        let Some(info) = dx::root_info(&root.bytes()) else {
            return Err(blocks.corrupt("htree without a root"));
        };
        let large = geo.features.incompat.contains(Incompat::LARGEDIR);
        let max_levels = if large { dx::MAX_INDIRECT } else { 1 };
        if info.levels > max_levels {
            return Err(blocks.corrupt("htree: too deep"));
        }
        let hasher = Hasher::new(info.hash_version, geo.unsigned_hash, geo.hash_seed)
            .map(|hasher| hasher.folding(folds(blocks.fs, blocks.dir)));
        Ok(Tree {
            root,
            levels: info.levels,
            max_levels,
            hasher: hasher.ok_or_else(|| blocks.corrupt("htree: unknown hash"))?,
        })
    }

    /// The way to the first leaf that may hold names of `hash`.
    pub fn descend(&self, blocks: &Blocks<'_>, hash: u32) -> Result<Path> {
        let mut frames = Vec::with_capacity(usize::from(self.levels) + 1);
        let mut block = self.root.clone();
        loop {
            let frame = Frame::new(blocks, block, |index| index.search(hash))?;
            let next = frame.target();
            frames.push(frame);
            if frames.len() > usize::from(self.levels) {
                return Ok(Path { frames });
            }
            block = node(blocks, next)?;
        }
    }
}

/// A node of an htree; the root is not one.
fn node(blocks: &Blocks<'_>, at: FileBlock) -> Result<Arc<Block>> {
    let block = blocks.index(at)?;
    if dx::root_info(&block.bytes()).is_some() {
        return Err(blocks.corrupt("htree: root below a root"));
    }
    Ok(block)
}

impl Frame {
    fn new(
        blocks: &Blocks<'_>,
        block: Arc<Block>,
        choose: impl FnOnce(Index<'_>) -> usize,
    ) -> Result<Frame> {
        let bytes = block.bytes();
        let Some(index) = Index::new(&bytes) else {
            return Err(blocks.corrupt("htree: entry count out of range"));
        };
        let at = choose(index);
        Ok(Frame { block, bytes, at })
    }

    /// The block behind the entry taken. (Block 0, which no entry may name, where there is none.)
    fn target(&self) -> FileBlock {
        Index::new(&self.bytes).map_or(FileBlock(0), |index| index.block(self.at))
    }

    /// The hash of the entry behind the one taken.
    fn next_hash(&self) -> Option<u32> {
        let index = Index::new(&self.bytes)?;
        (self.at + 1 < index.count()).then(|| index.hash(self.at + 1))
    }

    fn is_full(&self) -> bool {
        Index::new(&self.bytes).is_none_or(|index| index.is_full())
    }
}

impl Path {
    /// The leaf.
    pub fn leaf(&self) -> FileBlock {
        self.frames.last().map_or(FileBlock(0), Frame::target)
    }

    /// The smallest hash in the leaf, with the continuation bit.
    pub fn low(&self) -> u32 {
        let frames = self.frames.iter().rev();
        let mut hashes = frames.map(|frame| match frame.at {
            0 => 0,
            at => Index::new(&frame.bytes).map_or(0, |index| index.hash(at)),
        });
        hashes.find(|&hash| hash != 0).unwrap_or(0)
    }

    /// The smallest hash in the leaf behind this one, with the continuation bit; `None` at the last.
    pub fn next_hash(&self) -> Option<u32> {
        self.frames.iter().rev().find_map(Frame::next_hash)
    }

    /// Goes on to the next leaf; false when this was the last.
    pub fn advance(&mut self, blocks: &Blocks<'_>) -> Result<bool> {
        let mut level = self.frames.len();
        loop {
            let Some(up) = level.checked_sub(1) else {
                return Ok(false);
            };
            level = up;
            if let Some(frame) = self.frames.get_mut(level)
                && frame.next_hash().is_some()
            {
                frame.at += 1;
                break;
            }
        }
        for below in level + 1..self.frames.len() {
            let at = self
                .frames
                .get(below - 1)
                .map_or(FileBlock(0), Frame::target);
            let frame = Frame::new(blocks, node(blocks, at)?, |_| 0)?;
            if let Some(place) = self.frames.get_mut(below) {
                *place = frame;
            }
        }
        Ok(true)
    }
}

/// Whether names of `hash` may be in a leaf between these index hashes.
pub(super) fn in_range(hash: u32, low: u32, high: Option<u32>) -> bool {
    hash >= low & !1 && high.is_none_or(|high| hash < high)
}

pub(super) fn find(blocks: &Blocks<'_>, key: &Key<'_>) -> Result<Option<(Arc<Block>, Slot)>> {
    let tree = Tree::open(blocks)?;
    let hash = key.hash(&tree.hasher);
    let mut path = tree.descend(blocks, hash)?;
    for _ in 0..blocks.count {
        let leaf = blocks.leaf(path.leaf())?;
        let slot = key.find(&leaf.bytes());
        if let Some(slot) = slot {
            return Ok(Some((leaf, slot)));
        }
        // The next leaf goes on with the same hash only if its index hash says so.
        if path.next_hash() != Some(hash | 1) {
            return Ok(None);
        }
        path.advance(blocks)?;
    }
    Err(blocks.corrupt("htree: more leaves than blocks"))
}

pub(super) fn is_empty(blocks: &Blocks<'_>) -> Result<bool> {
    let mut path = Tree::open(blocks)?.descend(blocks, 0)?;
    for _ in 0..blocks.count {
        let bytes = blocks.leaf(path.leaf())?.bytes();
        if dirent::entries(&bytes).any(|e| e.ino.0 != 0) {
            return Ok(false);
        }
        if !path.advance(blocks)? {
            return Ok(true);
        }
    }
    Err(blocks.corrupt("htree: more leaves than blocks"))
}
