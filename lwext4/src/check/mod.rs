//! Checking a whole file system, as `e2fsck -fn` does: nothing is changed.
//!
//! 1. the superblock and the groups' descriptors (`superblock.rs`, `groups.rs`);
//! 2. every inode, its map and its attributes (`inodes.rs`, `map.rs`, `extents.rs`, `indirect.rs`,
//!    `xattrs.rs`), noting which blocks they use; the journal and other reserved inodes
//!    (`reserved.rs`);
//! 3. every directory (`dirs.rs`, `entries.rs`, `htree.rs`), noting who refers to which inode;
//! 4. parents and link counts (`links.rs`);
//! 5. bitmaps and counts against what the rest found in use (`bitmaps.rs`);
//! 6. the quota files against who was found to use what (`quota.rs`).
//!
//! Memory: a bit for each block and 8 bytes for each inode of the groups that are in use, and a few
//! words for each directory, and with quota for each user, group and project.

mod bitmaps;
mod bits;
mod dirs;
mod entries;
mod extents;
mod groups;
mod htree;
mod indirect;
mod inline;
mod inodes;
mod links;
mod map;
mod orphans;
mod problem;
mod quota;
mod reserved;
mod state;
mod superblock;
mod xattrs;

pub use problem::{Problem, ProblemKind};

use crate::device::BlockDevice;
use crate::error::Result;
use state::Checker;
use std::sync::Arc;

/// How to check.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// Check what lies under a journal that was not replayed, instead of what a replay gives.
    pub norecovery: bool,
}

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Problems found. Notes do not count.
    pub problems: u64,
    /// Notes.
    pub notes: u64,
    /// Inodes in use, reserved ones included.
    pub inodes: u64,
    /// Directories among them.
    pub directories: u64,
    /// Blocks in use, metadata included.
    pub blocks: u64,
    /// Transactions of the journal that were replayed in memory.
    pub replayed: u32,
}

/// Checks the file system on `device`, which is only read, and calls `report` for everything that is
/// wrong or worth a note. A journal that waits for its replay is replayed in memory.
///
/// # Errors
/// When the file system cannot be checked: it is none ([`crate::Error::NotExt4`]), it uses an unknown
/// feature ([`crate::Error::Unsupported`]), or the device fails at the superblock
/// ([`crate::Error::Io`]). Damage is never an error.
pub fn check(
    device: Arc<dyn BlockDevice>,
    options: &CheckOptions,
    report: &mut dyn FnMut(Problem),
) -> Result<Summary> {
    let opened = superblock::open(device, options, report)?;
    let Some(opened) = opened.file_system else {
        return Ok(opened.summary);
    };
    let mut checker = Checker::new(opened, report);
    checker.check_superblock();
    checker.check_groups();
    checker.mark_metadata();
    checker.check_orphans();
    checker.check_inodes();
    checker.check_reserved();
    checker.check_xattr_references();
    checker.check_directories();
    checker.check_links();
    checker.check_bitmaps();
    checker.check_quotas();
    Ok(checker.finish())
}
