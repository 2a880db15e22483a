//! Changing the size of a file system.
//!
//! Growing works on a file system in use: group by group, or rather flex group by flex group, each batch
//! in one transaction ([`grow`]). Where the new groups' metadata lies: [`layout`]. How the table of
//! descriptors grows into the blocks that the resize inode keeps for it: [`reserve`]; what happens where
//! there are none left: [`meta_bg`]. [`auto`] grows when there is no space left.
//!
//! Shrinking is for a file system that nobody uses ([`shrink`]): what is in the way moves below the new
//! end, each piece in a transaction of its own ([`move_journal`], [`renumber`], [`move_blocks`],
//! [`last_group`]), and one transaction cuts the groups off ([`cut`]). How small it can get: [`survey`].
//!
//! The copies of the superblock and of the descriptors are brought up to date in the end ([`copies`]):
//! until then they are old, which a checker takes them to be anyway.

mod auto;
mod copies;
mod cut;
mod grow;
mod journal_map;
mod last_group;
mod layout;
mod meta_bg;
mod move_blocks;
mod move_journal;
mod renumber;
mod reserve;
mod shrink;
mod superblock;
mod survey;

pub(crate) use auto::Tries;
pub use shrink::{minimum_size, shrink};

use crate::alloc::{base_blocks, has_super};
use crate::error::{Error, Result};
use crate::fs::{Fs, Geometry};
use crate::ondisk::features::{Compat, Incompat, RoCompat};
use crate::types::GroupNo;

/// A last group must have so many blocks beyond its own metadata to be kept, as for mke2fs and
/// resize2fs.
const WORTHWHILE: u64 = 50;

/// The number of blocks, `blocks` at most, that a file system of that size has: a host page at the end
/// that is not whole is left out, and so is a last group without room for its own metadata.
///
/// # Errors
/// [`Error::InvalidOption`] names the limit that is in the way.
fn fit(geo: &Geometry, blocks: u64) -> Result<u64> {
    let blocks = blocks - blocks % u64::from(4096u32.div_ceil(geo.block_size));
    let groups = u32::try_from(geo.groups_for(blocks)).unwrap_or(u32::MAX);
    let Some(last) = groups.checked_sub(1) else {
        return Err(Error::InvalidOption(
            "too small for a file system".to_owned(),
        ));
    };
    let last = GroupNo(last);
    let rest = blocks - geo.group_start(last).0;
    let needed = needed_in_last(geo, last);
    let whole = rest == u64::from(geo.blocks_per_group);
    let fitting = if whole || rest >= needed + WORTHWHILE || last.0 == 0 {
        blocks
    } else {
        geo.group_start(last).0
    };
    check_limits(geo, fitting)?;
    Ok(fitting)
}

/// The blocks of metadata that a last group brings along.
fn needed_in_last(geo: &Geometry, last: GroupNo) -> u64 {
    let tables = 2 + u64::from(geo.table_blocks());
    let in_last = geo.features.compat.contains(Compat::SPARSE_SUPER2);
    if in_last || has_super(geo, last) {
        tables + u64::from(base_blocks(geo, GroupNo(0)))
    } else {
        tables
    }
}

fn check_limits(geo: &Geometry, blocks: u64) -> Result<()> {
    let refused = |text: String| Err(Error::InvalidOption(text));
    if blocks >> 32 != 0 && !geo.features.incompat.contains(Incompat::BIT64) {
        let most = u64::from(geo.block_size) << 2;
        return refused(format!(
            "more than {most} GiB in blocks of {} bytes need the feature 64bit",
            geo.block_size
        ));
    }
    let inodes = geo.groups_for(blocks) * u64::from(geo.inodes_per_group);
    if inodes > u64::from(u32::MAX) {
        let most = u64::from(u32::MAX / geo.inodes_per_group) * u64::from(geo.blocks_per_group);
        return refused(format!(
            "with {} inodes per group, more than {} GiB would have more than 2^32 inodes",
            geo.inodes_per_group,
            (most * u64::from(geo.block_size)) >> 30
        ));
    }
    Ok(())
}

impl Fs {
    /// Fails for a file system whose size cannot be changed.
    fn check_resizable(&self) -> Result<()> {
        self.check_writable()?;
        let features = self.sb.lock().features();
        if features.ro_compat.contains(RoCompat::BIGALLOC) {
            return Err(Error::Unsupported(
                "a file system with the feature bigalloc cannot be resized".to_owned(),
            ));
        }
        Ok(())
    }
}
