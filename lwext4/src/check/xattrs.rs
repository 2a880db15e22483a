//! Extended attributes, inside inodes and in blocks that inodes share.

use super::problem::{Problem, ProblemKind as Kind};
use super::state::{Checker, Seen};
use crate::ondisk::Le;
use crate::ondisk::features::Incompat;
use crate::ondisk::inode::{InodeFlags, RawInode};
use crate::ondisk::xattr::{self, Entry, Table, Value, index};
use crate::types::{BlockNo, FileType, Ino};

/// A block of attributes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared {
    /// Inodes that use it, as counted.
    users: u32,
    /// Inodes that use it, as the block says; `None` when the block makes no sense.
    stated: Option<u32>,
    /// Blocks that its values in inodes count for, in each user.
    value_blocks: u64,
}

/// An entry's hash as it is stored, with the entry.
type Hashed<'a> = (Entry<'a>, u32);

/// The entries of a table with their stored hashes, or what is wrong.
fn hashed<'a>(
    bytes: &'a [u8],
    table: &Table<'a>,
    first: usize,
) -> Result<Vec<Hashed<'a>>, &'static str> {
    table.check()?;
    let mut at = first;
    let mut found = Vec::new();
    for entry in table.entries() {
        let entry = entry?;
        found.push((entry, u32::get(bytes, at + 12)));
        at += (16 + entry.name.suffix.len()).next_multiple_of(4);
    }
    Ok(found)
}

/// The hash of an entry with its name's bytes taken as signed: what old kernels stored on some
/// machines.
fn signed_hash(entry: &Entry<'_>) -> Option<u32> {
    let Value::Here(value) = entry.value else {
        return None;
    };
    let name = entry.name.suffix.iter().fold(0u32, |hash, &byte| {
        hash.rotate_left(5) ^ i32::from(byte as i8) as u32
    });
    let words = value.chunks(4).map(|part| {
        let mut word = [0; 4];
        for (to, from) in word.iter_mut().zip(part) {
            *to = *from;
        }
        u32::from_le_bytes(word)
    });
    Some(words.fold(name, |hash, word| hash.rotate_left(16) ^ word))
}

impl Checker<'_> {
    /// Checks an inode's attributes. Gives the blocks that they count for in the inode.
    pub(super) fn check_xattrs(&mut self, ino: Ino, raw: &RawInode) -> u64 {
        let mut blocks = self.check_inside(ino, raw);
        let block = raw.file_acl();
        if block == 0 {
            return blocks;
        }
        if !self.inside(block, 1) {
            let problem = Problem::new(Kind::Xattr, "the attribute block is out of range");
            self.report(problem.ino(ino).block(block));
            return blocks;
        }
        let shared = match self.shared_xattrs.get_mut(&block) {
            Some(shared) => {
                shared.users = shared.users.saturating_add(1);
                *shared
            }
            None => {
                let shared = self.check_xattr_block(ino, block);
                self.shared_xattrs.insert(block, shared);
                shared
            }
        };
        blocks += (1 << self.cluster_bits) + shared.value_blocks;
        blocks
    }

    /// The attributes inside an inode.
    fn check_inside(&mut self, ino: Ino, raw: &RawInode) -> u64 {
        let extra = raw.extra_isize();
        if extra < 4 && extra != 0 || self.geo.inode_size <= 128 {
            return 0;
        }
        let area = raw.xattr_area();
        let Some(table) = Table::in_area(area) else {
            return 0;
        };
        // Values of attributes inside inodes need no hash; e2fsprogs stores one.
        match hashed(area, &table, 4) {
            Ok(entries) => self.check_entries(ino, None, &entries, false),
            Err(what) => {
                self.bad_inode(Kind::Xattr, ino, what);
                0
            }
        }
    }

    fn check_xattr_block(&mut self, ino: Ino, block: u64) -> Shared {
        let mut shared = Shared {
            users: 1,
            stated: None,
            value_blocks: 0,
        };
        let bad = |text: &str| Problem::new(Kind::Xattr, text).ino(ino).block(block);
        if self.claim(block, 1).1.is_some() {
            let text = "a block that something else uses, too";
            let problem = Problem::new(Kind::SharedBlock, text);
            self.report(problem.ino(ino).block(block));
        }
        let Some(bytes) = self.read_block(block) else {
            return shared;
        };
        if u32::get(&bytes, 0) != xattr::MAGIC || u32::get(&bytes, 8) != 1 {
            self.report(bad("no attribute block"));
            return shared;
        }
        let seed = self.geo.has_csum().then_some(self.geo.seed);
        let table = Table::in_block(&bytes);
        match hashed(&bytes, &table, xattr::BLOCK_HEADER) {
            Ok(entries) => {
                shared.value_blocks = self.check_entries(ino, Some(block), &entries, true);
            }
            Err(what) => {
                self.report(bad(what));
                return shared;
            }
        }
        if xattr::verify_block(&bytes, seed, BlockNo(block)).is_err() {
            let text = "the attribute block's checksum is wrong";
            let problem = Problem::new(Kind::Checksum, text);
            self.report(problem.ino(ino).block(block));
        }
        shared.stated = Some(xattr::refcount(&bytes));
        shared
    }

    /// Checks entries; gives the blocks that values in inodes count for.
    fn check_entries(
        &mut self,
        ino: Ino,
        block: Option<u64>,
        entries: &[Hashed<'_>],
        must_hash: bool,
    ) -> u64 {
        let mut blocks = 0;
        let mut problems: Vec<&'static str> = Vec::new();
        for (entry, stored) in entries {
            if let Value::Inode {
                ino: value, size, ..
            } = entry.value
            {
                let cluster = u64::from(self.geo.block_size) << self.cluster_bits;
                blocks += u64::from(size).div_ceil(cluster) << self.cluster_bits;
                let hash = self.refer_to_value(ino, value);
                let hash = hash.map(|hash| xattr::value_hash(entry.name.suffix, hash));
                // The hash of other names is signed or not, as the machine is that stored it.
                let ascii = entry.name.suffix.is_ascii() && *stored != 0;
                if ascii && hash.is_some_and(|hash| hash != *stored) {
                    problems.push("an attribute's hash is wrong, or that of its value");
                }
                continue;
            }
            let inline = entry.name.index == index::SYSTEM && entry.name.suffix == b"data";
            let wanted = must_hash || *stored != 0;
            if wanted && !inline && *stored != entry.hash() && Some(*stored) != signed_hash(entry) {
                problems.push("an attribute's hash is wrong");
            }
            if entry.name.suffix.is_empty() && entry.name.index == 0 {
                problems.push("an attribute without a name");
            }
        }
        for text in problems {
            let problem = Problem::new(Kind::Xattr, text).ino(ino);
            self.report(match block {
                Some(block) => problem.block(block),
                None => problem,
            });
        }
        blocks
    }

    /// An attribute's value is the content of inode `value`. Gives the value's hash, if it has one.
    fn refer_to_value(&mut self, ino: Ino, value: Ino) -> Option<u32> {
        let known = self.geo.features.incompat.contains(Incompat::EA_INODE);
        let raw = if known && value.0 >= self.geo.first_ino {
            self.read_inode(value.0)
        } else {
            None
        };
        let right = raw.filter(|raw| {
            raw.flags().contains(InodeFlags::EA_INODE)
                && raw.file_type() == Some(FileType::Regular)
                && raw.links_count() > 0
        });
        let Some(raw) = right else {
            let text = format!("an attribute's value is in inode {value}, which holds none");
            self.bad_inode(Kind::Xattr, ino, text);
            return None;
        };
        if let Some(seen) = self.seen_mut(value.0) {
            seen.flags |= Seen::VALUE;
            seen.references = seen.references.saturating_add(1);
        }
        // Lustre's inodes have no hash.
        Some(raw.atime_raw()).filter(|&hash| hash != 0)
    }

    /// Compares how many inodes use each block with what the block says.
    pub(super) fn check_xattr_references(&mut self) {
        let mut wrong: Vec<(u64, u32, u32)> = self
            .shared_xattrs
            .iter()
            .filter_map(|(block, shared)| Some((*block, shared.users, shared.stated?)))
            .filter(|(_, users, stated)| users != stated)
            .collect();
        wrong.sort_unstable();
        for (block, users, stated) in wrong {
            let text = format!("counts {stated} inodes that share it, has {users}");
            self.report(Problem::new(Kind::XattrReferences, text).block(block));
        }
        // What follows counts directory entries.
        self.shared_xattrs = Default::default();
    }
}
