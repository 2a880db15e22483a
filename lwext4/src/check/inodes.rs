//! Every inode: its fields, its map, its attributes, its size.

use super::map::{Mapped, Purpose};
use super::problem::{Problem, ProblemKind as Kind};
use super::state::{Checker, DirPlace, Seen};
use crate::ondisk::Le;
use crate::ondisk::features::{Compat, Incompat, RoCompat};
use crate::ondisk::inode::{InodeFlags, RawInode};
use crate::types::{FileType, Ino};

/// How much of a table is read at once, in bytes.
const BATCH: usize = 256 << 10;

impl Checker<'_> {
    /// Reads every inode that may be in use.
    pub(super) fn check_inodes(&mut self) {
        let size = usize::from(self.geo.inode_size);
        let mut table = Vec::new();
        for group in 0..self.geo.groups() {
            let count = self.initialised(group) as usize;
            if self.bad_groups.contains(&group) {
                self.incomplete = true;
                continue;
            }
            let Some(desc) = self.groups.get(group as usize).copied() else {
                continue;
            };
            let first = group * self.geo.inodes_per_group + 1;
            let per_batch = BATCH / size;
            for start in (0..count).step_by(per_batch) {
                let n = per_batch.min(count - start);
                table.resize(n * size, 0);
                let block_size = self.geo.block_size as usize;
                let block = desc.inode_table.0 + (start * size / block_size) as u64;
                // Batches are whole blocks: a batch and a block are powers of two.
                if !self.read(block, &mut table) {
                    self.incomplete = true;
                    continue;
                }
                for (i, bytes) in table.chunks_exact(size).enumerate() {
                    let ino = Ino(first + (start + i) as u32);
                    if bytes.iter().any(|&byte| byte != 0) || ino.0 < self.geo.first_ino {
                        self.check_inode(ino, &RawInode::from_bytes(bytes));
                    }
                }
            }
        }
    }

    fn check_inode(&mut self, ino: Ino, raw: &RawInode) {
        let reserved = ino.0 < self.geo.first_ino;
        let empty = raw.as_bytes().iter().all(|&byte| byte == 0);
        if self.geo.has_csum() && !empty && !raw.verify(self.geo.seed, ino) {
            self.bad_inode(Kind::Checksum, ino, "the inode's checksum is wrong");
        }
        let orphan = self.seen(ino.0).is_some_and(|seen| seen.has(Seen::ORPHAN));
        let root = ino == Ino::ROOT;
        if raw.links_count() == 0 && !orphan && !reserved {
            if raw.dtime() == 0 && raw.mode() != 0 {
                self.bad_inode(Kind::Inode, ino, "deleted, but without a deletion time");
            } else if raw.dtime() != 0 && self.is_orphan_pointer(raw.dtime()) {
                self.bad_inode(Kind::Orphan, ino, "part of a broken orphan list");
            }
            return;
        }
        let kind = (raw.mode() >> 12) as u8;
        if let Some(seen) = self.seen_mut(ino.0) {
            seen.links = raw.links_count();
            seen.kind = kind;
            seen.flags |= Seen::USED;
        }
        self.summary.inodes += 1;
        if !reserved && !orphan && raw.dtime() != 0 {
            self.bad_inode(Kind::Inode, ino, "in use, but has a deletion time");
        }
        if root && !raw.is_dir() {
            self.bad_inode(Kind::Inode, ino, "the root is not a directory");
        }
        if root && raw.dtime() != 0 {
            self.bad_inode(Kind::Inode, ino, "the root has a deletion time");
        }
        if reserved && !root && !self.check_reserved_mode(ino, raw) {
            return;
        }
        if !reserved || root {
            self.check_fields(ino, raw);
        }
        let xattr_blocks = self.check_xattrs(ino, raw);
        let mapped = self.check_map(ino, raw);
        if mapped.bad {
            self.flag(ino.0, Seen::UNREADABLE);
        }
        self.check_size(ino, raw, &mapped);
        self.count_usage(ino, raw);
        // The counts mean little when the map could not be followed.
        if !mapped.bad {
            self.check_block_count(ino, raw, mapped.blocks(self.cluster_bits) + xattr_blocks);
        }
        if raw.is_dir() && (!reserved || root) {
            self.summary.directories += 1;
            self.dirs.insert(ino.0, DirPlace::default());
        }
    }

    /// Whether a deletion time is rather a number of the orphan list, on a machine whose clock works.
    fn is_orphan_pointer(&self, dtime: u32) -> bool {
        let clock_works = [self.sb.wtime(), self.sb.mtime(), self.sb.mkfs_time()]
            .iter()
            .any(|&time| time > self.geo.inodes());
        clock_works && dtime <= self.geo.inodes()
    }

    /// Checks an inode that has a number for a purpose; whether there is more to check.
    fn check_reserved_mode(&mut self, ino: Ino, raw: &RawInode) -> bool {
        let features = self.geo.features;
        let kind = raw.file_type();
        let quota = [
            self.sb.usr_quota_inum(),
            self.sb.grp_quota_inum(),
            self.sb.prj_quota_inum(),
        ];
        if ino == Ino::RESIZE {
            // `reserved.rs` looks inside.
            if features.compat.contains(Compat::RESIZE_INODE) {
                return true;
            }
            if raw.links_count() != 0
                || raw.sectors(512) != 0
                || raw.block().iter().any(|&b| b != 0)
            {
                let text = "an inode for descriptor blocks without resize_inode";
                self.bad_inode(Kind::ResizeInode, ino, text);
            }
            return false;
        }
        let file = (features.compat.contains(Compat::HAS_JOURNAL)
            && ino.0 == self.sb.journal_inum())
            || (features.ro_compat.contains(RoCompat::QUOTA) && quota.contains(&ino.0))
            || (features.compat.contains(Compat::ORPHAN_FILE)
                && ino.0 == self.sb.orphan_file_inum());
        if file {
            if kind != Some(FileType::Regular) {
                self.bad_inode(Kind::Inode, ino, "a reserved inode is not a regular file");
            }
        } else if ino.0 == 5 {
            if raw.is_dir() {
                self.bad_inode(Kind::Inode, ino, "the boot loader's inode is a directory");
            }
        } else if ino.0 != 1 && raw.mode() != 0 {
            self.bad_inode(Kind::Inode, ino, "a reserved inode has a mode");
        }
        true
    }

    /// Checks the fields that a type allows or forbids.
    fn check_fields(&mut self, ino: Ino, raw: &RawInode) {
        let features = self.geo.features;
        let flags = raw.flags();
        let kind = raw.file_type();
        if kind.is_none() {
            self.bad_inode(Kind::Inode, ino, "the mode names no file type");
        }
        let bytes = raw.as_bytes();
        if u32::get(bytes, 0x70) != 0 {
            self.bad_inode(Kind::Inode, ino, "fields of fragments are set");
        }
        if raw.file_acl_hi() != 0 && !features.incompat.contains(Incompat::BIT64) {
            self.bad_inode(
                Kind::Inode,
                ino,
                "high bits of the attribute block without 64bit",
            );
        }
        if raw.blocks_hi() != 0 && !features.ro_compat.contains(RoCompat::HUGE_FILE) {
            self.bad_inode(
                Kind::Inode,
                ino,
                "high bits of the block count without huge_file",
            );
        }
        if flags.contains(InodeFlags::IMAGIC) && !features.compat.contains(Compat::IMAGIC_INODES) {
            self.bad_inode(Kind::Inode, ino, "the flag imagic without the feature");
        }
        let inline = flags.contains(InodeFlags::INLINE_DATA);
        if inline && !features.incompat.contains(Incompat::INLINE_DATA) {
            self.bad_inode(
                Kind::Inode,
                ino,
                "data inside the inode without inline_data",
            );
        }
        if inline && flags.contains(InodeFlags::EXTENTS) {
            self.bad_inode(Kind::Inode, ino, "both extents and data inside the inode");
        }
        if flags.contains(InodeFlags::ENCRYPT) && !features.incompat.contains(Incompat::ENCRYPT) {
            self.bad_inode(Kind::Inode, ino, "encrypted without the feature encrypt");
        }
        if flags.contains(InodeFlags::CASEFOLD)
            && !(features.incompat.contains(Incompat::CASEFOLD)
                && kind == Some(FileType::Directory))
        {
            self.bad_inode(Kind::Inode, ino, "the flag casefold where it means nothing");
        }
        if flags.contains(InodeFlags::VERITY)
            && !(features.ro_compat.contains(RoCompat::VERITY) && kind == Some(FileType::Regular))
        {
            self.bad_inode(Kind::Inode, ino, "the flag verity where it means nothing");
        }
        if flags.contains(InodeFlags::EA_INODE) {
            if features.incompat.contains(Incompat::EA_INODE) {
                self.flag(ino.0, Seen::VALUE);
            } else {
                self.bad_inode(Kind::Inode, ino, "an attribute's value without ea_inode");
            }
        }
        self.check_extra_size(ino, raw);
        match kind {
            Some(
                FileType::CharDevice | FileType::BlockDevice | FileType::Fifo | FileType::Socket,
            ) => self.check_special(ino, raw),
            Some(FileType::Directory) => {}
            _ => {
                let fixed = InodeFlags::IMMUTABLE | InodeFlags::APPEND;
                if kind == Some(FileType::Symlink) && flags.intersects(fixed) {
                    self.note_fixed(ino);
                }
                if flags.contains(InodeFlags::INDEX) {
                    self.bad_inode(Kind::Htree, ino, "a hash tree, but not a directory");
                }
            }
        }
    }

    /// The extra part must end inside the inode, and hold times that can be.
    fn check_extra_size(&mut self, ino: Ino, raw: &RawInode) {
        if self.geo.inode_size <= 128 {
            return;
        }
        let extra = raw.extra_isize();
        let most = self.geo.inode_size - 128;
        if extra != 0 && (extra < 4 || extra > most || !extra.is_multiple_of(4)) {
            self.bad_inode(Kind::Inode, ino, format!("an extra part of {extra} bytes"));
            return;
        }
        // Seconds with all bits of the epoch set and a sign are what old kernels made of times
        // before 1970.
        let bytes = raw.as_bytes();
        let negative = |at, more, end: u16| {
            extra >= end && u32::get(bytes, at) >> 31 == 1 && u32::get(bytes, more) & 3 == 3
        };
        if negative(0x0C, 0x84, 8) || negative(0x10, 0x88, 12) || negative(0x08, 0x8C, 16) {
            self.bad_inode(Kind::Inode, ino, "a time beyond the year 2310");
        }
    }

    /// A flag that does no harm where it is, but that no system call puts there.
    fn note_fixed(&mut self, ino: Ino) {
        let text = "neither a file nor a directory, but immutable or append-only";
        self.report(Problem::new(Kind::Inode, text).ino(ino).note());
    }

    /// Devices, pipes and sockets have no data.
    fn check_special(&mut self, ino: Ino, raw: &RawInode) {
        let flags = raw.flags();
        if flags.intersects(InodeFlags::EXTENTS | InodeFlags::INLINE_DATA | InodeFlags::INDEX) {
            self.bad_inode(Kind::Inode, ino, "a special file with flags of a map");
        }
        if flags.intersects(InodeFlags::IMMUTABLE | InodeFlags::APPEND) {
            self.note_fixed(ino);
        }
        if raw.size() != 0 {
            self.bad_inode(Kind::Size, ino, "a special file with a size");
        }
    }

    fn check_map(&mut self, ino: Ino, raw: &RawInode) -> Mapped {
        if ino == Ino::RESIZE {
            return self.walk_map(ino, raw, Purpose::Reserve);
        }
        // The list of bad blocks has no mode.
        let has_blocks = match raw.file_type() {
            Some(FileType::Regular | FileType::Directory) => true,
            Some(FileType::Symlink) => !is_fast_symlink(raw),
            _ => ino.0 == 1,
        };
        if !has_blocks || raw.flags().contains(InodeFlags::INLINE_DATA) {
            return Mapped::default();
        }
        self.walk_map(ino, raw, Purpose::Claim)
    }

    fn check_size(&mut self, ino: Ino, raw: &RawInode, mapped: &Mapped) {
        if raw.flags().contains(InodeFlags::INLINE_DATA) {
            self.check_inline_size(ino, raw);
            return;
        }
        let bits = self.geo.block_bits;
        let size = raw.size();
        let blocks = mapped.last.map_or(0, |last| last + 1);
        match raw.file_type() {
            Some(FileType::Directory) => {
                let low = u64::from(raw.size_lo());
                let large = self.geo.features.incompat.contains(Incompat::LARGEDIR);
                let size = if large { size } else { low };
                if !large && raw.size_hi() != 0 {
                    self.bad_inode(Kind::Size, ino, "a directory beyond 4 GiB");
                }
                if blocks == 0 && !mapped.bad {
                    self.bad_inode(Kind::Size, ino, "a directory without blocks");
                } else if (size & (u64::from(self.geo.block_size) - 1) != 0
                    || size >> bits != blocks)
                    && !mapped.bad
                {
                    let text = format!("a directory of {size} bytes has {blocks} blocks");
                    self.bad_inode(Kind::Size, ino, text);
                }
            }
            Some(FileType::Symlink) => self.check_symlink(ino, raw, mapped),
            Some(FileType::Regular) => {
                let beyond = mapped.last_written.is_some_and(|last| size < last << bits);
                if beyond && !raw.flags().contains(InodeFlags::VERITY) {
                    let text = format!("{size} bytes, but blocks with data behind them");
                    self.bad_inode(Kind::Size, ino, text);
                } else if size > self.largest(raw.flags().contains(InodeFlags::EXTENTS)) {
                    self.bad_inode(Kind::Size, ino, format!("{size} bytes are too many"));
                }
                if size >= 1 << 31 && !self.geo.features.ro_compat.contains(RoCompat::LARGE_FILE) {
                    self.bad_inode(Kind::Size, ino, "2 GiB or more without large_file");
                }
            }
            _ => {}
        }
    }

    /// The largest file, in bytes.
    fn largest(&self, extents: bool) -> u64 {
        let bits = self.geo.block_bits;
        if extents {
            return (1 << (32 + bits)) - 1;
        }
        let pointers = 1u64 << (bits - 2);
        let mapped = 12 + pointers + pointers.pow(2) + pointers.pow(3);
        // The count of 512-byte sectors must fit as well, unless it counts blocks.
        mapped.min(u64::from(u32::MAX)) << bits
    }

    fn check_block_count(&mut self, ino: Ino, raw: &RawInode, blocks: u64) {
        let huge = self.geo.features.ro_compat.contains(RoCompat::HUGE_FILE);
        let high = if huge {
            u64::from(raw.blocks_hi()) << 32
        } else {
            0
        };
        let stored = u64::from(raw.blocks_lo()) | high;
        let in_blocks = huge && raw.flags().contains(InodeFlags::HUGE_FILE);
        let unit = if in_blocks {
            1
        } else {
            u64::from(self.geo.block_size / 512)
        };
        let wanted = blocks * unit;
        if stored != wanted {
            let text = format!("counts {stored} blocks, has {wanted}");
            self.bad_inode(Kind::BlockCount, ino, text);
        }
    }
}

/// Whether a symlink's target is inside the inode.
pub(super) fn is_fast_symlink(raw: &RawInode) -> bool {
    raw.size() != 0 && raw.is_short()
}
