//! Directories inside their inodes: `i_block` has the parent's number and 56 bytes of entries, the
//! attribute `system.data` has more. `.` and `..` are not stored.
//!
//! An entry is entirely in one of the two parts. The records of each part cover it, as those of a
//! block do.

use super::fold::Key;
use super::{Blocks, NewName, append, type_byte};
use crate::cache::BlockKind;
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inline;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::Le;
use crate::ondisk::dirent::{self, MIN_REC_LEN, Packer};
use crate::ondisk::inode::BLOCK_LEN;
use crate::types::{FileType, Ino};
use std::sync::Arc;

/// Bytes of `i_block` before its entries: the parent's number.
const PARENT_LEN: usize = 4;

/// Where an entry is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Behind `i_block`.
    in_rest: bool,
    pub slot: dirent::Slot,
}

/// The two parts, checked.
fn parts<'a>(fs: &Fs, dir: &'a InodeData) -> Result<[&'a [u8]; 2]> {
    let parts = [
        dir.block().get(PARENT_LEN..).unwrap_or(&[]),
        inline::rest(dir)?,
    ];
    for part in parts {
        let mut checked = dirent::verify_records(part, fs.geo.inodes());
        if !dir.is_encrypted() {
            checked = checked.and_then(|()| dirent::verify_names(part));
        }
        if let Err(what) = checked {
            return Err(Corrupt::new(what).ino(dir.ino).into());
        }
    }
    if dir.size() != (BLOCK_LEN + parts[1].len()) as u64 {
        return Err(Corrupt::new("directory's size").ino(dir.ino).into());
    }
    Ok(parts)
}

pub(super) fn find(fs: &Fs, dir: &InodeData, key: &Key<'_>) -> Result<Option<Slot>> {
    let [first, rest] = parts(fs, dir)?;
    let found = match key.find(first) {
        Some(slot) => Some((false, slot)),
        None => key.find(rest).map(|slot| (true, slot)),
    };
    Ok(found.map(|(in_rest, slot)| Slot { in_rest, slot }))
}

/// Changes the part that an entry is in.
pub(super) fn modify(
    dir: &mut InodeData,
    slot: Slot,
    change: impl FnOnce(&mut [u8], dirent::Slot),
) -> Result<()> {
    if !slot.in_rest {
        change(entries_mut(dir), slot.slot);
        return Ok(());
    }
    let mut rest = inline::rest(dir)?.to_vec();
    change(&mut rest, slot.slot);
    set_rest(dir, &rest)
}

fn entries_mut(dir: &mut InodeData) -> &mut [u8] {
    dir.block_mut().get_mut(PARENT_LEN..).unwrap_or(&mut [])
}

fn set_rest(dir: &mut InodeData, rest: &[u8]) -> Result<()> {
    if !inline::set_rest(dir, Some(rest))? {
        return Err(Error::NoSpace);
    }
    dir.set_size((BLOCK_LEN + rest.len()) as u64);
    Ok(())
}

pub(super) fn is_empty(fs: &Fs, dir: &InodeData) -> Result<bool> {
    let parts = parts(fs, dir)?;
    let mut entries = parts.into_iter().flat_map(dirent::entries);
    Ok(entries.all(|entry| entry.ino.0 == 0))
}

/// Adds a name, if there is room inside the inode: whether there was.
pub(super) fn add(fs: &Fs, dir: &mut InodeData, new: NewName<'_>) -> Result<bool> {
    let NewName {
        name,
        ino,
        file_type,
    } = new;
    let mut rest = parts(fs, dir)?[1].to_vec();
    if dirent::insert(entries_mut(dir), false, name, ino, file_type) {
        return Ok(true);
    }
    if !dirent::insert(&mut rest, false, name, ino, file_type) {
        let need = dirent::rec_len_for(name.len()).max(MIN_REC_LEN);
        let len = rest.len() + need;
        if inline::room(dir)?.is_none_or(|room| len > room) {
            return Ok(false);
        }
        // A record of its own: those before it stay where and as long as they are.
        let mut record = vec![0; need];
        dirent::rec_len_to_disk(need).put(&mut record, 4);
        dirent::insert(&mut record, false, name, ino, file_type);
        rest.extend(record);
    }
    set_rest(dir, &rest)?;
    Ok(true)
}

/// The directory that `..` names.
pub(super) fn parent(dir: &InodeData) -> Ino {
    Ino(u32::get(dir.block(), 0))
}

/// Lets `..` name another directory.
pub(super) fn set_parent(dir: &mut InodeData, parent: Ino) {
    parent.0.put(dir.block_mut(), 0);
}

/// Makes a new, empty directory of an inode whose data is inside.
pub(super) fn init(dir: &mut InodeData, parent: Ino) {
    set_parent(dir, parent);
    let entries = entries_mut(dir);
    dirent::rec_len_to_disk(entries.len()).put(entries, 4);
    dir.set_size(BLOCK_LEN as u64);
}

/// The block that the directory becomes when it leaves its inode. Entries keep their order and their
/// distances, so that who reads the directory meanwhile goes on in the right place.
pub(super) fn as_block(fs: &Fs, dir: &InodeData) -> Result<Vec<u8>> {
    let csum = fs.geo.has_csum();
    let too_long = || Error::from(Corrupt::new("directory too long for its inode").ino(dir.ino));
    let dir_type = type_byte(fs, FileType::Directory);
    let parts = parts(fs, dir)?;
    let mut block = vec![0; fs.geo.block_size as usize];
    let mut dots = Packer::new(&mut block, csum);
    dots.push(b".", dir.ino, dir_type);
    dots.push(b"..", parent(dir), dir_type);
    dirent::rec_len_to_disk(MIN_REC_LEN).put(&mut block, MIN_REC_LEN + 4);
    let mut at = 2 * MIN_REC_LEN;
    let mut last = MIN_REC_LEN;
    for part in parts {
        let place = block.get_mut(at..).and_then(|b| b.get_mut(..part.len()));
        place.ok_or_else(too_long)?.copy_from_slice(part);
        for entry in dirent::entries(part) {
            last = at + entry.at;
        }
        at += part.len();
    }
    let end = dirent::usable(block.len(), csum);
    if at > end {
        return Err(too_long());
    }
    dirent::rec_len_to_disk(end - last).put(&mut block, last + 4);
    Ok(block)
}

/// Moves the directory's entries into a block of its own. The caller stores the inode; when this
/// fails, the inode is to be what it was.
pub(crate) fn move_out(h: &mut Handle<'_>, dir: &mut InodeData) -> Result<()> {
    let content = as_block(h.fs(), dir)?;
    inline::clear(h.fs(), dir)?;
    dir.set_size(0);
    let (_, block) = append(h, dir, BlockKind::DirLeaf)?;
    h.modify(&block, |bytes| bytes.copy_from_slice(&content));
    Ok(())
}

/// [`as_block`], for who reads the directory as if it had left its inode already.
pub(super) fn blocks<'a>(fs: &'a Fs, dir: &'a InodeData) -> Result<(Blocks<'a>, Arc<Vec<u8>>)> {
    let blocks = Blocks {
        fs,
        dir,
        owner: dir.owner(fs),
        count: 1,
    };
    Ok((blocks, Arc::new(as_block(fs, dir)?)))
}
