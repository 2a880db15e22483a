//! Devices for tests: one that records, one that shares its start, one that fails.

use lwext4::BlockDevice;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The unit in which a disk writes: a write of several may be torn between them.
pub const SECTOR: usize = 512;

/// One thing done to a [`Recorder`].
#[derive(Clone)]
pub enum Event {
    /// Bytes written at a place.
    Write(u64, Arc<Vec<u8>>),
    /// Everything before is durable when the next event happens.
    Flush,
}

/// A device that keeps a log of every write, with its bytes, and of every flush.
pub struct Recorder<D> {
    inner: D,
    log: Mutex<Vec<Event>>,
}

impl<D: BlockDevice> Recorder<D> {
    pub fn new(inner: D) -> Recorder<D> {
        Recorder {
            inner,
            log: Mutex::default(),
        }
    }

    /// How many events there were.
    pub fn now(&self) -> usize {
        self.log.lock().unwrap().len()
    }

    pub fn events(&self) -> Vec<Event> {
        self.log.lock().unwrap().clone()
    }
}

impl<D: BlockDevice> BlockDevice for Recorder<D> {
    fn size(&self) -> u64 {
        self.inner.size()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.inner.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        // Under the lock: the log's order is the order of the writes.
        let mut log = self.log.lock().unwrap();
        log.push(Event::Write(offset, Arc::new(buf.to_vec())));
        self.inner.write_at(buf, offset)
    }
    fn flush(&self) -> io::Result<()> {
        // What others write while a flush is under way is behind it.
        self.log.lock().unwrap().push(Event::Flush);
        self.inner.flush()
    }
}

/// A device that starts as the bytes it shares with others, and keeps its own changes.
pub struct Overlay {
    base: Arc<Vec<u8>>,
    changed: Mutex<HashMap<u64, Vec<u8>>>,
}

const CHUNK: usize = 4096;

impl Overlay {
    pub fn new(base: Arc<Vec<u8>>) -> Overlay {
        Overlay {
            base,
            changed: Mutex::default(),
        }
    }

    /// The device's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.base.to_vec();
        for (index, chunk) in self.changed.lock().unwrap().iter() {
            let at = *index as usize * CHUNK;
            bytes[at..at + chunk.len()].copy_from_slice(chunk);
        }
        bytes
    }

    fn check(&self, offset: u64, len: usize) -> io::Result<()> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.size() => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "beyond the device's end",
            )),
        }
    }
}

/// Splits a range into (chunk, offset in the chunk, range of the buffer).
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = (at % CHUNK as u64) as usize;
        let n = (CHUNK - within).min(len - done);
        let range = done..done + n;
        done += n;
        (n > 0).then_some((at / CHUNK as u64, within, range))
    })
}

impl BlockDevice for Overlay {
    fn size(&self) -> u64 {
        self.base.len() as u64
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.check(offset, buf.len())?;
        let changed = self.changed.lock().unwrap();
        for (index, within, range) in pieces(offset, buf.len()) {
            let n = range.len();
            match changed.get(&index) {
                Some(chunk) => buf[range].copy_from_slice(&chunk[within..within + n]),
                None => {
                    let at = index as usize * CHUNK + within;
                    buf[range].copy_from_slice(&self.base[at..at + n]);
                }
            }
        }
        Ok(())
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.check(offset, buf.len())?;
        let mut changed = self.changed.lock().unwrap();
        for (index, within, range) in pieces(offset, buf.len()) {
            let at = index as usize * CHUNK;
            let chunk = changed
                .entry(index)
                .or_insert_with(|| self.base[at..(at + CHUNK).min(self.base.len())].to_vec());
            chunk[within..within + range.len()].copy_from_slice(&buf[range]);
        }
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// What a [`Faulty`] device refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Read,
    Write,
    Flush,
}

/// When a [`Faulty`] device fails, and how.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub fault: Fault,
    /// The call that fails, from 0 among those of its kind.
    pub at: usize,
    /// Whether all after that fail too.
    pub for_good: bool,
    /// `errno` of the failure.
    pub code: i32,
}

/// A device that fails as planned. It has a cache as the host has one: what a failed flush should have
/// made durable is lost, though it can still be read.
pub struct Faulty {
    plan: Plan,
    calls: AtomicUsize,
    struck: AtomicBool,
    /// What reading shows.
    shown: Overlay,
    /// What is left in the end, but for `cached`.
    durable: Overlay,
    cached: Mutex<Vec<(u64, Vec<u8>)>>,
}

impl Faulty {
    pub fn new(base: Arc<Vec<u8>>, plan: Plan) -> Faulty {
        Faulty {
            plan,
            calls: AtomicUsize::new(0),
            struck: AtomicBool::new(false),
            shown: Overlay::new(base.clone()),
            durable: Overlay::new(base),
            cached: Mutex::default(),
        }
    }

    /// Whether a call failed.
    pub fn has_struck(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }

    /// Calls of the kind that is to fail.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// What the disk holds once the host has written what it can.
    pub fn left(&self) -> Vec<u8> {
        self.keep(&mut self.cached.lock().unwrap());
        self.durable.to_bytes()
    }

    fn keep(&self, cached: &mut Vec<(u64, Vec<u8>)>) {
        for (offset, bytes) in cached.drain(..) {
            self.durable.write_at(&bytes, offset).unwrap();
        }
    }

    fn strike(&self, kind: Fault) -> io::Result<()> {
        if kind != self.plan.fault {
            return Ok(());
        }
        let n = self.calls.fetch_add(1, Ordering::SeqCst);
        if n == self.plan.at || (self.plan.for_good && n > self.plan.at) {
            self.struck.store(true, Ordering::SeqCst);
            return Err(io::Error::from_raw_os_error(self.plan.code));
        }
        Ok(())
    }

    fn put(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.shown.write_at(buf, offset)?;
        self.cached.lock().unwrap().push((offset, buf.to_vec()));
        Ok(())
    }
}

impl BlockDevice for Faulty {
    fn size(&self) -> u64 {
        self.shown.size()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.strike(Fault::Read)?;
        self.shown.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.strike(Fault::Write) {
            // A part of it may have got through.
            let part = buf.len() / 2 / SECTOR * SECTOR;
            self.put(&buf[..part], offset)?;
            return Err(error);
        }
        self.put(buf, offset)
    }
    fn flush(&self) -> io::Result<()> {
        let mut cached = self.cached.lock().unwrap();
        if let Err(error) = self.strike(Fault::Flush) {
            cached.clear();
            return Err(error);
        }
        self.keep(&mut cached);
        Ok(())
    }
}
