//! Where a file has data, and where it has holes.

use crate::error::Result;
use crate::fs::Fs;
use crate::inline::is_inline;
use crate::map;
use crate::types::{FileBlock, Ino};

impl Fs {
    /// The first byte of data at or behind `offset`; `None` when there is none before the end.
    pub fn seek_data(&self, ino: Ino, offset: u64) -> Result<Option<u64>> {
        let inode = self.inode(ino)?;
        let data = inode.data.read();
        let size = data.raw.size();
        if offset >= size {
            return Ok(None);
        }
        if is_inline(&data) {
            return Ok(Some(offset));
        }
        let bits = self.geo.block_bits;
        let mut at = FileBlock((offset >> bits) as u32);
        loop {
            let Some((start, run)) = map::next_mapped(self, &data, at)? else {
                return Ok(None);
            };
            let byte = u64::from(start.0) << bits;
            if byte >= size {
                return Ok(None);
            }
            if !run.unwritten {
                return Ok(Some(byte.max(offset)));
            }
            match start.0.checked_add(run.len) {
                Some(next) => at = FileBlock(next),
                None => return Ok(None),
            }
        }
    }

    /// The first byte of a hole at or behind `offset`: the end of the file counts as one. `None` when
    /// `offset` is behind the end.
    pub fn seek_hole(&self, ino: Ino, offset: u64) -> Result<Option<u64>> {
        let inode = self.inode(ino)?;
        let data = inode.data.read();
        let size = data.raw.size();
        if offset >= size {
            return Ok(None);
        }
        if is_inline(&data) {
            return Ok(Some(size));
        }
        let bits = self.geo.block_bits;
        let mut at = offset >> bits;
        while at << bits < size {
            let run = map::lookup(self, &data, FileBlock(at as u32))?;
            if run.phys.is_none() || run.unwritten {
                return Ok(Some((at << bits).max(offset)));
            }
            at += u64::from(run.len);
        }
        Ok(Some(size))
    }
}
