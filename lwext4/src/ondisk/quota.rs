//! Quota files of the format "VFS v1" (revision 1): who uses how much, in a tree of ids.
//!
//! A file is a row of blocks of 1 KiB, whatever the file system's own are. Block 0 has a header and the
//! file's state; block 1 is the root of a tree of four levels, each chosen by a byte of the id, the
//! highest first; below it are leaves with a header and 14 entries each, of any ids. Blocks that the
//! tree gave up are in one list, leaves with room in another. Source: quota-tools' `quotaio_v2.h` and
//! the kernel's `quotaio_v2.h` and `quota_tree.h`.

use super::Le;

/// A block's size, in bytes.
pub const BLOCK: usize = 1024;
/// Levels of the tree above the leaves.
pub const DEPTH: usize = 4;
/// The block that is the tree's root.
pub const ROOT: u32 = 1;
/// An entry's size, in bytes.
pub const ENTRY: usize = 72;
/// A leaf's header, in bytes.
const LEAF_HEADER: usize = 16;
/// Entries of a leaf.
pub const SLOTS: usize = (BLOCK - LEAF_HEADER) / ENTRY;
/// The revision that is read and written.
const VERSION: u32 = 1;
/// Limits are in blocks of this many bytes.
const LIMIT_UNIT: u64 = 1024;

/// Whose usage a file counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaKind {
    /// Owners'.
    User,
    /// Groups'.
    Group,
    /// Projects'.
    Project,
}

impl QuotaKind {
    /// All three, in the order of the superblock's inode numbers.
    pub const ALL: [QuotaKind; 3] = [QuotaKind::User, QuotaKind::Group, QuotaKind::Project];

    fn magic(self) -> u32 {
        match self {
            QuotaKind::User => 0xD9C0_1F11,
            QuotaKind::Group => 0xD9C0_1927,
            QuotaKind::Project => 0xD9C0_3F14,
        }
    }

    /// What messages call it.
    pub fn name(self) -> &'static str {
        match self {
            QuotaKind::User => "user",
            QuotaKind::Group => "group",
            QuotaKind::Project => "project",
        }
    }
}

/// What block 0 says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Blocks in use, this one included.
    pub blocks: u32,
    /// The first block of the list of free blocks; 0: none.
    pub free_block: u32,
    /// The first leaf of the list of those with room; 0: none.
    pub free_entry: u32,
}

impl Info {
    /// Reads block 0 of a file of `size` bytes.
    ///
    /// # Errors
    /// What makes no sense.
    pub fn parse(block: &[u8], kind: QuotaKind, size: u64) -> Result<Info, &'static str> {
        if u32::get(block, 0) != kind.magic() {
            return Err("quota file: magic number");
        }
        if u32::get(block, 4) != VERSION {
            return Err("quota file: not of revision 1");
        }
        let info = Info {
            blocks: u32::get(block, 20),
            free_block: u32::get(block, 24),
            free_entry: u32::get(block, 28),
        };
        if info.blocks <= ROOT || u64::from(info.blocks) * BLOCK as u64 > size {
            return Err("quota file: block count");
        }
        let fits = |no: u32| no == 0 || info.holds(no);
        if !fits(info.free_block) || !fits(info.free_entry) {
            return Err("quota file: list of free blocks");
        }
        Ok(info)
    }

    /// Whether a block of the tree or of a list can have number `no`.
    pub fn holds(&self, no: u32) -> bool {
        no > ROOT && no < self.blocks
    }

    /// Stores what may change.
    pub fn store(&self, block: &mut [u8]) {
        self.blocks.put(block, 20);
        self.free_block.put(block, 24);
        self.free_entry.put(block, 28);
    }
}

/// Where `id` is in a block of the tree at `level` (0: the root).
fn index(id: u32, level: usize) -> usize {
    (id >> (24 - 8 * level.min(3)) & 0xFF) as usize
}

/// The block below one of the tree, for `id`; 0: none.
pub fn child(block: &[u8], id: u32, level: usize) -> u32 {
    u32::get(block, index(id, level) * 4)
}

/// Sets [`child`].
pub fn set_child(block: &mut [u8], id: u32, level: usize, no: u32) {
    no.put(block, index(id, level) * 4);
}

/// All blocks below one of the tree.
pub fn children(block: &[u8]) -> impl Iterator<Item = u32> + '_ {
    (0..BLOCK / 4)
        .map(|i| u32::get(block, i * 4))
        .filter(|&no| no != 0)
}

/// The next block in a list; 0: none.
pub fn next_free(block: &[u8]) -> u32 {
    u32::get(block, 0)
}

/// The block before in a list; 0: none.
pub fn prev_free(block: &[u8]) -> u32 {
    u32::get(block, 4)
}

/// Sets [`next_free`].
pub fn set_next_free(block: &mut [u8], no: u32) {
    no.put(block, 0);
}

/// Sets [`prev_free`].
pub fn set_prev_free(block: &mut [u8], no: u32) {
    no.put(block, 4);
}

/// How many entries of a leaf are in use.
pub fn entries(leaf: &[u8]) -> usize {
    usize::from(u16::get(leaf, 8))
}

/// Sets [`entries`].
pub fn set_entries(leaf: &mut [u8], count: usize) {
    (count as u16).put(leaf, 8);
}

/// The byte of a leaf that an entry starts at.
pub fn slot_at(slot: usize) -> usize {
    LEAF_HEADER + slot.min(SLOTS - 1) * ENTRY
}

/// The bytes of an entry.
fn slot_bytes(leaf: &[u8], slot: usize) -> &[u8] {
    leaf.get(slot_at(slot)..slot_at(slot) + ENTRY)
        .unwrap_or(&[])
}

/// The first slot without an entry.
pub fn free_slot(leaf: &[u8]) -> Option<usize> {
    (0..SLOTS).find(|&slot| slot_bytes(leaf, slot).iter().all(|&byte| byte == 0))
}

/// The entries of a leaf, with their slots.
pub fn leaf_entries(leaf: &[u8]) -> impl Iterator<Item = (usize, Entry)> + '_ {
    (0..SLOTS).filter_map(|slot| Some((slot, Entry::parse(slot_bytes(leaf, slot))?)))
}

/// What one id uses and may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The user, group or project.
    pub id: u32,
    /// Inodes it may have at most; 0: no limit.
    pub inode_hard: u64,
    /// Inodes it should have at most.
    pub inode_soft: u64,
    /// Inodes it has.
    pub inodes: u64,
    /// KiB it may have at most; 0: no limit.
    pub block_hard: u64,
    /// KiB it should have at most.
    pub block_soft: u64,
    /// Bytes it has.
    pub bytes: u64,
    /// When too many KiB become an error, seconds since 1970; 0: not too many.
    pub block_time: u64,
    /// When too many inodes do.
    pub inode_time: u64,
}

impl Entry {
    /// An entry of all zeroes: none. An entry of id 0 that counts nothing would look the same, so its
    /// last word is 1 on disk.
    pub fn parse(bytes: &[u8]) -> Option<Entry> {
        if bytes.iter().all(|&byte| byte == 0) {
            return None;
        }
        let word = |i: usize| u64::get(bytes, 8 * i);
        let mut entry = Entry {
            id: u32::get(bytes, 0),
            inode_hard: word(1),
            inode_soft: word(2),
            inodes: word(3),
            block_hard: word(4),
            block_soft: word(5),
            bytes: word(6),
            block_time: word(7),
            inode_time: word(8),
        };
        let marked = Entry {
            inode_time: 1,
            ..Entry::default()
        };
        if entry == marked {
            entry.inode_time = 0;
        }
        Some(entry)
    }

    /// The bytes as they go to disk.
    pub fn to_bytes(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        let mut inode_time = self.inode_time;
        if *self == Entry::default() {
            inode_time = 1;
        }
        self.id.put(&mut bytes, 0);
        let words = [
            self.inode_hard,
            self.inode_soft,
            self.inodes,
            self.block_hard,
            self.block_soft,
            self.bytes,
            self.block_time,
            inode_time,
        ];
        for (i, word) in words.into_iter().enumerate() {
            word.put(&mut bytes, 8 * (i + 1));
        }
        bytes
    }

    /// Whether the entry says nothing: neither usage nor limits.
    pub fn is_idle(&self) -> bool {
        let limits = [
            self.inode_hard,
            self.inode_soft,
            self.block_hard,
            self.block_soft,
        ];
        limits == [0; 4] && self.inodes == 0 && self.bytes == 0
    }

    /// Counts. Who gets below a limit again has time again.
    pub fn add(&mut self, bytes: i64, inodes: i64) {
        self.bytes = self.bytes.saturating_add_signed(bytes);
        self.inodes = self.inodes.saturating_add_signed(inodes);
        if bytes < 0 && self.bytes <= self.block_soft.saturating_mul(LIMIT_UNIT) {
            self.block_time = 0;
        }
        if inodes < 0 && self.inodes <= self.inode_soft {
            self.inode_time = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_nothing_is_still_one() {
        let root = Entry::default();
        assert!(root.is_idle());
        assert_eq!(Entry::parse(&root.to_bytes()), Some(root));
        assert_eq!(Entry::parse(&[0; ENTRY]), None);
        let user = Entry {
            id: 7,
            ..Entry::default()
        };
        assert_eq!(Entry::parse(&user.to_bytes()), Some(user));
    }

    #[test]
    fn grace_ends_below_the_limit() {
        let mut entry = Entry {
            id: 7,
            block_soft: 4,
            bytes: 8192,
            block_time: 99,
            inode_soft: 1,
            inodes: 3,
            inode_time: 77,
            ..Entry::default()
        };
        entry.add(-1024, -1);
        assert_eq!((entry.block_time, entry.inode_time), (99, 77));
        entry.add(-3072, -1);
        assert_eq!((entry.block_time, entry.inode_time), (0, 0));
        entry.add(i64::MIN, -9);
        assert_eq!((entry.bytes, entry.inodes), (0, 0));
    }

    #[test]
    fn ids_lead_through_the_tree_a_byte_at_a_time() {
        let mut block = [0; BLOCK];
        for (level, place) in [0x12, 0x34, 0x56, 0x78].into_iter().enumerate() {
            set_child(&mut block, 0x1234_5678, level, 9);
            assert_eq!(u32::get(&block, place * 4), 9);
            assert_eq!(child(&block, 0x1234_5678, level), 9);
        }
        assert_eq!(children(&block).count(), 4);
    }

    #[test]
    fn a_file_says_what_it_is() {
        let mut block = [0; BLOCK];
        QuotaKind::Group.magic().put(&mut block, 0);
        1u32.put(&mut block, 4);
        6u32.put(&mut block, 20);
        5u32.put(&mut block, 28);
        let parse = |block: &[u8], size| Info::parse(block, QuotaKind::Group, size);
        let info = parse(&block, 6144).unwrap();
        assert_eq!((info.blocks, info.free_block, info.free_entry), (6, 0, 5));
        assert!(parse(&block, 6143).is_err());
        assert!(Info::parse(&block, QuotaKind::User, 6144).is_err());
        6u32.put(&mut block, 28);
        assert!(parse(&block, 6144).is_err());
    }
}
