//! Changing the size of regular files.

use crate::error::{Error, Result};
use crate::file::{check_regular, max_size};
use crate::fs::Fs;
use crate::inline::{self, is_inline};
use crate::inode::{Inode, InodeData};
use crate::journal::{Credits, Handle};
use crate::map;
use crate::resize::Tries;
use crate::types::{FileBlock, Ino};

impl Fs {
    /// Changes a file's size. Blocks beyond a smaller one are freed, in several transactions if there
    /// are many: see [`Self::truncate_step`].
    pub fn truncate(
        &self,
        ino: Ino,
        size: u64,
        change: &mut dyn FnMut(&mut InodeData),
    ) -> Result<()> {
        let inode = self.inode(ino)?;
        let _alone = inode.growth.write();
        let mut first = true;
        let mut tries = Tries::new(self);
        loop {
            let step = {
                let mut h = self.begin(Credits::MAP)?;
                let mut data = inode.data.write();
                let cut = if first {
                    self.cut(&data, size).map(|()| change(&mut data))
                } else {
                    Ok(())
                };
                let step = cut.and_then(|()| self.truncate_step(&mut h, &inode, &mut data, size));
                h.finish_with(&mut data, step)
            };
            match step {
                Ok(true) => return Ok(()),
                Ok(false) => first = false,
                // Only data that leaves the inode needs space, and it goes first.
                Err(Error::NoSpace) if first && self.wait_for_space(&mut tries)? => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What must be done to a file's data before its size becomes `size`.
    fn cut(&self, data: &InodeData, size: u64) -> Result<()> {
        check_regular(data)?;
        data.check_key()?;
        if size > max_size(self, data) {
            return Err(Error::FileTooBig);
        }
        self.alloc.end_append(self, data.ino)?;
        if is_inline(data) {
            return Ok(());
        }
        self.zero_tail(data, data.raw.size().min(size))
    }

    /// Frees blocks beyond `size`, as many as one transaction takes: whether that was all.
    ///
    /// A file with blocks left over has its new size at once, and is listed as an orphan: who opens the
    /// image after a crash finishes the work. But not with a tree of several levels: e2fsck (1.47) fails
    /// to finish that. Such a file becomes shorter step by step.
    fn truncate_step(
        &self,
        h: &mut Handle<'_>,
        inode: &Inode,
        data: &mut InodeData,
        size: u64,
    ) -> Result<bool> {
        if is_inline(data) {
            if inline::write(data, size, 0, &[])? {
                h.store_synced(inode, data, true)?;
                return Ok(true);
            }
            inline::move_out(h, data)?;
        }
        let from = self.geo.blocks_for(size).min(u64::from(u32::MAX));
        let left = map::remove(h, data, FileBlock(from as u32), 1 << 32)?;
        match left {
            Some(end) if map::depth(data) > 1 => {
                let mapped = u64::from(end.0) << self.geo.block_bits;
                let now = data.raw.size().min(mapped).max(size);
                data.raw.set_size(now);
            }
            Some(_) => {
                data.raw.set_size(size);
                h.add_orphan(data)?;
            }
            None => {
                data.raw.set_size(size);
                // Without a name it stays one.
                if data.raw.links_count() > 0 {
                    h.remove_orphan(data)?;
                }
            }
        }
        h.store_synced(inode, data, true)?;
        Ok(left.is_none())
    }
}
