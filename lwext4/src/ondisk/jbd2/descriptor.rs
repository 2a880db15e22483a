//! Descriptor blocks: for each block that follows, a tag says where it belongs.

use super::{BlockType, Checksums, Format, HEADER_SIZE, Header, be16, be32, put, put_be32};
use crate::ondisk::checksum::crc32c;
use crate::types::{BlockNo, TxnId};
use bitflags::bitflags;

bitflags! {
    /// A tag's flags.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct TagFlags: u32 {
        /// The block starts with the journal's magic, which the copy in the log has as zeroes.
        const ESCAPE = 1;
        /// No UUID follows the tag: it is the one of the tag before.
        const SAME_UUID = 2;
        /// The block was deleted by this transaction (never written by anyone).
        const DELETED = 4;
        /// The last tag of its descriptor.
        const LAST_TAG = 8;
        const _ = !0;
    }
}

/// Where one block in the log belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its place in the file system.
    pub block: BlockNo,
    /// See [`TagFlags`].
    pub flags: TagFlags,
    /// The checksum of the copy in the log (versions 2 and 3), see [`data_checksum`].
    pub checksum: u32,
}

impl Tag {
    /// Whether `data`, the copy in the log, carries the checksum that this tag of transaction `tid`
    /// names, or the format has none.
    pub fn matches(&self, format: &Format, tid: TxnId, data: &[u8]) -> bool {
        match format.checksums {
            Checksums::None | Checksums::V1 => true,
            Checksums::V2 => self.checksum == data_checksum(format, tid, data) & 0xFFFF,
            Checksums::V3 => self.checksum == data_checksum(format, tid, data),
        }
    }
}

/// The CRC-32C of a block as it lies in the log (escaped) in transaction `tid`. Version 2 stores the
/// low 16 bits.
pub fn data_checksum(format: &Format, tid: TxnId, data: &[u8]) -> u32 {
    crc32c(crc32c(format.seed, &tid.0.to_be_bytes()), data)
}

/// The tags of a descriptor block, in order. Its header and checksum are the caller's to check.
pub fn tags<'a>(format: &'a Format, block: &'a [u8]) -> impl Iterator<Item = Tag> + 'a {
    let mut at = Some(HEADER_SIZE);
    std::iter::from_fn(move || {
        let start = at?;
        let end = start + format.tag_size();
        if end > format.body_end() {
            return None;
        }
        let field = block.get(start..end)?;
        let (flags, checksum, high) = match format.checksums {
            Checksums::V3 => (be32(field, 4), be32(field, 12), be32(field, 8)),
            // Not wide: the tag may end before the high half, or hold padding there.
            _ => (
                u32::from(be16(field, 6)),
                u32::from(be16(field, 4)),
                be32(field, 8),
            ),
        };
        let flags = TagFlags::from_bits_retain(flags);
        let high = if format.wide { high } else { 0 };
        at = if flags.contains(TagFlags::LAST_TAG) {
            None
        } else if flags.contains(TagFlags::SAME_UUID) {
            Some(end)
        } else {
            Some(end + 16)
        };
        Some(Tag {
            block: BlockNo(u64::from(high) << 32 | u64::from(be32(field, 0))),
            flags,
            checksum,
        })
    })
}

/// A descriptor block under construction.
#[derive(Debug)]
pub struct DescriptorBuilder<'a> {
    format: &'a Format,
    block: Vec<u8>,
    at: usize,
    /// Where the last tag is.
    last: Option<usize>,
}

impl<'a> DescriptorBuilder<'a> {
    /// A descriptor of transaction `tid` without tags. Take at most [`Format::tags_per_block`].
    pub fn new(format: &'a Format, tid: TxnId) -> DescriptorBuilder<'a> {
        let mut block = vec![0; format.block_size];
        Header {
            kind: BlockType::Descriptor,
            tid,
        }
        .put(&mut block);
        DescriptorBuilder {
            format,
            block,
            at: HEADER_SIZE,
            last: None,
        }
    }

    /// Adds the tag for the next block in the log; `checksum` is its [`data_checksum`].
    pub fn push(&mut self, home: BlockNo, escaped: bool, checksum: u32) {
        let mut flags = TagFlags::empty();
        flags.set(TagFlags::ESCAPE, escaped);
        flags.set(TagFlags::SAME_UUID, self.last.is_some());
        let at = self.at;
        put_be32(&mut self.block, at, home.0 as u32);
        let high = (home.0 >> 32) as u32;
        match self.format.checksums {
            Checksums::V3 => {
                put_be32(&mut self.block, at + 8, high);
                put_be32(&mut self.block, at + 12, checksum);
            }
            Checksums::V2 => put(&mut self.block, at + 4, &(checksum as u16).to_be_bytes()),
            Checksums::None | Checksums::V1 => {}
        }
        if self.format.wide && self.format.checksums != Checksums::V3 {
            put_be32(&mut self.block, at + 8, high);
        }
        self.put_flags(at, flags);
        self.at += self.format.tag_size();
        if self.last.is_none() {
            put(&mut self.block, self.at, &self.format.uuid);
            self.at += 16;
        }
        self.last = Some(at);
    }

    /// The finished block.
    pub fn finish(mut self) -> Vec<u8> {
        if let Some(at) = self.last {
            let flags = match self.format.checksums {
                Checksums::V3 => be32(&self.block, at + 4),
                _ => u32::from(be16(&self.block, at + 6)),
            };
            self.put_flags(at, TagFlags::from_bits_retain(flags) | TagFlags::LAST_TAG);
        }
        self.format.seal_tail(&mut self.block);
        self.block
    }

    fn put_flags(&mut self, at: usize, flags: TagFlags) {
        match self.format.checksums {
            Checksums::V3 => put_be32(&mut self.block, at + 4, flags.bits()),
            _ => put(
                &mut self.block,
                at + 6,
                &(flags.bits() as u16).to_be_bytes(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::format;
    use super::*;

    #[test]
    fn tags_come_back_in_every_format() {
        for sums in [Checksums::None, Checksums::V1, Checksums::V2, Checksums::V3] {
            for wide in [false, true] {
                let format = format(sums, wide);
                let high = if wide { 0x12_0000_0000 } else { 0 };
                let data = vec![0x5A; 1024];
                let sum = data_checksum(&format, TxnId(9), &data);
                let mut builder = DescriptorBuilder::new(&format, TxnId(9));
                let full = format.tags_per_block();
                for n in 0..full as u64 {
                    builder.push(BlockNo(high + n), n % 3 == 1, sum);
                }
                let block = builder.finish();
                assert!(format.tail_is_right(&block));
                let back: Vec<Tag> = tags(&format, &block).collect();
                assert_eq!(back.len(), full, "{format:?}");
                for (n, tag) in back.iter().enumerate() {
                    assert_eq!(tag.block.0, high + n as u64);
                    assert_eq!(tag.flags.contains(TagFlags::ESCAPE), n % 3 == 1);
                    assert_eq!(tag.flags.contains(TagFlags::SAME_UUID), n > 0);
                    assert_eq!(tag.flags.contains(TagFlags::LAST_TAG), n + 1 == full);
                    assert!(tag.matches(&format, TxnId(9), &data));
                    let has_sums = format.has_block_checksums();
                    assert_eq!(tag.matches(&format, TxnId(8), &data), !has_sums);
                }
            }
        }
    }

    #[test]
    fn tags_without_an_end_stop_at_the_blocks_end() {
        let format = format(Checksums::V3, true);
        let block = vec![0; 1024];
        // Each takes 16 bytes and 16 of UUID, but for the last.
        assert_eq!(tags(&format, &block).count(), 32);
        assert_eq!(tags(&format, &block[..20]).count(), 0);
    }

    #[test]
    fn a_changed_descriptor_fails_its_checksum() {
        let format = format(Checksums::V2, true);
        let mut builder = DescriptorBuilder::new(&format, TxnId(1));
        builder.push(BlockNo(5), false, 0);
        let mut block = builder.finish();
        block[15] ^= 1;
        assert!(!format.tail_is_right(&block));
    }
}
