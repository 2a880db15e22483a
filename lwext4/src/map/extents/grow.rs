//! Changing a leaf's entries, and making room for more: nodes split, and the root grows.

use super::path::{Level, Path, corrupt};
use super::remove::lower;
use crate::cache::BlockKind;
use crate::error::Result;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::map::{alloc_nodes, free_nodes};
use crate::ondisk::extent::{self, Entry, Extent, Index, MAX_DEPTH, Node};
use crate::types::{BlockNo, FileBlock};

/// Puts `new`, which is not empty, in the place of `remove` entries of the path's leaf, from entry
/// `at` on. The tree grows where it must: then `remove` is at most 1, and `new` starts where the
/// removed entry did.
///
/// Where there is no space for that, nothing has changed.
pub(super) fn splice(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    path: Path,
    at: usize,
    remove: usize,
    new: &[Extent],
) -> Result<()> {
    let entries: Vec<Entry> = new.iter().map(Extent::encode).collect();
    let Some(key) = new.first().map(|extent| extent.at.0) else {
        return Ok(());
    };
    if replace(h, inode, &path, at, remove, &entries, key) {
        if entries.len() < remove {
            lower(h, inode)?;
        }
        return Ok(());
    }
    let gain = new.len().saturating_sub(remove);
    let needed = nodes_needed(inode, &path)?;
    let goal = new.first().map_or(BlockNo(0), |extent| extent.start);
    let mut nodes = alloc_nodes(h, goal, needed)?;
    let append = remove == 0 && path.leaf.read(inode, |node| node.entries()) == at;
    let grown = make_room(h, inode, key, gain, append.then_some(&entries), &mut nodes);
    free_nodes(h, &nodes)?;
    let Some(path) = grown? else {
        return Ok(());
    };
    // The removed entry starts at `key`; what is only added goes behind what starts before.
    let at = path.leaf.pos.saturating_sub(remove);
    if replace(h, inode, &path, at, remove, &entries, key) {
        return Ok(());
    }
    Err(corrupt(
        inode,
        None,
        "extent tree has no room after a split",
    ))
}

fn replace(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    path: &Path,
    at: usize,
    remove: usize,
    entries: &[Entry],
    key: u32,
) -> bool {
    let fits = path.leaf.read(inode, |node| {
        node.entries() + entries.len() <= node.max() + remove
    });
    if !fits {
        return false;
    }
    let done = path.leaf.change(h, inode, |bytes| {
        extent::replace(bytes, at, remove, entries)
    });
    if done && at == 0 {
        path.fix_keys(h, inode, path.above.len(), key);
    }
    done
}

fn is_full(level: &Level, inode: &InodeData) -> bool {
    level.read(inode, |node| node.entries() >= node.max())
}

/// How many nodes must be added before the path's leaf has room: one for every full node from the
/// leaf up.
fn nodes_needed(inode: &InodeData, path: &Path) -> Result<usize> {
    let full = path
        .above
        .iter()
        .rev()
        .take_while(|level| is_full(level, inode))
        .count();
    if full == path.above.len() && path.above.len() >= usize::from(MAX_DEPTH) {
        return Err(corrupt(inode, None, "extent tree is too deep to grow"));
    }
    Ok(full + 1)
}

/// Splits nodes on the way to file block `key`, from the top down, until the leaf has room for `gain`
/// entries more. Each step leaves a whole tree behind.
///
/// `append` are entries to go behind the last one of the leaf: they get a leaf of their own, so that
/// a file written from start to end has full leaves. Then there is nothing left to do (`None`).
fn make_room(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    key: u32,
    gain: usize,
    append: Option<&Vec<Entry>>,
    nodes: &mut Vec<BlockNo>,
) -> Result<Option<Path>> {
    loop {
        let path = Path::find(h.fs(), inode, key)?;
        if path
            .leaf
            .read(inode, |node| node.entries() + gain <= node.max())
        {
            return Ok(Some(path));
        }
        let Some(no) = nodes.pop() else {
            return Err(corrupt(inode, None, "extent tree grows without end"));
        };
        let Some(parent) = path.above.iter().rposition(|level| !is_full(level, inode)) else {
            grow_root(h, inode, no)?;
            continue;
        };
        let Some(full) = path.above.get(parent + 1) else {
            if let Some(entries) = append {
                add_sibling(h, inode, no, &path.above[parent], 0, key, entries)?;
                return Ok(None);
            }
            let half = path.leaf.read(inode, |node| node.entries() / 2);
            split(h, inode, no, &path.above[parent], &path.leaf, half)?;
            continue;
        };
        let (entries, last) = full.read(inode, |node| {
            (node.entries(), full.pos + 1 == node.entries())
        });
        let at = if append.is_some() && last {
            entries - 1
        } else {
            entries / 2
        };
        split(h, inode, no, &path.above[parent], full, at)?;
    }
}

/// Moves the entries of `full` from entry `at` on (neither all nor none) into a new node behind it.
fn split(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    no: BlockNo,
    parent: &Level,
    full: &Level,
    at: usize,
) -> Result<()> {
    let (moved, key, depth) = full.read(inode, |node| {
        let moved: Vec<Entry> = (at..node.entries()).map(|i| node.entry(i)).collect();
        (moved, node.key(at), node.depth())
    });
    add_sibling(h, inode, no, parent, depth, key, &moved)?;
    full.change(h, inode, |bytes| {
        extent::replace(bytes, at, moved.len(), &[])
    });
    Ok(())
}

/// Puts a new node with `entries`, which start at `key`, behind the one that `parent` leads to.
fn add_sibling(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    no: BlockNo,
    parent: &Level,
    depth: u16,
    key: u32,
    entries: &[Entry],
) -> Result<()> {
    create(h, inode, no, depth, entries)?;
    let index = Index {
        at: FileBlock(key),
        child: no,
    };
    parent.change(h, inode, |bytes| {
        extent::replace(bytes, parent.pos + 1, 0, &[index.encode()])
    });
    Ok(())
}

/// Moves the root's entries into a new node, the root's only child from then on.
fn grow_root(h: &mut Handle<'_>, inode: &mut InodeData, no: BlockNo) -> Result<()> {
    let root = Node::new(inode.block());
    let (depth, key) = (root.depth(), root.key(0));
    let entries: Vec<Entry> = (0..root.entries()).map(|i| root.entry(i)).collect();
    create(h, inode, no, depth, &entries)?;
    let index = Index {
        at: FileBlock(key),
        child: no,
    };
    let root = inode.block_mut();
    extent::replace(root, 0, entries.len(), &[index.encode()]);
    extent::set_depth(root, depth + 1);
    Ok(())
}

/// A new node in block `no`, counted in the inode.
fn create(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    no: BlockNo,
    depth: u16,
    entries: &[Entry],
) -> Result<()> {
    let fs = h.fs();
    let block = h.create_block(no, BlockKind::ExtentNode(inode.owner(fs)))?;
    h.modify(&block, |bytes| {
        extent::init(bytes, depth);
        extent::replace(bytes, 0, 0, entries);
    });
    inode.add_clusters(fs, 1);
    Ok(())
}
