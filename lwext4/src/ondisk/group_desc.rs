//! A block group's descriptor: 32 bytes, 64 with the feature 64bit.
//!
//! Source: kernel documentation, ext4 "Block Group Descriptors".

use super::Le;
use super::checksum::{crc16, crc32c};
use super::features::{Features, RoCompat};
use crate::types::{BlockNo, GroupNo};

/// `flags` bit: no inode of the group is in use, and its inode bitmap may be garbage.
pub const INODE_UNINIT: u16 = 1;
/// `flags` bit: the block bitmap may be garbage; only the group's own metadata is in use.
pub const BLOCK_UNINIT: u16 = 2;
/// `flags` bit: the inode table was zeroed.
pub const INODE_ZEROED: u16 = 4;

const CHECKSUM_AT: usize = 0x1E;

/// A descriptor, decoded. Counts and checksums have their high halves joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupDesc {
    /// Block of the block bitmap.
    pub block_bitmap: BlockNo,
    /// Block of the inode bitmap.
    pub inode_bitmap: BlockNo,
    /// First block of the inode table.
    pub inode_table: BlockNo,
    /// Free blocks (clusters).
    pub free_blocks: u32,
    /// Free inodes.
    pub free_inodes: u32,
    /// Directories.
    pub used_dirs: u32,
    /// `*_UNINIT` and `*_ZEROED` bits.
    pub flags: u16,
    /// Inodes at the table's end that were never used.
    pub itable_unused: u32,
    /// Checksum of the block bitmap.
    pub block_bitmap_csum: u32,
    /// Checksum of the inode bitmap.
    pub inode_bitmap_csum: u32,
    /// Block of the snapshot exclusion bitmap (kept as found).
    pub exclude_bitmap: BlockNo,
}

impl GroupDesc {
    /// Decodes a descriptor of `bytes.len()` bytes (32 or more; high halves only from 64 on).
    pub fn decode(bytes: &[u8]) -> GroupDesc {
        let wide = bytes.len() >= 64;
        let hi32 = |at| {
            if wide {
                u64::from(u32::get(bytes, at)) << 32
            } else {
                0
            }
        };
        let hi16 = |at| {
            if wide {
                u32::from(u16::get(bytes, at)) << 16
            } else {
                0
            }
        };
        let lo32 = |at| u64::from(u32::get(bytes, at));
        let lo16 = |at| u32::from(u16::get(bytes, at));
        GroupDesc {
            block_bitmap: BlockNo(lo32(0x00) | hi32(0x20)),
            inode_bitmap: BlockNo(lo32(0x04) | hi32(0x24)),
            inode_table: BlockNo(lo32(0x08) | hi32(0x28)),
            free_blocks: lo16(0x0C) | hi16(0x2C),
            free_inodes: lo16(0x0E) | hi16(0x2E),
            used_dirs: lo16(0x10) | hi16(0x30),
            flags: u16::get(bytes, 0x12),
            exclude_bitmap: BlockNo(lo32(0x14) | hi32(0x34)),
            block_bitmap_csum: lo16(0x18) | hi16(0x38),
            inode_bitmap_csum: lo16(0x1A) | hi16(0x3A),
            itable_unused: lo16(0x1C) | hi16(0x32),
        }
    }

    /// Encodes into `bytes`, leaving the checksum (see [`seal`]) and unknown bytes alone.
    pub fn encode(&self, bytes: &mut [u8]) {
        let wide = bytes.len() >= 64;
        let mut word = |lo: usize, hi: usize, value: u64| {
            (value as u32).put(bytes, lo);
            if wide {
                ((value >> 32) as u32).put(bytes, hi);
            }
        };
        word(0x00, 0x20, self.block_bitmap.0);
        word(0x04, 0x24, self.inode_bitmap.0);
        word(0x08, 0x28, self.inode_table.0);
        word(0x14, 0x34, self.exclude_bitmap.0);
        let mut half = |lo: usize, hi: usize, value: u32| {
            (value as u16).put(bytes, lo);
            if wide {
                ((value >> 16) as u16).put(bytes, hi);
            }
        };
        half(0x0C, 0x2C, self.free_blocks);
        half(0x0E, 0x2E, self.free_inodes);
        half(0x10, 0x30, self.used_dirs);
        half(0x18, 0x38, self.block_bitmap_csum);
        half(0x1A, 0x3A, self.inode_bitmap_csum);
        half(0x1C, 0x32, self.itable_unused);
        self.flags.put(bytes, 0x12);
    }
}

/// The checksum that the descriptor `bytes` of `group` should carry, or `None` when the image has
/// none. `seed` is the file system's checksum seed, `uuid` its UUID.
pub fn computed_checksum(
    features: &Features,
    seed: u32,
    uuid: &[u8; 16],
    group: GroupNo,
    bytes: &[u8],
) -> Option<u16> {
    let number = group.0.to_le_bytes();
    let (before, after) = (
        &bytes[..CHECKSUM_AT],
        bytes.get(CHECKSUM_AT + 2..).unwrap_or(&[]),
    );
    if features.ro_compat.contains(RoCompat::METADATA_CSUM) {
        let crc = crc32c(crc32c(seed, &number), before);
        let crc = crc32c(crc32c(crc, &[0, 0]), after);
        Some(crc as u16)
    } else if features.ro_compat.contains(RoCompat::GDT_CSUM) {
        let crc = crc16(crc16(crc16(!0, uuid), &number), before);
        Some(crc16(crc, after))
    } else {
        None
    }
}

/// Stores the right checksum in the descriptor `bytes`.
pub fn seal(features: &Features, seed: u32, uuid: &[u8; 16], group: GroupNo, bytes: &mut [u8]) {
    if let Some(crc) = computed_checksum(features, seed, uuid, group, bytes) {
        crc.put(bytes, CHECKSUM_AT);
    }
}

/// Whether the descriptor `bytes` carries the right checksum (or the image has none).
pub fn verify(
    features: &Features,
    seed: u32,
    uuid: &[u8; 16],
    group: GroupNo,
    bytes: &[u8],
) -> bool {
    computed_checksum(features, seed, uuid, group, bytes)
        .is_none_or(|crc| crc == u16::get(bytes, CHECKSUM_AT))
}
