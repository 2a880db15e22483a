//! The index blocks of a hashed directory: an htree's root and nodes.
//!
//! The root is the directory's block 0: the entries `.` and `..` (whose record covers the rest of the
//! block, for readers that know no htrees), at byte 24 the root information, from byte 32 on index
//! entries. A node is any other index block: an unused entry that covers the block, and index entries
//! from byte 8 on. An index entry is a hash and a block of the directory (u32 each); the block holds
//! names from that hash up to the next entry's. A hash with its lowest bit set says that names of the
//! same hash (without the bit) are in the block before, too. The first index entry has no hash: its
//! place holds how many entries fit (u16) and are there (u16). With metadata_csum, 8 bytes behind the
//! place of the last entry hold a reserved word and the checksum.
//!
//! Source: kernel documentation, ext4 "Hash Tree Directories".

use super::Le;
use super::checksum::crc32c;
use super::dirent::{self, rec_len_from_disk, rec_len_to_disk};
use crate::types::{FileBlock, Ino};

/// Where the root information is, in bytes.
const INFO: usize = 24;
/// The length of the root information, in bytes.
const INFO_LEN: u8 = 8;
/// Where a root's index entries start.
const ROOT_BASE: usize = 32;
/// Where a node's index entries start.
const NODE_BASE: usize = 8;
/// The length of an index entry, in bytes.
const ENTRY: usize = 8;
/// The length of the checksum behind the entries, in bytes.
const TAIL_LEN: usize = 8;
/// The bits of an index entry that are the block.
const BLOCK_MASK: u32 = 0x0FFF_FFFF;
/// The most levels that any htree has below its root: nodes above the leaves.
pub const MAX_INDIRECT: u8 = 2;

/// What a root says about its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootInfo {
    /// The hash: 0 legacy, 1 half MD4, 2 TEA.
    pub hash_version: u8,
    /// Levels of nodes between the root and the leaves.
    pub levels: u8,
}

/// Where an index block's entries start: `None` when it is neither root nor node.
fn base(block: &[u8]) -> Option<usize> {
    match rec_len_from_disk(u16::get(block, 4), block.len()) {
        12 => Some(ROOT_BASE),
        len if len == block.len() => Some(NODE_BASE),
        _ => None,
    }
}

/// How many index entries fit behind `base`.
fn limit(block_size: usize, base: usize, csum: bool) -> usize {
    (block_size - base - if csum { TAIL_LEN } else { 0 }) / ENTRY
}

/// The root's information, or `None` when the block is not a root.
pub fn root_info(block: &[u8]) -> Option<RootInfo> {
    (base(block)? == ROOT_BASE).then(|| RootInfo {
        hash_version: u8::get(block, INFO + 4),
        levels: u8::get(block, INFO + 6),
    })
}

/// The index entries of a root or node.
#[derive(Clone, Copy, Debug)]
pub struct Index<'a> {
    block: &'a [u8],
    base: usize,
    count: usize,
}

impl<'a> Index<'a> {
    /// The entries of a block that passed [`verify`]; `None` when it is no index block.
    pub fn new(block: &'a [u8]) -> Option<Index<'a>> {
        let base = base(block)?;
        let count = usize::from(u16::get(block, base + 2));
        (count > 0 && base + count * ENTRY <= block.len()).then_some(Index { block, base, count })
    }

    /// How many entries there are, at least 1.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether no entry fits any more.
    pub fn is_full(&self) -> bool {
        self.count >= usize::from(u16::get(self.block, self.base))
    }

    /// The smallest hash of entry `i`, with its continuation bit; 0 for the first.
    #[inline]
    pub fn hash(&self, i: usize) -> u32 {
        match i {
            0 => 0,
            _ => u32::get(self.block, self.base + i * ENTRY),
        }
    }

    /// The directory block of entry `i`.
    pub fn block(&self, i: usize) -> FileBlock {
        FileBlock(u32::get(self.block, self.base + i * ENTRY + 4) & BLOCK_MASK)
    }

    /// The last entry whose hash is not above `hash`.
    pub fn search(&self, hash: u32) -> usize {
        let (mut low, mut high) = (1, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.hash(middle) > hash {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low - 1
    }
}

/// Makes a block the root of an htree without nodes, over one leaf.
pub fn init_root(
    block: &mut [u8],
    csum: bool,
    (ino, parent): (Ino, Ino),
    dir_type: u8,
    hash_version: u8,
    leaf: FileBlock,
) {
    let size = block.len();
    block.fill(0);
    for (at, ino, rec_len, name) in [(0, ino, 12, &b"."[..]), (12, parent, size - 12, b"..")] {
        ino.0.put(block, at);
        rec_len_to_disk(rec_len).put(block, at + 4);
        (name.len() as u8).put(block, at + 6);
        dir_type.put(block, at + 7);
        for (i, byte) in name.iter().enumerate() {
            byte.put(block, at + dirent::HEADER + i);
        }
    }
    hash_version.put(block, INFO + 4);
    INFO_LEN.put(block, INFO + 5);
    set_entries(block, ROOT_BASE, csum, &[(0, leaf)]);
}

/// Makes a block a node with the entries from `first` on of index block `from`.
pub fn init_node(block: &mut [u8], csum: bool, from: Index<'_>, first: usize) {
    block.fill(0);
    rec_len_to_disk(block.len()).put(block, 4);
    let moved: Vec<_> = (first..from.count)
        .map(|i| (from.hash(i), from.block(i)))
        .collect();
    set_entries(block, NODE_BASE, csum, &moved);
}

fn set_entries(block: &mut [u8], base: usize, csum: bool, entries: &[(u32, FileBlock)]) {
    for (i, (hash, to)) in entries.iter().enumerate() {
        hash.put(block, base + i * ENTRY);
        to.0.put(block, base + i * ENTRY + 4);
    }
    (limit(block.len(), base, csum) as u16).put(block, base);
    (entries.len() as u16).put(block, base + 2);
}

/// Puts one more level under a root: its only entry is the node `child`, which has taken over the
/// root's entries.
pub fn deepen_root(block: &mut [u8], child: FileBlock) {
    let levels = u8::get(block, INFO + 6);
    levels.saturating_add(1).put(block, INFO + 6);
    child.0.put(block, ROOT_BASE + 4);
    1u16.put(block, ROOT_BASE + 2);
}

/// Cuts the entries of an index block off behind the first `count`.
pub fn truncate(block: &mut [u8], count: usize) {
    if let Some(base) = base(block) {
        (count as u16).put(block, base + 2);
    }
}

/// Inserts an entry at place `i` (from 1 on); false when the block is full or has no such place.
pub fn insert(block: &mut [u8], i: usize, hash: u32, to: FileBlock) -> bool {
    let Some(index) = Index::new(block) else {
        return false;
    };
    let (base, count) = (index.base, index.count);
    if index.is_full() || i == 0 || i > count {
        return false;
    }
    let at = base + i * ENTRY;
    let end = base + count * ENTRY;
    if end + ENTRY > block.len() {
        return false;
    }
    block.copy_within(at..end, at + ENTRY);
    hash.put(block, at);
    to.0.put(block, at + 4);
    (count as u16 + 1).put(block, base + 2);
    true
}

/// The inode of a root's `..`.
pub fn parent(block: &[u8]) -> Ino {
    Ino(u32::get(block, 12))
}

/// Sets [`parent`].
pub fn set_parent(block: &mut [u8], parent: Ino) {
    parent.0.put(block, 12);
}

/// The checksum that an index block should carry: over everything up to its last entry, the reserved
/// word of the tail, and zeroes for the checksum itself.
fn checksum(block: &[u8], base: usize, seed: u32) -> Option<u32> {
    let limit = usize::from(u16::get(block, base));
    let count = usize::from(u16::get(block, base + 2));
    let tail = base + limit * ENTRY;
    let crc = crc32c(seed, block.get(..base + count * ENTRY)?);
    let crc = crc32c(crc, block.get(tail..tail + 4)?);
    Some(crc32c(crc, &[0; 4]))
}

/// Checks an index block that was just read.
///
/// `seed` is the owning inode's checksum seed, `None` without metadata_csum.
///
/// # Errors
/// What is wrong.
pub fn verify(block: &[u8], seed: Option<u32>) -> Result<(), &'static str> {
    let Some(base) = base(block) else {
        return Err("htree: neither root nor node");
    };
    if base == ROOT_BASE {
        verify_root(block)?;
    } else if u32::get(block, 0) != 0 {
        return Err("htree: neither root nor node");
    }
    let limit_here = usize::from(u16::get(block, base));
    if limit_here != limit(block.len(), base, seed.is_some()) {
        return Err("htree: wrong limit");
    }
    let count = usize::from(u16::get(block, base + 2));
    if count == 0 || count > limit_here {
        return Err("htree: entry count out of range");
    }
    if let Some(seed) = seed {
        let stored = u32::get(block, base + limit_here * ENTRY + 4);
        if checksum(block, base, seed) != Some(stored) {
            return Err("htree block checksum");
        }
    }
    let Some(index) = Index::new(block) else {
        return Err("htree: entry count out of range");
    };
    if (2..count).any(|i| index.hash(i) < index.hash(i - 1)) {
        return Err("htree: hashes out of order");
    }
    Ok(())
}

fn verify_root(block: &[u8]) -> Result<(), &'static str> {
    let dots = [dirent::entry_at(block, 0), dirent::entry_at(block, 12)];
    let [Some(dot), Some(dotdot)] = dots else {
        return Err("htree: root without . and ..");
    };
    if dot.name != b"." || dotdot.name != b".." || dotdot.rec_len != block.len() - 12 {
        return Err("htree: root without . and ..");
    }
    if u8::get(block, INFO + 5) != INFO_LEN {
        return Err("htree: wrong length of the root information");
    }
    if u32::get(block, INFO) != 0 || u8::get(block, INFO + 7) & 1 != 0 {
        return Err("htree: unknown flags");
    }
    if u8::get(block, INFO + 4) > 2 {
        return Err("htree: unknown hash");
    }
    if u8::get(block, INFO + 6) > MAX_INDIRECT {
        return Err("htree: too deep");
    }
    Ok(())
}

/// Stores the checksum of an index block. `seed` is the owning inode's checksum seed.
pub fn seal(block: &mut [u8], seed: u32) {
    let Some(base) = base(block) else { return };
    let tail = base + usize::from(u16::get(block, base)) * ENTRY;
    if let Some(crc) = checksum(block, base, seed) {
        crc.put(block, tail + 4);
    }
}

#[cfg(test)]
mod tests;
