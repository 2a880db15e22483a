//! An image in memory, for tests and for programs that build small images.

use super::BlockDevice;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

const CHUNK: usize = 64 * 1024;

/// A sparse device in memory: chunks never written take no memory and read as zeroes.
#[derive(Debug, Default)]
pub struct MemDevice {
    size: AtomicU64,
    chunks: RwLock<HashMap<u64, Box<[u8]>>>,
}

impl MemDevice {
    /// An all-zero device of `size` bytes.
    pub fn new(size: u64) -> MemDevice {
        MemDevice {
            size: size.into(),
            chunks: RwLock::default(),
        }
    }

    /// A device that holds a copy of `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> MemDevice {
        let chunks = bytes
            .chunks(CHUNK)
            .enumerate()
            .filter(|(_, part)| part.iter().any(|&b| b != 0))
            .map(|(i, part)| {
                let mut chunk = vec![0; CHUNK].into_boxed_slice();
                chunk[..part.len()].copy_from_slice(part);
                (i as u64, chunk)
            })
            .collect();
        MemDevice {
            size: (bytes.len() as u64).into(),
            chunks: RwLock::new(chunks),
        }
    }

    /// Copies the content to a sparse file.
    ///
    /// # Errors
    /// What the host says when the file cannot be written.
    pub fn write_to(&self, file: &std::fs::File) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        file.set_len(0)?;
        file.set_len(self.size())?;
        for (&index, chunk) in self.chunks.read().iter() {
            let at = index * CHUNK as u64;
            let len = (self.size() - at).min(CHUNK as u64) as usize;
            file.write_all_at(&chunk[..len], at)?;
        }
        Ok(())
    }

    /// Splits a range into (chunk, offset in chunk, range of the buffer).
    fn pieces(
        &self,
        offset: u64,
        len: usize,
    ) -> io::Result<impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> + use<>> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.size() => {}
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "beyond the device's end",
                ));
            }
        }
        let mut done = 0;
        Ok(std::iter::from_fn(move || {
            if done == len {
                return None;
            }
            let at = offset + done as u64;
            let within = (at % CHUNK as u64) as usize;
            let n = (CHUNK - within).min(len - done);
            let range = done..done + n;
            done += n;
            Some((at / CHUNK as u64, within, range))
        }))
    }
}

impl BlockDevice for MemDevice {
    fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let chunks = self.chunks.read();
        for (index, within, range) in self.pieces(offset, buf.len())? {
            let n = range.len();
            match chunks.get(&index) {
                Some(chunk) => buf[range].copy_from_slice(&chunk[within..within + n]),
                None => buf[range].fill(0),
            }
        }
        Ok(())
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut chunks = self.chunks.write();
        for (index, within, range) in self.pieces(offset, buf.len())? {
            let n = range.len();
            let chunk = chunks
                .entry(index)
                .or_insert_with(|| vec![0; CHUNK].into_boxed_slice());
            chunk[within..within + n].copy_from_slice(&buf[range]);
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut chunks = self.chunks.write();
        if size < self.size() {
            let (last, within) = (size / CHUNK as u64, (size % CHUNK as u64) as usize);
            chunks.retain(|&index, _| index < last || (index == last && within > 0));
            if let Some(chunk) = chunks.get_mut(&last) {
                chunk[within..].fill(0);
            }
        }
        self.size.store(size, Ordering::Relaxed);
        Ok(())
    }

    /// Chunks that lie inside are given back; what is left of the range keeps its bytes.
    fn discard(&self, offset: u64, len: u64) -> io::Result<()> {
        let chunk = CHUNK as u64;
        let end = offset.saturating_add(len).min(self.size());
        let whole = offset.div_ceil(chunk)..end / chunk;
        let mut chunks = self.chunks.write();
        // Of the two ways to go through them, the shorter one.
        if whole.end.saturating_sub(whole.start) < chunks.len() as u64 {
            for index in whole {
                chunks.remove(&index);
            }
        } else {
            chunks.retain(|index, _| !whole.contains(index));
        }
        Ok(())
    }
}
