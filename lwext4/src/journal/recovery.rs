//! Replay of the log that a crash left behind.
//!
//! One walk over the log collects the tags and revokes of every transaction up to the first that is
//! not whole. What remains, after the revokes, is one copy for each block: the newest. Nothing is
//! written before the whole log is known to be sound.

use super::fast_commit;
use super::file::JournalFile;
use crate::error::{Corrupt, Error, Result};
use crate::ondisk::jbd2::{
    BlockType, Checksums, Commit, Format, Header, JournalIncompat, JournalSuperblock, MAGIC, Tag,
    TagFlags, crc32_be, revokes, tags,
};
use crate::types::{BlockNo, Timestamp, TxnId};
use std::collections::{BTreeMap, HashMap};
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// How much is gathered before it is written home, in bytes.
const BATCH: usize = 1 << 20;

/// What a log holds: which copies belong where.
pub(crate) struct Recovery {
    file: Arc<JournalFile>,
    sb: JournalSuperblock,
    copies: BTreeMap<BlockNo, Copied>,
    transactions: u32,
    end: TxnId,
}

/// The newest copy of a block in the log.
#[derive(Clone, Copy, Debug)]
struct Copied {
    tid: TxnId,
    index: u32,
    tag: Tag,
}

/// Reads the log in `file` and finds out what must be replayed. Writes nothing.
///
/// # Errors
/// [`Error::Unsupported`] names unknown features, or fast commits that are not replayed.
/// [`Error::Corrupt`] says what makes no sense in a log that claims to be whole.
pub(crate) fn recover(file: &Arc<JournalFile>) -> Result<Recovery> {
    let sb = file.read_superblock()?;
    let geometry = sb.check(file.block_size(), file.len())?;
    let mut recovery = Recovery {
        file: file.clone(),
        copies: BTreeMap::new(),
        transactions: 0,
        end: sb.sequence(),
        sb,
    };
    if recovery.is_clean() {
        return Ok(recovery);
    }
    let mut found = Walk::new(file, &recovery.sb, geometry.log).run()?;
    fast_commit::refuse_pending(file, &geometry.fast_commits, found.end)?;
    recovery.copies = found.newest_copies();
    let mut damaged = recovery.damaged()?;
    if let Some(copy) = damaged {
        // With asynchronous commit, the last commit block can be there before its transaction is.
        let asynchronous = recovery
            .sb
            .incompat()
            .contains(JournalIncompat::ASYNC_COMMIT);
        if asynchronous && copy.tid.next() == found.end {
            found.drop_last();
            recovery.copies = found.newest_copies();
            damaged = recovery.damaged()?;
        }
    }
    if let Some(copy) = damaged {
        let what = "the checksum of a block in the journal is wrong";
        return Err(Corrupt::new(what).block(copy.tag.block).into());
    }
    if let Some(&home) = recovery.copies.keys().find(|&&home| !file.may_hold(home)) {
        let what = "the journal holds a block from outside the file system";
        return Err(Corrupt::new(what).block(home).into());
    }
    recovery.transactions = found.transactions;
    recovery.end = found.end;
    Ok(recovery)
}

impl Recovery {
    /// Whether the journal was closed properly: there is nothing to replay or to reset.
    pub(crate) fn is_clean(&self) -> bool {
        self.sb.start() == 0
    }

    /// Transactions in the log.
    pub(crate) fn transactions(&self) -> u32 {
        self.transactions
    }

    /// The last transaction in the log, if there is one.
    pub(crate) fn last_tid(&self) -> Option<TxnId> {
        (self.transactions > 0).then(|| TxnId(self.end.0.wrapping_sub(1)))
    }

    /// Blocks to be replayed.
    pub(crate) fn blocks(&self) -> usize {
        self.copies.len()
    }

    /// The journal.
    pub(crate) fn file(&self) -> &Arc<JournalFile> {
        &self.file
    }

    /// The blocks to be replayed among `range`, ascending.
    pub(crate) fn blocks_in(
        &self,
        range: RangeInclusive<BlockNo>,
    ) -> impl Iterator<Item = BlockNo> + '_ {
        self.copies.range(range).map(|(home, _)| *home)
    }

    /// Fills `buf`, one block, with what `home` holds after replay; `false` when the log has no copy.
    pub(crate) fn read(&self, home: BlockNo, buf: &mut [u8]) -> Result<bool> {
        let Some(copy) = self.copies.get(&home) else {
            return Ok(false);
        };
        self.file.read(copy.index, buf)?;
        if copy.tag.flags.contains(TagFlags::ESCAPE)
            && let Some(start) = buf.first_chunk_mut()
        {
            *start = MAGIC.to_be_bytes();
        }
        Ok(true)
    }

    /// Writes the copies home, makes them durable, then marks the log as empty, durably. A crash in
    /// between leaves the log as it was: replay starts over.
    pub(crate) fn write_home(mut self) -> Result<()> {
        if self.is_clean() {
            return Ok(());
        }
        let size = self.file.block_size() as usize;
        let mut batch = Vec::new();
        let mut start = 0;
        let mut block = vec![0; size];
        for &home in self.copies.keys() {
            let follows = home.0 == start + (batch.len() / size) as u64;
            if !follows || batch.len() >= BATCH {
                self.write_batch(start, &batch)?;
                batch.clear();
                start = home.0;
            }
            self.read(home, &mut block)?;
            batch.extend_from_slice(&block);
        }
        self.write_batch(start, &batch)?;
        self.file.flush()?;
        // The transaction that was not whole may have left blocks behind: its number is used up.
        self.sb.set_sequence(self.end.next());
        self.sb.set_start(0);
        self.file.write_superblock(&mut self.sb)?;
        self.file.flush()
    }

    fn write_batch(&self, start: u64, batch: &[u8]) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let at = start.checked_mul(u64::from(self.file.block_size()));
        let at = at.ok_or_else(|| Corrupt::new("a block beyond every device"))?;
        self.file
            .device()
            .write_at(batch, at)
            .map_err(|e| Error::io("replaying the journal", e))
    }

    /// A copy that its tag's checksum does not match, of the youngest transaction that has one.
    fn damaged(&self) -> Result<Option<Copied>> {
        let format = self.sb.format();
        let mut worst: Option<Copied> = None;
        if !format.has_block_checksums() {
            return Ok(worst);
        }
        let mut data = vec![0; format.block_size];
        for copy in self.copies.values() {
            self.file.read(copy.index, &mut data)?;
            if !copy.tag.matches(&format, copy.tid, &data)
                && worst.is_none_or(|worst| copy.tid.is_after(worst.tid))
            {
                worst = Some(*copy);
            }
        }
        Ok(worst)
    }
}

/// What a walk over the log found, in the log's order.
struct Found {
    copies: Vec<Copied>,
    revokes: Vec<(BlockNo, TxnId)>,
    transactions: u32,
    /// The first transaction that is not whole.
    end: TxnId,
}

impl Found {
    /// Forgets the last transaction.
    fn drop_last(&mut self) {
        let last = TxnId(self.end.0.wrapping_sub(1));
        self.copies.retain(|copy| copy.tid != last);
        self.revokes.retain(|revoke| revoke.1 != last);
        self.transactions = self.transactions.saturating_sub(1);
        self.end = last;
    }

    /// The newest copy of each block that no later revoke forbids.
    fn newest_copies(&self) -> BTreeMap<BlockNo, Copied> {
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
