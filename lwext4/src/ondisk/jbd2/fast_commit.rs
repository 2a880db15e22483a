//! Fast commits: logical records in blocks of their own at the journal's end. Little-endian.
//!
//! A block is a chain of records: tag (16 bits), length (16 bits), value. The first record of the
//! first block is the head; each fast commit ends with a tail that carries a checksum.

use crate::ondisk::Le;
use crate::ondisk::checksum::crc32c;
use crate::types::TxnId;

/// Size of a record's tag and length, in bytes.
const RECORD_HEADER: usize = 4;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastCommitTag {
    /// A range of blocks joined a file.
    AddRange,
    /// A range of blocks left a file.
    DelRange,
    /// A file was created under a name.
    Create,
    /// A name was added.
    Link,
    /// A name was removed.
    Unlink,
    /// An inode's new content.
    Inode,
    /// Nothing; fills a block.
    Pad,
    /// The end of one fast commit: its transaction and whether the checksum over it is right.
    Tail {
        /// The transaction that the fast commit stands for.
        tid: TxnId,
        /// Whether the checksum is right.
        intact: bool,
    },
    /// The start of the area: the transaction, and features that a replay needs.
    Head {
        /// The transaction that the fast commits stand for.
        tid: TxnId,
        /// Features, of which none is defined.
        features: u32,
    },
}

/// Walks through the records of consecutive fast-commit blocks, keeping the checksum between them.
#[derive(Debug, Default)]
pub struct FastCommitTags {
    sum: u32,
}

impl FastCommitTags {
    /// A walk that starts at the first block of the area.
    pub fn new() -> FastCommitTags {
        FastCommitTags::default()
    }

    /// The records of the next block; an undefined or overlong record ends the iterator with `None`
    /// inside.
    pub fn block<'a>(
        &'a mut self,
        block: &'a [u8],
    ) -> impl Iterator<Item = Option<FastCommitTag>> + 'a {
        let mut rest = block;
        std::iter::from_fn(move || {
            if rest.len() <= RECORD_HEADER {
                return None;
            }
            let len = usize::from(u16::get(rest, 2));
            let record = rest.get(..RECORD_HEADER + len);
            let tag = record.and_then(|record| self.record(record));
            rest = match (tag, record) {
                (Some(_), Some(record)) => &rest[record.len()..],
                _ => &[],
            };
            Some(tag)
        })
    }

    fn record(&mut self, record: &[u8]) -> Option<FastCommitTag> {
        let value = record.get(RECORD_HEADER..)?;
        let tag = match u16::get(record, 0) {
            1 => FastCommitTag::AddRange,
            2 => FastCommitTag::DelRange,
            3 => FastCommitTag::Create,
            4 => FastCommitTag::Link,
            5 => FastCommitTag::Unlink,
            6 => FastCommitTag::Inode,
            7 => FastCommitTag::Pad,
            8 => {
                // The checksum covers the tail up to itself.
                let covered = record.get(..RECORD_HEADER + 4)?;
                value.get(..8)?;
                let sum = crc32c(self.sum, covered);
                self.sum = 0;
                return Some(FastCommitTag::Tail {
                    tid: TxnId(u32::get(value, 0)),
                    intact: sum == u32::get(value, 4),
                });
            }
            9 => {
                value.get(..8)?;
                FastCommitTag::Head {
                    features: u32::get(value, 0),
                    tid: TxnId(u32::get(value, 4)),
                }
            }
            _ => return None,
        };
        self.sum = crc32c(self.sum, record);
        Some(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(tag: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = tag.to_le_bytes().to_vec();
        bytes.extend((value.len() as u16).to_le_bytes());
        bytes.extend(value);
        bytes
    }

    #[test]
    fn a_fast_commit_is_intact_only_with_its_checksum() {
        let mut block = record(9, &[0, 0, 0, 0, 7, 0, 0, 0]);
        block.extend(record(6, &[1; 160]));
        let mut tail = record(8, &[7, 0, 0, 0, 0, 0, 0, 0]);
        let sum = crc32c(crc32c(0, &block), &tail[..8]);
        tail[8..].copy_from_slice(&sum.to_le_bytes());
        block.extend(tail);
        let last = |block: &[u8]| FastCommitTags::new().block(block).last().unwrap();
        let intact = FastCommitTag::Tail {
            tid: TxnId(7),
            intact: true,
        };
        assert_eq!(last(&block), Some(intact));
        block[20] ^= 1;
        assert_ne!(last(&block), Some(intact));
    }

    #[test]
    fn nonsense_ends_the_walk() {
        let mut tags = FastCommitTags::new();
        assert_eq!(tags.block(&[0; 1024]).collect::<Vec<_>>(), [None]);
        let overlong = record(6, &[0; 10])[..8].to_vec();
        assert_eq!(tags.block(&overlong).collect::<Vec<_>>(), [None]);
        assert_eq!(tags.block(&[]).count(), 0);
    }
}
