//! Flushes that nobody waits for.
//!
//! A disk with a cache of its own takes what it is given faster than it keeps it, and a flush waits for
//! all that is in the cache. While much is written, a thread flushes now and then, so that the flush that
//! somebody waits for finds little left.

use parking_lot::{Condvar, Mutex};
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Bytes that are written before a flush is worth it.
const ENOUGH: u64 = 16 << 20;

/// A file that is flushed by whoever asks, and ahead of that.
#[derive(Debug)]
pub(super) struct FlushedFile {
    shared: Arc<Shared>,
    /// Started when there is enough to do.
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    file: File,
    state: Mutex<State>,
    /// Wakes the thread.
    wake: Condvar,
    /// Held by who flushes: Linux tells an error to one of them, and the one that nobody waits for
    /// leaves it here to the next one.
    flushing: Mutex<Option<io::Error>>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes written since the last flush.
    written: u64,
    /// The thread is to end.
    stop: bool,
}

impl FlushedFile {
    pub fn new(file: File) -> FlushedFile {
        FlushedFile {
            shared: Arc::new(Shared {
                file,
                state: Mutex::default(),
                wake: Condvar::new(),
                flushing: Mutex::default(),
            }),
            thread: Mutex::default(),
        }
    }

    pub fn file(&self) -> &File {
        &self.shared.file
    }

    /// Returns when all that was written before survives.
    pub fn flush(&self) -> io::Result<()> {
        let mut earlier = self.shared.flushing.lock();
        self.shared.state.lock().written = 0;
        let flushed = self.shared.file.sync_data();
        earlier.take().map_or(flushed, Err)
    }

    /// Tells that `len` bytes were written which a flush will follow.
    pub fn wrote(&self, len: u64) {
        let mut state = self.shared.state.lock();
        state.written = state.written.saturating_add(len);
        if state.written < ENOUGH {
            return;
        }
        drop(state);
        self.shared.wake.notify_one();
        let mut thread = self.thread.lock();
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let name = "lwext4-flush".to_owned();
            // Without it the flush that follows takes longer.
            *thread = std::thread::Builder::new()
                .name(name)
                .spawn(move || shared.serve())
                .ok();
        }
    }
}

impl Shared {
    fn serve(&self) {
        let mut state = self.state.lock();
        while !state.stop {
            if state.written < ENOUGH {
                self.wake.wait(&mut state);
                continue;
            }
            state.written = 0;
            drop(state);
            {
                let mut earlier = self.flushing.lock();
                if let Err(error) = self.file.sync_data() {
                    earlier.get_or_insert(error);
                }
            }
            state = self.state.lock();
        }
    }
}

impl Drop for FlushedFile {
    /// Nothing has the file open afterwards: locks on it are gone.
    fn drop(&mut self) {
        self.shared.state.lock().stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.get_mut().take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn much_is_flushed_before_anybody_asks() {
        let file = FlushedFile::new(tempfile::tempfile().unwrap());
        file.wrote(ENOUGH - 1);
        assert!(file.thread.lock().is_none());
        file.wrote(1);
        let start = Instant::now();
        while file.shared.state.lock().written > 0 {
            assert!(start.elapsed() < Duration::from_secs(10));
            std::thread::yield_now();
        }
        file.flush().unwrap();
    }

    #[test]
    fn who_flushes_next_is_told_of_an_earlier_error() {
        let file = FlushedFile::new(tempfile::tempfile().unwrap());
        // What cannot be synced.
        let (reader, _writer) = io::pipe().unwrap();
        let broken = FlushedFile::new(File::from(std::os::fd::OwnedFd::from(reader)));
        broken.wrote(ENOUGH);
        let start = Instant::now();
        while broken.shared.flushing.lock().is_none() {
            assert!(start.elapsed() < Duration::from_secs(10));
            std::thread::yield_now();
        }
        *file.shared.flushing.lock() = broken.shared.flushing.lock().take();
        assert!(file.flush().is_err());
        file.flush().unwrap();
    }
}
