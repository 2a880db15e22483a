//! Commit blocks: the transaction before one counts.

use super::{BlockType, Checksums, Format, HEADER_SIZE, Header, be32, put, put_be32};
use crate::ondisk::checksum::crc32c;
use crate::types::{Timestamp, TxnId};

/// Where the checksum is: 32 bytes are kept for it, four are used.
const CHECKSUM_AT: usize = 0x10;
/// The number of CRC-32 in the field for the checksum's kind (version 1 only).
const KIND_CRC32: u8 = 1;
/// Size of a CRC-32 in bytes, in the field for the checksum's size (version 1 only).
const SIZE_CRC32: u8 = 4;

/// A commit block: checksum kind (0xC) and size (0xD), checksum (0x10), seconds (0x30, 64 bits) and
/// nanoseconds (0x38) of the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The transaction.
    pub tid: TxnId,
    /// When it was committed.
    pub time: Timestamp,
}

impl Commit {
    /// The block as it goes to disk. `sum` is the CRC-32 of the transaction's descriptor and data
    /// blocks, which only version-1 checksums store.
    pub fn encode(&self, format: &Format, sum: u32) -> Vec<u8> {
        let mut block = vec![0; format.block_size];
        Header {
            kind: BlockType::Commit,
            tid: self.tid,
        }
        .put(&mut block);
        put(&mut block, 0x30, &self.time.secs.to_be_bytes());
        put_be32(&mut block, 0x38, self.time.nanos);
        match format.checksums {
            Checksums::None => {}
            Checksums::V1 => {
                put(&mut block, HEADER_SIZE, &[KIND_CRC32, SIZE_CRC32]);
                put_be32(&mut block, CHECKSUM_AT, sum);
            }
            Checksums::V2 | Checksums::V3 => {
                let sum = crc32c(format.seed, &block);
                put_be32(&mut block, CHECKSUM_AT, sum);
            }
        }
        block
    }

    /// Reads a block whose header says that it is a commit block; `None` when the header does not.
    pub fn parse(block: &[u8]) -> Option<Commit> {
        let header = Header::parse(block).filter(|header| header.kind == BlockType::Commit)?;
        let secs = u64::from(be32(block, 0x30)) << 32 | u64::from(be32(block, 0x34));
        Some(Commit {
            tid: header.tid,
            time: Timestamp {
                secs: secs.cast_signed(),
                nanos: be32(block, 0x38),
            },
        })
    }

    /// Whether the block's checksum is right, or there is none. `sum` is the CRC-32 of the
    /// transaction's descriptor and data blocks, which only version 1 compares.
    pub fn checksum_is_right(block: &[u8], format: &Format, sum: u32) -> bool {
        let found = be32(block, CHECKSUM_AT);
        match format.checksums {
            Checksums::None => true,
            Checksums::V1 => {
                let about = block.get(HEADER_SIZE..HEADER_SIZE + 2);
                // A transaction from before the feature was set has none.
                about == Some(&[KIND_CRC32, SIZE_CRC32]) && found == sum
                    || about == Some(&[0, 0]) && found == 0
            }
            Checksums::V2 | Checksums::V3 => {
                let (Some(before), Some(after)) =
                    (block.get(..CHECKSUM_AT), block.get(CHECKSUM_AT + 4..))
                else {
                    return false;
                };
                found == crc32c(crc32c(crc32c(format.seed, before), &[0; 4]), after)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::format;
    use super::*;

    const COMMIT: Commit = Commit {
        tid: TxnId(0x1020_3040),
        time: Timestamp {
            secs: 0x1_0000_0001,
            nanos: 999_999_999,
        },
    };

    #[test]
    fn a_commit_comes_back_and_its_checksum_covers_it() {
        for sums in [Checksums::V2, Checksums::V3] {
            let format = format(sums, true);
            let mut block = COMMIT.encode(&format, 0);
            assert_eq!(Commit::parse(&block), Some(COMMIT));
            assert!(Commit::checksum_is_right(&block, &format, 0));
            block[1000] ^= 1;
            assert!(!Commit::checksum_is_right(&block, &format, 0));
            assert!(!Commit::checksum_is_right(&block[..8], &format, 0));
        }
    }

    #[test]
    fn version_1_compares_the_sum_of_the_transaction() {
        let v1 = format(Checksums::V1, false);
        let block = COMMIT.encode(&v1, 0xABCD);
        assert!(Commit::checksum_is_right(&block, &v1, 0xABCD));
        assert!(!Commit::checksum_is_right(&block, &v1, 0xABCE));
        let without = COMMIT.encode(&format(Checksums::None, false), 5);
        assert!(Commit::checksum_is_right(&without, &v1, 0xABCD));
    }
}
