//! Reading directories, with offsets that stay right while the directory changes.
//!
//! Offset 0 is before `.`, 1 before `..`, 2 before all other names. Where a directory can be (or
//! become) an htree, the other names come in the order of their hashes, and an offset is a *position*:
//! the 31 bits of the htree's hash, and 32 bits of a second hash. A position does not depend on the
//! block a name is in, so blocks may split, and names come and go, between two calls. Names with the
//! same position are put in the order of their bytes, and each is moved one behind the one before it:
//! so all of a directory's names have different positions, however many share one hash.
//!
//! The second hash is keyed with a random number of this process, so that nobody can build an image
//! whose names collide in it. Offsets therefore mean nothing after the volume was opened again by
//! another process.
//!
//! Other directories are read in the order of their entries: an offset is a byte. Entries of such a
//! directory never move.

use super::hash::Hasher;
use super::htree::{Tree, in_range};
use super::{Blocks, folds, has_dir_index, inline, is_indexed, nokey, parent, type_from_byte};
use crate::attr::DirEntry;
use crate::error::Result;
use crate::fs::Fs;
use crate::inline::is_inline;
use crate::inode::InodeData;
use crate::ondisk::dirent::{self, Entry};
use crate::types::{FileBlock, FileType};
use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock, Weak};

/// The first position that is not `.`'s or `..`'s.
const FIRST: u64 = 2;

/// Calls `each` for every entry from offset `from` on (0, or the `next` of an entry read before)
/// until it returns false, which means that the entry was not taken.
///
/// An entry that exists from the first call to the last is seen exactly once.
pub(crate) fn read(
    fs: &Fs,
    dir: &InodeData,
    from: u64,
    each: &mut dyn FnMut(DirEntry<'_>) -> bool,
) -> Result<()> {
    let dots = [(0, &b"."[..]), (1, b"..")];
    for (at, name) in dots.into_iter().filter(|&(at, _)| at >= from) {
        let entry = DirEntry {
            ino: if at == 0 { dir.ino } else { parent(fs, dir)? },
            file_type: Some(FileType::Directory),
            name,
            next: at + 1,
        };
        if !each(entry) {
            return Ok(());
        }
    }
    if from > i64::MAX as u64 {
        return Ok(());
    }
    if is_inline(dir) {
        // Where it will be once it has left its inode, that is where it is read now.
        let (blocks, leaf) = inline::blocks(fs, dir)?;
        if has_dir_index(fs) {
            return read_block(&blocks, leaf, from.max(FIRST), each);
        }
        return read_leaf(&blocks, &leaf, 0, from.max(FIRST), each).map(|_| ());
    }
    let blocks = Blocks::of(fs, dir)?;
    if is_indexed(fs, dir)? {
        read_htree(&blocks, from.max(FIRST), each)
    } else if has_dir_index(fs) && blocks.count == 1 {
        let leaf = blocks.leaf(FileBlock(0))?.bytes();
        read_block(&blocks, leaf, from.max(FIRST), each)
    } else {
        read_linear(&blocks, from.max(FIRST), each)
    }
}

fn read_linear(
    blocks: &Blocks<'_>,
    from: u64,
    each: &mut dyn FnMut(DirEntry<'_>) -> bool,
) -> Result<()> {
    let bits = blocks.fs.geo.block_bits;
    let first = u32::try_from(from >> bits).unwrap_or(u32::MAX);
    for block in first..blocks.count {
        let start = u64::from(block) << bits;
        let bytes = blocks.leaf(FileBlock(block))?.bytes();
        if !read_leaf(blocks, &bytes, start, from, each)? {
            return Ok(());
        }
    }
    Ok(())
}

/// The entries of one block that starts at byte `start`. False when `each` wants no more.
fn read_leaf(
    blocks: &Blocks<'_>,
    bytes: &[u8],
    start: u64,
    from: u64,
    each: &mut dyn FnMut(DirEntry<'_>) -> bool,
) -> Result<bool> {
    // Going through the block from its start finds where the entries are now: the one at `from` may
    // have joined the one before it.
    for entry in dirent::entries(bytes) {
        let at = start + entry.at as u64;
        if at < from || entry.ino.0 == 0 || entry.is_dot() {
            continue;
        }
        // Without an index, the kernel tells no hash of encrypted names.
        if !give(blocks, &entry, at + entry.rec_len as u64, [0; 2], each) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A directory that may yet become an htree: in the order that it will have then.
fn read_block(
    blocks: &Blocks<'_>,
    leaf: Arc<Vec<u8>>,
    from: u64,
    each: &mut dyn FnMut(DirEntry<'_>) -> bool,
) -> Result<()> {
    let geo = &blocks.fs.geo;
    let Some(hasher) = Hasher::new(geo.hash_version, geo.unsigned_hash, geo.hash_seed) else {
        return Err(blocks.corrupt("superblock: unknown hash"));
    };
    let hasher = hasher.folding(folds(blocks.fs, blocks.dir));
    let mut batch = Batch::new(blocks, hasher, from);
    batch.take_leaf(leaf, 0, None)?;
    batch.give(None, each)?;
    Ok(())
}

fn read_htree(
    blocks: &Blocks<'_>,
    from: u64,
    each: &mut dyn FnMut(DirEntry<'_>) -> bool,
) -> Result<()> {
    let tree = Tree::open(blocks)?;
    let mut batch = Batch::new(blocks, tree.hasher, from);
    let mut path = tree.descend(blocks, batch.start << 1)?;
    for _ in 0..blocks.count {
        let (low, high) = (path.low(), path.next_hash());
        if high.is_some_and(|high| high < low) {
            return Err(blocks.corrupt("htree: hashes out of order"));
        }
        batch.take_leaf(blocks.leaf(path.leaf())?.bytes(), low, high)?;
        if !batch.give(high, each)? || !path.advance(blocks)? {
            return Ok(());
        }
    }
    Err(blocks.corrupt("htree: more leaves than blocks"))
}

/// A name, and where to find it.
#[derive(Clone, Copy)]
struct Item {
    /// The position, before names that share it are moved apart.
    position: u64,
    /// Which of the batch's leaves.
    leaf: u32,
    /// The byte in the leaf.
    at: u32,
}

/// The names of a leaf in their order: the next call of a reader needs them again.
struct Sorted {
    /// The bytes that were sorted. Blocks that are referred to are not changed in place: as long as
    /// the pointer is the same, the bytes are.
    leaf: Weak<Vec<u8>>,
    hasher: Hasher,
    items: Vec<Item>,
}

thread_local! {
    static LAST: RefCell<Option<Sorted>> = const { RefCell::new(None) };
}

/// The key of positions' second half.
static KEY: OnceLock<RandomState> = OnceLock::new();

/// The live names of a leaf but the dots, in the order of their positions.
fn sort(leaf: &[u8], hasher: Hasher) -> Vec<Item> {
    let key = KEY.get_or_init(RandomState::new);
    let mut items: Vec<Item> = dirent::entries(leaf)
        .filter(|entry| entry.ino.0 != 0 && !entry.is_dot())
        .map(|entry| {
            let hash = hash_of(leaf, &entry, hasher)[0] >> 1;
            let second = key.hash_one(entry.name) as u32;
            Item {
                position: u64::from(hash) << 32 | u64::from(second),
                leaf: 0,
                at: entry.at as u32,
            }
        })
        .collect();
    items.sort_unstable_by_key(|item| item.position);
    items
}

/// The names of one leaf, and of leaves before it that end in a hash which goes on in this one.
struct Batch<'a> {
    blocks: &'a Blocks<'a>,
    hasher: Hasher,
    /// Names before this position are not wanted.
    from: u64,
    /// The first hash (31 bits) that is wanted.
    start: u32,
    leaves: Vec<Arc<Vec<u8>>>,
    items: Vec<Item>,
    /// The position of the last name seen.
    last: u64,
}

impl<'a> Batch<'a> {
    fn new(blocks: &'a Blocks<'a>, hasher: Hasher, from: u64) -> Batch<'a> {
        Batch {
            blocks,
            hasher,
            from,
            start: (from >> 32) as u32,
            leaves: Vec::new(),
            items: Vec::new(),
            last: FIRST - 1,
        }
    }

    /// Takes in the names of a leaf whose hashes are between `low` and `high`.
    fn take_leaf(&mut self, bytes: Arc<Vec<u8>>, low: u32, high: Option<u32>) -> Result<()> {
        let sorted = LAST.take().filter(|last| {
            std::ptr::eq(last.leaf.as_ptr(), Arc::as_ptr(&bytes)) && last.hasher == self.hasher
        });
        let sorted = sorted.unwrap_or_else(|| Sorted {
            leaf: Arc::downgrade(&bytes),
            hasher: self.hasher,
            items: sort(&bytes, self.hasher),
        });
        let items = &sorted.items;
        for end in [items.first(), items.last()].into_iter().flatten() {
            if !in_range((end.position >> 32 << 1) as u32, low, high) {
                // Positions would not be behind those read before: reading might never end.
                return Err(self.blocks.corrupt("name in the wrong block of an htree"));
            }
        }
        let leaf = self.leaves.len() as u32;
        let start = u64::from(self.start) << 32;
        let wanted = items.partition_point(|item| item.position < start);
        let wanted = items.iter().skip(wanted);
        self.items.extend(wanted.map(|item| Item { leaf, ..*item }));
        self.leaves.push(bytes);
        LAST.set(Some(sorted));
        Ok(())
    }

    /// Gives the names to `each` in order, except those whose hash may go on in the next leaf, which
    /// starts at `next`. False when `each` wants no more.
    fn give(
        &mut self,
        next: Option<u32>,
        each: &mut dyn FnMut(DirEntry<'_>) -> bool,
    ) -> Result<bool> {
        let hasher = self.hasher;
        let Batch { leaves, items, .. } = self;
        let entry = |item: &Item| {
            let leaf = leaves.get(item.leaf as usize)?;
            dirent::entry_at(leaf, item.at as usize)
        };
        let hash = |item: &Item| match (leaves.get(item.leaf as usize), entry(item)) {
            (Some(leaf), Some(entry)) => hash_of(leaf, &entry, hasher),
            _ => [0; 2],
        };
        items.sort_unstable_by(|a, b| {
            let name = |item| entry(item).map(|e| e.name);
            let positions = a.position.cmp(&b.position);
            positions.then_with(|| name(a).cmp(&name(b)))
        });
        let held = next.filter(|next| next & 1 == 1).map(|next| next >> 1);
        let ready = items
            .partition_point(|item| held.is_none_or(|held| item.position >> 32 < u64::from(held)));
        for item in items.drain(..ready) {
            let position = item.position.max(self.last + 1);
            if position >> 32 != item.position >> 32 {
                return Err(self.blocks.corrupt("too many names of one hash"));
            }
            self.last = position;
            if position >= self.from
                && let Some(entry) = entry(&item)
                && !give(self.blocks, &entry, position + 1, hash(&item), each)
            {
                return Ok(false);
            }
        }
        if items.is_empty() {
            leaves.clear();
        }
        Ok(true)
    }
}

/// The hashes of an entry's name, as the directory's index has them.
fn hash_of(leaf: &[u8], entry: &Entry<'_>, hasher: Hasher) -> [u32; 2] {
    if hasher.is_stored() {
        let [major, minor] = dirent::stored_hash(leaf, entry);
        return [major & !1, minor];
    }
    let hash = hasher.hash(entry.name);
    [hash.major, hash.minor]
}

/// Gives an entry to `each`; the name of an encrypted one as it is shown without the key.
fn give(
    blocks: &Blocks<'_>,
    entry: &Entry<'_>,
    next: u64,
    hash: [u32; 2],
    each: &mut dyn FnMut(DirEntry<'_>) -> bool,
) -> bool {
    let shown;
    let name = if blocks.dir.is_encrypted() {
        shown = nokey::show(entry.name, hash);
        &shown
    } else {
        entry.name
    };
    each(DirEntry {
        ino: entry.ino,
        file_type: type_from_byte(blocks.fs, entry.file_type),
        name,
        next,
    })
}
