//! Making a file system: our own mkfs, with the layout of mke2fs.
//!
//! `docs/format.md` says what is made and where it differs from mke2fs.
//!
//! Inode tables, unused bitmaps and the journal are left as the zeroes that the device holds (or gets
//! by [`BlockDevice::punch`]), so the work follows from the number of flex groups and not of blocks.

mod files;
mod geometry;
mod layout;
mod map;
mod options;
mod space;
mod write;

pub use options::{Erase, FeatureEdits, FormatOptions, JournalSize};

use crate::device::BlockDevice;
use crate::error::{Error, Result};
use crate::ondisk::checksum::crc32c;
use crate::ondisk::features::{Compat, Features, Incompat};
use crate::ondisk::inode::RawInode;
use crate::ondisk::superblock::{FLAG_SIGNED_HASH, MAGIC, STATE_VALID, Superblock};
use crate::types::{Ino, Timestamp};
use files::Files;
use geometry::Geometry;
use layout::Layout;
use write::{Seals, Writer};

/// The device needs so many blocks for a journal to be made by default, and a journal so many itself.
const MIN_FOR_JOURNAL: u64 = 2048;
const MIN_JOURNAL: u64 = 1024;
const MAX_JOURNAL: u64 = 10_240_000;

/// What was made.
#[derive(Clone, Debug, PartialEq)]
pub struct FormatReport {
    /// Block size in bytes.
    pub block_size: u32,
    /// Cluster size in bytes; the block size without bigalloc.
    pub cluster_size: u64,
    /// Inode size in bytes.
    pub inode_size: u16,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks.
    pub free_blocks: u64,
    /// Blocks that only the reserved user may take.
    pub reserved_blocks: u64,
    /// Block groups.
    pub groups: u32,
    /// Inodes in all.
    pub inodes: u32,
    /// Free inodes.
    pub free_inodes: u32,
    /// Blocks of the journal; 0: there is none.
    pub journal_blocks: u32,
    /// The features that it has.
    pub features: Features,
    /// Its UUID.
    pub uuid: [u8; 16],
    /// Bytes at the device's end that it does not use.
    pub unused_bytes: u64,
}

/// Makes a file system that fills `device`. Everything but the primary superblock is durable before
/// that is written, so an interrupted call leaves no file system that looks whole.
///
/// # Errors
/// [`Error::InvalidOption`] for options that make no sense, alone, together, or for the device's size;
/// [`Error::Unsupported`] for a feature that cannot be produced (nothing is written in either case);
/// [`Error::Io`] when the device or the source of random numbers fails.
///
/// ```
/// use lwext4::{FormatOptions, MemDevice, format};
/// let device = MemDevice::new(64 << 20);
/// let report = format(&device, &FormatOptions::default())?;
/// assert_eq!(report.block_size, 1024);
/// # Ok::<(), lwext4::Error>(())
/// ```
pub fn format(device: &dyn BlockDevice, options: &FormatOptions) -> Result<FormatReport> {
    check(options)?;
    let mut features = options::features(options)?;
    let size = device.size();
    let mut geometry = Geometry::new(size, options, features)?;
    let journal = journal_blocks(&geometry, options.journal)?;
    if journal.is_none() && features.compat.contains(Compat::HAS_JOURNAL) {
        // The device is too small: what depends on a journal goes with it.
        features
            .compat
            .remove(Compat::HAS_JOURNAL | Compat::ORPHAN_FILE | Compat::FAST_COMMIT);
        geometry = Geometry::new(size, options, features)?;
    }
    let features = geometry.features;
    let journal = journal.map(|count| split_journal(count, features));

    let uuid = options.uuid.map_or_else(random_uuid, Ok)?;
    let hash_seed = options.hash_seed.map_or_else(random_uuid, Ok)?;
    let now = options.time.unwrap_or_else(Timestamp::now);
    let seals = Seals {
        seed: crc32c(!0, &uuid),
        uuid,
    };

    let mut layout = Layout::new(&geometry)?;
    let overhead = geometry.clusters(layout.space.taken())
        + journal.map_or(0, |(count, _)| geometry.clusters(u64::from(count)));
    let mut files = Files {
        layout: &mut layout,
        now,
        seed: seals.seed,
        blocks: Vec::new(),
        inodes: Vec::new(),
    };
    let root = (options.root_uid, options.root_gid, options.root_perm);
    let journal_inode = files.make(root, journal, uuid)?;
    let used_inodes = files.inodes.len() as u32;

    let mut superblock = superblock(&geometry, options, now, uuid, hash_seed);
    superblock.set_overhead_clusters(overhead as u32);
    superblock.set_free_inodes_count(geometry.inodes() - used_inodes);
    let free_blocks = geometry.blocks - files.layout.space.taken();
    superblock.set_free_blocks_count(free_blocks);
    if let Some(inode) = journal_inode {
        back_up_journal(&mut superblock, &inode);
    }

    erase(device, options.erase, files.layout)?;
    let mut writer = Writer::new(device);
    let descs = write::tables(&mut writer, files, &seals)?;
    write::descriptors(&mut writer, &geometry, &superblock, &descs)?;
    writer.flush()?;
    superblock.set_kbytes_written(writer.written.div_ceil(1024) + 1);
    write::superblock(&mut writer, &superblock)?;
    writer.flush()?;

    Ok(FormatReport {
        block_size: geometry.block_size,
        cluster_size: u64::from(geometry.block_size) << geometry.cluster_bits,
        inode_size: geometry.inode_size,
        blocks: geometry.blocks,
        free_blocks,
        reserved_blocks: superblock.r_blocks_count(),
        groups: geometry.groups,
        inodes: geometry.inodes(),
        free_inodes: superblock.free_inodes_count(),
        journal_blocks: journal.map_or(0, |(count, _)| count),
        features,
        uuid,
        unused_bytes: size - geometry.blocks * u64::from(geometry.block_size),
    })
}

/// Checks the options that need no geometry.
fn check(options: &FormatOptions) -> Result<()> {
    if options.label.len() > 16 {
        return Err(Error::InvalidOption(format!(
            "the label has {} bytes; 16 are the most",
            options.label.len()
        )));
    }
    if !(0.0..=50.0).contains(&options.reserved_percent) {
        return Err(Error::InvalidOption(format!(
            "bad share of reserved blocks, {} per cent: 0 to 50 are possible",
            options.reserved_percent
        )));
    }
    Ok(())
}

/// The journal's size in blocks, or `None` when there is to be none.
fn journal_blocks(geometry: &Geometry, size: JournalSize) -> Result<Option<u64>> {
    if !geometry.features.compat.contains(Compat::HAS_JOURNAL) {
        return Ok(None);
    }
    let mebi = u64::from((1 << 20) / geometry.block_size);
    let count = match size {
        JournalSize::None => return Ok(None),
        JournalSize::Auto => {
            const K: u64 = 1024;
            return Ok(match geometry.blocks {
                blocks if blocks < MIN_FOR_JOURNAL => None,
                blocks if blocks < 32 * K => Some(1024),
                blocks if blocks < 256 * K => Some(4096),
                blocks if blocks < 512 * K => Some(8192),
                blocks if blocks < 4096 * K => Some(16384),
                blocks if blocks < 8192 * K => Some(32768),
                blocks if blocks < 16384 * K => Some(65536),
                blocks if blocks < 32768 * K => Some(131_072),
                _ => Some(262_144),
            });
        }
        JournalSize::Blocks(count) => u64::from(count),
        JournalSize::MiB(count) => u64::from(count) * mebi,
    };
    if !(MIN_JOURNAL..=MAX_JOURNAL).contains(&count) {
        return Err(Error::InvalidOption(format!(
            "bad journal size: {MIN_JOURNAL} to {MAX_JOURNAL} blocks are possible, {count} are asked for"
        )));
    }
    if count > (geometry.blocks - geometry.first_block) / 2 {
        return Err(Error::InvalidOption(format!(
            "a journal of {count} blocks is too large for a file system of {}",
            geometry.blocks
        )));
    }
    Ok(Some(count))
}

/// The journal's blocks in all, and those of them for fast commits.
fn split_journal(count: u64, features: Features) -> (u32, u32) {
    let fast = if features.compat.contains(Compat::FAST_COMMIT) {
        count / 64
    } else {
        0
    };
    ((count + fast) as u32, fast as u32)
}

/// A random UUID (version 4).
fn random_uuid() -> Result<[u8; 16]> {
    use std::io::Read;
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|source| Error::io("reading random numbers", source))?;
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    Ok(bytes)
}

/// The superblock without counts of what is free.
fn superblock(
    geometry: &Geometry,
    options: &FormatOptions,
    now: Timestamp,
    uuid: [u8; 16],
    hash_seed: [u8; 16],
) -> Superblock {
    let features = geometry.features;
    let mut sb = Superblock::default();
    sb.set_features(features);
    sb.set_magic(MAGIC);
    sb.set_rev_level(1);
    sb.set_state(STATE_VALID);
    sb.set_errors(1);
    sb.set_max_mnt_count(u16::MAX);
    sb.set_uuid(uuid);
    sb.set_label(&options.label);
    sb.set_inodes_count(geometry.inodes());
    sb.set_blocks_count(geometry.blocks);
    sb.set_r_blocks_count(geometry.reserved);
    sb.set_first_data_block(geometry.first_block as u32);
    let log = (geometry.block_size / 1024).trailing_zeros();
    sb.set_log_block_size(log);
    sb.set_log_cluster_size(log + geometry.cluster_bits);
    sb.set_blocks_per_group(geometry.blocks_per_group);
    sb.set_clusters_per_group(geometry.blocks_per_group >> geometry.cluster_bits);
    sb.set_inodes_per_group(geometry.inodes_per_group);
    sb.set_first_ino(geometry::FIRST_INO);
    sb.set_inode_size(geometry.inode_size);
    if geometry.inode_size > 128 {
        sb.set_min_extra_isize(files::EXTRA_ISIZE);
        sb.set_want_extra_isize(files::EXTRA_ISIZE);
    }
    sb.set_reserved_gdt_blocks(geometry.reserved_gdt as u16);
    if features.incompat.contains(Incompat::BIT64) {
        sb.set_desc_size(geometry.desc_size);
    }
    sb.set_backup_bg0(geometry.backup_groups[0]);
    sb.set_backup_bg1(geometry.backup_groups[1]);
    if geometry.flex > 1 {
        sb.set_log_groups_per_flex(geometry.flex.trailing_zeros() as u8);
    }
    if geometry.metadata_csum() {
        sb.set_checksum_type(1);
    }
    if features.incompat.contains(Incompat::CSUM_SEED) {
        sb.set_checksum_seed(crc32c(!0, &uuid));
    }
    // User attributes and ACLs are on.
    sb.set_default_mount_opts(0x4 | 0x8);
    sb.set_hash_seed(hash_seed);
    sb.set_def_hash_version(1); // half MD4
    sb.set_flags(FLAG_SIGNED_HASH);
    if features.compat.contains(Compat::ORPHAN_FILE) {
        sb.set_orphan_file_inum(files::ORPHAN_FILE.0);
    }
    let secs = now.secs.max(0);
    let high = (secs >> 32) as u8;
    sb.set_wtime(secs as u32);
    sb.set_wtime_hi(high);
    sb.set_lastcheck(secs as u32);
    sb.set_lastcheck_hi(high);
    sb.set_mkfs_time(secs as u32);
    sb.set_mkfs_time_hi(high);
    sb
}

fn back_up_journal(superblock: &mut Superblock, inode: &RawInode) {
    superblock.set_journal_inum(Ino::JOURNAL.0);
    superblock.set_jnl_backup_type(1);
    superblock.set_journal_backup(inode.block(), inode.size());
}

/// Makes what the layout takes, or all, read as zeroes.
fn erase(device: &dyn BlockDevice, how: Erase, layout: &Layout<'_>) -> Result<()> {
    let punch = |offset, len| {
        device
            .punch(offset, len)
            .map_err(|source| Error::io("erasing the device", source))
    };
    match how {
        Erase::Nothing => Ok(()),
        Erase::Everything => punch(0, device.size()),
        Erase::Metadata => {
            let block_size = u64::from(layout.geometry.block_size);
            layout
                .space
                .runs(0..layout.geometry.blocks)
                .try_for_each(|run| {
                    punch(run.start * block_size, (run.end - run.start) * block_size)
                })
        }
    }
}
