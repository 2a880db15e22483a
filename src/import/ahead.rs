//! A directory that a thread of its own reads ahead.
//!
//! The data of many small files shares a buffer: with one for each, most of the memory that is touched
//! would be fresh, and a page fault costs more than reading a page that is cached.

use super::directory::Directory;
use super::entry::{Change, Data, Source};
use super::pool::{BUFFER, Pool};
use crate::failure::{Failure, Result};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Batches that wait at most.
const AHEAD: usize = 4;
/// Changes in a batch at most.
const CHANGES: usize = 256;
/// Less room in a buffer is not worth a read.
const LEAST: usize = 4096;

/// A [`Directory`], read ahead.
pub struct Ahead {
    batches: Option<Receiver<Result<Batch>>>,
    thread: Option<JoinHandle<()>>,
    current: Batch,
    position: u64,
}

/// What comes next, in order; empty at the end.
type Batch = VecDeque<Item>;

enum Item {
    Change(Change),
    /// Of the change before it.
    Data(Data),
}

impl Ahead {
    /// Starts reading.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(directory: Directory) -> Result<Ahead> {
        let (sender, batches) = sync_channel(AHEAD);
        let thread = std::thread::Builder::new()
            .name("liveroot-read".into())
            .spawn(move || {
                let mut reader = Reader {
                    directory,
                    pool: Pool::default(),
                    is_inside: false,
                };
                while reader.send_batch(&sender) {}
            })
            .map_err(|error| Failure::new(format!("starting a thread: {error}")))?;
        Ok(Ahead {
            batches: Some(batches),
            thread: Some(thread),
            current: Batch::new(),
            position: 0,
        })
    }

    /// Gets the next batch if there is nothing left of the last one. False at the end.
    fn ensure(&mut self) -> Result<bool> {
        if self.current.is_empty()
            && let Some(batches) = &self.batches
        {
            // The thread says when it ends; but for a panic.
            let batch = batches.recv();
            match batch.unwrap_or_else(|_| Err(Failure::new("the reading thread ended"))) {
                Ok(batch) if !batch.is_empty() => self.current = batch,
                end => {
                    self.batches = None;
                    end?;
                }
            }
        }
        Ok(!self.current.is_empty())
    }
}

impl Source for Ahead {
    fn next(&mut self) -> Result<Option<Change>> {
        while self.ensure()? {
            if let Some(Item::Change(change)) = self.current.pop_front() {
                return Ok(Some(change));
            }
        }
        Ok(None)
    }

    fn data(&mut self) -> Result<Option<Data>> {
        if !self.ensure()? || !matches!(self.current.front(), Some(Item::Data(_))) {
            return Ok(None);
        }
        let Some(Item::Data(data)) = self.current.pop_front() else {
            return Ok(None);
        };
        self.position += data.bytes.len() as u64;
        Ok(Some(data))
    }

    fn position(&self) -> u64 {
        self.position
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // Nobody listens any more, so it ends.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread does.
struct Reader {
    directory: Directory,
    pool: Pool,
    /// Whether the last change may have more data.
    is_inside: bool,
}

/// What becomes an [`Item`] when its buffer is complete.
enum Part {
    Change(Box<Change>),
    Data { at: u64, range: Range<usize> },
}

impl Reader {
    /// False after the last batch, and when nobody wants any.
    fn send_batch(&mut self, sender: &SyncSender<Result<Batch>>) -> bool {
        let mut buffer = self.pool.take();
        let mut parts = Vec::new();
        let filled = self.fill(&mut buffer, &mut parts);
        let bytes = self.pool.freeze(buffer, BUFFER);
        let batch: Batch = parts
            .into_iter()
            .map(|part| match part {
                Part::Change(change) => Item::Change(*change),
                Part::Data { at, range } => Item::Data(Data {
                    at,
                    bytes: bytes.slice(range),
                }),
            })
            .collect();
        let is_last = batch.is_empty();
        match filled {
            // What came before it is still to be had.
            Err(failure) => {
                if is_last || sender.send(Ok(batch)).is_ok() {
                    let _ = sender.send(Err(failure));
                }
                false
            }
            Ok(()) => sender.send(Ok(batch)).is_ok() && !is_last,
        }
    }

    /// Fills a buffer and what points into it; nothing at the end of the directory.
    fn fill(&mut self, buffer: &mut [u8], parts: &mut Vec<Part>) -> Result<()> {
        let mut used = 0;
        let mut changes = 0;
        loop {
            if self.is_inside {
                let Some(room) = buffer.get_mut(used..).filter(|room| room.len() >= LEAST) else {
                    return Ok(());
                };
                match self.directory.read(room)? {
                    Some((at, len)) => {
                        let range = used..used + len;
                        used = range.end;
                        parts.push(Part::Data { at, range });
                    }
                    None => self.is_inside = false,
                }
                continue;
            }
            if changes == CHANGES {
                return Ok(());
            }
            let Some(change) = self.directory.next()? else {
                return Ok(());
            };
            parts.push(Part::Change(Box::new(change)));
            changes += 1;
            self.is_inside = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::progress::Warnings;
    use super::*;
    use std::fs;
    use std::path::Path;

    fn directory(path: &Path) -> Directory {
        Directory::new(path, false, Warnings::default())
    }

    /// Where data starts, and the data up to the next hole.
    type Pieces = Vec<(u64, Vec<u8>)>;

    /// All of a source: changes, each with its data.
    fn all(source: &mut dyn Source) -> Vec<(Change, Pieces)> {
        let mut all = Vec::new();
        while let Some(change) = source.next().unwrap() {
            let mut pieces = Pieces::new();
            while let Some(Data { at, bytes }) = source.data().unwrap() {
                match pieces.last_mut() {
                    Some((start, last)) if *start + last.len() as u64 == at => {
                        last.extend(&bytes[..]);
                    }
                    _ => pieces.push((at, bytes.to_vec())),
                }
            }
            all.push((change, pieces));
        }
        all
    }

    fn filled() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..600usize {
            let bytes: Vec<u8> = (0..number * 37).map(|i| (i ^ number) as u8).collect();
            fs::write(dir.path().join(format!("small{number}")), bytes).unwrap();
        }
        let large: Vec<u8> = (0..3 * BUFFER + 5).map(|i| (i / 7) as u8).collect();
        fs::write(dir.path().join("large"), large).unwrap();
        let sparse = fs::File::create(dir.path().join("sparse")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&sparse, b"x", 1 << 20).unwrap();
        sparse.set_len(2 << 20).unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/empty"), "").unwrap();
        dir
    }

    #[test]
    fn what_is_read_ahead_is_the_same() {
        let dir = filled();
        let plain = all(&mut directory(dir.path()));
        let mut ahead = Ahead::new(directory(dir.path())).unwrap();
        assert_eq!(plain.len(), 605);
        assert!(plain == all(&mut ahead));
        assert!(ahead.position() > 3 * BUFFER as u64);
        assert!(ahead.next().unwrap().is_none());
    }

    #[test]
    fn data_can_be_skipped_and_the_rest_left() {
        let dir = filled();
        let changes = |source: &mut dyn Source| {
            let mut changes = Vec::new();
            while let Some(change) = source.next().unwrap() {
                changes.push(change);
            }
            changes
        };
        let mut ahead = Ahead::new(directory(dir.path())).unwrap();
        assert!(changes(&mut directory(dir.path())) == changes(&mut ahead));
        let mut ahead = Ahead::new(directory(dir.path())).unwrap();
        assert!(ahead.next().unwrap().is_some());
        drop(ahead);
    }

    #[test]
    fn an_error_comes_after_what_was_before_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "a").unwrap();
        let tree = directory(dir.path());
        let mut ahead = Ahead::new(tree).unwrap();
        assert!(ahead.next().unwrap().is_some());
        let missing = directory(&dir.path().join("missing"));
        let mut ahead = Ahead::new(missing).unwrap();
        assert!(ahead.next().is_err());
        assert!(ahead.next().unwrap().is_none());
    }
}
