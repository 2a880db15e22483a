//! The data of regular files: gathered into pieces that are large, or the whole file.

use super::Applier;
use crate::failure::Result;
use crate::import::entry::{Data, Source};
use bytes::Bytes;
use lwext4::{Content, Ino, Node};

/// Data that goes to the engine at once: what small files have in all.
const GATHER: usize = 1 << 20;

static ZEROES: [u8; 64 * 1024] = [0; 64 * 1024];

/// Data of a file that the engine does not have yet.
struct Pending {
    /// Where it starts: at a block.
    at: u64,
    pieces: Vec<Bytes>,
    len: usize,
}

impl Pending {
    fn push(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        self.pieces.push(bytes);
    }

    fn push_zeroes(&mut self, len: u64) {
        let mut left = len;
        while left > 0 {
            let n = left.min(ZEROES.len() as u64);
            self.push(Bytes::from_static(&ZEROES[..n as usize]));
            left -= n;
        }
    }

    fn end(&self) -> u64 {
        self.at + self.len as u64
    }

    /// Takes out the first `len` bytes.
    fn take(&mut self, len: usize) -> Vec<Bytes> {
        let mut taken = Vec::new();
        let mut left = len;
        let mut rest = std::mem::take(&mut self.pieces).into_iter();
        for mut piece in rest.by_ref() {
            if piece.len() <= left {
                left -= piece.len();
                taken.push(piece);
                continue;
            }
            if left > 0 {
                taken.push(piece.split_to(left));
            }
            self.pieces.push(piece);
            break;
        }
        self.pieces.extend(rest);
        self.at += len as u64;
        self.len -= len;
        taken
    }
}

impl Applier<'_, '_> {
    /// Makes a regular file of `size` bytes with the data that `source` has. One that fails half-way is
    /// taken out again.
    pub(super) fn put_file(
        &mut self,
        place: (Ino, &[u8], &[u8]),
        node: &Node,
        size: u64,
        source: &mut dyn Source,
    ) -> Result<()> {
        let mut made = None;
        let done = self.fill_file(place, node, size, source, &mut made);
        if done.is_err() && made.is_some() {
            let (parent, name, _) = place;
            // The first error is the one to report.
            let _ = self.unsettle(parent);
            let _ = self.bulk.unlink(parent, name);
        }
        done
    }

    fn fill_file(
        &mut self,
        place: (Ino, &[u8], &[u8]),
        node: &Node,
        size: u64,
        source: &mut dyn Source,
        made: &mut Option<Ino>,
    ) -> Result<()> {
        let block = u64::from(self.volume.statfs().block_size);
        let mut pending = Pending {
            at: 0,
            pieces: Vec::new(),
            len: 0,
        };
        while let Some(Data { at, bytes }) = source.data()? {
            let end = pending.end();
            if at > end {
                let hole_end = at / block * block;
                if hole_end > end.next_multiple_of(block) {
                    let len = pending.len;
                    self.spill(place, node, size, &mut pending, len, made)?;
                    pending.at = hole_end;
                    pending.push_zeroes(at - hole_end);
                } else {
                    pending.push_zeroes(at - end);
                }
            }
            self.totals.bytes += bytes.len() as u64;
            pending.push(bytes);
            if pending.len >= GATHER {
                let whole = pending.len - pending.len % block as usize;
                self.spill(place, node, size, &mut pending, whole, made)?;
                self.progress.at(self.totals, source.position());
            }
        }
        let end = pending.end();
        let len = pending.len;
        if len > 0 || made.is_none() {
            self.spill(place, node, size, &mut pending, len, made)?;
        }
        if let Some(ino) = *made
            && (end < size || size > GATHER as u64)
        {
            let done = self.bulk.complete(ino, size);
            done.map_err(|error| self.fail(place.2, &error))?;
        }
        Ok(())
    }

    /// Hands the first `len` bytes of what is pending to the engine, which makes the file if it is not
    /// there yet.
    fn spill(
        &mut self,
        place: (Ino, &[u8], &[u8]),
        node: &Node,
        size: u64,
        pending: &mut Pending,
        len: usize,
        made: &mut Option<Ino>,
    ) -> Result<()> {
        let at = pending.at;
        let pieces = pending.take(len);
        let content = Content {
            at,
            pieces: &pieces,
            size,
        };
        match *made {
            Some(ino) => {
                let done = self.bulk.append(ino, content);
                done.map_err(|error| self.fail(place.2, &error))
            }
            None => {
                *made = Some(self.make(place, node, content)?);
                Ok(())
            }
        }
    }
}
