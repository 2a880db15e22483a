//! Writing metadata to its places: the checkpoint of a journal, and commits without one.

use super::Pending;
use crate::cache::BlockKind;
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::options::Durability;
use crate::types::BlockNo;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The largest single write, in bytes.
const WRITE_BYTES: usize = 1 << 20;

/// Writes every committed block to its place, and empties the log. Only the commit thread does this,
/// so no commit happens meanwhile.
pub(crate) fn write_home(fs: &Fs) -> Result<()> {
    let journal = &fs.journal;
    let pending: BTreeMap<BlockNo, Pending> = std::mem::take(&mut *journal.pending.lock());
    let committed = journal.committed();
    let barriers = fs.options.durability == Durability::Power;
    let written = write_blocks(
        fs,
        pending.iter().map(|(no, pending)| (*no, &pending.bytes)),
    )
    .and_then(|()| {
        if barriers && !pending.is_empty() {
            fs.flush()
        } else {
            Ok(())
        }
    })
    .and_then(|()| match &journal.log {
        Some(log) => log.checkpointed_through(committed, barriers),
        None => Ok(()),
    });
    if written.is_err() {
        // The log still has them, and the cache must not lose them.
        journal.pending.lock().extend(pending);
    }
    written
}

/// Writes blocks to their places, neighbours in one write. Ascending order is the caller's.
fn write_blocks<'a>(
    fs: &Fs,
    blocks: impl Iterator<Item = (BlockNo, &'a Arc<Vec<u8>>)>,
) -> Result<()> {
    let mut buffer: Vec<u8> = Vec::new();
    let mut start = BlockNo(0);
    let mut next = BlockNo(0);
    let write = |start: BlockNo, buffer: &[u8]| {
        fs.dev
            .write_at(buffer, fs.geo.offset(start))
            .map_err(|e| Error::io(format!("writing metadata at block {start}"), e))
    };
    for (no, bytes) in blocks {
        if !buffer.is_empty() && (no != next || buffer.len() >= WRITE_BYTES) {
            write(start, &buffer)?;
            buffer.clear();
        }
        if buffer.is_empty() {
            start = no;
        }
        buffer.extend_from_slice(bytes);
        next = BlockNo(no.0 + 1);
    }
    if buffer.is_empty() {
        Ok(())
    } else {
        write(start, &buffer)
    }
}

/// A block of a transaction that no log holds.
pub(super) struct Unlogged<'a> {
    pub no: BlockNo,
    pub bytes: &'a Arc<Vec<u8>>,
    pub kind: BlockKind,
    /// Nothing on disk refers to it yet.
    pub fresh: bool,
}

/// What is written together when no log makes a transaction whole. Each step is on disk before the
/// next: a crash in between leaves what `e2fsck -p` mends by itself, and nobody's files but those of
/// this transaction suffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// Blocks that nothing refers to: with the data, which is written already, they come first, so
    /// that no inode ever maps what is not there.
    Fresh,
    /// Inodes, and the blocks that belong to one. A new inode is there before its name is.
    Inodes,
    /// Names: one whose inode is gone is cleared, an inode whose name is not yet there is found.
    Names,
    /// Bitmaps and counts, which e2fsck computes anew from all else.
    Counts,
}

impl Unlogged<'_> {
    fn order(&self) -> Order {
        match self.kind {
            BlockKind::Super | BlockKind::Descriptors | BlockKind::Bitmap => Order::Counts,
            _ if self.fresh => Order::Fresh,
            BlockKind::DirLeaf(_) | BlockKind::DirIndex(_) => Order::Names,
            _ => Order::Inodes,
        }
    }
}

/// Writes a transaction's blocks home in an [`Order`] that lets e2fsck repair what a crash leaves.
pub(super) fn write_unlogged(fs: &Fs, mut blocks: Vec<Unlogged<'_>>) -> Result<()> {
    let barriers = fs.options.durability == Durability::Power;
    blocks.sort_by_key(|block| (block.order(), block.no));
    for step in blocks.chunk_by(|a, b| a.order() == b.order()) {
        if barriers
            && step
                .first()
                .is_some_and(|block| block.order() > Order::Fresh)
        {
            fs.flush()?;
        }
        write_blocks(fs, step.iter().map(|block| (block.no, block.bytes)))?;
    }
    if barriers { fs.flush() } else { Ok(()) }
}
