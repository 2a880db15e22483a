//! The walk over a log: transaction by transaction, up to the first that is not whole.

use super::file::JournalFile;
use crate::error::{Corrupt, Result};
use crate::ondisk::jbd2::{
    BlockType, Checksums, Commit, Format, Header, JournalSuperblock, Tag, crc32_be, revokes, tags,
};
use crate::types::{BlockNo, Timestamp, TxnId};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// A copy of a block in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied {
    /// The transaction it belongs to.
    pub(super) tid: TxnId,
    /// The block of the journal.
    pub(super) index: u32,
    /// Its descriptor's words on it.
    pub(super) tag: Tag,
}

/// Walks over the log that starts where `sb` says, round the blocks of `ring` at most once.
///
/// # Errors
/// When a whole transaction is damaged, or a block cannot be read.
pub(super) fn walk(file: &JournalFile, sb: &JournalSuperblock, ring: Range<u32>) -> Result<Found> {
    Walk::new(file, sb, ring).run()
}

/// What a walk over the log found, in the log's order.
pub(super) struct Found {
    copies: Vec<Copied>,
    revokes: Vec<(BlockNo, TxnId)>,
    /// Whole transactions.
    pub(super) transactions: u32,
    /// The first transaction that is not whole.
    pub(super) end: TxnId,
}

impl Found {
    /// Forgets the last transaction.
    pub(super) fn drop_last(&mut self) {
        let last = TxnId(self.end.0.wrapping_sub(1));
        self.copies.retain(|copy| copy.tid != last);
        self.revokes.retain(|revoke| revoke.1 != last);
        self.transactions = self.transactions.saturating_sub(1);
        self.end = last;
    }

    /// The newest copy of each block that no later revoke forbids.
    pub(super) fn newest_copies(&self) -> BTreeMap<BlockNo, Copied> {
        // Ascending transactions: the youngest revoke of a block stays.
        let revoked: HashMap<BlockNo, TxnId> = self.revokes.iter().copied().collect();
        let mut newest = BTreeMap::new();
        for copy in &self.copies {
            let home = copy.tag.block;
            // A revoke kills the copies of its own transaction and of older ones.
            if revoked.get(&home).is_none_or(|tid| copy.tid.is_after(*tid)) {
                newest.insert(home, *copy);
            }
        }
        newest
    }
}

/// A walk over the log, transaction by transaction.
struct Walk<'a> {
    file: &'a JournalFile,
    format: Format,
    ring: Range<u32>,
    at: u32,
    /// Blocks of the ring not visited yet: the walk ends at the latest when it is round.
    left: u32,
    found: Found,
    /// The transaction at hand: how much of `found` is older, its version-1 checksum so far, and
    /// what is wrong with it.
    copies: usize,
    revokes: usize,
    sum: u32,
    damage: Option<&'static str>,
    last_time: Timestamp,
    block: Vec<u8>,
}

impl<'a> Walk<'a> {
    fn new(file: &'a JournalFile, sb: &JournalSuperblock, ring: Range<u32>) -> Walk<'a> {
        Walk {
            file,
            format: sb.format(),
            at: sb.start(),
            left: ring.end - ring.start,
            ring,
            found: Found {
                copies: Vec::new(),
                revokes: Vec::new(),
                transactions: 0,
                end: sb.sequence(),
            },
            copies: 0,
            revokes: 0,
            sum: !0,
            damage: None,
            last_time: Timestamp::default(),
            block: vec![0; file.block_size() as usize],
        }
    }

    fn run(mut self) -> Result<Found> {
        while self.read_next()? {
            let Some(header) = Header::parse(&self.block) else {
                break;
            };
            if header.tid != self.found.end {
                break;
            }
            let whole = match header.kind {
                BlockType::Descriptor => self.descriptor()?,
                BlockType::Revoke => self.revoke(),
                BlockType::Commit => self.commit()?,
                BlockType::SuperblockV1 | BlockType::SuperblockV2 => false,
            };
            if !whole {
                break;
            }
        }
        // What follows the last commit block does not count.
        self.found.copies.truncate(self.copies);
        self.found.revokes.truncate(self.revokes);
        Ok(self.found)
    }

    /// Reads the next block; `false` when the walk is round.
    fn read_next(&mut self) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.file.read(self.at, &mut self.block)?;
        self.advance();
        Ok(true)
    }

    fn advance(&mut self) {
        self.left -= 1;
        self.at += 1;
        if self.at >= self.ring.end {
            self.at = self.ring.start;
        }
    }

    /// Takes the tags of the descriptor at hand and passes over its copies; `false` when they do not
    /// fit the log.
    fn descriptor(&mut self) -> Result<bool> {
        let tid = self.found.end;
        if !self.format.tail_is_right(&self.block) {
            self.damage = Some("the checksum of a descriptor in the journal is wrong");
        }
        let tags: Vec<Tag> = tags(&self.format, &self.block).collect();
        let summed = self.format.checksums == Checksums::V1;
        if summed {
            self.sum = crc32_be(self.sum, &self.block);
        }
        for tag in tags {
            if self.left == 0 {
                return Ok(false);
            }
            let index = self.at;
            if summed {
                self.read_next()?;
                self.sum = crc32_be(self.sum, &self.block);
            } else {
                self.advance();
            }
            self.found.copies.push(Copied { tid, index, tag });
        }
        Ok(true)
    }

    /// Takes the records of the revoke block at hand.
    fn revoke(&mut self) -> bool {
        let tid = self.found.end;
        if !self.format.tail_is_right(&self.block) {
            self.damage = Some("the checksum of a revoke block in the journal is wrong");
            return true;
        }
        match revokes(&self.format, &self.block) {
            Ok(blocks) => self.found.revokes.extend(blocks.map(|block| (block, tid))),
            Err(corrupt) => self.damage = Some(corrupt.what),
        }
        true
    }

    /// Closes the transaction at hand; `false` when its commit block does not make it whole.
    ///
    /// # Errors
    /// When the commit block is sound and belongs to this log, but the transaction is damaged.
    fn commit(&mut self) -> Result<bool> {
        let Some(commit) = Commit::parse(&self.block) else {
            return Ok(false);
        };
        if !Commit::checksum_is_right(&self.block, &self.format, self.sum) {
            return Ok(false);
        }
        if let Some(damage) = self.damage {
            // Blocks of an earlier life of the log can carry the expected number; their commit is
            // older than the one before.
            if commit.time < self.last_time {
                return Ok(false);
            }
            return Err(Corrupt::new(damage).into());
        }
        self.copies = self.found.copies.len();
        self.revokes = self.found.revokes.len();
        self.found.transactions = self.found.transactions.saturating_add(1);
        self.found.end = commit.tid.next();
        self.last_time = commit.time;
        self.sum = !0;
        Ok(true)
    }
}
