//! The journal's superblock: the first 1,024 bytes of the journal.

use super::{BlockType, Checksums, Format, Header, be32, put, put_be32};
use crate::error::{Corrupt, Error, Result};
use crate::ondisk::checksum::crc32c;
use crate::types::TxnId;
use bitflags::bitflags;
use std::ops::Range;

/// Size of the superblock in bytes.
pub const SUPERBLOCK_SIZE: usize = 1024;

/// Where the fields of the second format start.
const V2_AT: usize = 0x24;
const CHECKSUM_AT: usize = 0xFC;
/// The number of CRC-32C in the field for the checksum's kind.
const KIND_CRC32C: u8 = 4;
/// Blocks at the journal's end kept for fast commits, when the superblock does not say.
const DEFAULT_FAST_COMMIT_BLOCKS: u32 = 256;
/// Blocks the log must have beside those for fast commits, or there are none of those.
const MIN_LOG_BLOCKS: u32 = 1024;

bitflags! {
    /// Features of a journal that may be ignored (0x24).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct JournalCompat: u32 {
        /// Commit blocks carry a CRC-32 of their transaction (checksum version 1).
        const CHECKSUM = 1;
        const _ = !0;
    }
}

bitflags! {
    /// Features of a journal that a replay must know (0x28).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct JournalIncompat: u32 {
        /// There may be revoke blocks.
        const REVOKE = 1;
        /// Block numbers have 64 bits.
        const BIT64 = 2;
        /// A commit block may reach the disk before the blocks of its transaction.
        const ASYNC_COMMIT = 4;
        /// Checksums of version 2.
        const CSUM_V2 = 8;
        /// Checksums of version 3.
        const CSUM_V3 = 0x10;
        /// There may be fast commits.
        const FAST_COMMIT = 0x20;
        const _ = !0;
    }
}

impl JournalIncompat {
    const KNOWN: JournalIncompat = JournalIncompat::from_bits_retain(0x3F);
}

/// Which blocks of the journal are for what, checked against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// The blocks of the log, as indices into the journal.
    pub log: Range<u32>,
    /// The blocks for fast commits; empty without the feature.
    pub fast_commits: Range<u32>,
}

/// A journal superblock, as the bytes on disk: fields that nobody here knows survive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSuperblock {
    bytes: Box<[u8; SUPERBLOCK_SIZE]>,
}

macro_rules! be_fields {
    ($($(#[$meta:meta])* $at:literal, $get:ident, $set:ident;)*) => {
        impl JournalSuperblock {
            $(
                $(#[$meta])*
                pub fn $get(&self) -> u32 {
                    be32(&self.bytes[..], $at)
                }
                #[doc = concat!("Sets [`Self::", stringify!($get), "`].")]
                pub fn $set(&mut self, value: u32) {
                    put_be32(&mut self.bytes[..], $at, value);
                }
            )*
        }
    };
}

be_fields! {
    /// Block size in bytes.
    0x0C, block_size, set_block_size;
    /// Blocks of the journal in all, this one included.
    0x10, max_len, set_max_len;
    /// First block of the log.
    0x14, first, set_first;
    /// The first transaction expected in the log, as a number: see [`Self::sequence`].
    0x18, sequence_raw, set_sequence_raw;
    /// The block where the log starts; 0: the log is empty.
    0x1C, start, set_start;
    /// The error that made a kernel give up the journal, or 0.
    0x20, errno, set_errno;
    /// Users of an external journal.
    0x40, users, set_users;
    /// Blocks for fast commits; 0: the default.
    0x54, fast_commit_blocks_raw, set_fast_commit_blocks;
    /// Where an empty log ended; a hint.
    0x58, head, set_head;
}

impl JournalSuperblock {
    /// An empty journal of `max_len` blocks in the second format, without features.
    pub fn new(block_size: u32, max_len: u32, uuid: [u8; 16]) -> JournalSuperblock {
        let mut sb = JournalSuperblock {
            bytes: Box::new([0; SUPERBLOCK_SIZE]),
        };
        Header {
            kind: BlockType::SuperblockV2,
            tid: TxnId(0),
        }
        .put(&mut sb.bytes[..]);
        sb.set_block_size(block_size);
        sb.set_max_len(max_len);
        sb.set_first(1);
        sb.set_sequence(TxnId(1));
        sb.set_users(1);
        put(&mut sb.bytes[..], 0x30, &uuid);
        sb
    }

    /// Takes the first 1,024 bytes of a journal.
    ///
    /// # Errors
    /// When they are no journal superblock, or its checksum is wrong.
    pub fn parse(bytes: &[u8]) -> Result<JournalSuperblock> {
        let bytes = bytes
            .first_chunk()
            .ok_or_else(|| Corrupt::new("the journal is shorter than its superblock"))?;
        let mut sb = JournalSuperblock {
            bytes: Box::new(*bytes),
        };
        match Header::parse(&bytes[..]).map(|header| header.kind) {
            Some(BlockType::SuperblockV1) => {
                // Whatever follows the first format's fields means nothing.
                sb.bytes[V2_AT..].fill(0);
            }
            Some(BlockType::SuperblockV2) => {}
            _ => return Err(Corrupt::new("the journal has no superblock").into()),
        }
        if sb.has_block_checksums() {
            if sb.bytes[0x50] != KIND_CRC32C {
                return Err(Error::Unsupported(format!(
                    "the journal's checksums are of an unknown kind ({})",
                    sb.bytes[0x50]
                )));
            }
            if sb.computed_checksum() != be32(&sb.bytes[..], CHECKSUM_AT) {
                return Err(
                    Corrupt::new("the checksum of the journal's superblock is wrong").into(),
                );
            }
        }
        Ok(sb)
    }

    /// The bytes as they go to disk, with the checksum brought up to date.
    pub fn encode(&mut self) -> &[u8; SUPERBLOCK_SIZE] {
        if self.has_block_checksums() {
            self.bytes[0x50] = KIND_CRC32C;
            let sum = self.computed_checksum();
            put_be32(&mut self.bytes[..], CHECKSUM_AT, sum);
        }
        &self.bytes
    }

    fn computed_checksum(&self) -> u32 {
        let before = crc32c(!0, &self.bytes[..CHECKSUM_AT]);
        crc32c(crc32c(before, &[0; 4]), &self.bytes[CHECKSUM_AT + 4..])
    }

    fn has_block_checksums(&self) -> bool {
        self.incompat()
            .intersects(JournalIncompat::CSUM_V2 | JournalIncompat::CSUM_V3)
    }

    /// Turns the first format into the second, which has room for features.
    pub fn upgrade_to_v2(&mut self) {
        if Header::parse(&self.bytes[..]).map(|h| h.kind) == Some(BlockType::SuperblockV1) {
            put_be32(&mut self.bytes[..], 4, 4);
            self.set_users(1);
        }
    }

    /// The first transaction expected in the log; in an empty log, the last number that is used up.
    pub fn sequence(&self) -> TxnId {
        TxnId(self.sequence_raw())
    }

    /// Sets [`Self::sequence`].
    pub fn set_sequence(&mut self, tid: TxnId) {
        self.set_sequence_raw(tid.0);
    }

    /// Features that may be ignored.
    pub fn compat(&self) -> JournalCompat {
        JournalCompat::from_bits_retain(be32(&self.bytes[..], 0x24))
    }

    /// Sets [`Self::compat`].
    pub fn set_compat(&mut self, features: JournalCompat) {
        put_be32(&mut self.bytes[..], 0x24, features.bits());
    }

    /// Features that a replay must know.
    pub fn incompat(&self) -> JournalIncompat {
        JournalIncompat::from_bits_retain(be32(&self.bytes[..], 0x28))
    }

    /// Sets [`Self::incompat`].
    pub fn set_incompat(&mut self, features: JournalIncompat) {
        put_be32(&mut self.bytes[..], 0x28, features.bits());
        if !self.has_block_checksums() {
            self.bytes[0x50] = 0;
            put_be32(&mut self.bytes[..], CHECKSUM_AT, 0);
        }
    }

    /// The journal's UUID (0x30).
    pub fn uuid(&self) -> [u8; 16] {
        std::array::from_fn(|i| self.bytes[0x30 + i])
    }

    /// The layout of the log's blocks.
    pub fn format(&self) -> Format {
        let incompat = self.incompat();
        let checksums = if incompat.contains(JournalIncompat::CSUM_V3) {
            Checksums::V3
        } else if incompat.contains(JournalIncompat::CSUM_V2) {
            Checksums::V2
        } else if self.compat().contains(JournalCompat::CHECKSUM) {
            Checksums::V1
        } else {
            Checksums::None
        };
        Format {
            block_size: self.block_size() as usize,
            checksums,
            wide: incompat.contains(JournalIncompat::BIT64),
            seed: crc32c(!0, &self.uuid()),
            uuid: self.uuid(),
        }
    }

    /// Checks the fields against each other and against the file that holds the journal: `block_size`
    /// bytes a block, `blocks` blocks.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names features that nobody here knows; [`Error::Corrupt`] says what
    /// makes no sense.
    pub fn check(&self, block_size: u32, blocks: u32) -> Result<Geometry> {
        let unknown = self.incompat() - JournalIncompat::KNOWN;
        let read_only = be32(&self.bytes[..], 0x2C);
        if !unknown.is_empty() || read_only != 0 {
            let names: Vec<String> = (0..32)
                .flat_map(|n| [('I', unknown.bits(), n), ('R', read_only, n)])
                .filter(|&(_, bits, n)| bits >> n & 1 == 1)
                .map(|(set, _, n)| format!("FEATURE_{set}{n}"))
                .collect();
            return Err(Error::Unsupported(format!(
                "the journal has features that are not supported: {}",
                names.join(", ")
            )));
        }
        let versions = [
            self.compat().contains(JournalCompat::CHECKSUM),
            self.incompat().contains(JournalIncompat::CSUM_V2),
            self.incompat().contains(JournalIncompat::CSUM_V3),
        ];
        let wrong = if versions.iter().filter(|&&on| on).count() > 1 {
            "the journal claims checksums of several versions"
        } else if self.block_size() != block_size {
            "the journal's block size is not the file system's"
        } else if self.max_len() > blocks {
            "the journal is longer than its file"
        } else if self.first() == 0 || self.first() >= self.max_len() {
            "the journal's first block is outside of it"
        } else {
            let geometry = self.geometry();
            if geometry.log.len() < 8 {
                "the journal is too short"
            } else if self.start() != 0 && !geometry.log.contains(&self.start()) {
                "the journal's log starts outside of it"
            } else {
                return Ok(geometry);
            }
        };
        Err(Corrupt::new(wrong).into())
    }

    fn geometry(&self) -> Geometry {
        let end = self.max_len();
        if self.incompat().contains(JournalIncompat::FAST_COMMIT) {
            let count = match self.fast_commit_blocks_raw() {
                0 => DEFAULT_FAST_COMMIT_BLOCKS,
                count => count,
            };
            let log_end = end.saturating_sub(count);
            if log_end >= MIN_LOG_BLOCKS && log_end > self.first() {
                // One block between the two is never used.
                return Geometry {
                    log: self.first()..log_end,
                    fast_commits: log_end + 1..end,
                };
            }
        }
        Geometry {
            log: self.first()..end,
            fast_commits: end..end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock() -> JournalSuperblock {
        JournalSuperblock::new(4096, 2048, *b"0123456789abcdef")
    }

    #[test]
    fn it_comes_back_with_its_checksum() {
        let mut sb = superblock();
        sb.set_incompat(JournalIncompat::CSUM_V3 | JournalIncompat::BIT64);
        let mut bytes = *sb.encode();
        assert_eq!(JournalSuperblock::parse(&bytes).unwrap(), sb);
        bytes[1000] ^= 1;
        assert!(matches!(
            JournalSuperblock::parse(&bytes),
            Err(Error::Corrupt(_))
        ));
    }

    #[test]
    fn unknown_features_are_refused_by_name() {
        let mut sb = superblock();
        sb.set_incompat(JournalIncompat::from_bits_retain(0x41));
        let error = sb.check(4096, 2048).unwrap_err();
        assert!(error.to_string().contains("FEATURE_I6"), "{error}");
    }

    #[test]
    fn nonsense_is_refused() {
        type Change = fn(&mut JournalSuperblock);
        let changes: [Change; 7] = [
            |sb| sb.set_block_size(1024),
            |sb| sb.set_max_len(2049),
            |sb| sb.set_max_len(4),
            |sb| sb.set_first(0),
            |sb| sb.set_first(2048),
            |sb| sb.set_start(2048),
            |sb| sb.set_incompat(JournalIncompat::CSUM_V3 | JournalIncompat::CSUM_V2),
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut sb = superblock();
            change(&mut sb);
            assert!(sb.check(4096, 2048).is_err(), "change {i}");
        }
        assert_eq!(superblock().check(4096, 2048).unwrap().log, 1..2048);
    }

    #[test]
    fn fast_commits_take_the_journals_end() {
        let mut sb = superblock();
        sb.set_incompat(JournalIncompat::FAST_COMMIT);
        let geometry = sb.check(4096, 2048).unwrap();
        assert_eq!(geometry.log, 1..1792);
        assert_eq!(geometry.fast_commits, 1793..2048);
    }

    #[test]
    fn the_first_format_has_no_features() {
        let mut sb = superblock();
        sb.set_incompat(JournalIncompat::from_bits_retain(!0));
        let mut bytes = *sb.encode();
        bytes[7] = 3;
        let mut sb = JournalSuperblock::parse(&bytes).unwrap();
        assert!(sb.incompat().is_empty());
        sb.upgrade_to_v2();
        sb.set_incompat(JournalIncompat::REVOKE);
        let again = JournalSuperblock::parse(&sb.encode()[..]).unwrap();
        assert_eq!(again.incompat(), JournalIncompat::REVOKE);
    }
}
