//! The block for attributes outside of the inode, which inodes with equal attributes share.
//!
//! A block that others use too is never changed but for its count of users: who needs other content
//! takes another block.

use crate::cache::{Block, BlockKind};
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::checksum::crc32c;
use crate::ondisk::xattr::{
    BLOCK_HEADER, Entry, REFCOUNT_MAX, Value, refcount, set_refcount, write_block,
};
use crate::types::BlockNo;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

const SLOTS: usize = 1024;

/// Where blocks of some contents are, so that the next inode of the same content can share them.
///
/// Counts of users change, and blocks are freed, only under this lock; so a block that is known here is
/// in use, and stays so while the lock is held.
#[derive(Debug, Default)]
pub(crate) struct SharedBlocks {
    known: Mutex<Known>,
}

/// For a content's hash, the block that had it last; empty until the first is known.
#[derive(Debug, Default)]
struct Known {
    slots: Vec<Option<(u32, BlockNo)>>,
}

fn content(bytes: &[u8]) -> &[u8] {
    bytes.get(BLOCK_HEADER..).unwrap_or(&[])
}

fn content_hash(bytes: &[u8]) -> u32 {
    crc32c(!0, content(bytes))
}

impl Known {
    fn slot(&mut self, hash: u32) -> Option<&mut Option<(u32, BlockNo)>> {
        self.slots.get_mut(hash as usize % SLOTS)
    }

    fn find(&mut self, hash: u32) -> Option<BlockNo> {
        let (known, no) = (*self.slot(hash)?)?;
        (known == hash).then_some(no)
    }

    fn note(&mut self, hash: u32, no: BlockNo) {
        if self.slots.is_empty() {
            self.slots = vec![None; SLOTS];
        }
        if let Some(slot) = self.slot(hash) {
            *slot = Some((hash, no));
        }
    }

    /// Forgets a block that is about to change or go.
    fn forget(&mut self, block: &Block) {
        let hash = content_hash(&block.bytes());
        if let Some(slot) = self.slot(hash)
            && slot.is_some_and(|(_, no)| no == block.no)
        {
            *slot = None;
        }
    }
}

/// The inode's block of attributes, if it has one.
pub(super) fn open(fs: &Fs, inode: &InodeData) -> Result<Option<Arc<Block>>> {
    match inode.file_acl() {
        0 => Ok(None),
        no => match fs.read_block(BlockNo(no), BlockKind::Xattr) {
            Err(Error::Corrupt(corrupt)) => Err(corrupt.ino(inode.ino).into()),
            result => result.map(Some),
        },
    }
}

/// Gives the inode a block of `entries` (sorted) instead of the one it has; none when there are none.
pub(super) fn replace(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    entries: &[Entry<'_>],
) -> Result<()> {
    if entries.is_empty() {
        return release(h, inode);
    }
    let fs = h.fs();
    let mut bytes = vec![0; fs.geo.block_size as usize];
    if !write_block(&mut bytes, entries) {
        return Err(Error::NoSpace);
    }
    let old = open(fs, inode)?;
    let mut known = fs.xattrs.known.lock();
    let users = match &old {
        Some(old) => users(old)?,
        None => 0,
    };
    // A value in an inode belongs to one entry.
    let sharable = entries
        .iter()
        .all(|entry| matches!(entry.value, Value::Here(_)));
    let hash = content_hash(&bytes);
    let twin = if sharable { known.find(hash) } else { None };
    let new = match twin {
        Some(twin) if join(h, twin, &bytes)? => twin,
        _ => match &old {
            Some(old) if users == 1 => {
                known.forget(old);
                h.modify(old, |old| old.copy_from_slice(&bytes));
                if sharable {
                    known.note(hash, old.no);
                }
                return Ok(());
            }
            _ => {
                let goal = fs.alloc.goal_for_inode(fs, inode.ino);
                let (no, _) = fs.alloc.alloc_blocks(h, goal, 1)?;
                let block = h.create_block(no, BlockKind::Xattr)?;
                h.modify(&block, |new| new.copy_from_slice(&bytes));
                if sharable {
                    known.note(hash, no);
                }
                no
            }
        },
    };
    match old {
        Some(old) => leave(h, &old, &mut known)?,
        None => inode.add_clusters(fs, 1),
    }
    inode.set_file_acl(new.0);
    Ok(())
}

/// Takes the block from the inode, and frees it if no other inode uses it.
pub(super) fn release(h: &mut Handle<'_>, inode: &mut InodeData) -> Result<()> {
    let fs = h.fs();
    let Some(block) = open(fs, inode)? else {
        return Ok(());
    };
    leave(h, &block, &mut fs.xattrs.known.lock())?;
    inode.set_file_acl(0);
    inode.add_clusters(fs, -1);
    Ok(())
}

/// Moves the inode's block of attributes if it is at `ceiling` or behind it. `moved` tells where blocks
/// went that other inodes use too; each inode takes its use along.
pub(crate) fn lower(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    ceiling: BlockNo,
    moved: &mut HashMap<BlockNo, BlockNo>,
) -> Result<()> {
    let fs = h.fs();
    let Some(old) = open(fs, inode)?.filter(|block| block.no >= ceiling) else {
        return Ok(());
    };
    let mut known = fs.xattrs.known.lock();
    let bytes = old.bytes();
    let new = match moved.get(&old.no) {
        Some(&no) if join(h, no, &bytes)? => no,
        _ => {
            let goal = fs.alloc.goal_for_inode(fs, inode.ino);
            let (no, _) = fs.alloc.alloc_blocks(h, goal, 1)?;
            let block = h.create_block(no, BlockKind::Xattr)?;
            h.modify(&block, |new| {
                new.copy_from_slice(&bytes);
                set_refcount(new, 1);
            });
            if users(&old)? > 1 {
                moved.insert(old.no, no);
            }
            no
        }
    };
    drop(bytes);
    leave(h, &old, &mut known)?;
    inode.set_file_acl(new.0);
    Ok(())
}

/// How many inodes use a block that one uses.
fn users(block: &Block) -> Result<u32> {
    match refcount(&block.bytes()) {
        0 => Err(Corrupt::new("attribute block in use has no users")
            .block(block.no)
            .into()),
        users => Ok(users),
    }
}

/// Uses a known block too, if its content is that of `bytes` and it can have another user.
fn join(h: &mut Handle<'_>, no: BlockNo, bytes: &[u8]) -> Result<bool> {
    let block = h.fs().read_block(no, BlockKind::Xattr)?;
    let current = block.bytes();
    let users = refcount(&current);
    if users == 0 || users >= REFCOUNT_MAX || content(&current) != content(bytes) {
        return Ok(false);
    }
    drop(current);
    h.modify(&block, |bytes| set_refcount(bytes, users + 1));
    Ok(true)
}

/// Ends one use of a block.
fn leave(h: &mut Handle<'_>, block: &Arc<Block>, known: &mut Known) -> Result<()> {
    match users(block)? {
        1 => {
            known.forget(block);
            h.fs().alloc.free_blocks(h, block.no, 1, true)
        }
        users => {
            h.modify(block, |bytes| set_refcount(bytes, users - 1));
            Ok(())
        }
    }
}
