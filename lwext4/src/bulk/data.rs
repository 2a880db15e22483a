//! Mapping blocks for data, and handing the data over.

use super::{Bulk, Content};
use crate::error::{Error, Result};
use crate::file::max_size;
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::{Credits, Handle};
use crate::map;
use crate::resize::Tries;
use crate::types::{FileBlock, FileType, Ino};

/// Fails unless a file can have the data.
pub(super) fn check_content(fs: &Fs, data: &InodeData, content: Content<'_>) -> Result<()> {
    let len = content.len() as u64;
    let block = u64::from(fs.geo.block_size);
    if len == 0 && content.size == 0 {
        return Ok(());
    }
    if data.raw.file_type() != Some(FileType::Regular) || !content.at.is_multiple_of(block) {
        return Err(Error::InvalidArgument("data that no file can have there"));
    }
    let end = content.at.checked_add(len);
    if end.is_none_or(|end| end.max(content.size) > max_size(fs, data)) {
        return Err(Error::FileTooBig);
    }
    Ok(())
}

impl Bulk<'_> {
    /// Adds data to the file made last, behind what it has; what lies between reads as zeroes.
    ///
    /// # Errors
    /// [`Error::NoSpace`]: a part of it may be there; [`Error::FileTooBig`].
    pub fn append(&mut self, ino: Ino, content: Content<'_>) -> Result<()> {
        self.append_rest(ino, content, 0)
    }

    /// Says that the file made last is complete: `size` bytes, of which the last may be a hole.
    ///
    /// # Errors
    /// [`Error::FileTooBig`].
    pub fn complete(&mut self, ino: Ino, size: u64) -> Result<()> {
        let fs = self.fs;
        let inode = fs.inode(ino)?;
        fs.alloc.end_append(fs, ino)?;
        if inode.data.read().raw.size() < size {
            let begun = fs.begin(Credits::INODE);
            let mut h = self.cause(begun)?;
            let mut data = inode.data.write();
            let grown = if size > max_size(fs, &data) {
                Err(Error::FileTooBig)
            } else {
                data.raw.set_size(size);
                h.store_synced(&inode, &mut data, true)
            };
            h.finish_with(&mut data, grown)?;
        }
        self.pace()
    }

    /// Adds what follows the first `done` bytes, in as many transactions as it takes.
    pub(super) fn append_rest(
        &mut self,
        ino: Ino,
        content: Content<'_>,
        mut done: usize,
    ) -> Result<()> {
        let fs = self.fs;
        let len = content.len();
        let mut tries = Tries::new(fs);
        while done < len {
            let before = done;
            let appended = self.append_step(ino, content, &mut done);
            match self.cause(appended) {
                Ok(()) if done > before => {}
                // A step ends early, but not without a reason.
                Ok(()) | Err(Error::NoSpace) if fs.wait_for_space(&mut tries)? => {}
                Ok(()) => return Err(Error::NoSpace),
                Err(error) => return Err(error),
            }
            self.pace()?;
        }
        Ok(())
    }

    fn append_step(&mut self, ino: Ino, content: Content<'_>, done: &mut usize) -> Result<()> {
        let fs = self.fs;
        let inode = fs.inode(ino)?;
        let mut h = fs.begin(Credits::MAP)?;
        let mut data = inode.data.write();
        let before = *done;
        check_content(fs, &data, content)?;
        let mapped = match self.map(&mut h, &mut data, content, done) {
            // What is mapped stays.
            Err(Error::NoSpace) if *done > before => Ok(()),
            mapped => mapped,
        };
        let stored = mapped.and_then(|()| h.store_synced(&inode, &mut data, true));
        h.finish_with(&mut data, stored)
    }

    /// Maps and hands over data from byte `done` of `content` on, until all is done or the transaction
    /// wants to end. The caller stores the inode.
    ///
    /// # Errors
    /// [`Error::NoSpace`]: `done` tells how far it came.
    pub(super) fn map(
        &mut self,
        h: &mut Handle<'_>,
        data: &mut InodeData,
        content: Content<'_>,
        done: &mut usize,
    ) -> Result<()> {
        let len = content.len();
        if len == 0 {
            return Ok(());
        }
        let fs = h.fs();
        let bits = fs.geo.block_bits;
        let block = 1u64 << bits;
        while *done < len {
            let at = content.at + *done as u64;
            let want = ((len - *done) as u64).div_ceil(block).min(1 << 15) as u32;
            let behind = content.size.saturating_sub(content.at + len as u64) >> bits;
            let extra = u32::try_from(behind).unwrap_or(u32::MAX).min(1 << 15);
            let first = FileBlock((at >> bits) as u32);
            let extra = (extra > 0).then_some(extra);
            let taken = map::take(h, data, first, want, self.goal, extra)?;
            let (phys, got) = (taken.phys, taken.len);
            if let Err(error) = map::insert(h, data, first, phys, got, false) {
                if !error.is_fault() {
                    taken.give_back(h)?;
                }
                return Err(error);
            }
            let room = (u64::from(got) << bits) as usize;
            let n = room.min(len - *done);
            fs.data
                .submit(fs, fs.geo.offset(phys), content.pieces, *done, n, room - n);
            *done += n;
            self.goal = phys.checked_add(u64::from(got)).unwrap_or(phys);
            let size = data.raw.size().max(at + n as u64);
            data.raw.set_size(size);
            if h.should_restart() {
                break;
            }
        }
        Ok(())
    }
}
