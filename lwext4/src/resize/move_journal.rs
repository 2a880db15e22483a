//! Moving the journal below the new end.
//!
//! The transaction that moves it is written to both logs, to the new one first. The inode's block is the
//! only one that says where the journal is. Until it is written home, whoever recovers finds the
//! transaction in the old log, and afterwards in the new one, and replays the same either way. Only when
//! everything is home, the new log is marked empty.

use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::file::{JournalFile, Run};
use crate::journal::log::Log;
use crate::journal::{Credits, Handle};
use crate::map;
use crate::open::open_journal;
use crate::types::{BlockNo, FileBlock, Ino, TxnId};
use std::sync::Arc;

impl Fs {
    /// The journal's inode, if any of its blocks is at `ceiling` or behind it.
    pub(super) fn journal_above(&self, ceiling: BlockNo) -> Result<Option<Ino>> {
        let ino = Ino(self.sb.lock().journal_inum());
        if ino.0 == 0 {
            return Ok(None);
        }
        let data = self.load_inode(ino)?;
        if !data.maps_blocks(self) {
            return Ok(None);
        }
        let high_data = map::next_above(self, &data, FileBlock(0), ceiling)?.is_some();
        Ok((high_data || map::has_node_above(self, &data, ceiling)?).then_some(ino))
    }

    /// Moves the journal to where the allocator has room. The volume must be closed after that, and
    /// nothing else be done before.
    pub(super) fn move_journal(&self, ino: Ino) -> Result<()> {
        self.journal.checkpoint()?;
        let sb = self.sb.lock().clone();
        let old = open_journal(&self.dev, &sb, &self.geo)?;
        let mut data = self.load_inode(ino)?;
        let mut h = self.begin_alone(Credits(self.journal.alone_limit() / 2))?;
        let moved = self.move_in_one(&mut h, &mut data, &old);
        let mirror = h.finish(moved)?;
        if let Some(mirror) = mirror {
            *self.journal.mirror.lock() = Some(mirror);
        }
        let tid = h.tid();
        drop(h);
        self.journal.checkpoint()?;
        if let Some(mirror) = self.journal.mirror.lock().take() {
            mirror.checkpointed_through(tid, true)?;
            mirror.close(true)?;
        }
        Ok(())
    }

    /// Allocates, prepares and maps the new log; frees the old one. The new log, if there is one to
    /// write to.
    fn move_in_one(
        &self,
        h: &mut Handle<'_>,
        data: &mut InodeData,
        old: &JournalFile,
    ) -> Result<Option<Log>> {
        let len = old.len();
        let mut runs: Vec<Run> = Vec::new();
        let mut first = 0;
        while first < len {
            let goal = runs
                .last()
                .map_or(BlockNo(0), |run| BlockNo(run.block.0 + u64::from(run.len)));
            let (block, got) = self.alloc.alloc_blocks(h, goal, len - first)?;
            runs.push(Run {
                first,
                block,
                len: got,
            });
            first += got;
        }
        // What a log of another time left there must not be taken for this one's.
        let bits = self.geo.block_bits;
        for run in &runs {
            self.dev
                .punch(self.geo.offset(run.block), u64::from(run.len) << bits)
                .map_err(|e| Error::io("zeroing the new journal", e))?;
        }
        let sb = self.sb.lock().clone();
        let file = Arc::new(JournalFile::new(self.dev.clone(), &sb, runs.clone())?);
        let mut journal_sb = old.read_superblock()?;
        // The first transaction in it is the one that moves it.
        journal_sb.set_sequence(TxnId(h.tid().0.wrapping_sub(1)));
        journal_sb.set_start(0);
        file.write_superblock(&mut journal_sb)?;
        file.flush()?;
        let mirror = match &self.journal.log {
            Some(_) => Some(Log::open(file)?),
            None => None,
        };
        let size = data.size();
        if map::remove(h, data, FileBlock(0), 1 << 32)?.is_some() {
            return Err(Corrupt::new("the journal is too fragmented to be moved")
                .ino(data.ino)
                .into());
        }
        for run in &runs {
            map::insert(h, data, FileBlock(run.first), run.block, run.len, false)?;
        }
        data.set_size(size);
        h.store(data)?;
        let mut sb = self.sb.lock();
        if sb.jnl_backup_type() == 1 {
            sb.set_journal_backup(data.block(), size);
        }
        Ok(mirror)
    }
}
