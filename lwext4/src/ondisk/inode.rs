//! An inode: 128 bytes, and in larger inodes an extra part and room for extended attributes.
//!
//! Source: kernel documentation, ext4 "Index Nodes".

use super::checksum::crc32c;
use super::{Le, le_fields};
use crate::types::{FileType, Ino, Timestamp};

/// The size of the part that every inode has, in bytes.
pub const GOOD_OLD_SIZE: usize = 128;
/// Where `i_block` is.
pub const BLOCK_AT: usize = 0x28;
/// The size of `i_block`, in bytes.
pub const BLOCK_LEN: usize = 60;

bitflags::bitflags! {
    /// `i_flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct InodeFlags: u32 {
        /// Secure deletion (not implemented anywhere).
        const SECRM = 0x1;
        /// Undelete (not implemented anywhere).
        const UNRM = 0x2;
        /// Compress (not implemented).
        const COMPR = 0x4;
        /// All writes are synchronous.
        const SYNC = 0x8;
        /// Must not change.
        const IMMUTABLE = 0x10;
        /// May only grow.
        const APPEND = 0x20;
        /// Left out by dump(8).
        const NODUMP = 0x40;
        /// Access times are not kept.
        const NOATIME = 0x80;
        /// Encrypted.
        const ENCRYPT = 0x800;
        /// A hashed directory.
        const INDEX = 0x1000;
        /// AFS magic directory.
        const IMAGIC = 0x2000;
        /// Data is journaled.
        const JOURNAL_DATA = 0x4000;
        /// Tails are not merged.
        const NOTAIL = 0x8000;
        /// Changes of the directory are synchronous.
        const DIRSYNC = 0x10000;
        /// Top of a directory hierarchy, for the allocator.
        const TOPDIR = 0x20000;
        /// `blocks` counts file-system blocks, not sectors.
        const HUGE_FILE = 0x40000;
        /// Maps blocks by extents.
        const EXTENTS = 0x80000;
        /// Verity protected.
        const VERITY = 0x100000;
        /// Holds an extended attribute's value.
        const EA_INODE = 0x200000;
        /// Direct access.
        const DAX = 0x2000000;
        /// Data is inside the inode.
        const INLINE_DATA = 0x10000000;
        /// Children inherit the project.
        const PROJINHERIT = 0x20000000;
        /// Names are case-insensitive.
        const CASEFOLD = 0x40000000;
        const _ = !0;
    }
}

/// An inode, as the bytes on disk: fields that nobody here knows survive.
///
/// Fields of the extra part read as 0 where the inode has no room for them, and storing them there
/// does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawInode {
    bytes: Box<[u8]>,
}

le_fields! { RawInode {
    /// Type and permissions.
    0x00 u16, mode, set_mode;
    /// Owner, low 16 bits.
    0x02 u16, uid_lo, set_uid_lo;
    /// Size in bytes, low 32 bits.
    0x04 u32, size_lo, set_size_lo;
    /// Last access, low 32 bits of the seconds.
    0x08 u32, atime_raw, set_atime_raw;
    /// Last change of the inode, low 32 bits of the seconds.
    0x0C u32, ctime_raw, set_ctime_raw;
    /// Last change of the data, low 32 bits of the seconds.
    0x10 u32, mtime_raw, set_mtime_raw;
    /// Deletion time in seconds; for an orphan, the next orphan's inode number.
    0x14 u32, dtime, set_dtime;
    /// Group, low 16 bits.
    0x18 u16, gid_lo, set_gid_lo;
    /// Hard links.
    0x1A u16, links_count, set_links_count;
    /// Blocks, low 32 bits.
    0x1C u32, blocks_lo, set_blocks_lo;
    /// [`InodeFlags`].
    0x20 u32, flags_raw, set_flags_raw;
    /// Version, low 32 bits.
    0x24 u32, version_lo, set_version_lo;
    /// Generation, for NFS and checksums.
    0x64 u32, generation, set_generation;
    /// Block of extended attributes, low 32 bits.
    0x68 u32, file_acl_lo, set_file_acl_lo;
    /// Size in bytes, high 32 bits (not of directories in old images).
    0x6C u32, size_hi, set_size_hi;
    /// Blocks, bits 32–47.
    0x74 u16, blocks_hi, set_blocks_hi;
    /// Block of extended attributes, bits 32–47.
    0x76 u16, file_acl_hi, set_file_acl_hi;
    /// Owner, high 16 bits.
    0x78 u16, uid_hi, set_uid_hi;
    /// Group, high 16 bits.
    0x7A u16, gid_hi, set_gid_hi;
    /// Checksum, low 16 bits.
    0x7C u16, checksum_lo, set_checksum_lo;
} }

const EXTRA_ISIZE: usize = 0x80;
const CHECKSUM_HI: usize = 0x82;
const CTIME_EXTRA: usize = 0x84;
const MTIME_EXTRA: usize = 0x88;
const ATIME_EXTRA: usize = 0x8C;
const CRTIME: usize = 0x90;
const CRTIME_EXTRA: usize = 0x94;
const VERSION_HI: usize = 0x98;
const PROJID: usize = 0x9C;

impl RawInode {
    /// Takes an inode's bytes as they are on disk.
    pub fn from_bytes(bytes: &[u8]) -> RawInode {
        RawInode {
            bytes: bytes.into(),
        }
    }

    /// An all-zero inode of `size` bytes whose extra part has `extra_isize` bytes (0 when `size` is
    /// 128).
    pub fn new(size: usize, extra_isize: u16) -> RawInode {
        let mut inode = RawInode {
            bytes: vec![0; size.max(GOOD_OLD_SIZE)].into(),
        };
        if size > GOOD_OLD_SIZE {
            extra_isize.put(&mut inode.bytes, EXTRA_ISIZE);
        }
        inode
    }

    /// The bytes as they go to disk.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of the extra part, as stored; 0 in small inodes.
    pub fn extra_isize(&self) -> u16 {
        u16::get(&self.bytes, EXTRA_ISIZE)
    }

    /// Whether the extra part holds the 4 bytes at `at`.
    fn has_extra(&self, at: usize) -> bool {
        GOOD_OLD_SIZE + usize::from(self.extra_isize()) >= at + 4 && self.bytes.len() >= at + 4
    }

    fn extra(&self, at: usize) -> u32 {
        if self.has_extra(at) {
            u32::get(&self.bytes, at)
        } else {
            0
        }
    }

    fn set_extra(&mut self, at: usize, value: u32) {
        if self.has_extra(at) {
            value.put(&mut self.bytes, at);
        }
    }

    /// What follows the extra part: extended attributes inside the inode. Empty in small inodes and
    /// where the extra part's size makes no sense.
    pub fn xattr_area(&self) -> &[u8] {
        let start = GOOD_OLD_SIZE + usize::from(self.extra_isize());
        if self.bytes.len() <= GOOD_OLD_SIZE {
            return &[];
        }
        self.bytes.get(start..).unwrap_or(&[])
    }

    /// [`Self::xattr_area`], to be changed.
    pub fn xattr_area_mut(&mut self) -> &mut [u8] {
        let start = GOOD_OLD_SIZE + usize::from(self.extra_isize());
        if self.bytes.len() <= GOOD_OLD_SIZE {
            return &mut [];
        }
        self.bytes.get_mut(start..).unwrap_or(&mut [])
    }

    /// `i_block`: the map's root, a short symlink's target, or a device number.
    pub fn block(&self) -> &[u8] {
        &self.bytes[BLOCK_AT..BLOCK_AT + BLOCK_LEN]
    }

    /// Whether `i_block` would hold data of the inode's size: the target of a short symlink.
    pub fn is_short(&self) -> bool {
        self.size() < self.block().len() as u64
    }

    /// [`Self::block`], to be changed.
    pub fn block_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[BLOCK_AT..BLOCK_AT + BLOCK_LEN]
    }

    /// The flags.
    pub fn flags(&self) -> InodeFlags {
        InodeFlags::from_bits_retain(self.flags_raw())
    }

    /// Sets [`Self::flags`].
    pub fn set_flags(&mut self, flags: InodeFlags) {
        self.set_flags_raw(flags.bits());
    }

    /// The file's type, or `None` when the mode names none.
    pub fn file_type(&self) -> Option<FileType> {
        FileType::from_mode(self.mode())
    }

    /// Whether the mode says directory.
    pub fn is_dir(&self) -> bool {
        self.file_type() == Some(FileType::Directory)
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        u64::from(self.size_lo()) | u64::from(self.size_hi()) << 32
    }

    /// Sets [`Self::size`].
    pub fn set_size(&mut self, size: u64) {
        self.set_size_lo(size as u32);
        self.set_size_hi((size >> 32) as u32);
    }

    /// Owner.
    pub fn uid(&self) -> u32 {
        u32::from(self.uid_lo()) | u32::from(self.uid_hi()) << 16
    }

    /// Sets [`Self::uid`].
    pub fn set_uid(&mut self, uid: u32) {
        self.set_uid_lo(uid as u16);
        self.set_uid_hi((uid >> 16) as u16);
    }

    /// Group.
    pub fn gid(&self) -> u32 {
        u32::from(self.gid_lo()) | u32::from(self.gid_hi()) << 16
    }

    /// Sets [`Self::gid`].
    pub fn set_gid(&mut self, gid: u32) {
        self.set_gid_lo(gid as u16);
        self.set_gid_hi((gid >> 16) as u16);
    }

    /// Block of extended attributes; 0: none.
    pub fn file_acl(&self) -> u64 {
        u64::from(self.file_acl_lo()) | u64::from(self.file_acl_hi()) << 32
    }

    /// Sets [`Self::file_acl`].
    pub fn set_file_acl(&mut self, block: u64) {
        self.set_file_acl_lo(block as u32);
        self.set_file_acl_hi((block >> 32) as u16);
    }

    /// Sectors of 512 bytes that the file takes, in a file system of `block_size` bytes a block.
    pub fn sectors(&self, block_size: u32) -> u64 {
        let count = u64::from(self.blocks_lo()) | u64::from(self.blocks_hi()) << 32;
        if self.flags().contains(InodeFlags::HUGE_FILE) {
            count.saturating_mul(u64::from(block_size / 512))
        } else {
            count
        }
    }

    /// Stores the sectors that the file takes, in file-system blocks where 48 bits of sectors do not
    /// suffice.
    pub fn set_sectors(&mut self, sectors: u64, block_size: u32) {
        let huge = sectors >= 1 << 48;
        let mut flags = self.flags();
        flags.set(InodeFlags::HUGE_FILE, huge);
        self.set_flags(flags);
        let count = if huge {
            sectors / u64::from(block_size / 512)
        } else {
            sectors
        };
        self.set_blocks_lo(count as u32);
        self.set_blocks_hi((count >> 32) as u16);
    }

    /// Project id.
    pub fn projid(&self) -> u32 {
        self.extra(PROJID)
    }

    /// Sets [`Self::projid`].
    pub fn set_projid(&mut self, id: u32) {
        self.set_extra(PROJID, id);
    }

    /// Last access.
    pub fn atime(&self) -> Timestamp {
        decode_time(self.atime_raw(), self.extra(ATIME_EXTRA))
    }

    /// Sets [`Self::atime`].
    pub fn set_atime(&mut self, time: Timestamp) {
        let (secs, extra) = encode_time(time, self.has_extra(ATIME_EXTRA));
        self.set_atime_raw(secs);
        self.set_extra(ATIME_EXTRA, extra);
    }

    /// Last change of the inode.
    pub fn ctime(&self) -> Timestamp {
        decode_time(self.ctime_raw(), self.extra(CTIME_EXTRA))
    }

    /// Sets [`Self::ctime`].
    pub fn set_ctime(&mut self, time: Timestamp) {
        let (secs, extra) = encode_time(time, self.has_extra(CTIME_EXTRA));
        self.set_ctime_raw(secs);
        self.set_extra(CTIME_EXTRA, extra);
    }

    /// Last change of the data.
    pub fn mtime(&self) -> Timestamp {
        decode_time(self.mtime_raw(), self.extra(MTIME_EXTRA))
    }

    /// Sets [`Self::mtime`].
    pub fn set_mtime(&mut self, time: Timestamp) {
        let (secs, extra) = encode_time(time, self.has_extra(MTIME_EXTRA));
        self.set_mtime_raw(secs);
        self.set_extra(MTIME_EXTRA, extra);
    }

    /// Creation, or `None` where the inode has no room for it.
    pub fn crtime(&self) -> Option<Timestamp> {
        self.has_extra(CRTIME)
            .then(|| decode_time(self.extra(CRTIME), self.extra(CRTIME_EXTRA)))
    }

    /// Sets [`Self::crtime`].
    pub fn set_crtime(&mut self, time: Timestamp) {
        let (secs, extra) = encode_time(time, self.has_extra(CRTIME_EXTRA));
        self.set_extra(CRTIME, secs);
        self.set_extra(CRTIME_EXTRA, extra);
    }

    /// Change counter.
    pub fn version(&self) -> u64 {
        u64::from(self.version_lo()) | u64::from(self.extra(VERSION_HI)) << 32
    }

    /// Sets [`Self::version`].
    pub fn set_version(&mut self, version: u64) {
        self.set_version_lo(version as u32);
        self.set_extra(VERSION_HI, (version >> 32) as u32);
    }

    /// What a device inode names: (major, minor). Old 8:8 bits in the first word, new 12:20 bits in
    /// the second.
    pub fn device(&self) -> (u32, u32) {
        let old = u32::get(self.block(), 0);
        if old != 0 {
            (old >> 8 & 0xFF, old & 0xFF)
        } else {
            let new = u32::get(self.block(), 4);
            (new >> 8 & 0xFFF, new & 0xFF | new >> 12 & 0xF_FF00)
        }
    }

    /// Sets [`Self::device`]; the old form where it suffices.
    pub fn set_device(&mut self, major: u32, minor: u32) {
        let (old, new) = if major < 256 && minor < 256 {
            (major << 8 | minor, 0)
        } else {
            (
                0,
                minor & 0xFF | (major & 0xFFF) << 8 | (minor & 0xF_FF00) << 12,
            )
        };
        old.put(self.block_mut(), 0);
        new.put(self.block_mut(), 4);
    }

    /// The checksum that the bytes should carry for inode `ino`; only its low 16 bits are stored in
    /// small inodes. `seed` is the file system's checksum seed.
    pub fn computed_checksum(&self, seed: u32, ino: Ino) -> u32 {
        let mut crc = owner_seed(seed, ino, self.generation());
        crc = crc32c(crc, &self.bytes[..0x7C]);
        crc = crc32c(crc, &[0, 0]);
        crc = crc32c(crc, &self.bytes[0x7E..GOOD_OLD_SIZE]);
        if self.bytes.len() > GOOD_OLD_SIZE {
            if self.has_checksum_hi() {
                crc = crc32c(crc, &self.bytes[GOOD_OLD_SIZE..CHECKSUM_HI]);
                crc = crc32c(crc, &[0, 0]);
                crc = crc32c(crc, &self.bytes[CHECKSUM_HI + 2..]);
            } else {
                crc = crc32c(crc, &self.bytes[GOOD_OLD_SIZE..]);
            }
        }
        crc
    }

    fn has_checksum_hi(&self) -> bool {
        self.bytes.len() > GOOD_OLD_SIZE
            && GOOD_OLD_SIZE + usize::from(self.extra_isize()) >= CHECKSUM_HI + 2
    }

    /// Stores the right checksum.
    pub fn seal(&mut self, seed: u32, ino: Ino) {
        let crc = self.computed_checksum(seed, ino);
        self.set_checksum_lo(crc as u16);
        if self.has_checksum_hi() {
            ((crc >> 16) as u16).put(&mut self.bytes, CHECKSUM_HI);
        }
    }

    /// Whether the stored checksum is right for inode `ino`.
    pub fn verify(&self, seed: u32, ino: Ino) -> bool {
        let crc = self.computed_checksum(seed, ino);
        self.checksum_lo() == crc as u16
            && (!self.has_checksum_hi() || u16::get(&self.bytes, CHECKSUM_HI) == (crc >> 16) as u16)
    }
}

/// What the checksums of everything that belongs to an inode start with.
pub fn owner_seed(seed: u32, ino: Ino, generation: u32) -> u32 {
    crc32c(
        crc32c(seed, &ino.0.to_le_bytes()),
        &generation.to_le_bytes(),
    )
}

/// The extra word has two bits of epoch (times 2^32 seconds, added to the signed low word) and 30
/// bits of nanoseconds.
fn decode_time(secs: u32, extra: u32) -> Timestamp {
    Timestamp {
        secs: i64::from(secs as i32) + (i64::from(extra & 3) << 32),
        nanos: (extra >> 2).min(999_999_999),
    }
}

/// Times outside of what the inode can hold are clamped to its first or last second, which have no
/// nanoseconds, as in the kernel.
fn encode_time(time: Timestamp, wide: bool) -> (u32, u32) {
    let last = if wide {
        (3 << 32) + i64::from(i32::MAX)
    } else {
        i64::from(i32::MAX)
    };
    let first = i64::from(i32::MIN);
    let secs = time.secs.clamp(first, last);
    let nanos = if secs == first || secs == last {
        0
    } else {
        time.nanos
    };
    let low = secs as u32;
    let epoch = (secs - i64::from(low as i32)) >> 32;
    (low, (epoch as u32 & 3) | nanos << 2)
}

#[cfg(test)]
mod tests;
