//! Nodes of an extent tree: in `i_block` (the root, 60 bytes) and in blocks of their own.
//!
//! A node is a header of 12 bytes and entries of 12 bytes each, sorted by the file block they start
//! at: extents in a leaf, indexes of children above. A node in a block of its own has a checksum
//! behind the last entry it has room for.
//!
//! Source: kernel documentation, ext4 "Extent Tree".

mod entry;

pub use entry::{Entry, Extent, Index, MAX_UNWRITTEN, MAX_WRITTEN};

use super::Le;
use super::checksum::crc32c;

/// The number a node starts with.
pub const MAGIC: u16 = 0xF30A;
/// A header's size, in bytes.
pub const HEADER_LEN: usize = 12;
/// An entry's size, in bytes.
pub const ENTRY_LEN: usize = 12;
/// How many levels a tree has below its root at most.
pub const MAX_DEPTH: u16 = 5;
/// A node's bytes, to be read: `i_block`, or a block.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    bytes: &'a [u8],
}

impl<'a> Node<'a> {
    /// Takes bytes that [`verify_layout`] accepts. (Of others, what is not there reads as 0.)
    pub fn new(bytes: &'a [u8]) -> Node<'a> {
        Node { bytes }
    }

    /// How many entries are in use.
    pub fn entries(&self) -> usize {
        usize::from(u16::get(self.bytes, 2))
    }

    /// How many entries the node has room for.
    pub fn max(&self) -> usize {
        usize::from(u16::get(self.bytes, 4))
    }

    /// Levels below: 0 is a leaf.
    pub fn depth(&self) -> u16 {
        u16::get(self.bytes, 6)
    }

    /// Entry `i`; all zeroes where the node has none.
    pub fn entry(&self, i: usize) -> Entry {
        let tail = self.bytes.get(HEADER_LEN + i * ENTRY_LEN..);
        tail.and_then(|tail| tail.first_chunk())
            .copied()
            .unwrap_or_default()
    }

    /// The file block that entry `i` starts at.
    pub fn key(&self, i: usize) -> u32 {
        u32::get(self.bytes, HEADER_LEN + i * ENTRY_LEN)
    }

    /// Entry `i` of a leaf.
    pub fn extent(&self, i: usize) -> Extent {
        Extent::decode(&self.entry(i))
    }

    /// Entry `i` of a node that is not a leaf.
    pub fn index(&self, i: usize) -> Index {
        Index::decode(&self.entry(i))
    }

    /// How many entries start at or before file block `at`.
    pub fn search(&self, at: u32) -> usize {
        let (mut lo, mut hi) = (0, self.entries());
        while lo < hi {
            let mid = lo + (hi - lo) / 2;
            if self.key(mid) <= at {
                lo = mid + 1;
            } else {
                hi = mid;
            }
        }
        lo
    }
}

/// How many entries a node of `len` bytes has room for.
pub fn capacity(len: usize) -> usize {
    len.saturating_sub(HEADER_LEN) / ENTRY_LEN
}

/// Makes an empty node of `bytes`, with `depth` levels below it.
pub fn init(bytes: &mut [u8], depth: u16) {
    bytes.fill(0);
    MAGIC.put(bytes, 0);
    (capacity(bytes.len()) as u16).put(bytes, 4);
    depth.put(bytes, 6);
}

/// Sets [`Node::depth`].
pub fn set_depth(bytes: &mut [u8], depth: u16) {
    depth.put(bytes, 6);
}

/// Sets [`Node::key`] of entry `i`.
pub fn set_key(bytes: &mut [u8], i: usize, at: u32) {
    at.put(bytes, HEADER_LEN + i * ENTRY_LEN);
}

/// Puts `new` in the place of `remove` entries from entry `at` on. Whether there was room; without
/// it, nothing changes.
pub fn replace(bytes: &mut [u8], at: usize, remove: usize, new: &[Entry]) -> bool {
    let node = Node::new(bytes);
    let (entries, max) = (node.entries(), node.max().min(capacity(bytes.len())));
    let kept = match at.checked_add(remove) {
        Some(end) if end <= entries && entries <= max => entries - remove,
        _ => return false,
    };
    let count = kept + new.len();
    if count > max {
        return false;
    }
    let place = |i: usize| HEADER_LEN + i * ENTRY_LEN;
    bytes.copy_within(place(at + remove)..place(entries), place(at + new.len()));
    for (i, entry) in new.iter().enumerate() {
        bytes[place(at + i)..place(at + i + 1)].copy_from_slice(entry);
    }
    if count < entries {
        bytes[place(count)..place(entries)].fill(0);
    }
    (count as u16).put(bytes, 2);
    true
}

/// Checks everything about a node that its own bytes show: the header, and that entries are sorted
/// and do not overlap. The error says what is wrong.
pub fn verify_layout(bytes: &[u8]) -> Result<(), &'static str> {
    let node = Node::new(bytes);
    if u16::get(bytes, 0) != MAGIC {
        return Err("extent node has no magic number");
    }
    let room = capacity(bytes.len());
    // A few entries less than fit are allowed: e2fsprogs does so too.
    if node.max() > room || node.max() + 2 < room {
        return Err("extent node's room for entries");
    }
    if node.entries() > node.max() {
        return Err("extent node has more entries than room");
    }
    if node.depth() > MAX_DEPTH {
        return Err("extent tree is too deep");
    }
    if node.depth() > 0 {
        if node.entries() == 0 {
            return Err("extent index node is empty");
        }
        if (1..node.entries()).any(|i| node.key(i - 1) >= node.key(i)) {
            return Err("extent indexes are not in order");
        }
        return Ok(());
    }
    let mut end = 0;
    for i in 0..node.entries() {
        let extent = node.extent(i);
        if extent.len == 0 {
            return Err("extent is empty");
        }
        if i > 0 && u64::from(extent.at.0) < end {
            return Err("extents overlap or are not in order");
        }
        end = extent.end();
        if end > u64::from(u32::MAX) {
            return Err("extent is beyond the largest file");
        }
    }
    Ok(())
}

/// Where the checksum is: behind the last entry that there is room for.
fn tail_at(bytes: &[u8]) -> usize {
    HEADER_LEN + Node::new(bytes).max() * ENTRY_LEN
}

fn checksum(bytes: &[u8], seed: u32) -> u32 {
    crc32c(seed, bytes.get(..tail_at(bytes)).unwrap_or(bytes))
}

/// Checks a node in a block of its own. `seed` is what the inode's checksums start with, `None` in
/// images without checksums.
pub fn verify_node(bytes: &[u8], seed: Option<u32>) -> Result<(), &'static str> {
    verify_layout(bytes)?;
    match seed {
        Some(seed) if checksum(bytes, seed) != u32::get(bytes, tail_at(bytes)) => {
            Err("extent node's checksum")
        }
        _ => Ok(()),
    }
}

/// Stores the checksum of a node in a block of its own.
pub fn seal_node(bytes: &mut [u8], seed: u32) {
    let (crc, at) = (checksum(bytes, seed), tail_at(bytes));
    crc.put(bytes, at);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BlockNo, FileBlock};

    fn extent(at: u32, len: u32, start: u64, unwritten: bool) -> Extent {
        Extent {
            at: FileBlock(at),
            len,
            start: BlockNo(start),
            unwritten,
        }
    }

    fn leaf(extents: &[Extent]) -> Vec<u8> {
        let mut bytes = vec![0; 1024];
        init(&mut bytes, 0);
        let entries: Vec<Entry> = extents.iter().map(Extent::encode).collect();
        assert!(replace(&mut bytes, 0, 0, &entries));
        bytes
    }

    #[test]
    fn replacing_moves_the_entries_behind() {
        let e = |at| extent(at, 1, u64::from(at) + 100, false);
        let mut bytes = leaf(&[e(1), e(2), e(3)]);
        assert!(replace(&mut bytes, 1, 1, &[e(20).encode(), e(21).encode()]));
        let keys = |bytes: &[u8]| {
            let node = Node::new(bytes);
            (0..node.entries()).map(|i| node.key(i)).collect::<Vec<_>>()
        };
        assert_eq!(keys(&bytes), [1, 20, 21, 3]);
        assert!(replace(&mut bytes, 0, 3, &[]));
        assert_eq!(keys(&bytes), [3]);
        assert_eq!(Node::new(&bytes).entry(1), [0; ENTRY_LEN]);
        assert!(!replace(&mut bytes, 1, 1, &[]));
        let many = vec![e(9).encode(); 84];
        assert!(!replace(&mut bytes, 1, 0, &many));
        assert_eq!(keys(&bytes), [3]);
    }

    #[test]
    fn search_counts_the_entries_up_to_a_block() {
        let bytes = leaf(&[extent(5, 2, 50, false), extent(9, 1, 60, false)]);
        let node = Node::new(&bytes);
        let found: Vec<_> = [0, 4, 5, 8, 9, u32::MAX].map(|at| node.search(at)).into();
        assert_eq!(found, [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn the_root_has_four_entries_and_a_block_fills_up_to_its_checksum() {
        assert_eq!(
            [60, 1024, 2048, 4096, 65536].map(capacity),
            [4, 84, 169, 340, 5460]
        );
    }

    #[test]
    fn a_sealed_node_verifies_until_a_byte_changes() {
        let mut bytes = leaf(&[extent(0, 3, 100, false)]);
        seal_node(&mut bytes, 42);
        assert_eq!(verify_node(&bytes, Some(42)), Ok(()));
        assert_eq!(verify_node(&bytes, Some(43)), Err("extent node's checksum"));
        bytes[20] ^= 1;
        assert_eq!(verify_node(&bytes, Some(42)), Err("extent node's checksum"));
        assert_eq!(verify_node(&bytes, None), Ok(()));
    }

    #[test]
    fn contradictions_are_found() {
        let good = leaf(&[extent(0, 3, 100, false), extent(3, 1, 200, false)]);
        assert_eq!(verify_layout(&good), Ok(()));
        type Change = fn(&mut Vec<u8>);
        let changes: [Change; 9] = [
            |b| b[0] = 0,
            |b| 85u16.put(b, 4),
            |b| 81u16.put(b, 4),
            |b| 85u16.put(b, 2),
            |b| 6u16.put(b, 6),
            |b| 4u16.put(b, HEADER_LEN + 4),
            |b| 0u16.put(b, HEADER_LEN + 4),
            |b| u32::MAX.put(b, HEADER_LEN + ENTRY_LEN),
            |b| b.truncate(8),
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut bytes = good.clone();
            change(&mut bytes);
            assert!(verify_layout(&bytes).is_err(), "change {i}");
        }
        let mut index = vec![0; 1024];
        init(&mut index, 1);
        assert_eq!(verify_layout(&index), Err("extent index node is empty"));
        let child = |at| {
            Index {
                at: FileBlock(at),
                child: BlockNo(5),
            }
            .encode()
        };
        replace(&mut index, 0, 0, &[child(4), child(4)]);
        assert_eq!(
            verify_layout(&index),
            Err("extent indexes are not in order")
        );
    }
}
