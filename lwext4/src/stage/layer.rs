//! The device that a stage's volume works on.

use crate::device::BlockDevice;
use crate::error::{Error, Result};
use crate::fs::{EARLY_FROM, Fs};
use crate::types::{BlockNo, GroupNo};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Memory for changed blocks of the old state, in bytes. The journal sets the limit that counts: this
/// one is for blocks that are changed first and freed then.
const MEMORY: usize = 256 << 20;

/// An image as one stage sees it. Blocks that were free when it began are written through; changes to
/// the others are kept in memory.
pub(super) struct Layer {
    /// The state before, read-only: which blocks it uses.
    base: Arc<Fs>,
    changed: RwLock<BTreeMap<BlockNo, Vec<u8>>>,
    /// Bitmaps of the state before, as far as they were needed.
    bitmaps: Mutex<HashMap<GroupNo, Arc<Vec<u8>>>>,
    /// Free blocks that were written: from a first block to behind a last one.
    written: Mutex<BTreeMap<u64, u64>>,
    full: AtomicBool,
}

impl Layer {
    pub fn new(base: Arc<Fs>) -> Layer {
        Layer {
            base,
            changed: RwLock::default(),
            bitmaps: Mutex::default(),
            written: Mutex::default(),
            full: AtomicBool::new(false),
        }
    }

    /// The file system before the stage.
    pub fn base(&self) -> &Arc<Fs> {
        &self.base
    }

    /// Changed blocks of the old state.
    pub fn changed(&self) -> BTreeMap<BlockNo, Vec<u8>> {
        self.changed.read().clone()
    }

    /// The error, once the layer has refused a write for want of memory.
    pub fn overflow(&self) -> Option<Error> {
        let room = self.most() as u64;
        self.full
            .load(Ordering::Relaxed)
            .then_some(Error::TooLargeAtOnce {
                needed: room + 1,
                room,
            })
    }

    fn most(&self) -> usize {
        MEMORY / self.base.geo.block_size as usize
    }

    /// Gives the space of free blocks that were written back to the host: nobody wants them.
    pub fn forget_written(&self) {
        let written = std::mem::take(&mut *self.written.lock());
        for (start, end) in written {
            let at = self.base.geo.offset(BlockNo(start));
            // What stays in a free block harms nobody.
            let _ = self
                .base
                .dev
                .punch(at, (end - start) << self.base.geo.block_bits);
        }
    }

    /// Whether the state before uses the block.
    fn in_use(&self, block: BlockNo) -> Result<bool> {
        let geo = &self.base.geo;
        if block.0 < geo.first_data_block || block.0 >= geo.blocks() {
            return Ok(true);
        }
        let group = geo.group_of(block);
        let mut bitmaps = self.bitmaps.lock();
        let bitmap = match bitmaps.get(&group) {
            Some(bitmap) => bitmap.clone(),
            None => {
                let bitmap = Arc::new(self.base.alloc.blocks_in_use(&self.base, group)?);
                bitmaps.insert(group, bitmap.clone());
                bitmap
            }
        };
        Ok(bit_is_set(&bitmap, geo.cluster_in_group(block)))
    }

    /// Splits a range of bytes into pieces that lie in blocks of one kind: calls `each` with the bytes
    /// and whether the state before uses the blocks. Those in use come block by block.
    fn pieces(
        &self,
        range: Range<u64>,
        mut each: impl FnMut(Range<u64>, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let bits = self.base.geo.block_bits;
        let mut at = range.start;
        while at < range.end {
            let in_use = self.in_use(BlockNo(at >> bits)).map_err(io::Error::other)?;
            let mut end = ((at >> bits) + 1) << bits;
            while !in_use
                && end < range.end
                && !self
                    .in_use(BlockNo(end >> bits))
                    .map_err(io::Error::other)?
            {
                end += 1 << bits;
            }
            let end = end.min(range.end);
            each(at..end, in_use)?;
            at = end;
        }
        Ok(())
    }

    /// Changes `len` bytes at `offset`, within one block of the old state.
    fn change(&self, offset: u64, len: usize, change: impl FnOnce(&mut [u8])) -> io::Result<()> {
        let bits = self.base.geo.block_bits;
        let no = BlockNo(offset >> bits);
        let mut changed = self.changed.write();
        if !changed.contains_key(&no) {
            if changed.len() >= self.most() {
                self.full.store(true, Ordering::Relaxed);
                return Err(io::ErrorKind::StorageFull.into());
            }
            let mut bytes = vec![0; 1 << bits];
            self.base.dev.read_at(&mut bytes, no.0 << bits)?;
            changed.insert(no, bytes);
        }
        let within = (offset - (no.0 << bits)) as usize;
        if let Some(bytes) = changed
            .get_mut(&no)
            .and_then(|bytes| bytes.get_mut(within..within + len))
        {
            change(bytes);
        }
        Ok(())
    }

    fn note_written(&self, range: &Range<u64>) {
        let bits = self.base.geo.block_bits;
        let (mut start, mut end) = (range.start >> bits, ((range.end - 1) >> bits) + 1);
        let mut written = self.written.lock();
        while let Some((&from, &to)) = written.range(..=end).next_back() {
            if to < start {
                break;
            }
            start = start.min(from);
            end = end.max(to);
            written.remove(&from);
        }
        written.insert(start, end);
    }
}

/// Whether bit `bit` of a bitmap is set; bits beyond its end are.
pub(super) fn bit_is_set(bitmap: &[u8], bit: u64) -> bool {
    bitmap
        .get((bit / 8) as usize)
        .is_none_or(|byte| byte >> (bit % 8) & 1 == 1)
}

impl BlockDevice for Layer {
    fn size(&self) -> u64 {
        self.base.dev.size()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.base.dev.read_at(buf, offset)?;
        if buf.is_empty() {
            return Ok(());
        }
        let bits = self.base.geo.block_bits;
        let end = offset + buf.len() as u64;
        let touched = BlockNo(offset >> bits)..=BlockNo((end - 1) >> bits);
        for (no, bytes) in self.changed.read().range(touched) {
            // The part of the block that the read asked for.
            let start = no.0 << bits;
            let from = start.max(offset);
            let to = (start + (1 << bits)).min(end);
            let source = bytes.get((from - start) as usize..(to - start) as usize);
            let target = buf.get_mut((from - offset) as usize..(to - offset) as usize);
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let end = offset + buf.len() as u64;
        self.pieces(offset..end, |range, in_use| {
            let (from, to) = (range.start - offset, range.end - offset);
            let Some(bytes) = buf.get(from as usize..to as usize) else {
                return Ok(());
            };
            if in_use {
                self.change(range.start, bytes.len(), |block| {
                    block.copy_from_slice(bytes)
                })
            } else {
                self.note_written(&range);
                self.base.dev.write_at(bytes, range.start)
            }
        })
    }

    fn write_vectored_at(&self, bufs: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let len: u64 = bufs.iter().map(|buf| buf.len() as u64).sum();
        let mut is_free = len > 0;
        self.pieces(offset..offset + len, |_, in_use| {
            is_free &= !in_use;
            Ok(())
        })?;
        if is_free {
            self.note_written(&(offset..offset + len));
            self.base.dev.write_vectored_at(bufs, offset)?;
            // A stage ends with a flush, where the device has one.
            if len >= EARLY_FROM as u64 {
                self.base.dev.begin_flush(offset, len);
            }
            return Ok(());
        }
        let mut at = offset;
        for buf in bufs {
            self.write_at(buf, at)?;
            at += buf.len() as u64;
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.pieces(offset..offset.saturating_add(len), |range, in_use| {
            let len = range.end - range.start;
            if in_use {
                self.change(range.start, len as usize, |block| block.fill(0))
            } else {
                self.note_written(&range);
                self.base.dev.punch(range.start, len)
            }
        })
    }
}
