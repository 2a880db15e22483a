//! Moving what a tree consists of, and what it leads to.

use super::change::weave;
use super::path::{Path, corrupt};
use crate::cache::BlockKind;
use crate::error::Result;
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::extent::{self, Extent, Index};
use crate::types::{BlockNo, FileBlock};

/// See [`crate::map::repoint`].
pub(in crate::map) fn repoint(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    at: FileBlock,
    len: u32,
    phys: BlockNo,
) -> Result<()> {
    let (from, to) = (u64::from(at.0), u64::from(at.0) + u64::from(len));
    let path = Path::find(h.fs(), inode, at.0)?;
    let whole = path
        .leaf
        .pos
        .checked_sub(1)
        .map(|pos| (pos, path.leaf.read(inode, |node| node.extent(pos))));
    let Some((pos, whole, part)) =
        whole.and_then(|(pos, whole)| Some((pos, whole, whole.within(from, to)?)))
    else {
        return Err(corrupt(inode, None, "moving a block that is not mapped"));
    };
    if part.len != len {
        return Err(corrupt(inode, None, "moving blocks of several extents"));
    }
    let parts: Vec<Extent> = [
        whole.within(0, from),
        Some(Extent {
            start: phys,
            ..part
        }),
        whole.within(to, u64::MAX),
    ]
    .into_iter()
    .flatten()
    .collect();
    let join = [from == u64::from(whole.at.0), to == whole.end()];
    weave(h, inode, path, pos, 1, &parts, join)
}

/// See [`crate::map::lower_nodes`].
pub(in crate::map) fn lower_nodes(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    ceiling: BlockNo,
) -> Result<bool> {
    let fs = h.fs();
    let kind = BlockKind::ExtentNode(inode.owner(fs));
    let mut at = 0;
    loop {
        let path = Path::find(fs, inode, at)?;
        let levels: Vec<_> = path.above.iter().chain([&path.leaf]).collect();
        let high = levels.windows(2).find_map(|pair| match pair {
            [parent, node] => node
                .block
                .as_ref()
                .filter(|block| block.no >= ceiling)
                .map(|block| (*parent, block.clone())),
            _ => None,
        });
        if let Some((parent, block)) = high {
            let (no, _) = fs.alloc.alloc_blocks(h, BlockNo(0), 1)?;
            let bytes = block.bytes();
            let new = h.create_block(no, kind)?;
            h.modify(&new, |new| new.copy_from_slice(&bytes));
            let key = parent.read(inode, |node| node.key(parent.pos));
            let index = Index {
                at: FileBlock(key),
                child: no,
            };
            parent.change(h, inode, |bytes| {
                extent::replace(bytes, parent.pos, 1, &[index.encode()])
            });
            fs.alloc.free_blocks(h, block.no, 1, true)?;
            if h.should_restart() {
                return Ok(false);
            }
            continue;
        }
        match u32::try_from(path.leaf.end) {
            Ok(next) if next > at && !path.above.is_empty() => at = next,
            _ => return Ok(true),
        }
    }
}

/// See [`crate::map::nodes`].
pub(in crate::map) fn nodes(fs: &Fs, inode: &InodeData) -> Result<Vec<BlockNo>> {
    let mut nodes = Vec::new();
    let mut at = 0;
    loop {
        let path = Path::find(fs, inode, at)?;
        let levels = path.above.iter().chain([&path.leaf]);
        nodes.extend(levels.filter_map(|level| level.block.as_ref().map(|block| block.no)));
        match u32::try_from(path.leaf.end) {
            Ok(next) if next > at && !path.above.is_empty() => at = next,
            _ => break,
        }
    }
    nodes.sort_unstable();
    nodes.dedup();
    Ok(nodes)
}
