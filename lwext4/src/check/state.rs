//! What the passes of a check share.

use super::bits::Bits;
use super::problem::{Problem, ProblemKind};
use super::superblock::FileSystem;
use super::{Summary, quota, xattrs};
use crate::device::BlockDevice;
use crate::fs::Geometry;
use crate::ondisk::group_desc::{BLOCK_UNINIT, GroupDesc, INODE_UNINIT};
use crate::ondisk::inode::RawInode;
use crate::ondisk::superblock::Superblock;
use crate::types::Ino;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// What is known of an inode in use.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Entries that refer to it (for an attribute's inode: attributes).
    pub references: u32,
    /// Its link count.
    pub links: u16,
    /// Its mode's type bits, shifted down.
    pub kind: u8,
    pub flags: u8,
}

impl Seen {
    /// In use.
    pub const USED: u8 = 1;
    /// Holds an attribute's value.
    pub const VALUE: u8 = 2;
    /// Its map makes no sense: it cannot be read.
    pub const UNREADABLE: u8 = 4;
    /// On the orphan list.
    pub const ORPHAN: u8 = 8;

    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub fn is_dir(&self) -> bool {
        self.kind == 4
    }
}

/// A directory's place in the tree.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DirPlace {
    /// The directory that has an entry for it; 0: none was found.
    pub parent: u32,
    /// Where its `..` leads; 0: it was not read.
    pub dotdot: u32,
}

pub(super) struct Checker<'a> {
    pub dev: Arc<dyn BlockDevice>,
    pub geo: Geometry,
    pub sb: Superblock,
    /// log2 of the blocks in a cluster.
    pub cluster_bits: u32,
    pub groups: Vec<GroupDesc>,
    /// Groups whose descriptor is not to be trusted: their inodes are not read.
    pub bad_groups: HashSet<u32>,
    /// Clusters in use.
    pub used: Bits,
    /// What is known of the inodes of each group, where any is in use.
    pub seen: Vec<Option<Box<[Seen]>>>,
    pub dirs: BTreeMap<u32, DirPlace>,
    pub shared_xattrs: HashMap<u64, xattrs::Shared>,
    pub usage: quota::Usage,
    /// Some directory could not be read: inodes without a name are its, perhaps.
    pub incomplete: bool,
    pub summary: Summary,
    report: &'a mut dyn FnMut(Problem),
}

impl<'a> Checker<'a> {
    pub fn new(opened: FileSystem, report: &'a mut dyn FnMut(Problem)) -> Checker<'a> {
        let FileSystem {
            dev,
            sb,
            geo,
            summary,
        } = opened;
        let groups = geo.groups() as usize;
        let cluster_bits = geo.cluster_bits;
        Checker {
            used: Bits::new(u64::from(geo.clusters_per_group()), groups),
            cluster_bits,
            groups: Vec::with_capacity(groups),
            bad_groups: HashSet::new(),
            seen: (0..groups).map(|_| None).collect(),
            dirs: BTreeMap::new(),
            shared_xattrs: HashMap::new(),
            usage: quota::Usage::default(),
            incomplete: false,
            dev,
            geo,
            sb,
            summary,
            report,
        }
    }

    pub fn report(&mut self, problem: Problem) {
        if problem.serious {
            self.summary.problems += 1;
        } else {
            self.summary.notes += 1;
        }
        (self.report)(problem);
    }

    /// Reports a problem of an inode.
    pub fn bad_inode(&mut self, kind: ProblemKind, ino: Ino, text: impl Into<String>) {
        self.report(Problem::new(kind, text).ino(ino));
    }

    /// Says that something was not checked.
    pub fn not_checked(&mut self, text: impl Into<String>) {
        let text = format!("not checked: {}", text.into());
        self.report(Problem::new(ProblemKind::NotChecked, text).note());
    }

    pub fn finish(self) -> Summary {
        self.summary
    }

    /// Reads a block; `None` when the device fails, which is reported.
    pub fn read_block(&mut self, block: u64) -> Option<Vec<u8>> {
        let mut bytes = vec![0; self.geo.block_size as usize];
        self.read(block, &mut bytes).then_some(bytes)
    }

    /// Fills `buf` from block `block` on; false when the device fails, which is reported.
    pub fn read(&mut self, block: u64, buf: &mut [u8]) -> bool {
        let at = block.checked_mul(u64::from(self.geo.block_size));
        let read = at.map(|at| self.dev.read_at(buf, at));
        match read {
            Some(Ok(())) => true,
            Some(Err(error)) => {
                self.report(Problem::new(ProblemKind::Read, error.to_string()).block(block));
                false
            }
            None => false,
        }
    }

    /// Whether blocks `start..start + len` are inside the file system.
    pub fn inside(&self, start: u64, len: u64) -> bool {
        start >= self.geo.first_data_block.max(1)
            && start
                .checked_add(len)
                .is_some_and(|end| end <= self.geo.blocks())
    }

    /// The cluster of a block, counted from the first group's start.
    pub fn cluster(&self, block: u64) -> u64 {
        block.saturating_sub(self.geo.first_data_block) >> self.cluster_bits
    }

    /// Marks blocks as used. Gives how many clusters were not used before, and the first block that
    /// was.
    pub fn claim(&mut self, start: u64, len: u64) -> (u64, Option<u64>) {
        if len == 0 {
            return (0, None);
        }
        let first = self.cluster(start);
        let count = self.cluster(start + len - 1) - first + 1;
        let (before, at) = self.used.set(first, count);
        let block = |cluster: u64| (cluster << self.cluster_bits) + self.geo.first_data_block;
        (count - before, at.map(block))
    }

    /// Inodes of a group that may be in use.
    pub fn initialised(&self, group: u32) -> u32 {
        let all = self.geo.inodes_per_group;
        match self.groups.get(group as usize) {
            Some(_) if !self.geo.has_group_csum() => all,
            Some(desc) if desc.flags & INODE_UNINIT == 0 => all.saturating_sub(desc.itable_unused),
            _ => 0,
        }
    }

    /// Whether a group's block bitmap is not there.
    pub fn blocks_uninit(&self, group: u32) -> bool {
        self.geo.has_group_csum()
            && self
                .groups
                .get(group as usize)
                .is_some_and(|desc| desc.flags & BLOCK_UNINIT != 0)
    }

    /// What is known of an inode; `None` when it is out of range, or nothing of its group is in use.
    pub fn seen(&self, ino: u32) -> Option<&Seen> {
        let index = ino.checked_sub(1)?;
        let group = self
            .seen
            .get((index / self.geo.inodes_per_group) as usize)?;
        group
            .as_ref()?
            .get((index % self.geo.inodes_per_group) as usize)
    }

    /// [`Self::seen`], to be changed; `None` when the number is out of range.
    pub fn seen_mut(&mut self, ino: u32) -> Option<&mut Seen> {
        let index = ino.checked_sub(1)?;
        let per_group = self.geo.inodes_per_group;
        let group = self.seen.get_mut((index / per_group) as usize)?;
        group
            .get_or_insert_with(|| vec![Seen::default(); per_group as usize].into_boxed_slice())
            .get_mut((index % per_group) as usize)
    }

    pub fn is_used(&self, ino: u32) -> bool {
        self.seen(ino).is_some_and(|seen| seen.has(Seen::USED))
    }

    /// Marks what is known of an inode.
    pub fn flag(&mut self, ino: u32, flag: u8) {
        if let Some(seen) = self.seen_mut(ino) {
            seen.flags |= flag;
        }
    }

    /// Reads an inode of the table.
    pub fn read_inode(&mut self, ino: u32) -> Option<RawInode> {
        let index = ino.checked_sub(1)?;
        let group = index / self.geo.inodes_per_group;
        if self.bad_groups.contains(&group) {
            return None;
        }
        let table = self.groups.get(group as usize)?.inode_table;
        let within = u64::from(index % self.geo.inodes_per_group) * u64::from(self.geo.inode_size);
        let at = self.geo.offset(table).checked_add(within)?;
        let mut bytes = vec![0; usize::from(self.geo.inode_size)];
        match self.dev.read_at(&mut bytes, at) {
            Ok(()) => Some(RawInode::from_bytes(&bytes)),
            Err(error) => {
                self.report(Problem::new(ProblemKind::Read, error.to_string()).ino(Ino(ino)));
                None
            }
        }
    }
}
