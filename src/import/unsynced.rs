//! A device whose content reaches the disk when the host sees fit.

use lwext4::BlockDevice;
use std::io::{self, IoSlice};

/// A device that does not wait for the disk: for a new image that nobody depends on yet, as the copy
/// that cp(1) makes.
#[derive(Debug)]
pub struct Unsynced<D>(pub D);

impl<D: BlockDevice> BlockDevice for Unsynced<D> {
    fn size(&self) -> u64 {
        self.0.size()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(buf, offset)
    }
    fn write_vectored_at(&self, bufs: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        self.0.write_vectored_at(bufs, offset)
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.0.punch(offset, len)
    }
}
