//! Space ahead of data, and holes behind it.

use crate::attr::FallocateMode;
use crate::error::{Error, Result};
use crate::file::{WriteMode, check_not_verity, max_size};
use crate::fs::Fs;
use crate::inline::is_inline;
use crate::inode::InodeData;
use crate::journal::{Credits, Handle};
use crate::map;
use crate::ondisk::inode::InodeFlags;
use crate::resize::Tries;
use crate::types::{FileBlock, FileType, Ino};
use std::ops::Range;

/// The most blocks that one step allocates.
const STEP: u32 = 32_000;

impl Fs {
    /// Allocates, or takes away, the blocks of a range of bytes.
    pub fn fallocate(
        &self,
        ino: Ino,
        range: Range<u64>,
        mode: FallocateMode,
        times: WriteMode,
    ) -> Result<()> {
        self.check_writable()?;
        if range.is_empty() {
            return Err(Error::InvalidArgument("an empty range"));
        }
        let Range { start: offset, end } = range;
        let inode = self.inode(ino)?;
        {
            let data = inode.data.read();
            match data.raw.file_type() {
                Some(FileType::Regular) => {}
                Some(FileType::Directory) => return Err(Error::IsADirectory),
                _ => return Err(Error::NotSupported("fallocate of a special file")),
            }
            data.check_key()?;
            let flags = data.raw.flags();
            if flags.contains(InodeFlags::IMMUTABLE)
                || (flags.contains(InodeFlags::APPEND)
                    && mode != (FallocateMode::Allocate { keep_size: false }))
            {
                return Err(Error::NotPermitted("the file is immutable or append-only"));
            }
            check_not_verity(&data)?;
            let extents =
                flags.contains(InodeFlags::EXTENTS) || (is_inline(&data) && self.has_extents());
            if mode != FallocateMode::PunchHole && !extents {
                return Err(Error::NotSupported("fallocate of a file without extents"));
            }
            if end > max_size(self, &data) {
                return Err(Error::FileTooBig);
            }
        }
        // What has blocks has its data there.
        self.move_out(&inode)?;
        match mode {
            FallocateMode::Allocate { keep_size } => {
                self.allocate(ino, offset..end, keep_size, 0..0, times)
            }
            FallocateMode::PunchHole => {
                let size = inode.data.read().raw.size();
                self.punch(ino, offset..end.min(size.max(offset)), times)
            }
            FallocateMode::ZeroRange { keep_size } => {
                // Whole blocks become unwritten; parts of blocks are zeroed.
                let bits = self.geo.block_bits;
                let whole = offset.div_ceil(1 << bits)..end >> bits;
                {
                    let data = inode.data.write();
                    self.zero_part(&data, offset, end.min(whole.start << bits))?;
                    self.zero_part(&data, offset.max(whole.end << bits), end)?;
                }
                self.allocate(ino, offset..end, keep_size, whole, times)
            }
        }
    }

    /// Maps every hole of the range to unwritten blocks, and makes what is mapped within the blocks
    /// `zero` unwritten.
    fn allocate(
        &self,
        ino: Ino,
        range: Range<u64>,
        keep_size: bool,
        zero: Range<u64>,
        times: WriteMode,
    ) -> Result<()> {
        let Range { start: offset, end } = range;
        let bits = self.geo.block_bits;
        let inode = self.inode(ino)?;
        let _growth = inode.growth.read();
        let last = end.div_ceil(1 << bits);
        let mut at = offset >> bits;
        let mut tries = Tries::new(self);
        let mut zeroed = false;
        while at < last {
            let step = {
                let mut h = self.begin(Credits::MAP)?;
                let mut data = inode.data.write();
                if !keep_size && !zeroed && end > data.raw.size() {
                    self.zero_tail(&data, data.raw.size())?;
                    zeroed = true;
                }
                let step = self.allocate_step(&mut h, &mut data, at, last, &zero);
                if let Ok(next) = step {
                    let reached = end.min(next << bits);
                    if !keep_size && reached > data.raw.size() {
                        data.raw.set_size(reached);
                    }
                    touch(self, &mut data, times);
                }
                // Without space, a part of the step may be done.
                let stored = match &step {
                    Err(Error::NoSpace) | Ok(_) => h.store_synced(&inode, &mut data, true),
                    Err(_) => Ok(()),
                };
                let step = stored.and(step);
                h.finish_with(&mut data, step)
            };
            match step {
                Ok(next) => at = next,
                Err(Error::NoSpace) if self.wait_for_space(&mut tries)? => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One run of the range: the block behind it.
    fn allocate_step(
        &self,
        h: &mut Handle<'_>,
        data: &mut InodeData,
        at: u64,
        last: u64,
        zero: &Range<u64>,
    ) -> Result<u64> {
        let first = FileBlock(at as u32);
        let run = map::lookup(self, data, first)?;
        let len = u64::from(run.len).min(last - at).min(u64::from(STEP));
        if run.phys.is_some() {
            if run.unwritten {
                return Ok(at + u64::from(run.len));
            }
            let next = if zero.contains(&at) {
                let next = zero.end.min(at + len);
                map::set_unwritten(h, data, first, (next - at) as u32)?;
                next
            } else if at < zero.start {
                zero.start.min(at + len)
            } else {
                at + len
            };
            return Ok(next);
        }
        let goal = map::goal(self, data, first)?;
        let taken = map::take(h, data, first, len as u32, goal, None)?;
        if let Err(error) = map::insert(h, data, first, taken.phys, taken.len, true) {
            taken.give_back(h)?;
            return Err(error);
        }
        Ok(at + u64::from(taken.len))
    }

    /// Makes the range read as zeroes: frees whole blocks, zeroes parts.
    fn punch(&self, ino: Ino, range: Range<u64>, times: WriteMode) -> Result<()> {
        let Range { start: offset, end } = range;
        let bits = self.geo.block_bits;
        let inode = self.inode(ino)?;
        let (first, mut last) = (offset.div_ceil(1 << bits), end >> bits);
        let mut begun = false;
        let mut tries = Tries::new(self);
        loop {
            let mut h = self.begin(Credits::MAP)?;
            let mut data = inode.data.write();
            if !begun {
                begun = true;
                self.zero_part(&data, offset, end.min(first << bits))?;
                if last >= first {
                    self.zero_part(&data, (last << bits).max(offset), end)?;
                }
                touch(self, &mut data, times);
            }
            let removed = if first < last {
                map::remove(&mut h, &mut data, FileBlock(first as u32), last)
            } else {
                Ok(None)
            };
            // Without space, a part may be done.
            let stored = match &removed {
                Err(Error::NoSpace) | Ok(_) => h.store_synced(&inode, &mut data, true),
                Err(_) => Ok(()),
            };
            let removed = h.finish_with(&mut data, stored.and(removed));
            // A commit needs every handle to be gone.
            drop(data);
            drop(h);
            match removed {
                Ok(Some(at)) => last = u64::from(at.0),
                Ok(None) => return Ok(()),
                Err(Error::NoSpace) if self.wait_for_space(&mut tries)? => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Zeroes bytes within one block, where it is mapped.
    fn zero_part(&self, data: &InodeData, from: u64, to: u64) -> Result<()> {
        let bits = self.geo.block_bits;
        if from >= to {
            return Ok(());
        }
        let run = map::lookup(self, data, FileBlock((from >> bits) as u32))?;
        match run.phys {
            Some(phys) if !run.unwritten => {
                let within = from & (u64::from(self.geo.block_size) - 1);
                let len = (to - from).min(u64::from(self.geo.block_size) - within);
                self.write_data(self.geo.offset(phys) + within, &vec![0; len as usize])
            }
            _ => Ok(()),
        }
    }
}

/// Sets the times of a file that changed, if the engine keeps them.
fn touch(fs: &Fs, data: &mut InodeData, times: WriteMode) {
    if times == WriteMode::Plain {
        data.touch(fs.now(), true);
    }
}
