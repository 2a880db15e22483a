//! Directories: names, and the inodes behind them.
//!
//! A directory is *linear* (blocks of entries in no order) or *indexed* (an htree over blocks of
//! entries, ordered by the hashes of names; feature dir_index). A linear directory becomes indexed
//! when its first block is full; it never goes back, and it never gets shorter. With the feature
//! inline_data, a small directory is inside its inode ([`inline`]), and leaves it when it is full.
//!
//! Callers hold the directory's lock: shared for what takes `&Fs`, exclusively for what takes a
//! handle. Functions that take `&mut InodeData` change the inode in memory; the caller stores it
//! afterwards. When one of them fails half-way, it has stored the inode itself.

pub(crate) mod fold;
pub(crate) mod hash;
mod htree;
mod inline;
mod linear;
mod nokey;
mod read;

pub(crate) use inline::move_out;
pub(crate) use nokey::{show as show_without_key, shown_len};
pub(crate) use read::read;

use self::fold::Key;
use self::nokey::NoKeyName;
use crate::cache::{Block, BlockKind, Owner};
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inline::{self as inline_data, is_inline};
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::map;
use crate::ondisk::dirent::{self, NAME_MAX, Packer, Slot};
use crate::ondisk::features::{Compat, Incompat};
use crate::ondisk::inode::InodeFlags;
use crate::types::{FileBlock, FileType, Ino};
use std::sync::Arc;

/// What is behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub ino: Ino,
    /// The inode's type, where the directory tells it (feature filetype).
    pub file_type: Option<FileType>,
}

/// A name to be added, in the form it has on disk.
#[derive(Clone, Copy)]
struct NewName<'a> {
    name: &'a [u8],
    ino: Ino,
    file_type: u8,
}

/// The blocks of a directory.
#[derive(Clone, Copy)]
struct Blocks<'a> {
    fs: &'a Fs,
    dir: &'a InodeData,
    owner: Owner,
    count: u32,
}

impl<'a> Blocks<'a> {
    /// Fails when the size makes no sense.
    fn of(fs: &'a Fs, dir: &'a InodeData) -> Result<Blocks<'a>> {
        let size = dir.size();
        let count = u32::try_from(size >> fs.geo.block_bits).unwrap_or(0);
        if count == 0 || size & u64::from(fs.geo.block_size - 1) != 0 {
            return Err(Corrupt::new("directory's size").ino(dir.ino).into());
        }
        Ok(Blocks {
            fs,
            dir,
            owner: dir.owner(fs),
            count,
        })
    }

    fn read(&self, at: FileBlock, kind: BlockKind) -> Result<Arc<Block>> {
        if at.0 >= self.count {
            return Err(self.corrupt("htree refers beyond the directory's end"));
        }
        match map::block_of(self.fs, self.dir, at)? {
            Some(no) => self.fs.read_block(no, kind),
            None => Err(self.corrupt("hole in a directory")),
        }
    }

    /// A block that holds entries.
    fn leaf(&self, at: FileBlock) -> Result<Arc<Block>> {
        self.read(at, BlockKind::DirLeaf(self.owner))
    }

    /// An htree's root or node.
    fn index(&self, at: FileBlock) -> Result<Arc<Block>> {
        self.read(at, BlockKind::DirIndex(self.owner))
    }

    fn corrupt(&self, what: &'static str) -> Error {
        Corrupt::new(what).ino(self.dir.ino).into()
    }
}

/// Whether the directory is to be read as an htree.
fn is_indexed(fs: &Fs, dir: &InodeData) -> Result<bool> {
    if !dir.flags().contains(InodeFlags::INDEX) {
        return Ok(false);
    }
    let feature = has_dir_index(fs);
    if !feature && fs.geo.has_csum() {
        // Index blocks carry another checksum than leaves: the directory cannot be read as linear.
        return Err(Corrupt::new("htree without the feature dir_index")
            .ino(dir.ino)
            .into());
    }
    Ok(feature)
}

/// Whether names that differ in case only are one in the directory. Encrypted names are not looked into.
pub(crate) fn folds(fs: &Fs, dir: &InodeData) -> bool {
    let casefold = fs.geo.features.incompat.contains(Incompat::CASEFOLD);
    casefold && dir.flags().contains(InodeFlags::CASEFOLD) && !dir.is_encrypted()
}

fn has_dir_index(fs: &Fs) -> bool {
    fs.geo.features.compat.contains(Compat::DIR_INDEX)
}

/// The file type's byte in an entry: without the feature filetype, the high byte of the name's length.
fn type_byte(fs: &Fs, file_type: FileType) -> u8 {
    if fs.geo.features.incompat.contains(Incompat::FILETYPE) {
        file_type.to_dirent()
    } else {
        0
    }
}

fn type_from_byte(fs: &Fs, byte: u8) -> Option<FileType> {
    let told = fs.geo.features.incompat.contains(Incompat::FILETYPE);
    told.then(|| FileType::from_dirent(byte)).flatten()
}

/// Adds one block to the directory's end.
fn append(
    h: &mut Handle<'_>,
    dir: &mut InodeData,
    kind: impl FnOnce(Owner) -> BlockKind,
) -> Result<(FileBlock, Arc<Block>)> {
    let fs = h.fs();
    let size = dir.size();
    // Without large_dir, the high half of a directory's size is not part of the format.
    let max = if fs.geo.features.incompat.contains(Incompat::LARGEDIR) {
        u64::from(u32::MAX) << fs.geo.block_bits
    } else {
        i32::MAX as u64
    };
    let grown = size + u64::from(fs.geo.block_size);
    if grown > max {
        return Err(Error::NoSpace);
    }
    let at = FileBlock((size >> fs.geo.block_bits) as u32);
    let goal = map::goal(fs, dir, at)?;
    let no = map::append_block(h, dir, at, goal)?;
    let block = h.create_block(no, kind(dir.owner(fs)))?;
    dir.set_size(grown);
    Ok((at, block))
}

/// Where a name is.
enum Place {
    Block(Arc<Block>, Slot),
    Inline(inline::Slot),
}

impl Place {
    fn slot(&self) -> Slot {
        match self {
            Place::Block(_, slot) => *slot,
            Place::Inline(place) => place.slot,
        }
    }

    /// Changes the bytes that the entry is in.
    fn modify(
        self,
        h: &mut Handle<'_>,
        dir: &mut InodeData,
        change: impl FnOnce(&mut [u8], Slot),
    ) -> Result<()> {
        match self {
            Place::Block(block, slot) => {
                h.modify(&block, |bytes| change(bytes, slot));
                Ok(())
            }
            Place::Inline(place) => inline::modify(dir, place, change),
        }
    }
}

/// Where a name is, other than `.` and `..` of an indexed or inline directory.
///
/// # Errors
/// [`Error::InvalidArgument`]: the name cannot be folded, and the image forbids such names.
fn find(fs: &Fs, dir: &InodeData, name: &[u8]) -> Result<Option<Place>> {
    if dir.is_encrypted() {
        return match NoKeyName::parse(name) {
            Some(name) => find_key(fs, dir, &Key::without_key(name)),
            None => Ok(None),
        };
    }
    let folds = folds(fs, dir);
    if folds && fs.geo.strict_names && fold::fold(name).is_none() {
        return Err(Error::InvalidArgument("a name that is not UTF-8"));
    }
    find_key(fs, dir, &Key::new(name, folds))
}

fn find_key(fs: &Fs, dir: &InodeData, key: &Key<'_>) -> Result<Option<Place>> {
    if is_inline(dir) {
        return Ok(inline::find(fs, dir, key)?.map(Place::Inline));
    }
    let blocks = Blocks::of(fs, dir)?;
    let found = if is_indexed(fs, dir)? {
        htree::find(&blocks, key)?
    } else {
        linear::find(&blocks, key)?
    };
    Ok(found.map(|(block, slot)| Place::Block(block, slot)))
}

/// Looks a name up. `.` and `..` are found, too.
pub(crate) fn lookup(fs: &Fs, dir: &InodeData, name: &[u8]) -> Result<Option<Found>> {
    let directory = |ino| {
        Ok(Some(Found {
            ino,
            file_type: Some(FileType::Directory),
        }))
    };
    match name {
        b"." => directory(dir.ino),
        b".." => directory(parent(fs, dir)?),
        _ => Ok(find(fs, dir, name)?.map(|place| Found {
            ino: place.slot().ino,
            file_type: type_from_byte(fs, place.slot().file_type),
        })),
    }
}

/// Adds a name that is not there yet (callers look first). The directory may grow by blocks; the
/// caller stores the inode.
///
/// # Errors
/// [`Error::NoSpace`] when the image or the htree is full: nothing was added.
pub(crate) fn add(
    h: &mut Handle<'_>,
    dir: &mut InodeData,
    name: &[u8],
    ino: Ino,
    file_type: FileType,
) -> Result<()> {
    if name.is_empty() || name.len() > NAME_MAX {
        return Err(Error::NameTooLong);
    }
    dir.check_key()?;
    let new = NewName {
        name,
        ino,
        file_type: type_byte(h.fs(), file_type),
    };
    if is_inline(dir) {
        if inline::add(h.fs(), dir, new)? {
            return Ok(());
        }
        inline_data::move_out(h, dir)?;
    }
    let added = if is_indexed(h.fs(), dir)? {
        htree::add(h, dir, new)
    } else {
        linear::add(h, dir, new)
    };
    if added.is_err() {
        // Blocks may have been added and be in use by the htree already.
        h.store(dir)?;
    }
    added
}

/// Takes a name out and returns the inode that was behind it. The caller stores the directory.
///
/// # Errors
/// [`Error::NotFound`] when there is no such name.
pub(crate) fn remove(h: &mut Handle<'_>, dir: &mut InodeData, name: &[u8]) -> Result<Ino> {
    let place = find(h.fs(), dir, name)?.ok_or(Error::NotFound)?;
    let ino = place.slot().ino;
    place.modify(h, dir, dirent::remove)?;
    Ok(ino)
}

/// Lets a name refer to another inode, and returns the one that was behind it. The caller stores the
/// directory.
///
/// # Errors
/// [`Error::NotFound`] when there is no such name.
pub(crate) fn replace(
    h: &mut Handle<'_>,
    dir: &mut InodeData,
    name: &[u8],
    ino: Ino,
    file_type: FileType,
) -> Result<Ino> {
    let place = find(h.fs(), dir, name)?.ok_or(Error::NotFound)?;
    let before = place.slot().ino;
    let file_type = type_byte(h.fs(), file_type);
    place.modify(h, dir, |bytes, slot| {
        dirent::set_target(bytes, slot.at, ino, file_type)
    })?;
    Ok(before)
}

/// Whether the directory has no names but `.` and `..`.
pub(crate) fn is_empty(fs: &Fs, dir: &InodeData) -> Result<bool> {
    if is_inline(dir) {
        return inline::is_empty(fs, dir);
    }
    let blocks = Blocks::of(fs, dir)?;
    if is_indexed(fs, dir)? {
        htree::is_empty(&blocks)
    } else {
        linear::is_empty(&blocks)
    }
}

/// Gives a new directory its `.` and `..`: inside the inode where that is where it starts, else in a
/// first block.
pub(crate) fn init(h: &mut Handle<'_>, dir: &mut InodeData, parent: Ino) -> Result<()> {
    if inline_data::start(h.fs(), dir)? {
        inline::init(dir, parent);
        return Ok(());
    }
    map::init(h.fs(), dir);
    let csum = h.fs().geo.has_csum();
    let dir_type = type_byte(h.fs(), FileType::Directory);
    let (_, block) = append(h, dir, BlockKind::DirLeaf)?;
    let own = dir.ino;
    h.modify(&block, |bytes| {
        let mut entries = Packer::new(bytes, csum);
        entries.push(b".", own, dir_type);
        entries.push(b"..", parent, dir_type);
    });
    Ok(())
}

/// The directory's first block, with the place of `..` in it.
fn dotdot(blocks: &Blocks<'_>) -> Result<(Arc<Block>, usize, Ino)> {
    let first = FileBlock(0);
    let block = if is_indexed(blocks.fs, blocks.dir)? {
        blocks.index(first)?
    } else {
        blocks.leaf(first)?
    };
    let bytes = block.bytes();
    let mut entries = dirent::entries(&bytes);
    match (entries.next(), entries.next()) {
        (Some(dot), Some(dotdot)) if dot.name == b"." && dotdot.name == b".." => {
            Ok((block, dotdot.at, dotdot.ino))
        }
        _ => Err(blocks.corrupt("directory does not start with . and ..")),
    }
}

/// The directory that `..` names.
pub(crate) fn parent(fs: &Fs, dir: &InodeData) -> Result<Ino> {
    let ino = if is_inline(dir) {
        inline::parent(dir)
    } else {
        dotdot(&Blocks::of(fs, dir)?)?.2
    };
    if ino.0 == 0 || ino.0 > fs.geo.inodes() {
        return Err(Corrupt::new("inode number of .. out of range")
            .ino(dir.ino)
            .into());
    }
    Ok(ino)
}

/// Lets `..` name another directory. The caller stores the inode.
pub(crate) fn set_parent(h: &mut Handle<'_>, dir: &mut InodeData, parent: Ino) -> Result<()> {
    let fs = h.fs();
    if is_inline(dir) {
        inline::set_parent(dir, parent);
        return Ok(());
    }
    let (block, at, _) = dotdot(&Blocks::of(fs, dir)?)?;
    let dir_type = type_byte(fs, FileType::Directory);
    h.modify(&block, |bytes| {
        dirent::set_target(bytes, at, parent, dir_type)
    });
    Ok(())
}
