//! The volume as the kernel is shown it: what several kinds of requests share.

use super::translate::{FOREVER, attr_to_kernel, can_be_child, errno, generation_to_kernel};
use super::translate::{ino_from_kernel, no_such_file};
use super::{Counters, Kind, Losses};
use fuser::{Errno, FileAttr, Generation, INodeNo, Notifier, ReplyAttr, ReplyEmpty, ReplyEntry};
use fuser::{ReplyWrite, ReplyXattr};
use lwext4::{Attr, Entry, Error, Ino, Volume, WriteMode};
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

thread_local! {
    /// Where a thread puts what it reads from files, kept from request to request.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The longest piece that one request copies.
const LONGEST_COPY: u64 = 16 << 20;

/// A volume as a file system of `fuser`.
pub struct Face {
    pub(super) volume: Arc<Volume>,
    pub(super) counters: Arc<Counters>,
    pub(super) losses: Arc<Losses>,
    pub(super) kernel: Arc<OnceLock<Notifier>>,
    block_size: u32,
}

impl Face {
    /// Serves `volume`, counts into `counters`, and notes failed delayed writes in `losses`.
    pub fn new(volume: Arc<Volume>, counters: Arc<Counters>, losses: Arc<Losses>) -> Face {
        let block_size = volume.statfs().block_size;
        Face {
            volume,
            counters,
            losses,
            kernel: Arc::default(),
            block_size,
        }
    }

    /// Where to put the way to the kernel that notifications take, once there is one.
    pub fn kernel(&self) -> Arc<OnceLock<Notifier>> {
        self.kernel.clone()
    }

    /// Counts a request, and gives the engine's number for the node that it is about.
    pub(super) fn node(&self, kind: Kind, node: INodeNo) -> Result<Ino, Error> {
        self.counters.count(kind);
        ino_from_kernel(node).ok_or(Error::NotFound)
    }

    /// Answers with the inode behind a name.
    pub(super) fn entry(&self, reply: ReplyEntry, result: Result<Entry, Error>) {
        match result {
            Ok(Entry { attr }) if can_be_child(attr.ino) => reply.entry(
                &FOREVER,
                &attr_to_kernel(&attr, self.block_size),
                generation_to_kernel(&attr),
            ),
            Ok(Entry { attr }) => {
                self.volume.forget(attr.ino, 1);
                reply.error(Errno::from_i32(libc::EUCLEAN));
            }
            Err(error) => reply.error(errno(&error)),
        }
    }

    /// Answers with attributes.
    pub(super) fn attr(&self, reply: ReplyAttr, result: Result<Attr, Error>) {
        match result {
            Ok(attr) => reply.attr(&FOREVER, &attr_to_kernel(&attr, self.block_size)),
            Err(error) => reply.error(errno(&error)),
        }
    }

    /// Attributes and generation for an entry of a directory. The kernel takes no node from `.` and
    /// `..`, which come without attributes: number and type are enough there.
    pub(super) fn entry_attr(&self, ino: Ino, attr: Option<&Attr>) -> (FileAttr, Generation) {
        match attr {
            Some(attr) => (
                attr_to_kernel(attr, self.block_size),
                generation_to_kernel(attr),
            ),
            None => {
                let mut attr = no_such_file();
                attr.ino = INodeNo(u64::from(ino.0));
                attr.kind = fuser::FileType::Directory;
                (attr, Generation(0))
            }
        }
    }

    /// Stores what a program writes past the kernel's cache. The kernel keeps the times all the same.
    pub(super) fn write_through(&self, ino: Ino, offset: u64, data: &[u8]) -> Result<usize, Error> {
        let n = self.volume.write(ino, offset, data, WriteMode::Writeback)?;
        self.losses.stored(ino, offset, n);
        Ok(n)
    }

    /// Stores what the kernel hands over from its cache: all of it, or the caller is told.
    pub(super) fn write_back(&self, ino: Ino, offset: u64, data: &[u8]) -> Result<usize, Error> {
        let mut done = 0;
        while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(done as u64);
            match self.volume.write(ino, at, rest, WriteMode::Writeback) {
                Ok(n) if n > 0 => done += n,
                outcome => {
                    let error = outcome.err().unwrap_or(Error::NoSpace);
                    let generation = self.volume.getattr(ino).map_or(0, |attr| attr.generation);
                    self.losses.record(ino, generation, at, rest.len(), &error);
                    return Err(error);
                }
            }
        }
        self.losses.stored(ino, offset, data.len());
        Ok(done)
    }

    /// Copies a range, or a first part of it: callers ask again for the rest.
    pub(super) fn copy(&self, from: (Ino, u64), to: (Ino, u64), len: u64) -> Result<usize, Error> {
        with_buffer(1 << 20, |buffer| {
            let mut done = 0;
            let len = usize::try_from(len.min(LONGEST_COPY)).unwrap_or(0);
            while done < len {
                let want = buffer.len().min(len - done);
                let (at, into) = (
                    from.1.saturating_add(done as u64),
                    to.1.saturating_add(done as u64),
                );
                let got = self.volume.read(from.0, at, &mut buffer[..want])?;
                if got == 0 {
                    break;
                }
                match self
                    .volume
                    .write(to.0, into, &buffer[..got], WriteMode::Writeback)
                {
                    Ok(n) if n > 0 => {
                        self.losses.stored(to.0, into, n);
                        done += n;
                    }
                    Ok(_) => break,
                    Err(error) if done == 0 => return Err(error),
                    Err(_) => break,
                }
            }
            Ok(done)
        })
    }
}

impl std::fmt::Debug for Face {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Face").finish_non_exhaustive()
    }
}

/// Runs `work` on `len` bytes of this thread's buffer.
pub(super) fn with_buffer<T>(len: usize, work: impl FnOnce(&mut [u8]) -> T) -> T {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        work(&mut buffer[..len])
    })
}

/// Answers with success or an error.
pub(super) fn done(reply: ReplyEmpty, result: Result<(), Error>) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(&error)),
    }
}

/// Answers with a number of bytes.
pub(super) fn written(reply: ReplyWrite, result: Result<usize, Error>) {
    match result {
        // A request is at most 16 MiB long.
        Ok(n) => reply.written(u32::try_from(n).unwrap_or(u32::MAX)),
        Err(error) => reply.error(errno(&error)),
    }
}

/// Answers a request for a value: its size when the caller's buffer has none, else all of it.
pub(super) fn value(reply: ReplyXattr, size: u32, result: Result<Vec<u8>, Error>) {
    match result {
        Ok(value) => match u32::try_from(value.len()) {
            Ok(len) if size == 0 => reply.size(len),
            Ok(len) if len <= size => reply.data(&value),
            _ => reply.error(Errno::ERANGE),
        },
        Err(error) => reply.error(errno(&error)),
    }
}
