//! An image in a file (or block device) of the host, or in a part of one.

use super::BlockDevice;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::pwritev;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;

/// Pieces that the kernel takes in one call.
const IOV_MAX: usize = 1024;

/// A range of a file of the host as a device.
#[derive(Debug)]
pub struct FileDevice {
    file: File,
    start: u64,
    size: u64,
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
            file,
            start: 0,
            size,
        })
    }

    /// `size` bytes of `file` from byte `start` on: a partition, or an image behind a header.
    pub fn part(file: File, start: u64, size: u64) -> FileDevice {
        FileDevice { file, start, size }
    }

    /// The file underneath.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether `len` bytes at `offset` lie inside; the position in the file if so.
    fn position(&self, offset: u64, len: usize) -> io::Result<u64> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.size => Ok(self.start + offset),
            _ => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "beyond the end of the image",
            )),
        }
    }
}

impl BlockDevice for FileDevice {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let at = self.position(offset, buf.len())?;
        self.file.read_exact_at(buf, at)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let at = self.position(offset, buf.len())?;
        self.file.write_all_at(buf, at)
    }

    fn write_vectored_at(&self, bufs: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let len = bufs.iter().map(|buf| buf.len()).sum();
        let mut at = self.position(offset, len)?;
        let mut left = bufs;
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let most = left.len().min(IOV_MAX);
            match pwritev(&self.file, &left[..most], at) {
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
        self.file.sync_data()
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        let at = self.position(offset, usize::try_from(len).unwrap_or(usize::MAX))?;
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match fallocate(&self.file, flags, at, len) {
            Ok(()) => Ok(()),
            // The host's file system cannot punch: write the zeroes.
            Err(rustix::io::Errno::OPNOTSUPP) => {
                let zeroes = vec![0; 64 * 1024];
                let mut done = 0;
                while done < len {
                    let n = (len - done).min(zeroes.len() as u64);
                    self.file.write_all_at(&zeroes[..n as usize], at + done)?;
                    done += n;
                }
                Ok(())
            }
            Err(errno) => Err(errno.into()),
        }
    }
}
