//! The bytes of an archive, read ahead by a thread of its own in buffers that are passed on uncopied.

use super::codec::{Codec, decompress};
use super::pool::{BUFFER, Pool};
use bytes::{Buf, Bytes};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

/// Buffers that are read ahead.
const AHEAD: usize = 8;
/// Bytes that are read at once where most are skipped.
const GLANCE: usize = 4096;

/// Something that can be read once, from start to end.
pub struct Input {
    feed: Feed,
    current: Bytes,
    /// Bytes that were taken out, decompressed.
    taken: u64,
    /// Bytes of the archive that were read, as it is.
    raw: Arc<AtomicU64>,
}

enum Feed {
    /// A thread that reads ahead.
    Ahead(Receiver<io::Result<Bytes>>),
    /// Nobody but who asks.
    Direct(Box<dyn Read + Send>, Pool),
    /// A plain file, most of which is skipped.
    Glance(File),
    Ended,
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl Input {
    /// Reads `reader`, which may be compressed. `ahead`: in a thread of its own.
    ///
    /// # Errors
    /// As of [`decompress`].
    pub fn new(reader: Box<dyn Read + Send>, ahead: bool) -> io::Result<Input> {
        let raw = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            inner: reader,
            count: raw.clone(),
        };
        let mut plain = decompress(Box::new(counted))?;
        let pool = Pool::default();
        let feed = if ahead {
            let (sender, receiver) = sync_channel(AHEAD);
            std::thread::Builder::new()
                .name("liveroot-read".into())
                .spawn(move || {
                    loop {
                        let read = fill(&mut *plain, &pool);
                        let last = !matches!(&read, Ok(bytes) if !bytes.is_empty());
                        // Nobody listens any more after an error on the other side.
                        if sender.send(read).is_err() || last {
                            return;
                        }
                    }
                })?;
            Feed::Ahead(receiver)
        } else {
            Feed::Direct(plain, pool)
        };
        Ok(Input {
            feed,
            current: Bytes::new(),
            taken: 0,
            raw,
        })
    }

    /// Reads `file` from its start, in order to skip most of it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn glance(mut file: File) -> io::Result<Input> {
        let mut magic = [0; 8];
        let n = file.read(&mut magic)?;
        file.seek(SeekFrom::Start(0))?;
        if Codec::of(&magic[..n]) != Codec::Plain {
            return Input::new(Box::new(file), true);
        }
        Ok(Input {
            feed: Feed::Glance(file),
            current: Bytes::new(),
            taken: 0,
            raw: Arc::default(),
        })
    }

    /// Where the next byte is in the decompressed stream.
    pub fn offset(&self) -> u64 {
        self.taken
    }

    /// Bytes of the archive that were read so far, compressed as it is.
    pub fn raw_position(&self) -> u64 {
        match self.feed {
            Feed::Glance(_) => self.taken,
            _ => self.raw.load(Ordering::Relaxed),
        }
    }

    /// Whether there is a next byte; gets it if need be.
    fn ensure(&mut self) -> io::Result<bool> {
        while self.current.is_empty() {
            let next = match &mut self.feed {
                Feed::Ahead(receiver) => match receiver.recv() {
                    Ok(next) => next?,
                    // The thread ends after the last buffer; before it, only a panic ends it.
                    Err(_) => return Err(io::Error::other("the reading thread ended")),
                },
                Feed::Direct(reader, pool) => fill(&mut **reader, pool)?,
                Feed::Glance(file) => {
                    let mut buffer = vec![0; GLANCE];
                    let n = read_full(file, &mut buffer)?;
                    buffer.truncate(n);
                    Bytes::from(buffer)
                }
                Feed::Ended => return Ok(false),
            };
            if next.is_empty() {
                self.feed = Feed::Ended;
                return Ok(false);
            }
            self.current = next;
        }
        Ok(true)
    }

    /// Up to `most` bytes that lie in one buffer; none at the end.
    pub fn take(&mut self, most: u64) -> io::Result<Bytes> {
        if most == 0 || !self.ensure()? {
            return Ok(Bytes::new());
        }
        let n = usize::try_from(most)
            .unwrap_or(usize::MAX)
            .min(self.current.len());
        self.taken += n as u64;
        Ok(self.current.split_to(n))
    }

    /// Fills `buf`; how many bytes there were, fewer only at the end.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            let piece = self.take((buf.len() - done) as u64)?;
            if piece.is_empty() {
                break;
            }
            buf[done..done + piece.len()].copy_from_slice(&piece);
            done += piece.len();
        }
        Ok(done)
    }

    /// Skips `len` bytes; false when there were fewer.
    pub fn skip(&mut self, mut len: u64) -> io::Result<bool> {
        while len > 0 {
            if let Feed::Glance(file) = &mut self.feed
                && len > self.current.len() as u64
            {
                let rest = len - self.current.len() as u64;
                let here = file.stream_position()?;
                let end = file.seek(SeekFrom::End(0))?;
                let target = here.saturating_add(rest);
                self.current.clear();
                file.seek(SeekFrom::Start(target.min(end)))?;
                self.taken = self.taken.saturating_add(len);
                return Ok(target <= end);
            }
            if !self.ensure()? {
                return Ok(false);
            }
            let n = len.min(self.current.len() as u64);
            self.current.advance(n as usize);
            self.taken += n;
            len -= n;
        }
        Ok(true)
    }

    /// Reads on to the end, so that who writes into a pipe can finish.
    pub fn drain(&mut self) -> io::Result<()> {
        if matches!(self.feed, Feed::Glance(_)) {
            return Ok(());
        }
        while self.ensure()? {
            self.current.clear();
        }
        Ok(())
    }
}

/// A buffer full of what follows; an empty one at the end.
fn fill(reader: &mut dyn Read, pool: &Pool) -> io::Result<Bytes> {
    let mut buffer = pool.take();
    let n = read_full(reader, &mut buffer)?;
    Ok(pool.freeze(buffer, n.min(BUFFER)))
}

/// Fills `buffer`; how many bytes there were, fewer only at the end.
pub fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match reader.read(&mut buffer[done..]) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
