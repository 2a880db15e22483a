//! Adding names to an htree: leaves and nodes split, the root gets more levels.
//!
//! Every step (a leaf, a node or the root split) leaves a valid tree, so that running out of space
//! between two steps does no harm.

use super::super::linear::insert_packed;
use super::super::{Blocks, NewName, append};
use super::{Path, Tree, in_range};
use crate::cache::{Block, BlockKind};
use crate::error::{Corrupt, Error, Result};
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::dirent::{self, Entry, Packer};
use crate::ondisk::dx::{self, Index};
use crate::ondisk::inode::InodeFlags;
use crate::types::FileBlock;
use std::sync::Arc;

/// The steps that one insertion takes at most: a new level, a node split on each, a leaf split, and
/// the insertion.
const MAX_STEPS: usize = 2 * dx::MAX_INDIRECT as usize + 3;

/// Adds a name to an indexed directory.
pub(in crate::dir) fn add(h: &mut Handle<'_>, dir: &mut InodeData, new: NewName<'_>) -> Result<()> {
    let fs = h.fs();
    for _ in 0..MAX_STEPS {
        let blocks = Blocks::of(fs, dir)?;
        let tree = Tree::open(&blocks)?;
        let hash = tree.hasher.hash(new.name).major;
        let path = tree.descend(&blocks, hash)?;
        let leaf = blocks.leaf(path.leaf())?;
        if insert_packed(h, &leaf, fs.geo.has_csum(), new) {
            return Ok(());
        }
        grow(h, dir, &tree, path, &leaf)?;
    }
    Err(Corrupt::new("htree: no room after splits")
        .ino(dir.ino)
        .into())
}

/// Splits the leaf; or, where the nodes above it are full, the highest of those that are; or gives
/// the tree one more level.
fn grow(
    h: &mut Handle<'_>,
    dir: &mut InodeData,
    tree: &Tree,
    mut path: Path,
    leaf: &Arc<Block>,
) -> Result<()> {
    let full = path.frames.iter().rev().take_while(|f| f.is_full()).count();
    if full == 0 {
        return split_leaf(h, dir, tree, &path, leaf);
    }
    let child = path.frames.len() - full;
    let mut below = path.frames.drain(child..);
    let Some(split) = below.next() else {
        return Err(Error::NoSpace);
    };
    drop(below);
    let csum = h.fs().geo.has_csum();
    let Some(index) = Index::new(&split.bytes) else {
        return Err(Corrupt::new("htree: entry count out of range")
            .ino(dir.ino)
            .into());
    };
    match path.frames.pop() {
        Some(above) => {
            let half = index.count() / 2;
            let (at, node) = append(h, dir, BlockKind::DirIndex)?;
            h.modify(&node, |bytes| dx::init_node(bytes, csum, index, half));
            h.modify(&split.block, |bytes| dx::truncate(bytes, half));
            let hash = index.hash(half);
            h.modify(&above.block, |bytes| {
                dx::insert(bytes, above.at + 1, hash, at)
            });
        }
        None if tree.levels < tree.max_levels => {
            let (at, node) = append(h, dir, BlockKind::DirIndex)?;
            h.modify(&node, |bytes| dx::init_node(bytes, csum, index, 0));
            h.modify(&split.block, |bytes| dx::deepen_root(bytes, at));
        }
        None => return Err(Error::NoSpace),
    }
    Ok(())
}

/// Moves the upper half of a leaf's hashes into a new leaf.
fn split_leaf(
    h: &mut Handle<'_>,
    dir: &mut InodeData,
    tree: &Tree,
    path: &Path,
    leaf: &Arc<Block>,
) -> Result<()> {
    let csum = h.fs().geo.has_csum();
    let bytes = leaf.bytes();
    let live = dirent::entries(&bytes).filter(|e| e.ino.0 != 0);
    let mut names: Vec<(u32, Entry<'_>)> =
        live.map(|e| (tree.hasher.hash(e.name).major, e)).collect();
    names.sort_by_key(|&(hash, _)| hash);
    let (lower, upper) = names.split_at(split_point(&names, bytes.len()));
    let (Some(least), Some(last), Some(first), Some(greatest), Some(parent)) = (
        lower.first(),
        lower.last(),
        upper.first(),
        upper.last(),
        path.frames.last(),
    ) else {
        return Err(Corrupt::new("directory block too full to split")
            .ino(dir.ino)
            .into());
    };
    let (low, high) = (path.low(), path.next_hash());
    if !in_range(least.0, low, high) || !in_range(greatest.0, low, high) {
        return Err(Corrupt::new("name in the wrong block of an htree")
            .ino(dir.ino)
            .block(leaf.no)
            .into());
    }
    let hash = first.0 | u32::from(first.0 == last.0);
    let (at, new) = append(h, dir, BlockKind::DirLeaf)?;
    h.modify(&new, |bytes| pack(bytes, csum, upper));
    h.modify(leaf, |bytes| pack(bytes, csum, lower));
    h.modify(&parent.block, |bytes| {
        dx::insert(bytes, parent.at + 1, hash, at)
    });
    Ok(())
}

/// How many of the names, sorted by hash, stay: about half a block of them. At least one stays and
/// at least one goes, where there are two.
fn split_point(names: &[(u32, Entry<'_>)], block_size: usize) -> usize {
    let mut moved = 0;
    let mut size = 0;
    for (_, entry) in names.iter().rev() {
        let len = dirent::rec_len_for(entry.name.len());
        if size + len / 2 > block_size / 2 {
            break;
        }
        size += len;
        moved += 1;
    }
    if moved == 0 || moved >= names.len() {
        names.len() / 2
    } else {
        names.len() - moved
    }
}

fn pack(block: &mut [u8], csum: bool, names: &[(u32, Entry<'_>)]) {
    let mut packer = Packer::new(block, csum);
    for (_, entry) in names {
        packer.push(entry.name, entry.ino, entry.file_type);
    }
}

/// Makes a linear directory of one block, `first`, an htree with one leaf.
pub(in crate::dir) fn convert(
    h: &mut Handle<'_>,
    dir: &mut InodeData,
    first: &Arc<Block>,
) -> Result<()> {
    let geo = &h.fs().geo;
    let (csum, version) = (geo.has_csum(), geo.hash_version);
    let bytes = first.bytes();
    let mut entries = dirent::entries(&bytes);
    let (dot, dotdot) = match (entries.next(), entries.next()) {
        (Some(dot), Some(dotdot)) if dot.name == b"." && dotdot.name == b".." => (dot, dotdot),
        _ => {
            return Err(Corrupt::new("directory does not start with . and ..")
                .ino(dir.ino)
                .into());
        }
    };
    let (at, leaf): (FileBlock, _) = append(h, dir, BlockKind::DirLeaf)?;
    h.modify(&leaf, |block| {
        let mut packer = Packer::new(block, csum);
        for entry in entries.filter(|e| e.ino.0 != 0) {
            packer.push(entry.name, entry.ino, entry.file_type);
        }
    });
    let inos = (dir.ino, dotdot.ino);
    h.modify(first, |block| {
        dx::init_root(block, csum, inos, dot.file_type, version, at);
    });
    h.set_kind(first, BlockKind::DirIndex(dir.owner(h.fs())));
    let flags = dir.flags() | InodeFlags::INDEX;
    dir.set_flags(flags);
    Ok(())
}
