//! An image whose data goes to the disk as soon as it is there.

use crate::session::image::Image;
use crate::sys::start_writing;
use lwext4::{BlockDevice, FileDevice};
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Fewer bytes wait for the flush: metadata is often written again.
const LEAST: usize = 128 * 1024;

/// A device that does not leave it to the last flush to have data written: the disk works while the
/// data after that is still being brought.
#[derive(Debug)]
pub struct Eager {
    inner: Arc<FileDevice>,
    /// Where the device starts in its file.
    start: u64,
}

impl Eager {
    /// The bytes of an image.
    pub fn of(image: &Image) -> Eager {
        Eager {
            inner: image.device.clone(),
            start: image.start(),
        }
    }
}

impl BlockDevice for Eager {
    fn size(&self) -> u64 {
        self.inner.size()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.inner.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.inner.write_at(buf, offset)
    }
    fn write_vectored_at(&self, bufs: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let len: usize = bufs.iter().map(|buf| buf.len()).sum();
        self.inner.write_vectored_at(bufs, offset)?;
        if len >= LEAST {
            start_writing(self.inner.file(), self.start + offset, len as u64);
        }
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        self.inner.flush()
    }
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.inner.punch(offset, len)
    }
    fn discard(&self, offset: u64, len: u64) -> io::Result<()> {
        self.inner.discard(offset, len)
    }
    fn set_size(&self, size: u64) -> io::Result<()> {
        self.inner.set_size(size)
    }
}
