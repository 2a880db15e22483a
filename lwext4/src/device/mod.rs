//! Where the image's bytes are: a file of the host, or memory.

mod ahead;
mod file;
mod memory;
mod unflushed;

pub use file::FileDevice;
pub use memory::MemDevice;
pub use unflushed::Unflushed;

use std::io::{self, IoSlice};

/// A flat array of bytes that can be read, written and made durable.
///
/// All methods take `&self`: several threads use one device at once. Reads and writes of ranges that
/// do not overlap must not disturb each other.
pub trait BlockDevice: Send + Sync {
    /// The device's size in bytes, as it is now.
    fn size(&self) -> u64;

    /// Fills `buf` from byte `offset` on. Reading beyond the end is an error
    /// ([`io::ErrorKind::UnexpectedEof`]).
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `buf` at byte `offset`.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bufs`, one behind the other, at byte `offset`. May change `bufs`.
    fn write_vectored_at(&self, bufs: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let mut at = offset;
        for buf in bufs {
            self.write_at(buf, at)?;
            at += buf.len() as u64;
        }
        Ok(())
    }

    /// Returns when everything written before the call survives a power cut.
    fn flush(&self) -> io::Result<()>;

    /// Tells that a flush of `len` bytes at `offset` will follow: the device may begin to bring them to
    /// where they survive, and does not wait for that. What goes wrong shows at the flush.
    fn begin_flush(&self, offset: u64, len: u64) {
        let _ = (offset, len);
    }

    /// Makes `len` bytes at `offset` read as zeroes, giving their space back to the host where that
    /// is possible.
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        static ZEROES: [u8; 64 * 1024] = [0; 64 * 1024];
        let mut done = 0;
        while done < len {
            let n = (len - done).min(ZEROES.len() as u64);
            self.write_at(&ZEROES[..n as usize], offset + done)?;
            done += n;
        }
        Ok(())
    }

    /// Tells that nobody needs `len` bytes at `offset` any more. What they read as afterwards is
    /// undefined.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] where space cannot be given back: nothing has happened then.
    fn discard(&self, offset: u64, len: u64) -> io::Result<()> {
        let _ = (offset, len);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes the device `size` bytes long. What is added reads as zeroes. A device that is longer than
    /// that and cannot be cut may stay as it is.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] when it cannot grow so far.
    fn set_size(&self, size: u64) -> io::Result<()> {
        if size <= self.size() {
            Ok(())
        } else {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

impl<D: BlockDevice + ?Sized> BlockDevice for std::sync::Arc<D> {
    fn size(&self) -> u64 {
        (**self).size()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        (**self).write_at(buf, offset)
    }
    fn write_vectored_at(&self, bufs: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        (**self).write_vectored_at(bufs, offset)
    }
    fn flush(&self) -> io::Result<()> {
        (**self).flush()
    }
    fn begin_flush(&self, offset: u64, len: u64) {
        (**self).begin_flush(offset, len);
    }
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        (**self).punch(offset, len)
    }
    fn discard(&self, offset: u64, len: u64) -> io::Result<()> {
        (**self).discard(offset, len)
    }
    fn set_size(&self, size: u64) -> io::Result<()> {
        (**self).set_size(size)
    }
}
