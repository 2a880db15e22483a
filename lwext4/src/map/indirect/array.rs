//! The arrays that a map of block numbers is made of.

use crate::cache::{Block, BlockKind};
use crate::error::Result;
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::Le;
use crate::types::BlockNo;
use std::sync::Arc;

/// How many numbers of data blocks the inode has.
const DIRECT: usize = 12;

/// How many numbers an array in a block has.
fn per_block(fs: &Fs) -> u64 {
    u64::from(fs.geo.block_size / 4)
}

/// How many file blocks a number leads to that has `height` arrays below it. At most 2^42.
pub(super) fn span(fs: &Fs, height: u32) -> u64 {
    per_block(fs).saturating_pow(height)
}

/// An array of block numbers: in `i_block`, or in a block of its own.
#[derive(Clone)]
pub(super) struct Array {
    /// Its block; `None`: in the inode.
    pub block: Option<Arc<Block>>,
    /// The first number's place, in numbers.
    slot: usize,
    pub len: usize,
    /// The first file block it maps.
    pub base: u64,
    /// Arrays between one of its numbers and a data block.
    pub height: u32,
}

impl Array {
    /// The four parts of `i_block`, by file block: numbers of the same height.
    pub fn roots(fs: &Fs) -> [Array; 4] {
        let per = per_block(fs);
        let root = |slot, len, base, height| Array {
            block: None,
            slot,
            len,
            base,
            height,
        };
        let direct = DIRECT as u64;
        [
            root(0, DIRECT, 0, 0),
            root(DIRECT, 1, direct, 1),
            root(DIRECT + 1, 1, direct + per, 2),
            root(DIRECT + 2, 1, direct + per + per * per, 3),
        ]
    }

    /// The array in block `no`, which number `index` of this one leads to.
    pub fn child(&self, fs: &Fs, inode: &InodeData, index: usize, no: BlockNo) -> Result<Array> {
        let block = fs.read_block(no, BlockKind::Indirect(inode.owner(fs)))?;
        Ok(self.child_in(fs, index, block))
    }

    /// [`Self::child`], when the block is at hand.
    pub fn child_in(&self, fs: &Fs, index: usize, block: Arc<Block>) -> Array {
        Array {
            block: Some(block),
            slot: 0,
            len: per_block(fs) as usize,
            base: self.base + index as u64 * span(fs, self.height),
            height: self.height.saturating_sub(1),
        }
    }

    /// Which of its numbers leads to file block `at`.
    pub fn index(&self, fs: &Fs, at: u64) -> usize {
        (at.saturating_sub(self.base) / span(fs, self.height)) as usize
    }

    /// The file block behind the last that it maps.
    pub fn end(&self, fs: &Fs) -> u64 {
        self.base + self.len as u64 * span(fs, self.height)
    }

    /// Looks at the numbers.
    pub fn read<R>(&self, inode: &InodeData, look: impl FnOnce(&dyn Fn(usize) -> u64) -> R) -> R {
        let get = |bytes: &[u8], i: usize| u64::from(u32::get(bytes, (self.slot + i) * 4));
        match &self.block {
            None => look(&|i| get(inode.block(), i)),
            Some(block) => {
                let bytes = block.bytes();
                look(&|i| get(&bytes, i))
            }
        }
    }

    /// Number `i`.
    pub fn get(&self, inode: &InodeData, i: usize) -> u64 {
        self.read(inode, |number| number(i))
    }

    /// Sets `len` numbers from number `i` on: to `first` and the ones behind it, or to 0.
    pub fn set(&self, h: &mut Handle<'_>, inode: &mut InodeData, i: usize, len: usize, first: u32) {
        let change = |bytes: &mut [u8]| {
            for n in 0..len {
                let number = if first == 0 {
                    0
                } else {
                    first.wrapping_add(n as u32)
                };
                number.put(bytes, (self.slot + i + n) * 4);
            }
        };
        match &self.block {
            None => change(inode.block_mut()),
            Some(block) => h.modify(block, change),
        }
    }

    /// Whether it leads nowhere.
    pub fn is_empty(&self, inode: &InodeData) -> bool {
        self.read(inode, |number| (0..self.len).all(|i| number(i) == 0))
    }
}
