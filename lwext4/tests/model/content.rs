//! What a file holds, sparse: chunks that were never written read as zeroes.

use std::collections::BTreeMap;

const CHUNK: u64 = 4096;

#[derive(Clone, Default)]
pub struct Content {
    size: u64,
    chunks: BTreeMap<u64, Box<[u8]>>,
}

impl Content {
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn set_size(&mut self, size: u64) {
        if size < self.size {
            self.zero(size, self.size);
            self.chunks.split_off(&size.div_ceil(CHUNK));
        }
        self.size = size;
    }

    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let byte = at + done as u64;
            let within = (byte % CHUNK) as usize;
            let n = (CHUNK as usize - within).min(bytes.len() - done);
            let chunk = self
                .chunks
                .entry(byte / CHUNK)
                .or_insert_with(|| vec![0; CHUNK as usize].into());
            chunk[within..within + n].copy_from_slice(&bytes[done..done + n]);
            done += n;
        }
        if !bytes.is_empty() {
            self.size = self.size.max(at + bytes.len() as u64);
        }
    }

    /// Makes `from..to` zero. The size stays.
    pub fn zero(&mut self, from: u64, to: u64) {
        let to = to.min(self.size);
        if from >= to {
            return;
        }
        let touched: Vec<u64> = self
            .chunks
            .range(from / CHUNK..to.div_ceil(CHUNK))
            .map(|(index, _)| *index)
            .collect();
        for index in touched {
            let start = index * CHUNK;
            let (a, b) = (from.max(start) - start, to.min(start + CHUNK) - start);
            if b - a == CHUNK {
                self.chunks.remove(&index);
            } else if let Some(chunk) = self.chunks.get_mut(&index) {
                chunk[a as usize..b as usize].fill(0);
            }
        }
    }

    /// Fills `buf` from byte `at` on: how many bytes there were.
    pub fn read(&self, at: u64, buf: &mut [u8]) -> usize {
        let len = self.size.saturating_sub(at).min(buf.len() as u64) as usize;
        let buf = &mut buf[..len];
        buf.fill(0);
        let end = at + len as u64;
        for (index, chunk) in self.chunks.range(at / CHUNK..end.div_ceil(CHUNK)) {
            let start = index * CHUNK;
            let (a, b) = (at.max(start), end.min(start + CHUNK));
            buf[(a - at) as usize..(b - at) as usize]
                .copy_from_slice(&chunk[(a - start) as usize..(b - start) as usize]);
        }
        len
    }

    /// The first byte of `from..to` that is not zero.
    pub fn first_nonzero(&self, from: u64, to: u64) -> Option<u64> {
        if from >= to {
            return None;
        }
        self.chunks
            .range(from / CHUNK..to.div_ceil(CHUNK))
            .find_map(|(index, chunk)| {
                let start = index * CHUNK;
                let (a, b) = (from.max(start), to.min(start + CHUNK));
                chunk[(a - start) as usize..(b - start) as usize]
                    .iter()
                    .position(|&byte| byte != 0)
                    .map(|at| a + at as u64)
            })
    }
}
