//! A device over an image that many runs share, which keeps what is written to itself.

use lwext4::BlockDevice;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const PAGE: usize = 4096;

/// An image with a layer of changed pages over it.
#[derive(Debug)]
pub struct Layered {
    base: Arc<Vec<u8>>,
    pages: RwLock<HashMap<usize, Box<[u8]>>>,
    writable: bool,
    /// Writes that ought not to have been: outside the image, or any at all to a read-only one.
    strays: AtomicU64,
    writes: AtomicU64,
}

impl Layered {
    /// A device that holds `base`. When it is not `writable`, every write is a stray.
    pub fn new(base: Arc<Vec<u8>>, writable: bool) -> Layered {
        Layered {
            base,
            pages: RwLock::default(),
            writable,
            strays: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        }
    }

    /// How many writes went where none may go.
    pub fn strays(&self) -> u64 {
        self.strays.load(Ordering::Relaxed)
    }

    /// How many writes there were.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// The image as it is now.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut image = self.base.to_vec();
        for (page, bytes) in self.pages.read().iter() {
            let start = page * PAGE;
            let end = (start + PAGE).min(image.len());
            image[start..end].copy_from_slice(&bytes[..end - start]);
        }
        image
    }

    /// Fails unless the range lies inside.
    fn range(&self, offset: u64, len: usize) -> io::Result<usize> {
        let inside = offset
            .checked_add(len as u64)
            .is_some_and(|end| end <= self.base.len() as u64);
        if inside {
            Ok(offset as usize)
        } else {
            Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "beyond the end of the image",
            ))
        }
    }
}

impl BlockDevice for Layered {
    fn size(&self) -> u64 {
        self.base.len() as u64
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let start = self.range(offset, buf.len())?;
        buf.copy_from_slice(&self.base[start..start + buf.len()]);
        let pages = self.pages.read();
        if pages.is_empty() || buf.is_empty() {
            return Ok(());
        }
        for page in start / PAGE..=(start + buf.len() - 1) / PAGE {
            if let Some(bytes) = pages.get(&page) {
                let from = start.max(page * PAGE);
                let to = (start + buf.len()).min((page + 1) * PAGE);
                let source = &bytes[from - page * PAGE..to - page * PAGE];
                buf[from - start..to - start].copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let range = self.range(offset, buf.len());
        if range.is_err() || !self.writable {
            self.strays.fetch_add(1, Ordering::Relaxed);
        }
        let start = range?;
        if !self.writable {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if buf.is_empty() {
            return Ok(());
        }
        let mut pages = self.pages.write();
        for page in start / PAGE..=(start + buf.len() - 1) / PAGE {
            let bytes = pages.entry(page).or_insert_with(|| {
                let mut bytes = vec![0; PAGE];
                let first = page * PAGE;
                let end = (first + PAGE).min(self.base.len());
                bytes[..end - first].copy_from_slice(&self.base[first..end]);
                bytes.into_boxed_slice()
            });
            let from = start.max(page * PAGE);
            let to = (start + buf.len()).min((page + 1) * PAGE);
            bytes[from - page * PAGE..to - page * PAGE]
                .copy_from_slice(&buf[from - start..to - start]);
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
