//! File data on its way to the device: written by threads of its own, or by whoever waits for it, while
//! the operations that mapped its blocks go on.
//!
//! Neighbours are gathered into large writes. Data is handed over under the handle that maps its blocks,
//! and a commit waits for all that was handed over before it was sealed: no extent is on disk before
//! its data.

use crate::error::Error;
use crate::fs::Fs;
use crate::journal::abort;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::atomic::Ordering;

/// The largest write, in bytes, and in pieces (Linux takes 1,024 at once).
const BATCH_BYTES: usize = 1 << 20;
const BATCH_PIECES: usize = 1000;
/// Bytes that wait at most before who brings more must help to write.
const QUEUE_BYTES: usize = 4 << 20;

static ZEROES: [u8; 64 * 1024] = [0; 64 * 1024];

/// Bytes for one place on the device.
#[derive(Debug)]
struct Batch {
    number: u64,
    at: u64,
    len: usize,
    pieces: Vec<Bytes>,
}

#[derive(Debug, Default)]
struct State {
    /// The batch that still grows; its number is the largest.
    open: Option<Batch>,
    /// Batches to be written, oldest first.
    waiting: VecDeque<Batch>,
    /// Numbers of batches that are being written.
    active: Vec<u64>,
    /// Bytes in all of these.
    bytes: usize,
    /// The number of the next batch.
    next: u64,
    /// Writer threads are to end.
    stop: bool,
}

impl State {
    fn close_open(&mut self) {
        self.waiting.extend(self.open.take());
    }

    /// Whether every batch before `number` is written.
    fn is_done(&self, number: u64) -> bool {
        let open = self.open.as_ref().map(|batch| batch.number);
        let first = self.waiting.front().map(|batch| batch.number).or(open);
        first.is_none_or(|first| first >= number)
            && self.active.iter().all(|&active| active >= number)
    }
}

/// The data of one volume that is not written yet.
#[derive(Debug, Default)]
pub(crate) struct DataQueue {
    state: Mutex<State>,
    /// Wakes writer threads.
    work: Condvar,
    /// Wakes who waits for writes.
    done: Condvar,
}

impl DataQueue {
    /// Hands over bytes for byte `at` of the device: `pieces` from byte `skip` on, `len` of them, then
    /// `pad` zeroes. The caller has a handle open, under which it maps the blocks.
    pub fn submit(&self, fs: &Fs, at: u64, pieces: &[Bytes], skip: usize, len: usize, pad: usize) {
        let mut state = self.state.lock();
        let fits = state.open.as_ref().is_some_and(|batch| {
            batch.at + batch.len as u64 == at
                && batch.len + len + pad <= BATCH_BYTES
                && batch.pieces.len() + pieces.len() + 1 + pad / ZEROES.len() < BATCH_PIECES
        });
        let mut closed = false;
        if !fits {
            closed = state.open.is_some();
            state.close_open();
            state.next += 1;
        }
        let number = state.next;
        let batch = state.open.get_or_insert_with(|| Batch {
            number: number - 1,
            at,
            len: 0,
            pieces: Vec::new(),
        });
        push_part(&mut batch.pieces, pieces, skip, len);
        let mut left = pad;
        while left > 0 {
            let n = left.min(ZEROES.len());
            batch.pieces.push(Bytes::from_static(&ZEROES[..n]));
            left -= n;
        }
        batch.len += len + pad;
        if batch.len >= BATCH_BYTES || batch.pieces.len() >= BATCH_PIECES {
            state.close_open();
            closed = true;
        }
        state.bytes += len + pad;
        let full = state.bytes > QUEUE_BYTES;
        drop(state);
        if closed {
            self.work.notify_one();
        }
        if full {
            self.write_one(fs);
        }
    }

    /// The number that [`Self::wait`] needs to wait for everything handed over so far.
    pub fn mark(&self) -> u64 {
        self.state.lock().next
    }

    /// Returns when everything before `mark` is written, or failed: then writing ended for the volume.
    pub fn wait(&self, fs: &Fs, mark: u64) {
        loop {
            {
                let mut state = self.state.lock();
                state.close_open();
                if state.is_done(mark) {
                    return;
                }
                if state.waiting.is_empty() {
                    self.done.wait(&mut state);
                    continue;
                }
            }
            self.write_one(fs);
        }
    }

    /// Writes the oldest batch, if one waits.
    fn write_one(&self, fs: &Fs) {
        let mut state = self.state.lock();
        if let Some(batch) = state.waiting.pop_front() {
            state.active.push(batch.number);
            drop(state);
            self.write(fs, batch);
        }
    }

    /// Writes batches until [`Self::stop`]: what a writer thread does.
    pub fn serve(&self, fs: &Fs) {
        loop {
            let mut state = self.state.lock();
            let batch = loop {
                if let Some(batch) = state.waiting.pop_front() {
                    break batch;
                }
                if state.stop {
                    return;
                }
                self.work.wait(&mut state);
            };
            state.active.push(batch.number);
            drop(state);
            self.write(fs, batch);
        }
    }

    /// Lets writer threads end, or start.
    pub fn stop(&self, stop: bool) {
        self.state.lock().stop = stop;
        self.work.notify_all();
    }

    fn write(&self, fs: &Fs, batch: Batch) {
        let Batch {
            number,
            at,
            len,
            pieces,
        } = batch;
        // Once writing ended nobody reads these blocks: their extents are never committed.
        if !fs.aborted.load(Ordering::Acquire) {
            let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|p| IoSlice::new(p)).collect();
            match fs.dev.write_vectored_at(&mut slices, at) {
                Ok(()) => fs.written(at, len),
                Err(error) => abort(
                    fs,
                    &Error::io(format!("writing {len} bytes at {at}"), error),
                ),
            }
        }
        drop(pieces);
        let mut state = self.state.lock();
        state.active.retain(|&active| active != number);
        state.bytes = state.bytes.saturating_sub(len);
        drop(state);
        self.done.notify_all();
    }
}

/// Appends `len` bytes of `pieces` from byte `skip` on.
fn push_part(into: &mut Vec<Bytes>, pieces: &[Bytes], mut skip: usize, mut len: usize) {
    for piece in pieces {
        if len == 0 {
            return;
        }
        if skip >= piece.len() {
            skip -= piece.len();
            continue;
        }
        let n = (piece.len() - skip).min(len);
        into.push(piece.slice(skip..skip + n));
        len -= n;
        skip = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_span_pieces() {
        let pieces = [Bytes::from_static(b"abc"), Bytes::from_static(b"defg")];
        for (skip, len, wanted) in [(0, 7, "abcdefg"), (2, 3, "cde"), (3, 2, "de"), (6, 1, "g")] {
            let mut part = Vec::new();
            push_part(&mut part, &pieces, skip, len);
            assert_eq!(part.concat(), wanted.as_bytes());
        }
    }
}
