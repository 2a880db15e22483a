//! Growing, while the file system may be in use.

use super::{fit, layout, reserve};
use crate::alloc::{NewGroup, base_blocks};
use crate::cache::BlockKind;
use crate::dimensions::Dimensions;
use crate::error::{Error, Result};
use crate::fs::{Fs, Geometry};
use crate::journal::{Credits, Handle};
use crate::ondisk::features::Compat;
use crate::types::GroupNo;
use std::io::ErrorKind;

/// The most groups that are added in one transaction.
const MOST_GROUPS: u32 = 64;

/// What one transaction adds.
struct Batch {
    old: Geometry,
    new: Geometry,
    groups: Vec<NewGroup>,
    credits: u32,
}

impl Fs {
    /// Makes the file system as large as fits `bytes`, and the device with it: the size reached, in
    /// bytes. It may be in use meanwhile. When this fails, what was added until then stays.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] when it would be smaller than it is or larger than the format allows;
    /// [`Error::Unsupported`] when the device cannot grow so far.
    pub fn grow(&self, bytes: u64) -> Result<u64> {
        self.check_resizable()?;
        let _one = self.resizing.lock();
        self.grow_locked(bytes)
    }

    /// [`Self::grow`] for who has the lock.
    pub(super) fn grow_locked(&self, bytes: u64) -> Result<u64> {
        let geo = &self.geo;
        let bits = geo.block_bits;
        let target = fit(geo, bytes >> bits)?;
        if target < geo.blocks() {
            return Err(Error::InvalidOption(format!(
                "the file system has {} bytes already: growing cannot make it smaller",
                geo.blocks() << bits
            )));
        }
        if target == geo.blocks() {
            return Ok(target << bits);
        }
        if self.dev.size() < bytes {
            self.dev.set_size(bytes).map_err(cannot_grow)?;
            // A file that is shorter than the superblock says is no file system.
            self.flush()?;
        }
        while geo.blocks() < target {
            let old = geo.dimensions();
            match self.next(&old, target) {
                Some(new) => self.add(&old, &new)?,
                None => self.convert_to_meta_bg()?,
            }
        }
        self.journal.commit_all()?;
        self.write_copies()?;
        Ok(target << bits)
    }

    /// The dimensions after the next transaction on the way to `target` blocks. `None`: the descriptor
    /// table cannot grow any more.
    fn next(&self, old: &Dimensions, target: u64) -> Option<Dimensions> {
        let geo = &self.geo;
        let sb = self.sb.lock();
        let flex = 1u32
            .checked_shl(sb.log_groups_per_flex().into())
            .unwrap_or(u32::MAX);
        let two_copies = sb.features().compat.contains(Compat::SPARSE_SUPER2);
        drop(sb);
        let with_reserve = self.has_resize_inode();
        if with_reserve && target >> 32 != 0 {
            // Its block numbers have 32 bits.
            return None;
        }
        // Up to the end of the flex group that the first new group is in.
        let behind = u64::from(old.groups / flex + 1) * u64::from(flex);
        let mut end = behind.min(u64::from(old.groups + MOST_GROUPS));
        let room = if old.first_meta_bg == u32::MAX {
            let table = geo.table_len() + old.reserved_gdt_blocks;
            u64::from(table) * u64::from(geo.descs_per_block())
        } else {
            u64::MAX
        };
        if room <= u64::from(old.groups) && geo.groups_for(target) > room {
            return None;
        }
        end = end.min(room.max(u64::from(old.groups)));
        let blocks = target.min(geo.first_data_block + end * u64::from(geo.blocks_per_group));
        let groups = u32::try_from(geo.groups_for(blocks)).ok()?;
        let mut new = Dimensions {
            blocks,
            groups,
            inodes: groups.checked_mul(geo.inodes_per_group)?,
            ..*old
        };
        let table = geo.table_len();
        let needed = geo.with(&new).table_len();
        new.reserved_gdt_blocks = old
            .reserved_gdt_blocks
            .saturating_sub(needed.saturating_sub(table));
        if two_copies && groups > old.groups {
            new.backup_bgs = copies_kept(old, groups, blocks == target);
        }
        Some(new)
    }

    /// Adds what makes the file system `new`, in one transaction.
    fn add(&self, old: &Dimensions, new: &Dimensions) -> Result<()> {
        let batch = self.plan(old, new)?;
        if batch.credits > self.journal.alone_limit() {
            if old.reserved_gdt_blocks > 0 {
                // The lists of reserved blocks do not fit the journal all at once: do with fewer.
                let half = old.reserved_gdt_blocks / 2;
                return self.reserve_at_most(half);
            }
            return Err(Error::InvalidOption(
                "the journal is too small for adding a group".to_owned(),
            ));
        }
        let bits = self.geo.block_bits;
        for group in &batch.groups {
            let len = u64::from(self.geo.table_blocks()) << bits;
            self.dev
                .punch(group.inode_table.0 << bits, len)
                .map_err(|e| Error::io("zeroing an inode table", e))?;
        }
        let mut h = self.begin_alone(Credits(batch.credits))?;
        let result = self.apply(&mut h, &batch);
        h.finish(result)
    }

    fn plan(&self, old: &Dimensions, new: &Dimensions) -> Result<Batch> {
        let (old_geo, new_geo) = (self.geo.with(old), self.geo.with(new));
        let groups = layout::lay_out(&new_geo, old.groups..new.groups)?;
        let mut credits = 16 + 3 * groups.len() as u32 + new_geo.table_len() - old_geo.table_len();
        if self.has_resize_inode() {
            credits += reserve::credits(&old_geo, &new_geo);
        }
        Ok(Batch {
            old: old_geo,
            new: new_geo,
            groups,
            credits,
        })
    }

    fn apply(&self, h: &mut Handle<'_>, batch: &Batch) -> Result<()> {
        let (old, new) = (batch.old.dimensions(), batch.new.dimensions());
        let last = GroupNo(old.groups - 1);
        let last_len = batch.old.group_len(last);
        self.alloc.settle_group(h, last)?;
        let leaving = left_copies(&batch.old, &batch.new);
        for &group in &leaving {
            self.alloc.settle_group(h, group)?;
        }
        self.geo.set_dimensions(&new);
        self.alloc.lengthen_group(h, last, last_len)?;
        for group in leaving {
            let len = base_blocks(&batch.old, group);
            self.alloc
                .free_blocks(h, batch.old.group_start(group), len, false)?;
        }
        if self.has_resize_inode() {
            reserve::reshape(h, &batch.old, &batch.new)?;
        }
        for n in batch.old.table_len()..batch.new.table_len() {
            h.recreate_block(batch.new.table_block(GroupNo(0), n), BlockKind::Descriptors)?;
        }
        for group in &batch.groups {
            let (block, at) = crate::alloc::desc_place(&self.geo, group.no);
            let in_meta_group = group.no.0 / self.geo.descs_per_block() >= new.first_meta_bg;
            if in_meta_group && at == 0 {
                h.recreate_block(block, BlockKind::Descriptors)?;
            }
            self.alloc.add_group(h, group)?;
        }
        self.set_superblock(&old);
        Ok(())
    }
}

/// With sparse_super2: the groups that have copies of the superblock when there are `groups`. As for
/// resize2fs, the second one is in the last group; it moves there in the end.
fn copies_kept(old: &Dimensions, groups: u32, in_the_end: bool) -> [u32; 2] {
    let last = groups - 1;
    match old.backup_bgs {
        [0, 0] if old.groups > 1 => [0, 0],
        [0, 0] if in_the_end && groups == 2 => [0, 1],
        kept if !in_the_end && old.groups > 1 => kept,
        [0, 0] if !in_the_end => [1, 0],
        [0, 0 | 1] | [1, _] => [1, last],
        [first, _] => [first, last],
    }
}

/// The groups that have a copy of the superblock no longer, with sparse_super2.
fn left_copies(old: &Geometry, new: &Geometry) -> Vec<GroupNo> {
    let kept = new.dimensions().backup_bgs;
    let mut left = old.dimensions().backup_bgs.to_vec();
    left.retain(|&group| group != 0 && !kept.contains(&group));
    left.into_iter().map(GroupNo).collect()
}

fn cannot_grow(error: std::io::Error) -> Error {
    if error.kind() == ErrorKind::Unsupported {
        Error::Unsupported(
            "the device or partition of the file system is not that large".to_owned(),
        )
    } else {
        Error::io("making the image larger", error)
    }
}
