//! The log of an image that was left in use: its blocks, and the copies in it.

use crate::structures::{Kind, Structures};
use lwext4::ondisk::jbd2::{BlockType, TagFlags};
use lwext4::ondisk::jbd2::{Checksums, Format, Header, JournalSuperblock, MAGIC, SUPERBLOCK_SIZE};
use std::collections::HashMap;

/// A copy of a block in the log.
#[derive(Clone, Copy, Debug)]
pub struct Logged {
    /// Where the copy is, in bytes.
    pub at: usize,
    /// Where its tag is.
    pub tag: usize,
    /// Its transaction.
    pub tid: u32,
}

/// A log.
#[derive(Clone, Debug)]
pub struct Log {
    /// How its blocks are laid out.
    pub format: Format,
    /// The copies in it.
    pub copies: Vec<Logged>,
    /// The newest copy of each block that has one.
    pub places: HashMap<u64, usize>,
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|tail| tail.first_chunk())
        .map_or(0, |chunk| u32::from_be_bytes(*chunk))
}

/// Reads the journal that lies in `blocks`, and notes its structures.
pub fn parse(found: &mut Structures, image: &[u8], blocks: &[u64]) -> Option<Log> {
    let size = found.block_size;
    let byte = |index: u32| Some(*blocks.get(index as usize)? as usize * size);
    let at = byte(0)?;
    let sb = JournalSuperblock::parse(image.get(at..at + SUPERBLOCK_SIZE)?).ok()?;
    found.push(Kind::JournalSuper, at, SUPERBLOCK_SIZE, 0);
    let ring = sb.check(size as u32, blocks.len() as u32).ok()?.log;
    let mut log = Log {
        format: sb.format(),
        copies: Vec::new(),
        places: HashMap::new(),
    };
    if sb.start() == 0 {
        return Some(log);
    }
    let next = |index: u32| {
        if index + 1 < ring.end {
            index + 1
        } else {
            ring.start
        }
    };
    let (mut index, mut tid) = (sb.start(), sb.sequence());
    for _ in ring.clone() {
        let at = byte(index)?;
        let block = image.get(at..at + size)?;
        let Some(header) = Header::parse(block).filter(|header| header.tid == tid) else {
            break;
        };
        index = next(index);
        match header.kind {
            BlockType::Descriptor => {
                found.push(Kind::LogDescriptor, at, size, 0);
                for (tag, home) in tags(&log.format, block) {
                    let copy = byte(index)?;
                    log.copies.push(Logged {
                        at: copy,
                        tag: at + tag,
                        tid: tid.0,
                    });
                    if be32(image, copy) != MAGIC {
                        log.places.insert(home, copy);
                    }
                    index = next(index);
                }
            }
            BlockType::Revoke => found.push(Kind::LogRevoke, at, size, 0),
            BlockType::Commit => {
                found.push(Kind::LogCommit, at, size, 0);
                tid = tid.next();
            }
            _ => break,
        }
    }
    Some(log)
}

/// The tags of a descriptor: where each is, and its block.
fn tags(format: &Format, block: &[u8]) -> Vec<(usize, u64)> {
    let mut tags = Vec::new();
    let mut at = 12;
    while at + format.tag_size() + 4 <= block.len() {
        let flags = match format.checksums {
            Checksums::V3 => be32(block, at + 4),
            _ => be32(block, at + 4) & 0xFFFF,
        };
        let flags = TagFlags::from_bits_retain(flags);
        let high = if format.wide { be32(block, at + 8) } else { 0 };
        tags.push((at, u64::from(high) << 32 | u64::from(be32(block, at))));
        if flags.contains(TagFlags::LAST_TAG) {
            break;
        }
        at += format.tag_size();
        if !flags.contains(TagFlags::SAME_UUID) {
            at += 16;
        }
    }
    tags
}
