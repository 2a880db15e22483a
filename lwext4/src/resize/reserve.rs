//! The blocks that the resize inode keeps behind the descriptor table, for the table to grow into.
//!
//! The inode maps, under one double-indirect block, every reserved block of group 0, as if that were an
//! indirect block; its words are the blocks at the same place in the groups with copies of the table.
//! Word `n` of the double-indirect block (modulo its length) is for block `n` of the table.

use crate::alloc::has_super;
use crate::cache::BlockKind;
use crate::error::{Corrupt, Result};
use crate::fs::{Fs, Geometry};
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::Le;
use crate::ondisk::inode::RawInode;
use crate::types::{BlockNo, GroupNo, Ino};
use std::ops::Range;

/// The word of `i_block` with the double-indirect block.
const DOUBLE: usize = 13;

/// The groups other than the first that have copies of the descriptor table, in ascending order.
pub(super) fn copies(geo: &Geometry) -> Vec<GroupNo> {
    let mut copies: Vec<GroupNo> = (1..geo.groups())
        .map(GroupNo)
        .filter(|&group| has_super(geo, group))
        .collect();
    copies.sort_unstable();
    copies
}

/// Blocks of the descriptor table that are reserved.
pub(super) fn reserved(geo: &Geometry) -> Range<u32> {
    let table = geo.table_len();
    table..table + geo.dimensions().reserved_gdt_blocks
}

/// How many metadata blocks [`reshape`] changes.
pub(super) fn credits(old: &Geometry, new: &Geometry) -> u32 {
    let lists = if copies(old) == copies(new) {
        // Only what joins the reserved blocks.
        reserved(new).filter(|n| !reserved(old).contains(n)).count()
    } else {
        reserved(new).len()
    };
    lists as u32 + 3
}

fn words(fs: &Fs) -> usize {
    fs.geo.block_size as usize / 4
}

fn double_indirect(fs: &Fs, inode: &InodeData) -> Result<BlockNo> {
    let double = BlockNo(u32::get(inode.block(), DOUBLE * 4).into());
    fs.geo
        .check_blocks(double, 1)
        .map_err(|_| Corrupt::new("the resize inode has no map").ino(Ino::RESIZE))?;
    Ok(double)
}

/// Makes the resize inode fit a file system that changes from `old` to `new`. What leaves it is
/// somebody else's from now on, and what joins it was taken care of.
pub(super) fn reshape(h: &mut Handle<'_>, old: &Geometry, new: &Geometry) -> Result<()> {
    let fs = h.fs();
    let mut inode = fs.load_inode(Ino::RESIZE)?;
    let kind = BlockKind::Indirect(inode.owner(fs));
    let top = fs.read_block(double_indirect(fs, &inode)?, kind)?;
    let (before, after) = (reserved(old), reserved(new));
    let groups = copies(new);
    let relisted = copies(old) != groups;
    let words = words(fs);
    let per_group = u64::from(fs.geo.blocks_per_group);
    h.modify(&top, |bytes| {
        for n in before.clone().filter(|n| !after.contains(n)) {
            0u32.put(bytes, n as usize % words * 4);
        }
        for n in after.clone() {
            let block = new.table_block(GroupNo(0), n).0 as u32;
            block.put(bytes, n as usize % words * 4);
        }
    });
    for n in after.clone() {
        let no = new.table_block(GroupNo(0), n);
        let list = if !before.contains(&n) {
            h.recreate_block(no, kind)?
        } else if relisted {
            fs.read_block(no, kind)?
        } else {
            continue;
        };
        h.modify(&list, |bytes| {
            bytes.fill(0);
            for (i, group) in groups.iter().enumerate().take(words) {
                let copy = no.0 + u64::from(group.0) * per_group;
                (copy as u32).put(bytes, i * 4);
            }
        });
    }
    let count = 1 + after.len() as u64 * (1 + groups.len() as u64);
    let sectors = count * u64::from(fs.geo.block_size / 512);
    inode.set_sectors(sectors, fs.geo.block_size);
    h.store(&mut inode)
}

/// Empties the resize inode, which keeps nothing any more: frees its map.
pub(super) fn abolish(h: &mut Handle<'_>) -> Result<()> {
    let fs = h.fs();
    let mut inode = fs.load_inode(Ino::RESIZE)?;
    let double = double_indirect(fs, &inode)?;
    inode.raw = RawInode::new(usize::from(fs.geo.inode_size), 0);
    h.store(&mut inode)?;
    fs.alloc.free_blocks(h, double, 1, true)
}
