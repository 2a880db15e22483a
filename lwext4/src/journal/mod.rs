//! Transactions: every change of metadata is part of one, and a transaction is on disk entirely or
//! not at all.
//!
//! - [`Handle`]: one operation's part of the running transaction (`transaction.rs`);
//! - sealing and writing a transaction (`commit.rs`), bringing it to its places (`home.rs`);
//! - the log on disk (`file.rs`, `log.rs`) and its replay (`walk.rs`, `recovery.rs`,
//!   `overlay.rs`, `fast_commit.rs`).

mod append;
mod commit;
mod fast_commit;
pub(crate) mod file;
mod home;
pub(crate) mod log;
pub(crate) mod overlay;
pub(crate) mod recovery;
#[cfg(test)]
mod tests;
mod transaction;
mod walk;

pub(crate) use commit::{abort, commit, commit_loop};
pub(crate) use home::write_home;
pub(crate) use transaction::{Credits, Handle};

use crate::cache::Block;
use crate::error::{Error, Result};
use crate::types::{BlockNo, GroupNo, TxnId};
use parking_lot::{Condvar, Mutex, RwLock};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// Blocks that a transaction freed: `len` from `start` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freed {
    pub start: BlockNo,
    pub len: u32,
}

/// The transaction that operations join.
#[derive(Debug)]
pub(crate) struct Running {
    pub tid: TxnId,
    /// Blocks changed in it. A block that was freed since is skipped: its `joined` says so.
    pub blocks: Vec<Arc<Block>>,
    /// Groups whose descriptor or bitmaps changed.
    pub groups: BTreeSet<GroupNo>,
    /// Freed blocks: nobody may use them before the transaction is on disk.
    pub freed: Vec<Freed>,
    /// Freed metadata blocks: replaying older copies would overwrite what is there then.
    pub revoked: HashSet<BlockNo>,
    /// Blocks that running operations may still add.
    pub reserved: u32,
    /// The superblock changed.
    pub superblock: bool,
    /// Its commit was asked for because it is filling up.
    pub asked: bool,
}

impl Running {
    fn new(tid: TxnId) -> Running {
        Running {
            tid,
            blocks: Vec::new(),
            groups: BTreeSet::new(),
            freed: Vec::new(),
            revoked: HashSet::new(),
            reserved: 0,
            superblock: false,
            asked: false,
        }
    }

    fn is_empty(&self) -> bool {
        self.blocks.is_empty()
            && self.groups.is_empty()
            && self.freed.is_empty()
            && !self.superblock
    }

    /// Blocks that committing now would write, about.
    fn size(&self) -> usize {
        // Revokes take 8 bytes at most: 1 KiB of log holds more than 100.
        self.blocks.len() + self.groups.len() + self.revoked.len() / 100
    }
}

/// How far commits have come, and what callers wait for.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Everything up to this transaction is on disk.
    pub committed: TxnId,
    /// Everything up to this transaction is wanted on disk now.
    pub requested: TxnId,
    /// How often a commit found nothing to write, and no operation under way.
    pub idle: u64,
    /// A checkpoint is wanted: commit, write everything home, empty the log.
    pub checkpoint: bool,
    /// The commit thread is to end.
    pub stop: bool,
    /// Why nothing is written any more.
    pub failed: Option<Failure>,
}

/// The first error that ended all writing.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    what: String,
    /// The host's error number; EIO where it gave none.
    code: i32,
}

impl Failure {
    fn new(error: &Error) -> Failure {
        const EIO: i32 = 5;
        let (what, source) = match error {
            Error::Io { action, source } => (action.clone(), source.raw_os_error()),
            other => (other.to_string(), None),
        };
        let code = source.unwrap_or(EIO);
        Failure { what, code }
    }

    /// What callers get that wanted something written: `action` failed, and why.
    pub fn to_error(&self, action: &str) -> Error {
        let source = std::io::Error::from_raw_os_error(self.code);
        Error::io(format!("{action}: {}", self.what), source)
    }
}

/// A committed block that is in the log but not yet in its place.
#[derive(Debug)]
pub(crate) struct Pending {
    pub bytes: Arc<Vec<u8>>,
    /// Keeps the block in the cache: the device still has its old content.
    pub _block: Arc<Block>,
}

/// The transactions of one volume.
pub(crate) struct Journal {
    /// Held shared by every handle, exclusively while a transaction is sealed.
    pub barrier: RwLock<()>,
    pub running: Mutex<Running>,
    pub progress: Mutex<Progress>,
    /// Wakes the commit thread.
    pub wanted: Condvar,
    /// Wakes those who wait for a commit.
    pub done: Condvar,
    /// The journal on disk, unless the volume writes without one.
    pub log: Option<log::Log>,
    pub pending: Mutex<BTreeMap<BlockNo, Pending>>,
    /// Blocks that a transaction may have at most.
    pub max_blocks: u32,
}

impl Journal {
    /// `first` is the sequence number of the first transaction.
    pub fn new(log: Option<log::Log>, first: TxnId, max_blocks: u32) -> Journal {
        let last = TxnId(first.0.wrapping_sub(1));
        Journal {
            barrier: RwLock::new(()),
            running: Mutex::new(Running::new(first)),
            progress: Mutex::new(Progress {
                committed: last,
                requested: last,
                idle: 0,
                checkpoint: false,
                stop: false,
                failed: None,
            }),
            wanted: Condvar::new(),
            done: Condvar::new(),
            log,
            pending: Mutex::new(BTreeMap::new()),
            max_blocks,
        }
    }

    /// Blocks that a transaction may have which one handle has for itself: what the empty log takes,
    /// with a margin for descriptors and revokes.
    pub fn alone_limit(&self) -> u32 {
        self.log
            .as_ref()
            .map_or(u32::MAX / 4, |log| log.capacity() / 8 * 7)
            .max(self.max_blocks)
    }

    /// The youngest transaction that is on disk.
    pub fn committed(&self) -> TxnId {
        self.progress.lock().committed
    }

    /// Fails when an error has ended all writing.
    pub fn check(&self) -> Result<()> {
        match &self.progress.lock().failed {
            Some(failure) => Err(failure.to_error("the volume is read-only")),
            None => Ok(()),
        }
    }

    /// Returns when transaction `tid` is on disk; asks for its commit if need be. It is not empty.
    pub fn wait_for(&self, tid: TxnId) -> Result<()> {
        self.wait_until(tid, |_| false)
    }

    /// Returns when the running transaction `tid` may have room that it had not: it is on disk, or
    /// nothing was found to be in it since `idle` was [`Progress::idle`].
    pub fn wait_for_room(&self, tid: TxnId, idle: u64) -> Result<()> {
        self.wait_until(tid, |progress| progress.idle != idle)
    }

    fn wait_until(&self, tid: TxnId, enough: impl Fn(&Progress) -> bool) -> Result<()> {
        let mut progress = self.progress.lock();
        loop {
            if let Some(failure) = &progress.failed {
                return Err(failure.to_error("committing"));
            }
            if !tid.is_after(progress.committed) || enough(&progress) {
                return Ok(());
            }
            if progress.stop {
                return Err(Error::ReadOnly);
            }
            if tid.is_after(progress.requested) {
                progress.requested = tid;
            }
            self.wanted.notify_one();
            self.done.wait(&mut progress);
        }
    }

    /// Returns when everything done before the call is in its place, and the log is empty.
    pub fn checkpoint(&self) -> Result<()> {
        self.commit_all()?;
        let mut progress = self.progress.lock();
        progress.checkpoint = true;
        self.wanted.notify_one();
        while progress.checkpoint {
            if let Some(failure) = &progress.failed {
                return Err(failure.to_error("writing everything home"));
            }
            if progress.stop {
                return Err(Error::ReadOnly);
            }
            self.done.wait(&mut progress);
        }
        drop(progress);
        self.check()
    }

    /// Returns when everything done before the call is on disk.
    pub fn commit_all(&self) -> Result<()> {
        let (tid, empty) = {
            // The barrier waits for operations under way, so that their handles are counted.
            let _barrier = self.barrier.write();
            let running = self.running.lock();
            (running.tid, running.is_empty())
        };
        self.wait_for(if empty {
            TxnId(tid.0.wrapping_sub(1))
        } else {
            tid
        })
    }
}
