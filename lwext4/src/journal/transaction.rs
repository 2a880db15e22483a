//! A handle: what one operation may do to metadata.

use super::Freed;
use crate::cache::{Block, BlockKind};
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::types::{BlockNo, GroupNo, TxnId};
use parking_lot::{RwLockReadGuard, RwLockWriteGuard};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many metadata blocks an operation may change, so that a transaction never outgrows the
/// journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credits(pub u32);

impl Credits {
    /// An inode and little else: attributes, with a block of extended ones.
    pub const INODE: Credits = Credits(8);
    /// Adding or removing a name: inodes, bitmaps, a directory that splits at every level.
    pub const NAME: Credits = Credits(32);
    /// Two names in two directories.
    pub const RENAME: Credits = Credits(64);
    /// Mapping blocks: bitmaps, an extent tree that splits at every level.
    pub const MAP: Credits = Credits(40);
}

/// One operation's part of the running transaction. The transaction cannot be sealed before every
/// handle is dropped. A thread has one handle at a time.
///
/// An operation that fails halfway must never be committed. So a handle under which something
/// changed, and that is dropped without [`Handle::finish`] after that, ends all writing: the volume
/// is read-only from then on, as the last commit left it.
pub(crate) struct Handle<'fs> {
    fs: &'fs Fs,
    tid: TxnId,
    credits: u32,
    /// Something changed that [`Handle::finish`] did not find whole.
    torn: bool,
    _barrier: Barrier<'fs>,
}

/// How a handle holds the barrier.
enum Barrier<'fs> {
    Shared(#[expect(dead_code, reason = "held")] RwLockReadGuard<'fs, ()>),
    Alone(#[expect(dead_code, reason = "held")] RwLockWriteGuard<'fs, ()>),
}

impl Fs {
    /// Joins the running transaction, waiting for a commit if it has no room for `credits` blocks.
    pub fn begin(&self, credits: Credits) -> Result<Handle<'_>> {
        self.check_writable()?;
        let journal = &self.journal;
        let credits = (credits.0 + self.quotas.credits()).min(journal.max_blocks);
        loop {
            let barrier = journal.barrier.read();
            let mut running = journal.running.lock();
            let used = running.size() as u32 + running.reserved;
            if used == 0 || used + credits <= journal.max_blocks {
                running.reserved += credits;
                return Ok(Handle {
                    fs: self,
                    tid: running.tid,
                    credits,
                    torn: false,
                    _barrier: Barrier::Shared(barrier),
                });
            }
            let tid = running.tid;
            drop(running);
            // Looked at before the barrier falls: whoever seals next counts from here.
            let idle = journal.progress.lock().idle;
            drop(barrier);
            journal.wait_for_room(tid, idle)?;
            if self.aborted.load(Ordering::Acquire) {
                return Err(Error::ReadOnly);
            }
        }
    }
}

impl Fs {
    /// A handle while no other operation is under way, and none can begin: for changes of what all of
    /// them rely on. It may have more credits than others, up to [`Journal::alone_limit`], as it has a
    /// transaction for itself then.
    ///
    /// [`Journal::alone_limit`]: super::Journal::alone_limit
    pub fn begin_alone(&self, credits: Credits) -> Result<Handle<'_>> {
        self.check_writable()?;
        let journal = &self.journal;
        loop {
            let barrier = journal.barrier.write();
            let mut running = journal.running.lock();
            if running.is_empty() || running.size() as u32 + credits.0 <= journal.max_blocks {
                running.reserved += credits.0;
                return Ok(Handle {
                    fs: self,
                    tid: running.tid,
                    credits: credits.0,
                    torn: false,
                    _barrier: Barrier::Alone(barrier),
                });
            }
            drop(running);
            drop(barrier);
            journal.commit_all()?;
        }
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        if self.torn {
            // Before the barrier opens: nobody can seal the transaction in between.
            let halfway = std::io::Error::other("see the error of the operation");
            super::abort(self.fs, &Error::io("a change failed halfway", halfway));
        }
        let journal = &self.fs.journal;
        let mut running = journal.running.lock();
        running.reserved = running.reserved.saturating_sub(self.credits);
        // Start writing before the transaction is full, so that nobody has to wait.
        if running.size() as u32 >= journal.max_blocks / 2 && !running.asked {
            running.asked = true;
            drop(running);
            let mut progress = journal.progress.lock();
            if self.tid.is_after(progress.requested) {
                progress.requested = self.tid;
            }
            journal.wanted.notify_one();
        }
    }
}

impl<'fs> Handle<'fs> {
    /// The file system.
    pub fn fs(&self) -> &'fs Fs {
        self.fs
    }

    /// The transaction.
    pub fn tid(&self) -> TxnId {
        self.tid
    }

    /// Ends an operation. Whatever fails for another reason than the device or the image has undone
    /// what it did.
    pub fn finish<R>(&mut self, result: Result<R>) -> Result<R> {
        if !result.as_ref().is_err_and(Error::is_fault) {
            self.torn = false;
        }
        result
    }

    /// [`Self::finish`], for an operation that may have changed `inode` in memory only: after an error
    /// it is what its table says.
    pub fn finish_with<R>(&mut self, inode: &mut InodeData, result: Result<R>) -> Result<R> {
        let result = self.finish(result);
        if result.is_err() && !self.torn {
            match self.fs.load_inode(inode.ino) {
                Ok(stored) => *inode = stored,
                Err(_) => self.torn = true,
            }
        }
        result
    }

    /// Changes a block's bytes, as part of the transaction.
    pub fn modify<R>(&mut self, block: &Arc<Block>, change: impl FnOnce(&mut [u8]) -> R) -> R {
        self.torn = true;
        let mut inner = block.inner.write();
        if inner.joined != Some(self.tid) {
            inner.joined = Some(self.tid);
            self.fs.journal.running.lock().blocks.push(block.clone());
        }
        change(Arc::make_mut(&mut inner.bytes).as_mut_slice())
    }

    /// Says what a block is from now on: a directory's first block becomes an htree's root.
    pub fn set_kind(&mut self, block: &Arc<Block>, kind: BlockKind) {
        block.inner.write().kind = kind;
    }

    /// A block just allocated for metadata: all zeroes, part of the transaction.
    pub fn create_block(&mut self, no: BlockNo, kind: BlockKind) -> Result<Arc<Block>> {
        self.fs.geo.check_blocks(no, 1)?;
        let block = self.fs.cache.create(no, kind);
        self.modify(&block, |_| ());
        Ok(block)
    }

    /// [`Self::create_block`] for a block that has been metadata of another kind, perhaps in this very
    /// transaction.
    pub fn recreate_block(&mut self, no: BlockNo, kind: BlockKind) -> Result<Arc<Block>> {
        if let Some(old) = self.fs.cache.remove(no) {
            old.inner.write().joined = None;
        }
        self.create_block(no, kind)
    }

    /// Whether the operation should end here and go on under a new handle: the transaction is
    /// filling up. Long operations ask between steps that are consistent by themselves.
    pub fn should_restart(&self) -> bool {
        let running = self.fs.journal.running.lock();
        running.size() as u32 + running.reserved >= self.fs.journal.max_blocks
    }

    /// Notes that a group's descriptor or bitmaps changed.
    pub fn touch_group(&mut self, group: GroupNo) {
        self.torn = true;
        self.fs.journal.running.lock().groups.insert(group);
    }

    /// Notes freed blocks, which stay unused until the transaction is on disk.
    pub fn note_freed(&mut self, start: BlockNo, len: u32) {
        self.torn = true;
        let freed = &mut self.fs.journal.running.lock().freed;
        match freed.last_mut() {
            Some(last) if last.start.0 + u64::from(last.len) == start.0 => last.len += len,
            _ => freed.push(Freed { start, len }),
        }
    }

    /// Metadata blocks are freed: their older copies in the journal are revoked, and the cache forgets them.
    pub fn revoke(&mut self, start: BlockNo, len: u32) {
        let blocks = start.0..start.0 + u64::from(len);
        for no in blocks.clone() {
            if let Some(block) = self.fs.cache.remove(BlockNo(no)) {
                block.inner.write().joined = None;
            }
        }
        let revoked = &mut self.fs.journal.running.lock().revoked;
        revoked.extend(blocks.map(BlockNo));
    }
}
