//! Adding extents to a tree, and turning unwritten ones into written ones and back.

use super::grow::splice;
use super::path::{Path, corrupt};
use super::remove::forget;
use crate::error::{Error, Result};
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::map::{clusters, is_metadata};
use crate::ondisk::extent::Extent;
use crate::types::{BlockNo, FileBlock};

/// See [`crate::map::insert`].
pub(in crate::map) fn insert(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    at: FileBlock,
    phys: BlockNo,
    len: u32,
    unwritten: bool,
) -> Result<()> {
    let most = Extent::max_len(unwritten);
    let mut done = 0;
    while done < len {
        let new = Extent {
            at: FileBlock(at.0 + done),
            len: (len - done).min(most),
            start: BlockNo(phys.0 + u64::from(done)),
            unwritten,
        };
        let added = clusters::added(h.fs(), inode, new.at, new.len, new.start);
        let inserted = added.and_then(|added| insert_extent(h, inode, new).map(|()| added));
        let added = match inserted {
            Ok(added) => added,
            Err(error) => {
                // Only the last extent can have joined one behind it, so this splits none.
                forget(h, inode, at, u64::from(at.0) + u64::from(done))?;
                return Err(error);
            }
        };
        inode.add_blocks(h.fs(), i64::from(added));
        done += new.len;
    }
    Ok(())
}

fn insert_extent(h: &mut Handle<'_>, inode: &mut InodeData, new: Extent) -> Result<()> {
    let path = Path::find(h.fs(), inode, new.at.0)?;
    let pos = path.leaf.pos;
    let (left, right) = path.leaf.read(inode, |node| {
        let left = pos.checked_sub(1).map(|before| node.extent(before));
        let right = (pos < node.entries()).then(|| node.extent(pos));
        (left, right)
    });
    let next = right.map_or(path.leaf.end, |right| u64::from(right.at.0));
    if left.is_some_and(|left| left.end() > u64::from(new.at.0)) || new.end() > next {
        return Err(corrupt(
            inode,
            None,
            "mapping a block that is mapped already",
        ));
    }
    weave(h, inode, path, pos, 0, &[new], [true, true])
}

/// Puts `new` in the place of `remove` entries of the leaf from entry `at` on. `join`: whether the
/// first and the last of `new` are joined with their neighbours where that is possible. Ends that are
/// not new are not to be joined: a leaf that must split could have to split between the two.
pub(super) fn weave(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    path: Path,
    at: usize,
    remove: usize,
    new: &[Extent],
    join: [bool; 2],
) -> Result<()> {
    let (left, right) = path.leaf.read(inode, |node| {
        let left = at.checked_sub(1).map(|before| node.extent(before));
        let behind = at + remove;
        let right = (behind < node.entries()).then(|| node.extent(behind));
        (left, right)
    });
    let (mut at, mut remove) = (at, remove);
    let mut list = new.to_vec();
    if join[0]
        && let Some(left) = left
        && let Some(first) = list.first_mut()
        && let Some(both) = left.join(first)
    {
        *first = both;
        at -= 1;
        remove += 1;
    }
    if join[1]
        && let Some(right) = right
        && let Some(last) = list.last_mut()
        && let Some(both) = last.join(&right)
    {
        *last = both;
        remove += 1;
    }
    splice(h, inode, path, at, remove, &list)
}

/// See [`crate::map::set_written`] and [`crate::map::set_unwritten`].
pub(in crate::map) fn convert(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    at: FileBlock,
    len: u32,
    unwritten: bool,
) -> Result<()> {
    let fs = h.fs();
    let mut from = u64::from(at.0);
    let end = (from + u64::from(len)).min(crate::map::END);
    while from < end {
        let path = Path::find(fs, inode, from as u32)?;
        let pos = path.leaf.pos;
        let (here, next) = path.leaf.read(inode, |node| {
            let here = pos.checked_sub(1).map(|before| node.extent(before));
            let next = if pos < node.entries() {
                u64::from(node.key(pos))
            } else {
                path.leaf.end
            };
            (here, next)
        });
        let Some((whole, part)) = here.and_then(|whole| Some((whole, whole.within(from, end)?)))
        else {
            from = next;
            continue;
        };
        if whole.unwritten == unwritten {
            from = whole.end();
            continue;
        }
        fs.geo.check_blocks(whole.start, u64::from(whole.len))?;
        clusters::check_removable(fs, inode, whole.at, whole.start)?;
        let to = part.end().min(from + u64::from(Extent::max_len(unwritten)));
        let parts = [
            whole.within(0, from),
            whole
                .within(from, to)
                .map(|part| Extent { unwritten, ..part }),
            whole.within(to, u64::MAX),
        ];
        let parts: Vec<Extent> = parts.into_iter().flatten().collect();
        let join = [from == u64::from(whole.at.0), to == whole.end()];
        match weave(h, inode, path, pos - 1, 1, &parts, join) {
            Err(Error::NoSpace) if !unwritten => {
                // Blocks behind the file's end must not be written ones: they are given up.
                let size = fs.geo.blocks_for(inode.size());
                let (kept, surplus) = (size.max(end), whole.within(size.max(end), u64::MAX));
                for rest in [whole.within(0, from), whole.within(to, kept)]
                    .into_iter()
                    .flatten()
                {
                    let bytes = u64::from(rest.len) << fs.geo.block_bits;
                    fs.dev
                        .punch(fs.geo.offset(rest.start), bytes)
                        .map_err(|e| Error::io("zeroing unwritten blocks", e))?;
                }
                let path = Path::find(fs, inode, from as u32)?;
                let written: Vec<Extent> = whole
                    .within(0, kept)
                    .map(|part| Extent { unwritten, ..part })
                    .into_iter()
                    .collect();
                let join = [true, surplus.is_none()];
                weave(h, inode, path, pos - 1, 1, &written, join)?;
                if let Some(surplus) = surplus {
                    let (start, len) =
                        clusters::left(fs, inode, surplus.at, surplus.len, surplus.start)?;
                    fs.alloc.free_blocks(h, start, len, is_metadata(inode))?;
                    inode.add_blocks(fs, -i64::from(len));
                }
            }
            done => done?,
        }
        from = to;
    }
    Ok(())
}
