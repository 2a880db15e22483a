//! Replay of the log that a crash left behind.
//!
//! After the walk over the log, what remains after the revokes is one copy for each block: the
//! newest. Nothing is written before the whole log is known to be sound.

use super::fast_commit;
use super::file::JournalFile;
use super::walk::{Copied, walk};
use crate::error::{Corrupt, Error, Result};
use crate::ondisk::jbd2::{JournalIncompat, JournalSuperblock, MAGIC, TagFlags};
use crate::ondisk::superblock::{self, Superblock};
use crate::types::{BlockNo, TxnId};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
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

/// Reads the log in `file` and finds out what must be replayed. Writes nothing.
///
/// The file system's superblock may be among it: read it again afterwards, and open the journal anew.
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
    let mut found = walk(file, &recovery.sb, geometry.log)?;
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
    recovery.confine()?;
    recovery.transactions = found.transactions;
    recovery.end = found.end;
    Ok(recovery)
}

impl Recovery {
    /// Whether the journal was closed properly: there is nothing to replay or to reset.
    pub(crate) fn is_clean(&self) -> bool {
        self.sb.start() == 0
    }

    /// What made a kernel give up the journal, as a negative error number; 0: nothing.
    pub(crate) fn errno(&self) -> i32 {
        self.sb.errno().cast_signed()
    }

    /// Transactions in the log.
    pub(crate) fn transactions(&self) -> u32 {
        self.transactions
    }

    /// The last transaction in the log, if there is one.
    #[cfg(test)]
    pub(crate) fn last_tid(&self) -> Option<TxnId> {
        (self.transactions > 0).then(|| TxnId(self.end.0.wrapping_sub(1)))
    }

    /// Blocks to be replayed.
    #[cfg(test)]
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

    /// Drops copies from beyond the file system's end, which a kernel leaves when it is stopped while
    /// growing the file system.
    ///
    /// # Errors
    /// When a copy belongs where none can: beyond the device, before the superblock, in the journal.
    fn confine(&mut self) -> Result<()> {
        let fs = *self.file.fs();
        let size = u64::from(self.file.block_size());
        let device = self.file.device().size() / size;
        let place = |home: &BlockNo| {
            (fs.first..device.max(fs.end)).contains(&home.0) && !self.file.contains(*home)
        };
        if let Some(&home) = self.copies.keys().find(|home| !place(home)) {
            let what = "the journal holds a block from outside the file system";
            return Err(Corrupt::new(what).block(home).into());
        }
        // The superblock in the log may know of a later end than the one on disk.
        let mut end = fs.end;
        let mut block = vec![0; size as usize];
        if self.read(BlockNo(superblock::OFFSET / size), &mut block)?
            && let Some(sb) = block
                .get((superblock::OFFSET % size) as usize..)
                .and_then(Superblock::from_bytes)
            && sb.magic() == superblock::MAGIC
        {
            end = end.max(sb.blocks_count());
        }
        self.copies.split_off(&BlockNo(end));
        Ok(())
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
        self.reset()
    }

    /// Marks the log as empty without replaying it: what the kernel does when the file system's
    /// superblock does not ask for recovery.
    pub(crate) fn discard(mut self) -> Result<()> {
        if self.is_clean() {
            return Ok(());
        }
        self.reset()
    }

    fn reset(&mut self) -> Result<()> {
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
