//! The log's writer: appends transactions, and gives their space back when they are checkpointed.

use super::append::Appender;
use super::file::JournalFile;
use crate::error::{Error, Result};
use crate::ondisk::jbd2::{
    Checksums, Commit, DescriptorBuilder, Format, JournalCompat, JournalIncompat,
    JournalSuperblock, MAGIC, crc32_be, data_checksum, encode_revokes,
};
use crate::types::{BlockNo, Timestamp, TxnId};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// An open log that takes new transactions.
///
/// One thread writes transactions; another may give space back at the same time.
pub(crate) struct Log {
    file: Arc<JournalFile>,
    format: Format,
    /// The blocks of the ring.
    ring: Range<u32>,
    state: Mutex<State>,
    /// What time it is always, for commits that must come out the same.
    clock: Option<Timestamp>,
}

struct State {
    /// As it is on disk, or will be when the log is next marked.
    sb: JournalSuperblock,
    /// Where the next transaction starts.
    head: u32,
    next_tid: TxnId,
    /// Transactions whose blocks are not all home yet, oldest first.
    live: VecDeque<Committed>,
    /// Blocks that the live transactions take.
    used: u32,
    /// Whether the superblock on disk says where the log starts.
    marked: bool,
    /// The last commit's time: commits never go back in time, whatever the clock does.
    last_time: Timestamp,
    /// An error left the log in an unknown state: nothing may be written any more.
    poisoned: bool,
}

/// A transaction in the log.
#[derive(Clone, Copy, Debug)]
struct Committed {
    tid: TxnId,
    start: u32,
    blocks: u32,
}

impl Log {
    /// Commits carry this time from now on, and not the host's.
    pub(crate) fn with_clock(mut self, clock: Option<Timestamp>) -> Log {
        self.clock = clock;
        self
    }

    /// Opens the empty log in `file` for writing, with the features that the kernel would set when it
    /// mounts the file system. Nothing is written yet.
    ///
    /// # Errors
    /// [`Error::NeedsRecovery`] when transactions wait for replay; [`Error::Unsupported`] names unknown
    /// features; [`Error::Corrupt`] says what makes no sense.
    pub(crate) fn open(file: Arc<JournalFile>) -> Result<Log> {
        let mut sb = file.read_superblock()?;
        sb.check(file.block_size(), file.len())?;
        if sb.start() != 0 {
            return Err(Error::NeedsRecovery);
        }
        sb.upgrade_to_v2();
        let mut incompat = sb.incompat();
        // Neither is of use here, and the kernel sets them again when it wants them.
        incompat.remove(JournalIncompat::FAST_COMMIT | JournalIncompat::ASYNC_COMMIT);
        incompat.set(
            JournalIncompat::BIT64,
            file.fs().wide || incompat.contains(JournalIncompat::BIT64),
        );
        if file.fs().metadata_csum {
            incompat.remove(JournalIncompat::CSUM_V2);
            incompat.insert(JournalIncompat::CSUM_V3);
            sb.set_compat(sb.compat() - JournalCompat::CHECKSUM);
        }
        sb.set_incompat(incompat);
        let ring = sb.check(file.block_size(), file.len())?.log;
        let next_tid = sb.sequence().next();
        Ok(Log {
            clock: None,
            format: sb.format(),
            state: Mutex::new(State {
                sb,
                head: ring.start,
                next_tid,
                live: VecDeque::new(),
                used: 0,
                marked: false,
                last_time: Timestamp::default(),
                poisoned: false,
            }),
            ring,
            file,
        })
    }

    /// Blocks that the log holds in all.
    pub(crate) fn capacity(&self) -> u32 {
        self.ring.end - self.ring.start
    }

    /// Blocks that no live transaction takes.
    pub(crate) fn free_blocks(&self) -> u32 {
        self.capacity().saturating_sub(self.state.lock().used)
    }

    /// Log blocks that a transaction of `blocks` blocks and `revokes` revoked blocks takes.
    pub(crate) fn blocks_needed(&self, blocks: usize, revokes: usize) -> u32 {
        let total = blocks
            .saturating_add(blocks.div_ceil(self.format.tags_per_block()))
            .saturating_add(revokes.div_ceil(self.format.revokes_per_block()))
            .saturating_add(1);
        u32::try_from(total).unwrap_or(u32::MAX)
    }

    /// The number that the next transaction must have.
    pub(crate) fn next_tid(&self) -> TxnId {
        self.state.lock().next_tid
    }

    /// The oldest transaction that is not checkpointed.
    #[cfg(test)]
    pub(crate) fn oldest(&self) -> Option<TxnId> {
        self.state.lock().live.front().map(|txn| txn.tid)
    }

    /// Whether an earlier error stopped the log.
    #[cfg(test)]
    pub(crate) fn is_poisoned(&self) -> bool {
        self.state.lock().poisoned
    }

    /// The error number that a kernel left when it gave up the journal, or 0. The file system then
    /// counts as having errors. e2fsck looks at it too, and clears it.
    pub(crate) fn errno(&self) -> i32 {
        self.state.lock().sb.errno().cast_signed()
    }

    /// Writes transaction `tid` and returns when it counts: with `barriers`, when it survives a power
    /// cut, along with everything written to the device before the call (the file data that it refers
    /// to). Without, the order of the writes alone protects it, from the death of this process.
    ///
    /// `blocks` are whole blocks with their homes; `revokes` are blocks whose copies in this and in
    /// older transactions must not be replayed. No block is in both.
    ///
    /// # Errors
    /// [`Error::Io`] stops the log: later calls fail too. [`Error::InvalidArgument`] when the call makes
    /// no sense (among others, when the log has less than [`Log::blocks_needed`] free); nothing is
    /// written then.
    pub(crate) fn write(
        &self,
        tid: TxnId,
        blocks: &[(BlockNo, Arc<Vec<u8>>)],
        revokes: &[BlockNo],
        barriers: bool,
    ) -> Result<()> {
        let needed = self.blocks_needed(blocks.len(), revokes.len());
        let (start, time) = {
            let state = self.state.lock();
            state.check()?;
            if tid != state.next_tid {
                return Err(Error::InvalidArgument("a transaction out of sequence"));
            }
            if needed > self.capacity().saturating_sub(state.used) {
                return Err(Error::InvalidArgument(
                    "a transaction larger than the log's free space",
                ));
            }
            let now = self.clock.unwrap_or_else(Timestamp::now);
            (state.head, now.max(state.last_time))
        };
        let size = self.format.block_size;
        let fits = |(home, data): &(BlockNo, Arc<Vec<u8>>)| {
            data.len() == size && self.file.may_hold(*home)
        };
        if !blocks.iter().all(fits) {
            return Err(Error::InvalidArgument("a block that cannot be journaled"));
        }
        if !self.format.wide && revokes.iter().any(|b| b.0 > u64::from(u32::MAX)) {
            return Err(Error::InvalidArgument("a block number beyond 32 bits"));
        }
        self.with_state(|state| self.mark(state, !revokes.is_empty()))?;
        let written = self.append(tid, time, start, blocks, revokes, barriers);
        self.with_state(|state| {
            let end = written?;
            state.live.push_back(Committed {
                tid,
                start,
                blocks: needed,
            });
            state.used = state.used.saturating_add(needed);
            state.head = end;
            state.next_tid = tid.next();
            state.last_time = time;
            Ok(())
        })
    }

    /// Gives back the space of every transaction up to and including `tid`.
    ///
    /// The caller has written the newest version of all their blocks home and, with `barriers`,
    /// flushed the device. When the call returns, replay starts behind `tid`.
    ///
    /// # Errors
    /// [`Error::Io`] stops the log.
    pub(crate) fn checkpointed_through(&self, tid: TxnId, barriers: bool) -> Result<()> {
        self.with_state(|state| {
            let done = state
                .live
                .iter()
                .take_while(|txn| !txn.tid.is_after(tid))
                .count();
            if done == 0 {
                return Ok(());
            }
            // With none left, the log starts where the next one goes. It may be on its way.
            let (next_tid, head) = (state.next_tid, state.head);
            let (tail_tid, tail) = state
                .live
                .get(done)
                .map_or((next_tid, head), |txn| (txn.tid, txn.start));
            state.sb.set_sequence(tail_tid);
            state.sb.set_start(tail);
            self.file.write_superblock(&mut state.sb)?;
            // Only now may the space be overwritten.
            self.barrier(barriers)?;
            let freed: u32 = state.live.drain(..done).map(|txn| txn.blocks).sum();
            state.used = state.used.saturating_sub(freed);
            Ok(())
        })
    }

    /// Notes that the file system is damaged, for who opens the journal next: see [`Log::errno`].
    ///
    /// # Errors
    /// [`Error::Io`] stops the log.
    pub(crate) fn record_error(&self) -> Result<()> {
        const EUCLEAN: i32 = 117;
        self.with_state(|state| {
            state.sb.set_errno((-EUCLEAN).cast_unsigned());
            self.file.write_superblock(&mut state.sb)
        })
    }

    /// Marks the log as empty, so that nothing is replayed at the next open. Every transaction is
    /// checkpointed before. A later [`Log::write`] opens it again.
    ///
    /// # Errors
    /// [`Error::Io`] stops the log.
    pub(crate) fn close(&self, barriers: bool) -> Result<()> {
        self.with_state(|state| {
            if !state.live.is_empty() {
                return Err(Error::InvalidArgument("the log still holds transactions"));
            }
            if !state.marked {
                return Ok(());
            }
            // The number on disk counts as used.
            state.sb.set_sequence(state.next_tid);
            state.sb.set_start(0);
            state.sb.set_head(state.head);
            self.file.write_superblock(&mut state.sb)?;
            self.barrier(barriers)?;
            state.next_tid = state.next_tid.next();
            state.marked = false;
            Ok(())
        })
    }

    /// Runs `action` on the state unless an earlier error forbids it; an I/O error forbids it from
    /// then on.
    fn with_state<T>(&self, action: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.state.lock();
        state.check()?;
        let result = action(&mut state);
        if let Err(Error::Io { .. } | Error::Corrupt(_)) = result {
            state.poisoned = true;
        }
        result
    }

    fn barrier(&self, wanted: bool) -> Result<()> {
        if wanted { self.file.flush() } else { Ok(()) }
    }

    /// Sees to it that the superblock on disk says where the log starts and that it may hold revokes.
    ///
    /// Without a barrier: nothing in the log counts before a commit block does, and the barrier
    /// before that covers the superblock too.
    fn mark(&self, state: &mut State, revokes: bool) -> Result<()> {
        let incompat = state.sb.incompat();
        let new_feature = revokes && !incompat.contains(JournalIncompat::REVOKE);
        if state.marked && !new_feature {
            return Ok(());
        }
        if new_feature {
            state.sb.set_incompat(incompat | JournalIncompat::REVOKE);
        }
        if !state.marked {
            state.sb.set_sequence(state.next_tid);
            state.sb.set_start(state.head);
        }
        self.file.write_superblock(&mut state.sb)?;
        state.marked = true;
        Ok(())
    }

    /// Writes a transaction's blocks, then its commit block; returns where the next one starts.
    fn append(
        &self,
        tid: TxnId,
        time: Timestamp,
        start: u32,
        blocks: &[(BlockNo, Arc<Vec<u8>>)],
        revokes: &[BlockNo],
        barriers: bool,
    ) -> Result<u32> {
        let format = &self.format;
        let mut out = Appender::new(&self.file, &self.ring, start);
        let mut left = revokes;
        while !left.is_empty() {
            let (block, count) = encode_revokes(format, tid, left);
            out.push(&block)?;
            left = left.get(count..).unwrap_or_default();
        }
        // What a version-1 checksum covers: descriptors and copies, not revokes.
        let mut sum = !0;
        let mut cover = |bytes: &[u8]| {
            if format.checksums == Checksums::V1 {
                sum = crc32_be(sum, bytes);
            }
        };
        for group in blocks.chunks(format.tags_per_block()) {
            let mut descriptor = DescriptorBuilder::new(format, tid);
            for (home, data) in group {
                let escaped = data.starts_with(&MAGIC.to_be_bytes());
                let checksum = match (format.has_block_checksums(), escaped) {
                    (false, _) => 0,
                    (true, false) => data_checksum(format, tid, data),
                    (true, true) => data_checksum(format, tid, &escape(data)),
                };
                descriptor.push(*home, escaped, checksum);
            }
            let descriptor = descriptor.finish();
            cover(&descriptor);
            out.push(&descriptor)?;
            for (_, data) in group {
                if data.starts_with(&MAGIC.to_be_bytes()) {
                    let data = escape(data);
                    cover(&data);
                    out.push(&data)?;
                } else {
                    cover(data);
                    out.push(data)?;
                }
            }
        }
        // The commit block is zeroed first. Then its write changes only the 512 bytes that a disk
        // writes at once, and cannot leave a commit block with a wrong checksum: the kernel and e2fsck
        // take that for damage, not for the end of the log.
        let commit_at = out.at;
        out.push(&vec![0; format.block_size])?;
        out.write_out()?;
        self.barrier(barriers)?;
        let commit = Commit { tid, time }.encode(format, sum);
        self.file.write(commit_at, &commit)?;
        self.barrier(barriers)?;
        Ok(out.at)
    }
}

impl State {
    fn check(&self) -> Result<()> {
        if self.poisoned {
            let why = std::io::Error::other("stopped by an earlier error");
            return Err(Error::io("writing the journal", why));
        }
        Ok(())
    }
}

/// The copy of a block that starts with the journal's magic: in the log, the magic is zeroes.
fn escape(data: &[u8]) -> Vec<u8> {
    let mut copy = data.to_vec();
    copy.iter_mut().take(4).for_each(|byte| *byte = 0);
    copy
}
