//! Entries of an extent tree's nodes: 12 bytes each.

use super::ENTRY_LEN;
use crate::ondisk::Le;
use crate::types::{BlockNo, FileBlock};

/// The longest extent, in blocks.
pub const MAX_WRITTEN: u32 = 32_768;
/// The longest unwritten extent, in blocks: the length's high bit says unwritten.
pub const MAX_UNWRITTEN: u32 = 32_767;

/// An entry as it is on disk.
pub type Entry = [u8; ENTRY_LEN];

/// A run of a file's blocks that is one run on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first block of the file.
    pub at: FileBlock,
    /// How many blocks, from 1 to [`MAX_WRITTEN`] or [`MAX_UNWRITTEN`].
    pub len: u32,
    /// The first block on disk.
    pub start: BlockNo,
    /// Allocated, but reads as zeroes.
    pub unwritten: bool,
}

impl Extent {
    /// Decodes an entry of a leaf.
    pub fn decode(entry: &Entry) -> Extent {
        let len = u32::from(u16::get(entry, 4));
        let unwritten = len > MAX_WRITTEN;
        let start = u64::from(u16::get(entry, 6)) << 32 | u64::from(u32::get(entry, 8));
        Extent {
            at: FileBlock(u32::get(entry, 0)),
            len: if unwritten { len - MAX_WRITTEN } else { len },
            start: BlockNo(start),
            unwritten,
        }
    }

    /// The entry of a leaf. `start` has 48 bits.
    pub fn encode(&self) -> Entry {
        let mut entry = [0; ENTRY_LEN];
        let high = if self.unwritten { MAX_WRITTEN } else { 0 };
        self.at.0.put(&mut entry, 0);
        ((self.len + high) as u16).put(&mut entry, 4);
        ((self.start.0 >> 32) as u16).put(&mut entry, 6);
        (self.start.0 as u32).put(&mut entry, 8);
        entry
    }

    /// The longest extent of this kind, in blocks.
    pub fn max_len(unwritten: bool) -> u32 {
        if unwritten {
            MAX_UNWRITTEN
        } else {
            MAX_WRITTEN
        }
    }

    /// The file block behind the last one.
    pub fn end(&self) -> u64 {
        u64::from(self.at.0) + u64::from(self.len)
    }

    /// The part inside the file blocks `from..to`, or `None` when there is none.
    pub fn within(&self, from: u64, to: u64) -> Option<Extent> {
        let lo = from.max(u64::from(self.at.0));
        let hi = to.min(self.end());
        if lo >= hi {
            return None;
        }
        Some(Extent {
            at: FileBlock(lo as u32),
            len: (hi - lo) as u32,
            start: BlockNo(self.start.0 + (lo - u64::from(self.at.0))),
            unwritten: self.unwritten,
        })
    }

    /// Both as one extent, when `next` goes on where this one ends and one extent can hold both.
    pub fn join(&self, next: &Extent) -> Option<Extent> {
        let len = self.len.checked_add(next.len)?;
        let follows = self.end() == u64::from(next.at.0)
            && self.start.0.checked_add(u64::from(self.len)) == Some(next.start.0)
            && self.unwritten == next.unwritten;
        (follows && len <= Extent::max_len(self.unwritten)).then_some(Extent { len, ..*self })
    }
}

/// Where the part of the tree from a file block on is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// The first file block of the child.
    pub at: FileBlock,
    /// The child's block.
    pub child: BlockNo,
}

impl Index {
    /// Decodes an entry of a node that is not a leaf.
    pub fn decode(entry: &Entry) -> Index {
        let child = u64::from(u16::get(entry, 8)) << 32 | u64::from(u32::get(entry, 4));
        Index {
            at: FileBlock(u32::get(entry, 0)),
            child: BlockNo(child),
        }
    }

    /// The entry of a node that is not a leaf. `child` has 48 bits.
    pub fn encode(&self) -> Entry {
        let mut entry = [0; ENTRY_LEN];
        self.at.0.put(&mut entry, 0);
        (self.child.0 as u32).put(&mut entry, 4);
        ((self.child.0 >> 32) as u16).put(&mut entry, 8);
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(at: u32, len: u32, start: u64, unwritten: bool) -> Extent {
        Extent {
            at: FileBlock(at),
            len,
            start: BlockNo(start),
            unwritten,
        }
    }

    #[test]
    fn entries_survive_encoding() {
        for extent in [
            extent(0, 1, 1, false),
            extent(7, MAX_WRITTEN, 0xFFFF_FFFF_FFFF, false),
            extent(u32::MAX - 1, 1, 1 << 32, true),
            extent(5, MAX_UNWRITTEN, 99, true),
        ] {
            assert_eq!(Extent::decode(&extent.encode()), extent);
        }
        let index = Index {
            at: FileBlock(77),
            child: BlockNo(0x1234_5678_9ABC),
        };
        assert_eq!(Index::decode(&index.encode()), index);
    }

    #[test]
    fn the_length_of_32768_blocks_is_written() {
        let mut entry = extent(0, 1, 1, false).encode();
        32_768u16.put(&mut entry, 4);
        assert!(!Extent::decode(&entry).unwritten);
        32_769u16.put(&mut entry, 4);
        assert_eq!(Extent::decode(&entry), extent(0, 1, 1, true));
    }

    #[test]
    fn neighbours_join_only_where_one_extent_can_hold_both() {
        let a = extent(10, 5, 100, false);
        assert_eq!(
            a.join(&extent(15, 3, 105, false)),
            Some(extent(10, 8, 100, false))
        );
        assert_eq!(a.join(&extent(16, 3, 105, false)), None);
        assert_eq!(a.join(&extent(15, 3, 106, false)), None);
        assert_eq!(a.join(&extent(15, 3, 105, true)), None);
        let full = extent(0, MAX_WRITTEN - 1, 100, false);
        let next = |len| {
            extent(
                MAX_WRITTEN - 1,
                len,
                100 + u64::from(MAX_WRITTEN) - 1,
                false,
            )
        };
        assert!(full.join(&next(1)).is_some());
        assert!(full.join(&next(2)).is_none());
        let unwritten = extent(0, MAX_UNWRITTEN, 100, true);
        let more = extent(MAX_UNWRITTEN, 1, 100 + u64::from(MAX_UNWRITTEN), true);
        assert!(unwritten.join(&more).is_none());
    }

    #[test]
    fn a_part_keeps_its_place_on_disk() {
        let whole = extent(10, 10, 100, true);
        assert_eq!(whole.within(0, 12), Some(extent(10, 2, 100, true)));
        assert_eq!(whole.within(15, 99), Some(extent(15, 5, 105, true)));
        assert_eq!(whole.within(20, 30), None);
    }
}
