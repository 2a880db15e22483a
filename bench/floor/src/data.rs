//! The contents of one regular file: chunks of up to 1 MiB, found by number, absent where nothing was written.

use std::collections::BTreeMap;

/// Bytes in a full chunk. As long as the longest request, so that an aligned one touches one chunk.
pub const CHUNK: u64 = 1 << 20;

/// Contents without a length: the file's attributes hold that.
#[derive(Debug, Default)]
pub struct FileData {
    chunks: BTreeMap<u64, Vec<u8>>,
}

/// One piece of a range: which chunk, from where in it, how long.
struct Piece {
    chunk: u64,
    start: usize,
    len: usize,
}

/// Splits `len` bytes from `offset` at the chunks' borders.
fn pieces(offset: u64, len: u64) -> impl Iterator<Item = Piece> {
    let end = offset.saturating_add(len);
    let mut at = offset;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let start = at % CHUNK;
        let len = (CHUNK - start).min(end - at);
        let piece = Piece {
            chunk: at / CHUNK,
            start: start as usize,
            len: len as usize,
        };
        at += len;
        Some(piece)
    })
}

impl FileData {
    /// Stores `data` at `offset`.
    pub fn write(&mut self, offset: u64, mut data: &[u8]) {
        for piece in pieces(offset, data.len() as u64) {
            let (now, rest) = data.split_at(piece.len);
            data = rest;
            let chunk = self.chunks.entry(piece.chunk).or_default();
            if chunk.len() < piece.start {
                chunk.resize(piece.start, 0);
            }
            let overlap = now.len().min(chunk.len() - piece.start);
            let (over, beyond) = now.split_at(overlap);
            chunk[piece.start..piece.start + overlap].copy_from_slice(over);
            chunk.extend_from_slice(beyond);
        }
    }

    /// The range as one slice where one chunk holds all of it.
    pub fn slice(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let start = (offset % CHUNK) as usize;
        self.chunks
            .get(&(offset / CHUNK))?
            .get(start..start.checked_add(len)?)
    }

    /// Copies `len` bytes from `offset`; holes read as zeros.
    pub fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(len);
        for piece in pieces(offset, len as u64) {
            let end = out.len() + piece.len;
            if let Some(chunk) = self.chunks.get(&piece.chunk) {
                let from = piece.start.min(chunk.len());
                let to = (piece.start + piece.len).min(chunk.len());
                out.extend_from_slice(&chunk[from..to]);
            }
            out.resize(end, 0);
        }
        out
    }

    /// Makes the range read as zeros, and forgets chunks that lie in it whole.
    pub fn punch(&mut self, offset: u64, len: u64) {
        let end = offset.saturating_add(len);
        let touched: Vec<u64> = self
            .chunks
            .range(offset / CHUNK..=end / CHUNK)
            .map(|(number, _)| *number)
            .collect();
        for number in touched {
            let base = number * CHUNK;
            let from = offset.saturating_sub(base).min(CHUNK) as usize;
            let to = (end - base).min(CHUNK) as usize;
            if from == 0 && to == CHUNK as usize {
                self.chunks.remove(&number);
            } else if let Some(chunk) = self.chunks.get_mut(&number) {
                let to = to.min(chunk.len());
                if from < to {
                    chunk[from..to].fill(0);
                }
            }
        }
    }

    /// Forgets everything from `size` on.
    pub fn truncate(&mut self, size: u64) {
        self.chunks.split_off(&size.div_ceil(CHUNK));
        if let Some(last) = self.chunks.get_mut(&(size / CHUNK)) {
            last.truncate((size % CHUNK) as usize);
        }
    }

    /// Memory used, in the 512-byte units of `st_blocks`.
    pub fn blocks(&self) -> u64 {
        self.chunks
            .values()
            .map(|chunk| (chunk.len() as u64).div_ceil(4096) * 8)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_across_chunks_is_read_back() {
        let mut data = FileData::default();
        let written: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        data.write(CHUNK - 7, &written);
        assert_eq!(data.read(CHUNK - 7, written.len()), written);
        assert_eq!(data.slice(CHUNK, 100), Some(&written[7..107]));
        assert_eq!(data.slice(2 * CHUNK - 1, 2), None);
    }

    #[test]
    fn holes_read_as_zeros() {
        let mut data = FileData::default();
        data.write(1 << 40, b"end");
        assert_eq!(data.read((1 << 40) - 2, 5), b"\0\0end");
        assert_eq!(data.read(5, 3), b"\0\0\0");
    }

    #[test]
    fn truncation_forgets_the_tail() {
        let mut data = FileData::default();
        data.write(0, &vec![1; 2 * CHUNK as usize + 10]);
        data.truncate(CHUNK);
        assert_eq!(data.read(CHUNK - 1, 3), [1, 0, 0]);
        data.truncate(5);
        assert_eq!(data.read(4, 3), [1, 0, 0]);
        assert_eq!(data.blocks(), 8);
    }

    #[test]
    fn punching_zeroes_the_range_only() {
        let mut data = FileData::default();
        data.write(0, &vec![1; 3 * CHUNK as usize]);
        data.punch(10, 2 * CHUNK);
        assert_eq!(data.read(9, 2), [1, 0]);
        assert_eq!(data.read(2 * CHUNK + 9, 2), [0, 1]);
        assert_eq!(data.blocks(), 2 * CHUNK / 512);
    }
}
