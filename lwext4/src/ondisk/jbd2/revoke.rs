//! Revoke blocks: copies of these blocks, in this transaction and older ones, are not replayed.

use super::{BlockType, Format, Header, be32, put, put_be32};
use crate::error::Corrupt;
use crate::types::{BlockNo, TxnId};

/// The common header and the count of bytes in use (0xC), which includes this header.
pub(super) const HEADER_SIZE: usize = 16;

/// A revoke block for the first numbers of `blocks`, as many as fit, and how many those are.
pub fn encode_revokes(format: &Format, tid: TxnId, blocks: &[BlockNo]) -> (Vec<u8>, usize) {
    let count = blocks.len().min(format.revokes_per_block());
    let mut block = vec![0; format.block_size];
    Header {
        kind: BlockType::Revoke,
        tid,
    }
    .put(&mut block);
    let size = format.revoke_size();
    put_be32(&mut block, 12, (HEADER_SIZE + count * size) as u32);
    for (i, number) in blocks.iter().take(count).enumerate() {
        let at = HEADER_SIZE + i * size;
        if format.wide {
            put(&mut block, at, &number.0.to_be_bytes());
        } else {
            put_be32(&mut block, at, number.0 as u32);
        }
    }
    format.seal_tail(&mut block);
    (block, count)
}

/// The numbers in a revoke block. Its header and checksum are the caller's to check.
///
/// # Errors
/// When the count of bytes in use exceeds the block.
pub fn revokes<'a>(
    format: &Format,
    block: &'a [u8],
) -> Result<impl Iterator<Item = BlockNo> + 'a, Corrupt> {
    let used = be32(block, 12) as usize;
    if used > format.body_end() {
        return Err(Corrupt::new(
            "a revoke block of the journal claims more records than it holds",
        ));
    }
    let records = block.get(HEADER_SIZE..used).unwrap_or_default();
    Ok(records
        .chunks_exact(format.revoke_size())
        .map(|record| match record.len() {
            8 => BlockNo(u64::from(be32(record, 0)) << 32 | u64::from(be32(record, 4))),
            _ => BlockNo(u64::from(be32(record, 0))),
        }))
}

#[cfg(test)]
mod tests {
    use super::super::Checksums;
    use super::super::tests::format;
    use super::*;

    #[test]
    fn numbers_come_back_in_every_format() {
        for sums in [Checksums::None, Checksums::V2, Checksums::V3] {
            for wide in [false, true] {
                let format = format(sums, wide);
                let numbers: Vec<_> = (0..1000).map(|n| BlockNo(n * 7 + 1)).collect();
                let mut left = &numbers[..];
                let mut back = Vec::new();
                while !left.is_empty() {
                    let (block, count) = encode_revokes(&format, TxnId(3), left);
                    assert!(format.tail_is_right(&block));
                    back.extend(revokes(&format, &block).unwrap());
                    left = &left[count..];
                }
                assert_eq!(back, numbers);
            }
        }
    }

    #[test]
    fn a_count_beyond_the_block_is_refused() {
        let format = format(Checksums::V3, true);
        let (mut block, _) = encode_revokes(&format, TxnId(3), &[BlockNo(1)]);
        put_be32(&mut block, 12, 1021);
        assert!(revokes(&format, &block).is_err());
        put_be32(&mut block, 12, 3);
        assert_eq!(revokes(&format, &block).unwrap().count(), 0);
    }
}
