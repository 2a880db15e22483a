//! Growing when there is no space left.

use crate::error::Result;
use crate::fs::Fs;
use std::sync::atomic::Ordering;

/// The least that is added, in bytes.
const LEAST: u64 = 64 << 20;
/// How often an operation waits for a commit that may give it space.
const COMMITS: u32 = 3;

/// What an operation has done to get space.
#[derive(Debug)]
pub(crate) struct Tries {
    commits: u32,
    /// The blocks that there were when it last tried.
    blocks: u64,
}

impl Tries {
    pub fn new(fs: &Fs) -> Tries {
        Tries {
            commits: 0,
            blocks: fs.geo.blocks(),
        }
    }
}

impl Fs {
    /// After an operation found no space: whether it is worth another try, because a commit made blocks
    /// free, or because there are more now. Several commits are allowed, as other threads may take what
    /// becomes free. The caller has no handle.
    pub fn wait_for_space(&self, tries: &mut Tries) -> Result<bool> {
        if tries.commits < COMMITS && self.alloc.waits_for_commit() {
            tries.commits += 1;
            self.journal.commit_all()?;
            return Ok(true);
        }
        let Some(most) = self.options.autogrow else {
            return Ok(false);
        };
        let _one = self.resizing.lock();
        if self.geo.blocks() > tries.blocks {
            // Somebody else was faster.
            tries.blocks = self.geo.blocks();
            return Ok(true);
        }
        // An attribute that is too large, or a directory that is full, does not want a larger volume.
        if !self.alloc.take_starved() || self.keeps_size.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let grown = self.grow_by(0, most)?;
        if grown {
            tries.blocks = self.geo.blocks();
        }
        Ok(grown)
    }

    /// Grows a full volume as autogrow does, by `missing` bytes at least: whether it is larger now. It
    /// need not be allowed to, or able to.
    pub fn make_room(&self, missing: u64) -> Result<bool> {
        let Some(most) = self.options.autogrow else {
            return Ok(false);
        };
        let _one = self.resizing.lock();
        self.grow_by(missing, most)
    }

    /// Grows by an eighth, [`LEAST`] and `missing` bytes at least, up to `most`. The caller has the lock.
    fn grow_by(&self, missing: u64, most: u64) -> Result<bool> {
        let bits = self.geo.block_bits;
        let now = self.geo.blocks() << bits;
        let wanted = now
            .saturating_add((now / 8).max(LEAST).max(missing))
            .min(most);
        if wanted <= now {
            return Ok(false);
        }
        let grown = self
            .check_resizable()
            .and_then(|()| self.grow_locked(wanted));
        match grown {
            Ok(size) if size > now => {
                log::info!("the volume was full: it has {size} bytes now");
                Ok(true)
            }
            Ok(_) => Ok(false),
            Err(error) if error.is_fault() && self.journal.check().is_err() => Err(error),
            Err(error) => {
                log::warn!("the volume is full and cannot grow: {error}");
                self.keeps_size.store(true, Ordering::Relaxed);
                Ok(false)
            }
        }
    }
}
