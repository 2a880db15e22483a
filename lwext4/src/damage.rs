//! What happens when the image contradicts itself at work: the caller gets the error, the log a line,
//! and the superblock a record for e2fsck; and, if the superblock says so, writing ends.

use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::journal::abort;
use crate::ondisk::superblock::{self, ERRORS_PANIC, ERRORS_READ_ONLY, Superblock};
use crate::types::Timestamp;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What is known of damage, and of who may write a record of it.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    /// The last that was logged: the same again is counted, but not logged.
    last: Mutex<Option<Corrupt>>,
    /// How often damage was recorded.
    recorded: AtomicU32,
    /// The image is another machine's now: not even a record may be written.
    pub lost: AtomicBool,
}

impl Damage {
    /// How often damage was recorded since the image was opened.
    pub fn recorded(&self) -> u32 {
        self.recorded.load(Ordering::Relaxed)
    }
}

impl Fs {
    /// Passes on the result of an operation. Damage that it met is recorded.
    pub fn witness<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(Error::Corrupt(corrupt)) = &result {
            self.record(corrupt);
        }
        result
    }

    fn record(&self, corrupt: &Corrupt) {
        {
            let mut last = self.damage.last.lock();
            if last.as_ref() != Some(corrupt) {
                log::error!("corrupt file system: {corrupt}");
                *last = Some(corrupt.clone());
            }
        }
        if self.options.read_only || self.damage.lost.load(Ordering::Acquire) {
            return;
        }
        self.damage.recorded.fetch_add(1, Ordering::Relaxed);
        let ends = {
            let mut sb = self.sb.lock();
            let (function, line) = corrupt.place();
            let now = Timestamp::now().secs;
            let ino = corrupt.ino.map_or(0, |ino| ino.0);
            let block = corrupt.block.map_or(0, |block| block.0);
            sb.record_error(now as u32, ino, block, function, line);
            matches!(sb.errors(), ERRORS_READ_ONLY | ERRORS_PANIC)
        };
        if ends {
            abort(self, &Error::Corrupt(corrupt.clone()));
        }
        if !self.aborted.load(Ordering::Acquire) {
            // The next commit takes the superblock along.
            self.journal.running.lock().superblock = true;
        } else if let Err(error) = self.write_record() {
            log::warn!("the superblock does not know of the damage: {error}");
        }
    }

    /// Writes the record alone to the superblock on disk, which else stays what the last commit made it,
    /// and a mark to the journal, whose replay may bring an older superblock back.
    fn write_record(&self) -> Result<()> {
        let mut bytes = [0; superblock::SIZE];
        self.read_data(superblock::OFFSET, &mut bytes)?;
        let Some(mut stored) = Superblock::from_bytes(&bytes) else {
            return Ok(());
        };
        stored.copy_errors(&self.sb.lock());
        if self.geo.has_csum() {
            stored.seal();
        }
        self.write_data(superblock::OFFSET, stored.as_bytes())?;
        if let Some(log) = &self.journal.log {
            log.record_error()?;
        }
        self.flush()
    }
}
