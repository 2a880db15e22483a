//! The superblock: 1,024 bytes at byte 1,024 of the file system, with copies in some groups.
//!
//! Source: kernel documentation, ext4 "Super Block".

use super::checksum::crc32c;
use super::features::{Compat, Features, Incompat, RoCompat};
use super::{Le, le_fields};

/// Where the first superblock is, in bytes.
pub const OFFSET: u64 = 1024;
/// A superblock's size, in bytes.
pub const SIZE: usize = 1024;
/// The magic number.
pub const MAGIC: u16 = 0xEF53;

/// `state` bit: unmounted cleanly.
pub const STATE_VALID: u16 = 1;
/// `state` bit: errors were found.
pub const STATE_ERROR: u16 = 2;
/// `state` bit: orphans are being recovered.
pub const STATE_ORPHANS: u16 = 4;

/// `errors`: turn read-only when the file system is found to be damaged.
pub const ERRORS_READ_ONLY: u16 = 2;
/// `errors`: stop the machine then.
pub const ERRORS_PANIC: u16 = 3;

/// `flags` bit: directory hashes take names as signed bytes.
pub const FLAG_SIGNED_HASH: u32 = 1;
/// `flags` bit: directory hashes take names as unsigned bytes.
pub const FLAG_UNSIGNED_HASH: u32 = 2;

/// Four bytes that only file systems with snapshots use, which exist nowhere: see
/// [`Superblock::seal`].
const STEER: usize = 0x184;

/// The fields about errors: count, first and last.
const RECORD: std::ops::Range<usize> = 0x194..0x200;

/// A superblock, as the bytes on disk: fields that nobody here knows survive.
#[derive(Clone, PartialEq, Eq)]
pub struct Superblock {
    bytes: Box<[u8; SIZE]>,
}

le_fields! { Superblock {
    /// Inodes in all.
    0x00 u32, inodes_count, set_inodes_count;
    /// Blocks in all, low 32 bits.
    0x04 u32, blocks_count_lo, set_blocks_count_lo;
    /// Blocks only the reserved user may take, low 32 bits.
    0x08 u32, r_blocks_count_lo, set_r_blocks_count_lo;
    /// Free blocks, low 32 bits.
    0x0C u32, free_blocks_count_lo, set_free_blocks_count_lo;
    /// Free inodes.
    0x10 u32, free_inodes_count, set_free_inodes_count;
    /// The block that holds this superblock: 1 when blocks are 1 KiB, else 0.
    0x14 u32, first_data_block, set_first_data_block;
    /// Block size as a power: 1,024 << n bytes.
    0x18 u32, log_block_size, set_log_block_size;
    /// Cluster size as a power, likewise; equals the block size without bigalloc.
    0x1C u32, log_cluster_size, set_log_cluster_size;
    /// Blocks per group.
    0x20 u32, blocks_per_group, set_blocks_per_group;
    /// Clusters per group.
    0x24 u32, clusters_per_group, set_clusters_per_group;
    /// Inodes per group.
    0x28 u32, inodes_per_group, set_inodes_per_group;
    /// Last mount, seconds since 1970.
    0x2C u32, mtime, set_mtime;
    /// Last write, seconds since 1970.
    0x30 u32, wtime, set_wtime;
    /// Mounts since the last check.
    0x34 u16, mnt_count, set_mnt_count;
    /// Mounts after which a check is due; 0xFFFF (-1): never.
    0x36 u16, max_mnt_count, set_max_mnt_count;
    /// [`MAGIC`].
    0x38 u16, magic, set_magic;
    /// `STATE_*` bits.
    0x3A u16, state, set_state;
    /// On errors: 1 go on, 2 turn read-only, 3 panic.
    0x3C u16, errors, set_errors;
    /// Minor revision.
    0x3E u16, minor_rev_level, set_minor_rev_level;
    /// Last check, seconds since 1970.
    0x40 u32, lastcheck, set_lastcheck;
    /// Seconds between checks; 0: never.
    0x44 u32, checkinterval, set_checkinterval;
    /// Which system made it: 0 Linux.
    0x48 u32, creator_os, set_creator_os;
    /// 0: the original format; 1: with variable inode sizes and features.
    0x4C u32, rev_level, set_rev_level;
    /// User who may take reserved blocks.
    0x50 u16, def_resuid, set_def_resuid;
    /// Group that may take reserved blocks.
    0x52 u16, def_resgid, set_def_resgid;
    /// First inode that is not reserved (revision 1).
    0x54 u32, first_ino_raw, set_first_ino;
    /// Inode size in bytes (revision 1).
    0x58 u16, inode_size_raw, set_inode_size;
    /// Group that holds this copy.
    0x5A u16, block_group_nr, set_block_group_nr;
    /// See [`Compat`].
    0x5C u32, feature_compat, set_feature_compat;
    /// See [`Incompat`].
    0x60 u32, feature_incompat, set_feature_incompat;
    /// See [`RoCompat`].
    0x64 u32, feature_ro_compat, set_feature_ro_compat;
    /// Descriptor blocks reserved for growing.
    0xCE u16, reserved_gdt_blocks, set_reserved_gdt_blocks;
    /// The journal's inode.
    0xE0 u32, journal_inum, set_journal_inum;
    /// Device number of an external journal.
    0xE4 u32, journal_dev, set_journal_dev;
    /// Head of the orphan list: an inode, 0 when empty.
    0xE8 u32, last_orphan, set_last_orphan;
    /// Default hash of directories: 0 legacy, 1 half MD4, 2 TEA.
    0xFC u8, def_hash_version, set_def_hash_version;
    /// 1: `jnl_blocks` holds a copy of the journal inode's map.
    0xFD u8, jnl_backup_type, set_jnl_backup_type;
    /// Size of a group descriptor in bytes, with 64bit.
    0xFE u16, desc_size_raw, set_desc_size;
    /// Default mount options.
    0x100 u32, default_mount_opts, set_default_mount_opts;
    /// First meta block group.
    0x104 u32, first_meta_bg, set_first_meta_bg;
    /// When the file system was made, seconds since 1970.
    0x108 u32, mkfs_time, set_mkfs_time;
    /// Blocks in all, high 32 bits.
    0x150 u32, blocks_count_hi, set_blocks_count_hi;
    /// Reserved blocks, high 32 bits.
    0x154 u32, r_blocks_count_hi, set_r_blocks_count_hi;
    /// Free blocks, high 32 bits.
    0x158 u32, free_blocks_count_hi, set_free_blocks_count_hi;
    /// Bytes that every inode's extra part has at least.
    0x15C u16, min_extra_isize, set_min_extra_isize;
    /// Bytes that a new inode's extra part gets.
    0x15E u16, want_extra_isize, set_want_extra_isize;
    /// `FLAG_*` bits.
    0x160 u32, flags, set_flags;
    /// Blocks a RAID chunk has.
    0x164 u16, raid_stride, set_raid_stride;
    /// Seconds between checks of multiple-mount protection.
    0x166 u16, mmp_update_interval, set_mmp_update_interval;
    /// Block of multiple-mount protection.
    0x168 u64, mmp_block, set_mmp_block;
    /// Blocks a RAID stripe has.
    0x170 u32, raid_stripe_width, set_raid_stripe_width;
    /// Groups of a flex group, as a power of two.
    0x174 u8, log_groups_per_flex, set_log_groups_per_flex;
    /// Checksum kind: 1 is CRC-32C.
    0x175 u8, checksum_type, set_checksum_type;
    /// KiB written in the file system's life.
    0x178 u64, kbytes_written, set_kbytes_written;
    /// Errors seen.
    0x194 u32, error_count, set_error_count;
    /// First error, seconds since 1970.
    0x198 u32, first_error_time, set_first_error_time;
    /// Inode of the first error.
    0x19C u32, first_error_ino, set_first_error_ino;
    /// Block of the first error.
    0x1A0 u64, first_error_block, set_first_error_block;
    /// Line of the first error.
    0x1C8 u32, first_error_line, set_first_error_line;
    /// Last error, seconds since 1970.
    0x1CC u32, last_error_time, set_last_error_time;
    /// Inode of the last error.
    0x1D0 u32, last_error_ino, set_last_error_ino;
    /// Line of the last error.
    0x1D4 u32, last_error_line, set_last_error_line;
    /// Block of the last error.
    0x1D8 u64, last_error_block, set_last_error_block;
    /// Inode of user quota.
    0x240 u32, usr_quota_inum, set_usr_quota_inum;
    /// Inode of group quota.
    0x244 u32, grp_quota_inum, set_grp_quota_inum;
    /// Blocks of overhead; 0: not known.
    0x248 u32, overhead_clusters, set_overhead_clusters;
    /// First group with a backup superblock, with sparse_super2.
    0x24C u32, backup_bg0, set_backup_bg0;
    /// Second group with a backup superblock, with sparse_super2.
    0x250 u32, backup_bg1, set_backup_bg1;
    /// Inode of lost+found.
    0x268 u32, lpf_ino, set_lpf_ino;
    /// Inode of project quota.
    0x26C u32, prj_quota_inum, set_prj_quota_inum;
    /// CRC-32C that metadata checksums start with, with metadata_csum_seed.
    0x270 u32, checksum_seed_raw, set_checksum_seed;
    /// `wtime`, bits 32–39.
    0x274 u8, wtime_hi, set_wtime_hi;
    /// `mtime`, bits 32–39.
    0x275 u8, mtime_hi, set_mtime_hi;
    /// `mkfs_time`, bits 32–39.
    0x276 u8, mkfs_time_hi, set_mkfs_time_hi;
    /// `lastcheck`, bits 32–39.
    0x277 u8, lastcheck_hi, set_lastcheck_hi;
    /// Encoding of file names, with casefold.
    0x27C u16, encoding, set_encoding;
    /// Flags of the encoding.
    0x27E u16, encoding_flags, set_encoding_flags;
    /// Inode of the orphan file.
    0x280 u32, orphan_file_inum, set_orphan_file_inum;
    /// CRC-32C of the bytes before it.
    0x3FC u32, checksum, set_checksum;
} }

impl std::fmt::Debug for Superblock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Superblock")
            .field("blocks", &self.blocks_count())
            .field("inodes", &self.inodes_count())
            .field("features", &self.features().names())
            .finish_non_exhaustive()
    }
}

impl Default for Superblock {
    fn default() -> Self {
        Superblock {
            bytes: Box::new([0; SIZE]),
        }
    }
}

impl Superblock {
    /// Takes the first 1,024 bytes of `bytes`, or `None` when there are fewer. Nothing is checked.
    pub fn from_bytes(bytes: &[u8]) -> Option<Superblock> {
        bytes.first_chunk().map(|chunk| Superblock {
            bytes: Box::new(*chunk),
        })
    }

    /// The bytes as they go to disk.
    pub fn as_bytes(&self) -> &[u8; SIZE] {
        &self.bytes
    }

    /// A range of the bytes: fields that are arrays.
    pub fn slice_mut(&mut self, range: std::ops::Range<usize>) -> &mut [u8] {
        &mut self.bytes[range]
    }

    /// Block size in bytes, or `None` when the field makes no sense (above 64 KiB).
    pub fn block_size(&self) -> Option<u32> {
        (self.log_block_size() <= 6).then(|| 1024 << self.log_block_size())
    }

    /// Inode size in bytes: 128 in revision 0.
    pub fn inode_size(&self) -> u16 {
        if self.rev_level() == 0 {
            128
        } else {
            self.inode_size_raw()
        }
    }

    /// First inode that is not reserved: 11 in revision 0.
    pub fn first_ino(&self) -> u32 {
        if self.rev_level() == 0 {
            11
        } else {
            self.first_ino_raw()
        }
    }

    /// The features; revision 0 has none.
    pub fn features(&self) -> Features {
        let mask = if self.rev_level() == 0 { 0 } else { u32::MAX };
        Features {
            compat: Compat::from_bits_retain(self.feature_compat() & mask),
            incompat: Incompat::from_bits_retain(self.feature_incompat() & mask),
            ro_compat: RoCompat::from_bits_retain(self.feature_ro_compat() & mask),
        }
    }

    /// Stores the features.
    pub fn set_features(&mut self, features: Features) {
        self.set_feature_compat(features.compat.bits());
        self.set_feature_incompat(features.incompat.bits());
        self.set_feature_ro_compat(features.ro_compat.bits());
    }

    fn is_64bit(&self) -> bool {
        self.features().incompat.contains(Incompat::BIT64)
    }

    fn joined(&self, lo: u32, hi: u32) -> u64 {
        u64::from(lo)
            | if self.is_64bit() {
                u64::from(hi) << 32
            } else {
                0
            }
    }

    /// Blocks in all.
    pub fn blocks_count(&self) -> u64 {
        self.joined(self.blocks_count_lo(), self.blocks_count_hi())
    }

    /// The file system's size in bytes; 0 when the block size makes no sense.
    pub fn size(&self) -> u64 {
        let block_size = u64::from(self.block_size().unwrap_or_default());
        self.blocks_count().saturating_mul(block_size)
    }

    /// Blocks reserved for the reserved user.
    pub fn r_blocks_count(&self) -> u64 {
        self.joined(self.r_blocks_count_lo(), self.r_blocks_count_hi())
    }

    /// Free blocks.
    pub fn free_blocks_count(&self) -> u64 {
        self.joined(self.free_blocks_count_lo(), self.free_blocks_count_hi())
    }

    /// Sets [`Self::blocks_count`].
    pub fn set_blocks_count(&mut self, count: u64) {
        self.set_blocks_count_lo(count as u32);
        if self.is_64bit() {
            self.set_blocks_count_hi((count >> 32) as u32);
        }
    }

    /// Sets [`Self::r_blocks_count`].
    pub fn set_r_blocks_count(&mut self, count: u64) {
        self.set_r_blocks_count_lo(count as u32);
        if self.is_64bit() {
            self.set_r_blocks_count_hi((count >> 32) as u32);
        }
    }

    /// Sets [`Self::free_blocks_count`].
    pub fn set_free_blocks_count(&mut self, count: u64) {
        self.set_free_blocks_count_lo(count as u32);
        if self.is_64bit() {
            self.set_free_blocks_count_hi((count >> 32) as u32);
        }
    }

    /// Size of a group descriptor in bytes: 32, or what 64bit says.
    pub fn desc_size(&self) -> u16 {
        if self.is_64bit() {
            self.desc_size_raw()
        } else {
            32
        }
    }

    /// The 128-bit UUID (0x68).
    pub fn uuid(&self) -> [u8; 16] {
        std::array::from_fn(|i| self.bytes[0x68 + i])
    }

    /// The UUID of the device that the journal is on (0xD0); all zeroes for one inside.
    pub fn journal_uuid(&self) -> [u8; 16] {
        std::array::from_fn(|i| self.bytes[0xD0 + i])
    }

    /// Sets [`Self::uuid`].
    pub fn set_uuid(&mut self, uuid: [u8; 16]) {
        self.bytes[0x68..0x78].copy_from_slice(&uuid);
    }

    /// The label (0x78, 16 bytes, padded with NUL), without its padding.
    pub fn label(&self) -> &[u8] {
        let field = &self.bytes[0x78..0x88];
        let len = field.iter().position(|&b| b == 0).unwrap_or(field.len());
        &field[..len]
    }

    /// Sets [`Self::label`]; what is beyond 16 bytes is cut off.
    pub fn set_label(&mut self, label: &[u8]) {
        let field = &mut self.bytes[0x78..0x88];
        field.fill(0);
        let len = label.len().min(16);
        field[..len].copy_from_slice(&label[..len]);
    }

    /// Where it was last mounted (0x88, 64 bytes, padded with NUL).
    pub fn last_mounted(&self) -> &[u8] {
        let field = &self.bytes[0x88..0xC8];
        let len = field.iter().position(|&b| b == 0).unwrap_or(field.len());
        &field[..len]
    }

    /// Sets [`Self::last_mounted`]; what is beyond 63 bytes is cut off.
    pub fn set_last_mounted(&mut self, path: &[u8]) {
        let field = &mut self.bytes[0x88..0xC8];
        field.fill(0);
        let len = path.len().min(63);
        field[..len].copy_from_slice(&path[..len]);
    }

    /// The four words that seed directory hashes (0xEC).
    pub fn hash_seed(&self) -> [u32; 4] {
        std::array::from_fn(|i| u32::get(&self.bytes[..], 0xEC + 4 * i))
    }

    /// Sets [`Self::hash_seed`] from the bytes of a UUID, as `mke2fs -E hash_seed` does.
    pub fn set_hash_seed(&mut self, seed: [u8; 16]) {
        self.bytes[0xEC..0xFC].copy_from_slice(&seed);
    }

    /// The copy of the journal inode's map and size (0x10C, 17 words) that `jnl_backup_type` 1
    /// announces: `i_block`, the size's high word, its low word.
    pub fn set_journal_backup(&mut self, block: &[u8], size: u64) {
        let len = block.len().min(60);
        self.bytes[0x10C..0x10C + len].copy_from_slice(&block[..len]);
        ((size >> 32) as u32).put(&mut self.bytes[..], 0x148);
        (size as u32).put(&mut self.bytes[..], 0x14C);
    }

    /// The inodes of the quota files of users, groups and projects; 0: none.
    pub fn quota_inums(&self) -> [u32; 3] {
        [
            self.usr_quota_inum(),
            self.grp_quota_inum(),
            self.prj_quota_inum(),
        ]
    }

    /// What metadata checksums start with: the stored seed, or the CRC-32C of the UUID.
    pub fn checksum_seed(&self) -> u32 {
        if self.features().incompat.contains(Incompat::CSUM_SEED) {
            self.checksum_seed_raw()
        } else {
            crc32c(!0, &self.uuid())
        }
    }

    /// The checksum that the bytes should carry.
    pub fn computed_checksum(&self) -> u32 {
        crc32c(!0, &self.bytes[..0x3FC])
    }

    /// Sets the checksum.
    ///
    /// A disk writes 512 bytes at once, and the checksum is in the second half of the superblock. So
    /// it stays what it was, and four bytes in the first half, of no use otherwise, make it right:
    /// then a write that is cut off between the halves leaves either the old superblock or the new
    /// one, as long as only the first half changes (all that changes in use is there).
    pub fn seal(&mut self) {
        let wrong = self.computed_checksum() ^ self.checksum();
        let behind = SIZE - 4 - STEER;
        let steer = u32::get(&self.bytes[..], STEER) ^ rewind(wrong, behind);
        steer.put(&mut self.bytes[..], STEER);
    }

    /// Records an error in the fields kept for it, with who found it. `function` is cut to 32 bytes.
    pub fn record_error(&mut self, now: u32, ino: u32, block: u64, function: &str, line: u32) {
        if self.error_count() == 0 {
            self.set_first_error_time(now);
            self.set_first_error_ino(ino);
            self.set_first_error_block(block);
            self.set_first_error_line(line);
            put_name(&mut self.bytes[0x1A8..0x1C8], function);
        }
        self.set_last_error_time(now);
        self.set_last_error_ino(ino);
        self.set_last_error_block(block);
        self.set_last_error_line(line);
        put_name(&mut self.bytes[0x1E0..0x200], function);
        self.set_error_count(self.error_count().saturating_add(1));
        self.set_state(self.state() | STATE_ERROR);
    }

    /// Takes over what another superblock of the file system has recorded.
    pub fn copy_errors(&mut self, other: &Superblock) {
        self.bytes[RECORD].copy_from_slice(&other.bytes[RECORD]);
        self.set_state(self.state() | STATE_ERROR);
    }
}

/// The register of a CRC-32C before it took `bytes` zero bytes and became `crc`.
fn rewind(crc: u32, bytes: usize) -> u32 {
    const POLYNOMIAL: u32 = 0x82F6_3B78;
    (0..bytes * 8).fold(crc, |crc, _| {
        if crc >> 31 == 1 {
            (crc ^ POLYNOMIAL) << 1 | 1
        } else {
            crc << 1
        }
    })
}

fn put_name(field: &mut [u8], name: &str) {
    field.fill(0);
    let len = name.len().min(field.len());
    field[..len].copy_from_slice(&name.as_bytes()[..len]);
}

#[cfg(test)]
mod tests;
