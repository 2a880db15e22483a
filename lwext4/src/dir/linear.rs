//! Directories without an index: every block is searched.

use super::fold::Key;
use super::{Blocks, NewName, append, has_dir_index, htree};
use crate::cache::{Block, BlockKind};
use crate::error::Result;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::dirent::{self, Packer, Slot};
use crate::ondisk::inode::InodeFlags;
use crate::types::FileBlock;
use std::sync::Arc;

pub(super) fn find(blocks: &Blocks<'_>, key: &Key<'_>) -> Result<Option<(Arc<Block>, Slot)>> {
    for at in 0..blocks.count {
        let block = blocks.leaf(FileBlock(at))?;
        let slot = key.find(&block.bytes());
        if let Some(slot) = slot {
            return Ok(Some((block, slot)));
        }
    }
    Ok(None)
}

pub(super) fn is_empty(blocks: &Blocks<'_>) -> Result<bool> {
    for at in 0..blocks.count {
        let bytes = blocks.leaf(FileBlock(at))?.bytes();
        if dirent::entries(&bytes).any(|e| e.ino.0 != 0 && !e.is_dot()) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn add(h: &mut Handle<'_>, dir: &mut InodeData, new: NewName<'_>) -> Result<()> {
    let fs = h.fs();
    let csum = fs.geo.has_csum();
    if dir.flags().contains(InodeFlags::INDEX) {
        // The image lost dir_index: from now on, the index does not cover the names.
        let flags = dir.flags() - InodeFlags::INDEX;
        dir.set_flags(flags);
    }
    let blocks = Blocks::of(fs, dir)?;
    if blocks.count == 1 && has_dir_index(fs) {
        let block = blocks.leaf(FileBlock(0))?;
        if insert_packed(h, &block, csum, new) {
            return Ok(());
        }
        htree::convert(h, dir, &block)?;
        return htree::add(h, dir, new);
    }
    for at in 0..blocks.count {
        let block = blocks.leaf(FileBlock(at))?;
        let room = dirent::find_room(&block.bytes(), csum, new.name.len());
        if let Some(at) = room {
            h.modify(&block, |bytes| {
                dirent::insert_at(bytes, at, new.name, new.ino, new.file_type);
            });
            return Ok(());
        }
    }
    let (_, block) = append(h, dir, BlockKind::DirLeaf)?;
    h.modify(&block, |bytes| {
        Packer::new(bytes, csum).push(new.name, new.ino, new.file_type)
    });
    Ok(())
}

/// Puts a name into a block whose entries may be moved, because reading does not depend on their
/// places; false when the block is full.
pub(super) fn insert_packed(
    h: &mut Handle<'_>,
    block: &Arc<Block>,
    csum: bool,
    new: NewName<'_>,
) -> bool {
    h.modify(block, |bytes| {
        let NewName {
            name,
            ino,
            file_type,
        } = new;
        if dirent::insert(bytes, csum, name, ino, file_type) {
            return true;
        }
        let live = dirent::entries(bytes).filter(|e| e.ino.0 != 0);
        let used: usize = live.map(|e| dirent::rec_len_for(e.name.len())).sum();
        if used + dirent::rec_len_for(name.len()) > dirent::usable(bytes.len(), csum) {
            return false;
        }
        let old = bytes.to_vec();
        let mut packer = Packer::new(bytes, csum);
        for entry in dirent::entries(&old).filter(|e| e.ino.0 != 0) {
            packer.push(entry.name, entry.ino, entry.file_type);
        }
        packer.push(name, ino, file_type)
    })
}
