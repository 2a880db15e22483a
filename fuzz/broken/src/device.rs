//! A device over an image that many runs share, which keeps what is written to itself.

use lwext4::BlockDevice;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const PAGE: usize = 4096;
/// How much longer than its image a device becomes: a run is to stay within 256 MiB.
const GROWTH: u64 = 16 << 20;

/// An image with a layer of changed pages over it.
#[derive(Debug)]
pub struct Layered {
    base: Arc<Vec<u8>>,
    changed: RwLock<Changed>,
    writable: AtomicBool,
    /// Writes that ought not to have been: outside the image, or any at all to a read-only one.
    strays: AtomicU64,
    writes: AtomicU64,
}

/// What differs from the image below.
#[derive(Debug)]
struct Changed {
    size: u64,
    /// Bytes from here on are not those of the base: the shortest that the device ever was.
    kept: usize,
    pages: HashMap<usize, Box<[u8]>>,
}

impl Changed {
    /// Fails unless the range lies inside.
    fn range(&self, offset: u64, len: usize) -> io::Result<usize> {
        let inside = offset
            .checked_add(len as u64)
            .is_some_and(|end| end <= self.size);
        if inside {
            Ok(offset as usize)
        } else {
            Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "beyond the end of the image",
            ))
        }
    }

    /// The page, a copy of what is below when it is new.
    fn page(&mut self, base: &[u8], page: usize) -> &mut [u8] {
        let below = base.get(page * PAGE..self.kept).unwrap_or_default();
        self.pages.entry(page).or_insert_with(|| {
            let mut bytes = vec![0; PAGE];
            let len = below.len().min(PAGE);
            bytes[..len].copy_from_slice(&below[..len]);
            bytes.into_boxed_slice()
        })
    }
}

/// The pages of a range that is not empty, and which bytes of each it has.
fn pages(start: usize, len: usize) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
    let end = start + len;
    (start / PAGE..end.div_ceil(PAGE)).map(move |page| {
        let first = page * PAGE;
        (page, start.max(first)..end.min(first + PAGE))
    })
}

impl Layered {
    /// A device that holds `base`. When it is not `writable`, every write is a stray.
    pub fn new(base: Arc<Vec<u8>>, writable: bool) -> Layered {
        let changed = Changed {
            size: base.len() as u64,
            kept: base.len(),
            pages: HashMap::new(),
        };
        Layered {
            base,
            changed: RwLock::new(changed),
            writable: writable.into(),
            strays: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        }
    }

    /// From now on every write is a stray.
    pub fn freeze(&self) {
        self.writable.store(false, Ordering::Release);
    }

    /// How many writes went where none may go.
    pub fn strays(&self) -> u64 {
        self.strays.load(Ordering::Relaxed)
    }

    /// How many writes there were.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Takes note of a write of `len` bytes: where it starts, if it may be.
    fn admit(&self, changed: &Changed, offset: u64, len: usize) -> io::Result<usize> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let range = changed.range(offset, len);
        let writable = self.writable.load(Ordering::Acquire);
        if range.is_err() || !writable {
            self.strays.fetch_add(1, Ordering::Relaxed);
        }
        if writable {
            range
        } else {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
    }
}

impl BlockDevice for Layered {
    fn size(&self) -> u64 {
        self.changed.read().size
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let changed = self.changed.read();
        let start = changed.range(offset, buf.len())?;
        let below = self.base.get(start..changed.kept).unwrap_or_default();
        let len = below.len().min(buf.len());
        buf[..len].copy_from_slice(&below[..len]);
        buf[len..].fill(0);
        if changed.pages.is_empty() {
            return Ok(());
        }
        for (page, range) in pages(start, buf.len()) {
            if let Some(bytes) = changed.pages.get(&page) {
                let source = &bytes[range.start - page * PAGE..range.end - page * PAGE];
                buf[range.start - start..range.end - start].copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut changed = self.changed.write();
        let start = self.admit(&changed, offset, buf.len())?;
        for (page, range) in pages(start, buf.len()) {
            let bytes = changed.page(&self.base, page);
            bytes[range.start - page * PAGE..range.end - page * PAGE]
                .copy_from_slice(&buf[range.start - start..range.end - start]);
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// What nobody needs is filled with a pattern: who reads it again reads nonsense.
    fn discard(&self, offset: u64, len: u64) -> io::Result<()> {
        let mut changed = self.changed.write();
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let start = self.admit(&changed, offset, len)?;
        for (page, range) in pages(start, len) {
            let bytes = changed.page(&self.base, page);
            bytes[range.start - page * PAGE..range.end - page * PAGE].fill(0xDD);
        }
        Ok(())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut changed = self.changed.write();
        self.admit(&changed, 0, 0)?;
        if size > self.base.len() as u64 + GROWTH {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let end = size as usize;
        changed.kept = changed.kept.min(end);
        changed.pages.retain(|page, _| page * PAGE < end);
        if let Some(last) = changed.pages.get_mut(&(end / PAGE)) {
            last[end % PAGE..].fill(0);
        }
        changed.size = size;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(device: &Layered, at: u64, len: usize) -> Vec<u8> {
        let mut buf = vec![0xFF; len];
        device.read_at(&mut buf, at).unwrap();
        buf
    }

    #[test]
    fn what_was_cut_off_reads_as_zeroes_when_the_device_grows_again() {
        let device = Layered::new(Arc::new(vec![7; 10_000]), true);
        device.write_at(&[1; 5], 9_000).unwrap();
        device.set_size(9_002).unwrap();
        device.set_size(12_000).unwrap();
        assert_eq!(bytes(&device, 8_998, 6), [7, 7, 1, 1, 0, 0]);
        assert_eq!(bytes(&device, 9_990, 20), [0; 20]);
        device.write_at(&[2; 3], 9_999).unwrap();
        assert_eq!(bytes(&device, 9_998, 5), [0, 2, 2, 2, 0]);
        assert_eq!(device.size(), 12_000);
        assert!(device.set_size(1 << 40).is_err());
        assert_eq!(device.strays(), 0);
    }

    #[test]
    fn writes_that_may_not_be_are_counted() {
        let device = Layered::new(Arc::new(vec![7; 10_000]), true);
        assert!(device.write_at(&[1; 5], 9_998).is_err());
        assert!(device.discard(9_998, 5).is_err());
        assert_eq!(device.strays(), 2);
        device.discard(9_998, 2).unwrap();
        assert_eq!(bytes(&device, 9_997, 3), [7, 0xDD, 0xDD]);
        device.freeze();
        assert!(device.write_at(&[1], 0).is_err() && device.set_size(1).is_err());
        assert_eq!((device.strays(), device.writes()), (4, 5));
    }
}
