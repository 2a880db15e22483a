//! The journal's structures (jbd2). All numbers are big-endian, except inside fast commits.
//!
//! A log is a ring of blocks behind the journal's superblock. A transaction is revoke blocks, then
//! descriptor blocks each followed by the blocks they describe, then one commit block. All of them
//! carry the transaction's number; a number that is not the expected one ends the log.
//!
//! Source: the kernel's documentation, ext4 "Journal (jbd2)".

mod commit;
mod crc32;
mod descriptor;
mod fast_commit;
mod revoke;
mod superblock;

pub use commit::Commit;
pub use crc32::crc32_be;
pub use descriptor::{DescriptorBuilder, Tag, TagFlags, data_checksum, tags};
pub use fast_commit::{FastCommitTag, FastCommitTags};
pub use revoke::{encode_revokes, revokes};
pub use superblock::{
    Geometry, JournalCompat, JournalIncompat, JournalSuperblock, SUPERBLOCK_SIZE,
};

use super::checksum::crc32c;
use crate::types::TxnId;

/// The number at the start of every block that is the journal's own.
pub const MAGIC: u32 = 0xC03B_3998;
/// Size of the header that those blocks start with, in bytes.
pub const HEADER_SIZE: usize = 12;
/// Size of the checksum at the end of descriptor and revoke blocks (versions 2 and 3), in bytes.
const TAIL_SIZE: usize = 4;

/// What a block of the journal's own is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockType {
    /// Says where the blocks that follow it belong.
    Descriptor,
    /// Ends a transaction and makes it count.
    Commit,
    /// A superblock of the first format, without features.
    SuperblockV1,
    /// A superblock with features.
    SuperblockV2,
    /// Lists blocks whose older copies must not be replayed.
    Revoke,
}

impl BlockType {
    fn number(self) -> u32 {
        match self {
            BlockType::Descriptor => 1,
            BlockType::Commit => 2,
            BlockType::SuperblockV1 => 3,
            BlockType::SuperblockV2 => 4,
            BlockType::Revoke => 5,
        }
    }

    fn from_number(number: u32) -> Option<BlockType> {
        Some(match number {
            1 => BlockType::Descriptor,
            2 => BlockType::Commit,
            3 => BlockType::SuperblockV1,
            4 => BlockType::SuperblockV2,
            5 => BlockType::Revoke,
            _ => return None,
        })
    }
}

/// The header of a block of the journal's own: magic (0x0), type (0x4), transaction (0x8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the block is.
    pub kind: BlockType,
    /// The transaction it belongs to.
    pub tid: TxnId,
}

impl Header {
    /// The header at the start of `block`; `None` when the magic or the type is not one.
    pub fn parse(block: &[u8]) -> Option<Header> {
        if be32(block, 0) != MAGIC {
            return None;
        }
        Some(Header {
            kind: BlockType::from_number(be32(block, 4))?,
            tid: TxnId(be32(block, 8)),
        })
    }

    /// Writes the header to the start of `block`.
    pub fn put(self, block: &mut [u8]) {
        put_be32(block, 0, MAGIC);
        put_be32(block, 4, self.kind.number());
        put_be32(block, 8, self.tid.0);
    }
}

/// Which checksums a log carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// None.
    None,
    /// Commit blocks carry a CRC-32 of the transaction's descriptors and data.
    V1,
    /// Every block of the journal's own, and 16 bits for each data block.
    V2,
    /// Likewise, with 32 bits for each data block.
    V3,
}

/// How a log's blocks are laid out: what follows from the block size and the features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Block size in bytes.
    pub block_size: usize,
    /// Which checksums there are.
    pub checksums: Checksums,
    /// Whether block numbers have 64 bits.
    pub wide: bool,
    /// What checksums of versions 2 and 3 start with: the CRC-32C of [`Format::uuid`].
    pub seed: u32,
    /// The journal's UUID.
    pub uuid: [u8; 16],
}

impl Format {
    /// Size of a tag in bytes, without the UUID that may follow it.
    pub fn tag_size(&self) -> usize {
        match (self.checksums, self.wide) {
            (Checksums::V3, _) => 16,
            // The checksum lies in what was padding, yet the tags of version 2 are two bytes longer.
            (Checksums::V2, true) => 14,
            (Checksums::V2, false) => 10,
            (_, true) => 12,
            (_, false) => 8,
        }
    }

    /// Whether the journal's own blocks carry CRC-32C checksums.
    pub fn has_block_checksums(&self) -> bool {
        matches!(self.checksums, Checksums::V2 | Checksums::V3)
    }

    /// Bytes of a descriptor or revoke block that are not taken by a checksum at its end.
    fn body_end(&self) -> usize {
        let tail = if self.has_block_checksums() {
            TAIL_SIZE
        } else {
            0
        };
        self.block_size.saturating_sub(tail)
    }

    /// Size of a block number in a revoke block, in bytes.
    fn revoke_size(&self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    /// How many tags a descriptor block holds.
    pub fn tags_per_block(&self) -> usize {
        // The first tag is followed by the UUID.
        let room = self.body_end().saturating_sub(HEADER_SIZE + 16);
        (room / self.tag_size()).max(1)
    }

    /// How many numbers a revoke block holds.
    pub fn revokes_per_block(&self) -> usize {
        let room = self.body_end().saturating_sub(revoke::HEADER_SIZE);
        (room / self.revoke_size()).max(1)
    }

    /// Stores the checksum at the end of a descriptor or revoke block, if the format has one.
    fn seal_tail(&self, block: &mut [u8]) {
        if self.has_block_checksums() {
            let at = self.body_end();
            put_be32(block, at, 0);
            let sum = crc32c(self.seed, block);
            put_be32(block, at, sum);
        }
    }

    /// Whether the checksum at the end of a descriptor or revoke block is right, or there is none.
    pub fn tail_is_right(&self, block: &[u8]) -> bool {
        if !self.has_block_checksums() {
            return true;
        }
        let at = self.body_end();
        let (Some(body), Some(_)) = (block.get(..at), block.get(at..self.block_size)) else {
            return false;
        };
        crc32c(crc32c(self.seed, body), &[0; TAIL_SIZE]) == be32(block, at)
    }
}

/// The 32-bit number at byte `at`; 0 when `bytes` ends before it.
fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|tail| tail.first_chunk())
        .map_or(0, |chunk| u32::from_be_bytes(*chunk))
}

/// The 16-bit number at byte `at`; 0 when `bytes` ends before it.
fn be16(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(|tail| tail.first_chunk())
        .map_or(0, |chunk| u16::from_be_bytes(*chunk))
}

/// Stores `value` at byte `at`; nothing happens when `bytes` ends before it.
fn put_be32(bytes: &mut [u8], at: usize, value: u32) {
    put(bytes, at, &value.to_be_bytes());
}

/// Stores `value` at byte `at`; nothing happens when `bytes` ends before it.
fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(field) = bytes.get_mut(at..).and_then(|t| t.get_mut(..value.len())) {
        field.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn format(checksums: Checksums, wide: bool) -> Format {
        Format {
            block_size: 1024,
            checksums,
            wide,
            seed: 0x1234_5678,
            uuid: *b"0123456789abcdef",
        }
    }

    #[test]
    fn a_header_comes_back() {
        let mut block = [0; 64];
        let header = Header {
            kind: BlockType::Revoke,
            tid: TxnId(7),
        };
        header.put(&mut block);
        assert_eq!(Header::parse(&block), Some(header));
        block[7] = 9;
        assert_eq!(Header::parse(&block), None);
        assert_eq!(Header::parse(&[]), None);
    }

    #[test]
    fn tags_have_the_sizes_of_the_format() {
        use Checksums::*;
        let sizes = [None, V1, V2, V3].map(|sums| {
            (
                format(sums, false).tag_size(),
                format(sums, true).tag_size(),
            )
        });
        assert_eq!(sizes, [(8, 12), (8, 12), (10, 14), (16, 16)]);
    }
}
