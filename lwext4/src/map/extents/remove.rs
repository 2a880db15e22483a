//! Taking extents out of a tree, and shrinking it.

use super::grow::splice;
use super::path::Path;
use crate::error::Result;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::map::{clusters, is_metadata};
use crate::ondisk::extent::{self, Extent, Node};
use crate::types::{BlockNo, FileBlock};

/// See [`crate::map::remove`].
pub(in crate::map) fn remove(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    from: FileBlock,
    end: u64,
) -> Result<Option<FileBlock>> {
    let metadata = is_metadata(inode);
    let mut end = end;
    while let Some((at, (start, len))) = remove_last(h, inode, u64::from(from.0), end)? {
        end = u64::from(at.0);
        h.fs().alloc.free_blocks(h, start, len, metadata)?;
        if end > u64::from(from.0) && h.should_restart() {
            return Ok(Some(FileBlock(end as u32)));
        }
    }
    Ok(None)
}

/// Takes `from..end` out of the tree and frees none of it but nodes.
pub(in crate::map) fn forget(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    from: FileBlock,
    end: u64,
) -> Result<()> {
    let mut end = end;
    while let Some((at, _)) = remove_last(h, inode, u64::from(from.0), end)? {
        end = u64::from(at.0);
    }
    Ok(())
}

/// Takes the last run of `from..end` that is mapped out of the tree: an extent, or the part of one
/// inside the range. Gives where it started, and the blocks that are the file's no more; `None` when nothing
/// is mapped there.
fn remove_last(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    from: u64,
    end: u64,
) -> Result<Option<(FileBlock, (BlockNo, u32))>> {
    let fs = h.fs();
    loop {
        if from >= end {
            return Ok(None);
        }
        let path = Path::find(fs, inode, (end - 1) as u32)?;
        let Some(at) = path.leaf.pos.checked_sub(1) else {
            if !path.above.is_empty() && path.leaf.read(inode, |node| node.entries()) == 0 {
                // An empty leaf hides what is before it. With it gone, the tree is smaller.
                drop_leaf(h, inode, &path)?;
                continue;
            }
            return Ok(None);
        };
        let whole = path.leaf.read(inode, |node| node.extent(at));
        let Some(gone) = whole.within(from, end) else {
            return Ok(None);
        };
        fs.geo.check_blocks(gone.start, u64::from(gone.len))?;
        clusters::check_removable(fs, inode, gone.at, gone.start)?;
        let rest: Vec<Extent> = [whole.within(0, from), whole.within(end, u64::MAX)]
            .into_iter()
            .flatten()
            .collect();
        if rest.is_empty() {
            drop_extent(h, inode, &path, at)?;
        } else {
            splice(h, inode, path, at, 1, &rest)?;
        }
        let left = clusters::left(fs, inode, gone.at, gone.len, gone.start)?;
        inode.add_blocks(fs, -i64::from(left.1));
        return Ok(Some((gone.at, left)));
    }
}

/// Takes entry `at` out of the path's leaf.
fn drop_extent(h: &mut Handle<'_>, inode: &mut InodeData, path: &Path, at: usize) -> Result<()> {
    let entries = path.leaf.read(inode, |node| node.entries());
    if entries == 1 && !path.above.is_empty() {
        return drop_leaf(h, inode, path);
    }
    path.leaf
        .change(h, inode, |bytes| extent::replace(bytes, at, 1, &[]));
    if at == 0 && entries > 1 {
        let key = path.leaf.read(inode, |node| node.key(0));
        path.fix_keys(h, inode, path.above.len(), key);
    }
    // Only children that fit the root can make the tree lower.
    if entries <= extent::capacity(inode.block().len()) + 1 {
        lower(h, inode)?;
    }
    Ok(())
}

/// Frees the path's leaf, and the nodes above that become empty with it.
fn drop_leaf(h: &mut Handle<'_>, inode: &mut InodeData, path: &Path) -> Result<()> {
    let fs = h.fs();
    let mut empty = path.leaf.block.as_ref().map(|block| block.no);
    for (above, level) in path.above.iter().enumerate().rev() {
        let Some(no) = empty else { break };
        level.change(h, inode, |bytes| extent::replace(bytes, level.pos, 1, &[]));
        fs.alloc.free_blocks(h, no, 1, true)?;
        inode.add_clusters(fs, -1);
        let (entries, key) = level.read(inode, |node| (node.entries(), node.key(0)));
        if entries > 0 {
            if level.pos == 0 {
                path.fix_keys(h, inode, above, key);
            }
            return lower(h, inode);
        }
        empty = level.block.as_ref().map(|block| block.no);
    }
    extent::set_depth(inode.block_mut(), 0);
    Ok(())
}

/// While the root has room for all that its children hold, takes it over.
pub(super) fn lower(h: &mut Handle<'_>, inode: &mut InodeData) -> Result<()> {
    let fs = h.fs();
    let room = extent::capacity(inode.block().len());
    loop {
        let root = Node::new(inode.block());
        if root.depth() == 0 || root.entries() == 0 {
            return Ok(());
        }
        let keys: Vec<u32> = (0..root.entries()).map(|i| root.key(i)).collect();
        let (mut below, mut entries, mut children) = (0, Vec::new(), Vec::new());
        for &key in &keys {
            let path = Path::find(fs, inode, key)?;
            let child = path.above.get(1).unwrap_or(&path.leaf);
            let Some(no) = child.block.as_ref().map(|block| block.no) else {
                return Ok(());
            };
            let fits = child.read(inode, |node| {
                below = node.depth();
                let fits = entries.len() + node.entries() <= room;
                if fits {
                    entries.extend((0..node.entries()).map(|i| node.entry(i)));
                }
                fits
            });
            if !fits {
                return Ok(());
            }
            children.push(no);
        }
        if !extent::replace(inode.block_mut(), 0, keys.len(), &entries) {
            return Ok(());
        }
        extent::set_depth(inode.block_mut(), below);
        for no in children {
            fs.alloc.free_blocks(h, no, 1, true)?;
            inode.add_clusters(fs, -1);
        }
    }
}
