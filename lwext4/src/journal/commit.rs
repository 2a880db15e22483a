//! Sealing a transaction and writing it.

use super::home::{Unlogged, write_home, write_unlogged};
use super::{Failure, Freed, Pending, Running};
use crate::cache::{Block, BlockKind};
use crate::discard;
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::options::Durability;
use crate::types::{BlockNo, TxnId};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of committed blocks that wait in memory for their checkpoint at most.
const PENDING_BYTES: usize = 24 << 20;

/// A transaction that no operation can change any more.
struct Sealed {
    tid: TxnId,
    blocks: Vec<SealedBlock>,
    freed: Vec<Freed>,
    revoked: Vec<BlockNo>,
    /// What the transaction maps was handed over before this mark.
    data: u64,
}

/// A block as the transaction leaves it.
struct SealedBlock {
    no: BlockNo,
    bytes: Arc<Vec<u8>>,
    kind: BlockKind,
    /// First written in this transaction: nothing on disk refers to it yet.
    fresh: bool,
    block: Arc<Block>,
}

/// The commit thread: commits when asked, and every `commit_interval`. Ends when told to stop.
pub(crate) fn commit_loop(fs: &Fs) {
    let _watch = Watch { fs };
    let journal = &fs.journal;
    loop {
        let mut progress = journal.progress.lock();
        if !progress.stop
            && !progress.checkpoint
            && !progress.requested.is_after(progress.committed)
        {
            journal
                .wanted
                .wait_for(&mut progress, fs.options.commit_interval);
        }
        if progress.failed.is_some() {
            progress.checkpoint = false;
            journal.done.notify_all();
            if progress.stop {
                return;
            }
            journal.wanted.wait(&mut progress);
            continue;
        }
        let (stop, checkpoint) = (progress.stop, progress.checkpoint);
        drop(progress);
        let mut result = commit(fs);
        if checkpoint && result.is_ok() {
            result = write_home(fs);
        }
        if let Err(error) = result {
            abort(fs, &error);
            let _ = fs.witness(Err::<(), _>(error));
        } else if checkpoint {
            journal.progress.lock().checkpoint = false;
            journal.done.notify_all();
        }
        if stop {
            return;
        }
    }
}

/// Should the commit thread ever panic, nobody may wait for it in vain.
struct Watch<'a> {
    fs: &'a Fs,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let panic = std::io::Error::other("panic");
            abort(self.fs, &Error::io("the commit thread ended", panic));
        }
    }
}

/// Stops all writing: what is on disk stays as consistent as the last commit made it. Whoever waits
/// for a commit, or asks for one later, gets an error with the first reason.
pub(crate) fn abort(fs: &Fs, error: &Error) {
    fs.aborted.store(true, Ordering::Release);
    let mut progress = fs.journal.progress.lock();
    if progress.failed.is_none() {
        log::error!("the volume is read-only from now on: {error}");
        progress.failed = Some(Failure::new(error));
    }
    fs.journal.done.notify_all();
}

/// Commits the running transaction, unless it is empty.
pub(crate) fn commit(fs: &Fs) -> Result<()> {
    let journal = &fs.journal;
    let Some(sealed) = seal(fs)? else {
        return Ok(());
    };
    fs.data.wait(fs, sealed.data);
    let written = fs.check_writable().and_then(|()| write(fs, &sealed));
    let logged = journal.log.is_some();
    let mut pending = journal.pending.lock();
    if written.is_ok() {
        for no in &sealed.revoked {
            pending.remove(no);
        }
    }
    // After a failure too: the device does not have these blocks, and the cache must not lose them.
    if logged || written.is_err() {
        for SealedBlock {
            no, bytes, block, ..
        } in sealed.blocks
        {
            let _block = block;
            pending.insert(no, Pending { bytes, _block });
        }
    }
    let full = pending.len() * fs.geo.block_size as usize > PENDING_BYTES;
    drop(pending);
    written?;
    if !fs.keep_freed {
        // Before anybody can use the blocks again.
        discard::freed(fs, &sealed.freed);
        fs.alloc.release(fs, &sealed.freed)?;
    }
    journal.progress.lock().committed = sealed.tid;
    journal.done.notify_all();
    if full {
        write_home(fs)?;
    }
    Ok(())
}

/// Writes a sealed transaction: to the log, or home if there is none.
fn write(fs: &Fs, sealed: &Sealed) -> Result<()> {
    let journal = &fs.journal;
    let barriers = fs.options.durability == Durability::Power;
    let Some(log) = &journal.log else {
        let blocks = sealed.blocks.iter().map(|sealed| Unlogged {
            no: sealed.no,
            bytes: &sealed.bytes,
            kind: sealed.kind,
            fresh: sealed.fresh,
        });
        return write_unlogged(fs, blocks.collect());
    };
    let images: Vec<(BlockNo, Arc<Vec<u8>>)> = sealed
        .blocks
        .iter()
        .map(|sealed| (sealed.no, sealed.bytes.clone()))
        .collect();
    if log.blocks_needed(images.len(), sealed.revoked.len()) > log.free_blocks() {
        write_home(fs)?;
    }
    log.write(sealed.tid, &images, &sealed.revoked, barriers)
}

/// Ends the running transaction and starts the next. `None` when nothing changed.
fn seal(fs: &Fs) -> Result<Option<Sealed>> {
    let journal = &fs.journal;
    let _barrier = journal.barrier.write();
    // Behind the barrier: an operation that failed halfway has said so by now.
    if fs.aborted.load(Ordering::Acquire) {
        return Err(Error::ReadOnly);
    }
    let (running, touched) = {
        let mut running = journal.running.lock();
        if running.is_empty() {
            // Who asked for this commit waits for room, and has it now. Under the barrier, nobody
            // can have asked for another reason since.
            let mut progress = journal.progress.lock();
            progress.requested = progress.committed;
            progress.idle = progress.idle.wrapping_add(1);
            journal.done.notify_all();
            return Ok(None);
        }
        // After a failure the transaction stays, and keeps its blocks in memory.
        let mut touched = fs.alloc.seal(fs, running.groups.iter().copied())?;
        touched.push(fs.seal_superblock()?);
        let next = Running::new(running.tid.next());
        (std::mem::replace(&mut *running, next), touched)
    };
    let mut blocks = running.blocks;
    // These join the sealed transaction directly: no operation is under way.
    for block in touched {
        let mut inner = block.inner.write();
        if inner.joined != Some(running.tid) {
            inner.joined = Some(running.tid);
            drop(inner);
            blocks.push(block);
        }
    }
    let mut sealed = Vec::with_capacity(blocks.len());
    for block in blocks {
        let mut inner = block.inner.write();
        if inner.joined != Some(running.tid) {
            continue;
        }
        inner.joined = None;
        let kind = inner.kind;
        kind.seal(
            &fs.geo,
            block.no,
            Arc::make_mut(&mut inner.bytes).as_mut_slice(),
        );
        let bytes = inner.bytes.clone();
        let fresh = std::mem::take(&mut inner.fresh);
        drop(inner);
        sealed.push(SealedBlock {
            no: block.no,
            bytes,
            kind,
            fresh,
            block,
        });
    }
    Ok(Some(Sealed {
        tid: running.tid,
        blocks: sealed,
        freed: running.freed,
        revoked: running.revoked.into_iter().collect(),
        data: fs.data.mark(),
    }))
}

impl Fs {
    /// The block that holds the primary superblock.
    pub fn super_block(&self) -> Result<(Arc<Block>, usize)> {
        let (no, at) = if self.geo.block_size == 1024 {
            (1, 0)
        } else {
            (0, 1024)
        };
        Ok((self.read_block(BlockNo(no), BlockKind::Super)?, at))
    }

    /// Brings the superblock's bytes up to date with the counts.
    fn seal_superblock(&self) -> Result<Arc<Block>> {
        let (block, at) = self.super_block()?;
        let mut sb = self.sb.lock();
        sb.set_free_blocks_count(self.alloc.free_blocks_count());
        sb.set_free_inodes_count(self.alloc.free_inodes_count());
        let now = self.now().secs;
        sb.set_wtime(now as u32);
        sb.set_wtime_hi((now >> 32) as u8);
        if self.geo.has_csum() {
            sb.seal();
        }
        let mut inner = block.inner.write();
        let bytes = Arc::make_mut(&mut inner.bytes);
        bytes[at..at + sb.as_bytes().len()].copy_from_slice(sb.as_bytes());
        drop(inner);
        Ok(block)
    }

    /// Writes the superblock to its place at once, outside of any transaction: when a volume is
    /// opened and closed.
    pub fn write_superblock(&self) -> Result<()> {
        let block = self.seal_superblock()?;
        let bytes = block.bytes();
        self.write_data(self.geo.offset(block.no), &bytes)?;
        if self.options.durability == Durability::None {
            Ok(())
        } else {
            self.flush()
        }
    }
}
