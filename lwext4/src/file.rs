//! Reading and writing the data of regular files.

use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::inline::{self, is_inline};
use crate::inode::{Inode, InodeData};
use crate::journal::{Credits, Handle};
use crate::map::{self, Run};
use crate::ondisk::inode::InodeFlags;
use crate::resize::Tries;
use crate::types::{BlockNo, FileBlock, FileType, Ino};
use std::sync::Arc;

/// Who keeps the times and the setuid bits of a file that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteMode {
    /// The engine: a write sets the modification and change times, and clears setuid and setgid.
    #[default]
    Plain,
    /// The caller, with [`Volume::setattr`](crate::Volume::setattr): a kernel with a writeback cache.
    Writeback,
}

/// Blocks kept free behind a file that grows by appending: as many as it has, within these bounds.
const WINDOW_FROM: u32 = 64;
const WINDOW_MOST: u32 = 2048;
/// Writes up to this many bytes are padded to whole blocks in memory rather than on the device.
const PAD_LIMIT: usize = 256 * 1024;

/// What came of writing into one run of a file's map.
enum Step {
    /// How many bytes were written, and whether the map changed.
    Wrote(usize, bool),
    /// Nothing changed.
    Failed(Error),
}

/// Fails unless the inode is a regular file.
pub(crate) fn check_regular(data: &InodeData) -> Result<()> {
    match data.raw.file_type() {
        Some(FileType::Regular) => Ok(()),
        Some(FileType::Directory) => Err(Error::IsADirectory),
        _ => Err(Error::InvalidArgument("not a regular file")),
    }
}

fn check_content_may_change(data: &InodeData) -> Result<()> {
    if data.raw.flags().contains(InodeFlags::IMMUTABLE) {
        return Err(Error::NotPermitted("the file is immutable"));
    }
    check_not_verity(data)
}

/// Fails for a file whose content is sealed by fs-verity: it keeps its data, its size, and the hash tree
/// that it has behind its end. Everything else about it may change.
pub(crate) fn check_not_verity(data: &InodeData) -> Result<()> {
    if data.raw.flags().contains(InodeFlags::VERITY) {
        return Err(Error::NotPermitted("the file is protected by fs-verity"));
    }
    Ok(())
}

/// The largest size a file can have, in bytes.
pub(crate) fn max_size(fs: &Fs, data: &InodeData) -> u64 {
    let bits = fs.geo.block_bits;
    let by_size = i64::MAX as u64;
    let will_have_extents = is_inline(data) && fs.has_extents();
    if will_have_extents || data.raw.flags().contains(InodeFlags::EXTENTS) {
        // Block 2^32 - 1 cannot be mapped: an extent's end must fit 32 bits.
        ((u64::from(u32::MAX)) << bits).min(by_size)
    } else {
        let per = u64::from(fs.geo.block_size / 4);
        let blocks = (12 + per + per * per + per * per * per).min(u64::from(u32::MAX));
        (blocks << bits).min(by_size)
    }
}

impl Fs {
    /// Reads up to `buf.len()` bytes from `offset`: how many there were.
    pub fn read_file(&self, ino: Ino, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let inode = self.inode(ino)?;
        let data = inode.data.read();
        check_regular(&data)?;
        data.check_key()?;
        self.read_mapped(&data, offset, buf)
    }

    /// [`Self::read_file`] of anything that has data in blocks or inside its inode (a symlink, too).
    pub fn read_mapped(&self, data: &InodeData, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let size = data.raw.size();
        if offset >= size {
            return Ok(0);
        }
        let len = (buf.len() as u64).min(size - offset) as usize;
        if is_inline(data) {
            inline::read(data, offset, &mut buf[..len])?;
            return Ok(len);
        }
        let bits = self.geo.block_bits;
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            let within = at & (u64::from(self.geo.block_size) - 1);
            let run = map::lookup(self, data, FileBlock((at >> bits) as u32))?;
            let bytes = (u64::from(run.len) << bits) - within;
            let piece = bytes.min((len - done) as u64) as usize;
            let target = &mut buf[done..done + piece];
            match run.phys {
                Some(phys) if !run.unwritten => {
                    self.read_data(self.geo.offset(phys) + within, target)?
                }
                _ => target.fill(0),
            }
            done += piece;
        }
        Ok(len)
    }

    /// Writes all of `bytes` at `offset`, or as much as there is room for: how many bytes.
    pub fn write_file(
        &self,
        ino: Ino,
        offset: u64,
        bytes: &[u8],
        mode: WriteMode,
    ) -> Result<usize> {
        self.check_writable()?;
        let inode = self.inode(ino)?;
        if bytes.is_empty() {
            return Ok(0);
        }
        if mode == WriteMode::Writeback && self.overwrite(&inode, offset, bytes)? {
            return Ok(bytes.len());
        }
        let _growth = inode.growth.read();
        let mut done = 0;
        let mut tries = Tries::new(self);
        while done < bytes.len() {
            let result = {
                let mut h = self.begin(Credits::MAP)?;
                let mut data = inode.data.write();
                let written =
                    self.write_locked(&mut h, &inode, &mut data, offset, bytes, &mut done, mode);
                // A failure within a step ends here; one between steps is of no harm.
                match h.finish_with(&mut data, written)? {
                    None => Ok(()),
                    Some(error) => Err(error),
                }
            };
            match result {
                Ok(()) => {}
                Err(Error::NoSpace) if self.wait_for_space(&mut tries)? => {}
                // What is written stays written; the caller learns of the rest at its next write.
                Err(Error::NoSpace) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Writes where everything is mapped and inside the file already: no metadata changes, so no
    /// transaction. Whether that was so.
    fn overwrite(&self, inode: &Inode, offset: u64, bytes: &[u8]) -> Result<bool> {
        let data = inode.data.read();
        check_regular(&data)?;
        data.check_key()?;
        check_content_may_change(&data)?;
        let Some(end) = offset.checked_add(bytes.len() as u64) else {
            return Err(Error::FileTooBig);
        };
        if end > data.raw.size() || is_inline(&data) {
            return Ok(false);
        }
        let bits = self.geo.block_bits;
        let last = (end - 1) >> bits;
        let mut pieces = Vec::new();
        let mut at = offset >> bits;
        while at <= last {
            let run = map::lookup(self, &data, FileBlock(at as u32))?;
            match run.phys {
                Some(phys) if !run.unwritten => pieces.push((at, phys, run.len)),
                _ => return Ok(false),
            }
            at += u64::from(run.len);
        }
        for (first, phys, len) in pieces {
            let from = offset.max(first << bits);
            let to = end.min((first + u64::from(len)) << bits);
            let source = &bytes[(from - offset) as usize..(to - offset) as usize];
            self.write_data(self.geo.offset(phys) + (from - (first << bits)), source)?;
        }
        Ok(true)
    }

    /// Writes on from byte `done` of `bytes`, until all is written or the transaction wants to end,
    /// or a step fails without having changed anything: the error is returned as a value then.
    #[allow(clippy::too_many_arguments)]
    fn write_locked(
        &self,
        h: &mut Handle<'_>,
        inode: &Arc<Inode>,
        data: &mut InodeData,
        offset: u64,
        bytes: &[u8],
        done: &mut usize,
        mode: WriteMode,
    ) -> Result<Option<Error>> {
        check_regular(data)?;
        data.check_key()?;
        check_content_may_change(data)?;
        let appends = offset >= data.raw.size() || *done > 0;
        if mode == WriteMode::Plain && data.raw.flags().contains(InodeFlags::APPEND) && !appends {
            return Err(Error::NotPermitted("the file is append-only"));
        }
        let limit = max_size(self, data);
        if offset >= limit {
            return Err(Error::FileTooBig);
        }
        let bytes = &bytes[..bytes.len().min((limit - offset) as usize)];
        let bits = self.geo.block_bits;
        let old_size = data.raw.size();
        let mut mapped = false;
        let mut failed = None;
        if is_inline(data) {
            if inline::write(
                data,
                old_size.max(offset + bytes.len() as u64),
                offset,
                bytes,
            )? {
                *done = bytes.len();
            } else if let Err(error) = inline::move_out(h, data) {
                if error.is_fault() {
                    return Err(error);
                }
                return Ok(Some(error));
            }
            mapped = true;
        }
        if offset > old_size && *done == 0 {
            self.zero_tail(data, old_size)?;
        }
        while *done < bytes.len() {
            let at = offset + *done as u64;
            let first = FileBlock((at >> bits) as u32);
            let last = (offset + bytes.len() as u64 - 1) >> bits;
            let most = (last - u64::from(first.0) + 1).min(u64::from(u32::MAX)) as u32;
            let step = match map::lookup(self, data, first) {
                Ok(run) => self.write_run(h, data, run, first, most, at, &bytes[*done..])?,
                Err(error) => Step::Failed(error),
            };
            match step {
                Step::Wrote(written, changed) => {
                    *done += written;
                    mapped |= changed;
                }
                Step::Failed(error) => {
                    failed = Some(error);
                    break;
                }
            }
            if h.should_restart() {
                break;
            }
        }
        let end = offset + *done as u64;
        let grown = *done > 0 && end > old_size;
        if grown {
            data.raw.set_size(end);
        }
        if mode == WriteMode::Plain && *done > 0 {
            data.touch(self.now(), true);
            clear_suid(data, false);
        }
        if grown || mapped || mode == WriteMode::Plain {
            h.store_synced(inode, data, grown || mapped)?;
        }
        Ok(failed)
    }

    /// Writes into one run of the map from byte `at` on.
    #[allow(clippy::too_many_arguments)]
    fn write_run(
        &self,
        h: &mut Handle<'_>,
        data: &mut InodeData,
        run: Run,
        first: FileBlock,
        most: u32,
        at: u64,
        bytes: &[u8],
    ) -> Result<Step> {
        let bits = self.geo.block_bits;
        let within = (at - (u64::from(first.0) << bits)) as usize;
        let len = run.len.min(most);
        let room = |len: u32| (((u64::from(len)) << bits) as usize - within).min(bytes.len());
        match run.phys {
            Some(phys) if !run.unwritten => {
                let n = room(len);
                let at = self.geo.offset(phys) + within as u64;
                Ok(match self.write_data(at, &bytes[..n]) {
                    Ok(()) => Step::Wrote(n, false),
                    Err(error) => Step::Failed(error),
                })
            }
            Some(phys) => {
                let n = room(len);
                if let Err(error) = self.write_padded(phys, within, &bytes[..n]) {
                    return Ok(Step::Failed(error));
                }
                map::set_written(
                    h,
                    data,
                    first,
                    ((within + n) as u64).div_ceil(1 << bits) as u32,
                )?;
                Ok(Step::Wrote(n, true))
            }
            None => {
                let goal = match map::goal(self, data, first) {
                    Ok(goal) => goal,
                    Err(error) => return Ok(Step::Failed(error)),
                };
                let file_blocks = (data.raw.size() >> bits).min(u64::from(WINDOW_MOST)) as u32;
                let appending = at + bytes.len() as u64 >= data.raw.size() && len == most;
                let extra = if appending && file_blocks >= WINDOW_FROM {
                    file_blocks
                } else {
                    0
                };
                let taken = match map::take(h, data, first, len, goal, Some(extra)) {
                    Err(Error::NoSpace) => return Ok(Step::Failed(Error::NoSpace)),
                    taken => taken?,
                };
                let phys = taken.phys;
                let n = room(taken.len);
                // Data first: an extent must never show what was in its blocks before.
                let failed = match self.write_padded(phys, within, &bytes[..n]) {
                    Err(error) => error,
                    Ok(()) => match map::insert(h, data, first, phys, taken.len, false) {
                        Ok(()) => return Ok(Step::Wrote(n, true)),
                        Err(error) if error.is_fault() => return Err(error),
                        Err(error) => error,
                    },
                };
                taken.give_back(h)?;
                Ok(Step::Failed(failed))
            }
        }
    }

    /// Writes at byte `within` of blocks whose old content means nothing: the rest of the first and
    /// of the last block becomes zero.
    fn write_padded(&self, phys: BlockNo, within: usize, bytes: &[u8]) -> Result<()> {
        let block = self.geo.block_size as usize;
        let start = self.geo.offset(phys);
        let end = within + bytes.len();
        let tail = end.next_multiple_of(block) - end;
        if within == 0 && tail == 0 {
            return self.write_data(start, bytes);
        }
        if end + tail <= PAD_LIMIT {
            let mut padded = vec![0; end + tail];
            padded[within..end].copy_from_slice(bytes);
            return self.write_data(start, &padded);
        }
        if within > 0 {
            self.write_data(start, &vec![0; within])?;
        }
        self.write_data(start + within as u64, bytes)?;
        if tail > 0 {
            self.write_data(start + end as u64, &vec![0; tail])?;
        }
        Ok(())
    }

    /// Gives a file whose map is empty all of its content: a few blocks, at most. The size is the
    /// caller's.
    ///
    /// # Errors
    /// [`Error::NoSpace`]: then a part of the blocks may be mapped, if there is more than one.
    pub fn write_new(
        &self,
        h: &mut Handle<'_>,
        data: &mut InodeData,
        content: &[u8],
    ) -> Result<()> {
        let bits = self.geo.block_bits;
        let blocks = self.geo.blocks_for(content.len() as u64) as u32;
        let mut at = FileBlock(0);
        while at.0 < blocks {
            let goal = map::goal(self, data, at)?;
            let taken = map::take(h, data, at, blocks - at.0, goal, None)?;
            let rest = content.get((at.0 as usize) << bits..).unwrap_or(&[]);
            let piece = &rest[..rest.len().min((taken.len as usize) << bits)];
            // Data first, as in `write_run`.
            let mapped = self
                .write_padded(taken.phys, 0, piece)
                .and_then(|()| map::insert(h, data, at, taken.phys, taken.len, false));
            if let Err(error) = mapped {
                taken.give_back(h)?;
                return Err(error);
            }
            at.0 += taken.len;
        }
        Ok(())
    }

    /// Zeroes the rest of the block that the file ends in, so that growing shows zeroes.
    pub fn zero_tail(&self, data: &InodeData, size: u64) -> Result<()> {
        let block = u64::from(self.geo.block_size);
        let within = size % block;
        if within == 0 {
            return Ok(());
        }
        let run = map::lookup(self, data, FileBlock((size / block) as u32))?;
        match run.phys {
            Some(phys) if !run.unwritten => self.write_data(
                self.geo.offset(phys) + within,
                &vec![0; (block - within) as usize],
            ),
            _ => Ok(()),
        }
    }
}

/// Clears setuid, and setgid of a group-executable file or, if `any_sgid`, of any. Directories keep
/// theirs.
pub(crate) fn clear_suid(data: &mut InodeData, any_sgid: bool) {
    let mode = data.raw.mode();
    let mut clear = mode & 0o4000;
    if any_sgid || mode & 0o2010 == 0o2010 {
        clear |= mode & 0o2000;
    }
    if clear != 0 && !data.raw.is_dir() {
        data.raw.set_mode(mode & !clear);
    }
}
