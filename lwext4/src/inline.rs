//! Data inside inodes (feature `inline_data`): the 60 bytes of `i_block`, and behind them the attribute
//! `system.data` in the inode's room for attributes.
//!
//! Regular files and directories start inside their inodes where the feature is on. A file leaves its
//! inode when it grows beyond the room there is, when it must have blocks (fallocate), or when an
//! attribute needs the room and finds none elsewhere; it never comes back. Symbolic links inside their
//! inodes are read, and deleted; new ones have blocks, as the kernel's.
//!
//! What is inside an inode is part of it: it is in the journal whenever the inode is. Callers hold the
//! inode's lock, and store the inode after what takes it `&mut`.

use crate::dir;
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::{Inode, InodeData};
use crate::journal::{Credits, Handle};
use crate::map;
use crate::ondisk::features::Incompat;
use crate::ondisk::inode::{BLOCK_LEN, InodeFlags, RawInode};
use crate::ondisk::xattr::{set_tail, tail, tail_room};
use crate::xattr::area;
use std::sync::Arc;

/// Whether the file's data is inside its inode.
pub(crate) fn is_inline(inode: &RawInode) -> bool {
    inode.flags().contains(InodeFlags::INLINE_DATA)
}

fn corrupt(inode: &InodeData) -> impl Fn(&'static str) -> Error + use<> {
    let ino = inode.ino;
    move |what| Corrupt::new(what).ino(ino).into()
}

/// The part behind `i_block`.
pub(crate) fn rest(inode: &InodeData) -> Result<&[u8]> {
    let bad = corrupt(inode);
    tail(area(inode))
        .map_err(&bad)?
        .ok_or_else(|| bad("inline data without its attribute"))
}

/// Replaces [`rest`], or takes it away. Whether it fits; if not, nothing changed.
pub(crate) fn set_rest(inode: &mut InodeData, rest: Option<&[u8]>) -> Result<bool> {
    let bad = corrupt(inode);
    if area(inode).is_empty() {
        return Ok(rest.is_none());
    }
    set_tail(inode.xattr_area_mut(), rest).map_err(bad)
}

/// How long [`rest`] can be, in bytes, beside the inode's other attributes; `None` where data cannot be
/// inside the inode.
pub(crate) fn room(inode: &InodeData) -> Result<Option<usize>> {
    tail_room(area(inode)).map_err(corrupt(inode))
}

/// Puts a new inode's data, which is empty, inside the inode, if the image has the feature and the
/// inode the room. Whether that was so; if not, the inode is what it was.
pub(crate) fn start(fs: &Fs, inode: &mut InodeData) -> Result<bool> {
    if !fs.geo.features.incompat.contains(Incompat::INLINE_DATA)
        || room(inode)?.is_none()
        || !set_rest(inode, Some(&[]))?
    {
        return Ok(false);
    }
    let flags = (inode.flags() | InodeFlags::INLINE_DATA) - InodeFlags::EXTENTS;
    inode.set_flags(flags);
    inode.block_mut().fill(0);
    Ok(true)
}

/// Copies the bytes from `offset` on: `buf` ends at the file's size at the latest.
pub(crate) fn read(inode: &InodeData, offset: u64, buf: &mut [u8]) -> Result<()> {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let bytes = inode.block().iter().chain(rest(inode)?);
    let mut bytes = bytes.skip(offset).copied();
    // What the size promises beyond the bytes there are reads as zeroes, as in the kernel.
    buf.fill_with(|| bytes.next().unwrap_or(0));
    Ok(())
}

/// Gives a file another size, with zeroes behind the old end, and overwrites what is at `offset` with
/// `bytes`. Whether there is room; if not, nothing changed.
pub(crate) fn write(inode: &mut InodeData, size: u64, offset: u64, bytes: &[u8]) -> Result<bool> {
    let Some(room) = room(inode)? else {
        return Ok(false);
    };
    let len = match usize::try_from(size) {
        Ok(len) if len <= BLOCK_LEN + room => len,
        _ => return Ok(false),
    };
    let mut content = vec![0; len.max(BLOCK_LEN)];
    let old = inode.size().min(size) as usize;
    let kept = content.get_mut(..old).unwrap_or(&mut []);
    read(inode, 0, kept)?;
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    if let Some(place) = content
        .get_mut(start..)
        .and_then(|rest| rest.get_mut(..bytes.len()))
    {
        place.copy_from_slice(bytes);
    }
    let (first, rest) = content.split_at(BLOCK_LEN);
    if !set_rest(inode, Some(rest))? {
        return Ok(false);
    }
    inode.block_mut().copy_from_slice(first);
    inode.set_size(size);
    Ok(true)
}

/// Moves data out of the inode, into a block. For good: nothing moves data in.
///
/// # Errors
/// [`Error::NoSpace`]: then the inode is what it was.
pub(crate) fn move_out(h: &mut Handle<'_>, inode: &mut InodeData) -> Result<()> {
    let before = inode.raw.clone();
    let moved = if inode.is_dir() {
        dir::move_out(h, inode)
    } else {
        move_file_out(h, inode)
    };
    if moved.is_err() {
        inode.raw = before;
    }
    moved
}

/// Makes an inode one that maps blocks, and has none yet.
pub(crate) fn clear(fs: &Fs, inode: &mut InodeData) -> Result<()> {
    set_rest(inode, None)?;
    let flags = inode.flags() - InodeFlags::INLINE_DATA;
    inode.set_flags(flags);
    map::init(fs, inode);
    Ok(())
}

fn move_file_out(h: &mut Handle<'_>, inode: &mut InodeData) -> Result<()> {
    let fs = h.fs();
    let size = inode.size();
    // An inode, and so what is in it, is at most as long as a block.
    let mut content = vec![0; size.min(u64::from(fs.geo.block_size)) as usize];
    read(inode, 0, &mut content)?;
    clear(fs, inode)?;
    fs.write_new(h, inode, &content)
}

impl Fs {
    /// Moves a file's data out of its inode, if it is there, in a transaction of its own.
    pub fn move_out(&self, inode: &Arc<Inode>) -> Result<()> {
        if !is_inline(&inode.data.read()) {
            return Ok(());
        }
        let _growth = inode.growth.read();
        self.retry_on_full(|| {
            let mut h = self.begin(Credits::MAP)?;
            let mut data = inode.data.write();
            if !is_inline(&data) {
                return Ok(());
            }
            let moved =
                move_out(&mut h, &mut data).and_then(|()| h.store_synced(inode, &mut data, true));
            h.finish_with(&mut data, moved)
        })
    }
}
