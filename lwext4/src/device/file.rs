//! An image in a file (or block device) of the host, or in a part of one.

use super::BlockDevice;
use super::ahead::FlushedFile;
use rustix::fs::{Advice, FallocateFlags, FileType as RawFileType, fadvise, fallocate, fstat};
use rustix::io::pwritev;
use std::fs::File;
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pieces that the kernel takes in one call.
const IOV_MAX: usize = 1024;

/// A range of a file of the host as a device.
#[derive(Debug)]
pub struct FileDevice {
    file: FlushedFile,
    start: u64,
    size: AtomicU64,
    /// Whether the range ends where the file ends, and grows and shrinks with it.
    to_end: bool,
}

impl FileDevice {
    /// The whole of `file`, whose size is taken now.
    ///
    /// # Errors
    /// What the host says when asked for the size.
    pub fn new(file: File) -> io::Result<FileDevice> {
        use std::io::{Seek, SeekFrom};
        // A seek, not metadata(): a block device has no st_size.
        let size = (&file).seek(SeekFrom::End(0))?;
        Ok(FileDevice {
            file: FlushedFile::new(file),
            start: 0,
            size: size.into(),
            to_end: true,
        })
    }

    /// `file` from byte `start` to its end, which is taken now.
    ///
    /// # Errors
    /// What the host says when asked for the size.
    pub fn from_offset(file: File, start: u64) -> io::Result<FileDevice> {
        let whole = FileDevice::new(file)?;
        let size = whole.size().saturating_sub(start);
        Ok(FileDevice {
            start,
            size: size.into(),
            ..whole
        })
    }

    /// `size` bytes of `file` from byte `start` on: a partition. It cannot be made longer.
    pub fn part(file: File, start: u64, size: u64) -> FileDevice {
        FileDevice {
            file: FlushedFile::new(file),
            start,
            size: size.into(),
            to_end: false,
        }
    }

    /// The file underneath.
    pub fn file(&self) -> &File {
        self.file.file()
    }

    /// Whether `len` bytes at `offset` lie inside; the position in the file if so.
    fn position(&self, offset: u64, len: usize) -> io::Result<u64> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.size() => Ok(self.start + offset),
            _ => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "beyond the end of the image",
            )),
        }
    }
}

impl BlockDevice for FileDevice {
    fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let at = self.position(offset, buf.len())?;
        self.file().read_exact_at(buf, at)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let at = self.position(offset, buf.len())?;
        self.file().write_all_at(buf, at)
    }

    fn write_vectored_at(&self, bufs: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let len = bufs.iter().map(|buf| buf.len()).sum();
        let mut at = self.position(offset, len)?;
        let mut left = bufs;
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let most = left.len().min(IOV_MAX);
            match pwritev(self.file(), &left[..most], at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    IoSlice::advance_slices(&mut left, n);
                    at += n as u64;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        self.file.flush()
    }

    fn begin_flush(&self, offset: u64, len: u64) {
        if let (Ok(at), Some(len)) = (
            self.position(offset, usize::try_from(len).unwrap_or(usize::MAX)),
            NonZeroU64::new(len),
        ) {
            // Linux starts to write what is dirty in the range. (It also drops what is clean, of which
            // there is none just behind a write.)
            let _ = fadvise(self.file(), at, Some(len), Advice::DontNeed);
            self.file.wrote(len.get());
        }
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        let at = self.position(offset, usize::try_from(len).unwrap_or(usize::MAX))?;
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match fallocate(self.file(), flags, at, len) {
            Ok(()) => Ok(()),
            // The host's file system cannot punch: write the zeroes.
            Err(rustix::io::Errno::OPNOTSUPP) => {
                let zeroes = vec![0; 64 * 1024];
                let mut done = 0;
                while done < len {
                    let n = (len - done).min(zeroes.len() as u64);
                    self.file().write_all_at(&zeroes[..n as usize], at + done)?;
                    done += n;
                }
                Ok(())
            }
            Err(errno) => Err(errno.into()),
        }
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        use std::io::{Seek, SeekFrom};
        let unsupported = || Err(io::ErrorKind::Unsupported.into());
        if !self.to_end {
            return if size <= self.size() {
                Ok(())
            } else {
                unsupported()
            };
        }
        let Some(end) = self.start.checked_add(size) else {
            return unsupported();
        };
        // Not metadata(), which may take other system calls than a sandbox allows.
        let mode = fstat(self.file())?.st_mode;
        if RawFileType::from_raw_mode(mode) == RawFileType::RegularFile {
            self.file().set_len(end)?;
            self.size.store(size, Ordering::Relaxed);
            return Ok(());
        }
        // A block device: it may have been made larger since it was opened.
        let now = self.file().seek(SeekFrom::End(0))?;
        self.size
            .store(now.saturating_sub(self.start), Ordering::Relaxed);
        if end <= now { Ok(()) } else { unsupported() }
    }

    /// A file's space becomes a hole. On a block device the kernel passes it on, to the disk if that
    /// can discard.
    fn discard(&self, offset: u64, len: u64) -> io::Result<()> {
        let at = self.position(offset, usize::try_from(len).unwrap_or(usize::MAX))?;
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(self.file(), flags, at, len).map_err(|errno| match errno {
            rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NODEV | rustix::io::Errno::NOSYS => {
                io::ErrorKind::Unsupported.into()
            }
            other => other.into(),
        })
    }
}
