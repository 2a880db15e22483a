//! The state that every part of an open file system shares: its geometry, cache, transactions,
//! allocator and inodes.

use crate::alloc::Allocator;
use crate::bulk::DataQueue;
use crate::cache::{Block, BlockKind, Cache};
use crate::damage::Damage;
use crate::device::BlockDevice;
use crate::dimensions::{Dimensions, Live};
use crate::dir::fold::{STRICT, UTF8_12_1};
use crate::error::{Corrupt, Error, Result};
use crate::inode::{Generations, Inodes};
use crate::journal::{Journal, abort};
use crate::ondisk::features::{Bit, Features, Incompat, RoCompat};
use crate::ondisk::superblock::{FLAG_UNSIGNED_HASH, MAGIC, Superblock};
use crate::options::{Durability, OpenOptions};
use crate::orphan::Orphans;
use crate::quota::Quotas;
use crate::types::{BlockNo, GroupNo, Ino, Timestamp};
use crate::xattr::{SharedBlocks, SharedValues};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The largest cluster is 1 GiB, of blocks of 1 KiB.
const MAX_CLUSTER_BITS: u32 = 20;

/// Facts of an image. While it is open, only resizing changes any of them: its [`Dimensions`].
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    pub block_size: u32,
    /// log2 of the block size.
    pub block_bits: u32,
    pub first_data_block: u64,
    /// log2 of the blocks in a cluster, the unit of allocation; 0 without bigalloc.
    pub cluster_bits: u32,
    pub blocks_per_group: u32,
    pub inodes_per_group: u32,
    pub inode_size: u16,
    /// First inode that is not reserved.
    pub first_ino: u32,
    pub want_extra_isize: u16,
    pub desc_size: u16,
    pub features: Features,
    /// What metadata checksums start with.
    pub seed: u32,
    pub uuid: [u8; 16],
    pub hash_seed: [u32; 4],
    /// Hash of new directories (0 legacy, 1 half MD4, 2 TEA), without signedness.
    pub hash_version: u8,
    /// Whether names that cannot be folded are forbidden in directories that fold names.
    pub strict_names: bool,
    /// Whether hashes take names as unsigned bytes.
    pub unsigned_hash: bool,
    pub live: Live,
}

impl Geometry {
    /// Takes the facts from a superblock and checks that they fit each other and a device of
    /// `device_size` bytes.
    pub fn new(sb: &Superblock, device_size: u64) -> Result<Geometry> {
        let bad = |what| Err(Error::Corrupt(Corrupt::new(what)));
        if sb.magic() != MAGIC {
            return Err(Error::NotExt4("no ext4 superblock at byte 1024".into()));
        }
        if sb.rev_level() > 1 {
            return Err(Error::Unsupported(format!(
                "format revision {} is newer than 1",
                sb.rev_level()
            )));
        }
        let Some(block_size) = sb.block_size() else {
            return bad("superblock: block size beyond 64 KiB");
        };
        let features = sb.features();
        let bigalloc = features.ro_compat.contains(RoCompat::BIGALLOC);
        if !bigalloc && sb.log_cluster_size() != sb.log_block_size() && sb.log_cluster_size() != 0 {
            return bad("superblock: cluster size without bigalloc");
        }
        let inode_size = sb.inode_size();
        if inode_size < 128 || !inode_size.is_power_of_two() || u32::from(inode_size) > block_size {
            return bad("superblock: inode size");
        }
        let bits = block_size * 8;
        let cluster_bits = if bigalloc {
            match sb.log_cluster_size().checked_sub(sb.log_block_size()) {
                Some(bits) if bits <= MAX_CLUSTER_BITS => bits,
                _ => return bad("superblock: cluster size"),
            }
        } else {
            0
        };
        let blocks_per_group = sb.blocks_per_group();
        let inodes_per_group = sb.inodes_per_group();
        let inodes_per_block = block_size / u32::from(inode_size);
        let clusters_per_group = blocks_per_group >> cluster_bits;
        if clusters_per_group == 0
            || clusters_per_group > bits
            || !clusters_per_group.is_multiple_of(8)
            || clusters_per_group << cluster_bits != blocks_per_group
            || (bigalloc && clusters_per_group != sb.clusters_per_group())
        {
            return bad("superblock: blocks per group");
        }
        if inodes_per_group < inodes_per_block
            || inodes_per_group > bits
            || !inodes_per_group.is_multiple_of(8)
        {
            return bad("superblock: inodes per group");
        }
        let first_data_block = u64::from(sb.first_data_block());
        if first_data_block != u64::from(block_size == 1024 && !bigalloc) {
            return bad("superblock: first data block");
        }
        let blocks = sb.blocks_count();
        if blocks <= first_data_block {
            return bad("superblock: block count");
        }
        match blocks.checked_mul(u64::from(block_size)) {
            Some(size) if size <= device_size => {}
            Some(size) => {
                return Err(Error::CutShort {
                    expected: size,
                    actual: device_size,
                });
            }
            None => return bad("superblock: block count"),
        }
        let groups = (blocks - first_data_block).div_ceil(u64::from(blocks_per_group));
        let Ok(groups) = u32::try_from(groups) else {
            return bad("superblock: too many groups");
        };
        if u64::from(groups) * u64::from(inodes_per_group) != u64::from(sb.inodes_count()) {
            return bad("superblock: inode count does not fit the groups");
        }
        let desc_size = sb.desc_size();
        let wide = features.incompat.contains(Incompat::BIT64);
        if wide
            && (desc_size < 64 || !desc_size.is_power_of_two() || u32::from(desc_size) > block_size)
        {
            return bad("superblock: descriptor size");
        }
        let first_ino = sb.first_ino();
        if first_ino < 11 || first_ino > sb.inodes_count() {
            return bad("superblock: first inode");
        }
        if usize::from(sb.reserved_gdt_blocks()) > block_size as usize / 4 {
            return bad("superblock: reserved descriptor blocks");
        }
        if sb.log_groups_per_flex() > 31 {
            return bad("superblock: flex group size");
        }
        if features.incompat.contains(Incompat::CASEFOLD) && sb.encoding() != UTF8_12_1 {
            return Err(Error::Unsupported(format!(
                "feature casefold with the unknown encoding {}: the image was made by a newer tool",
                sb.encoding()
            )));
        }
        let room = inode_size.saturating_sub(128);
        Ok(Geometry {
            block_size,
            block_bits: block_size.trailing_zeros(),
            first_data_block,
            cluster_bits,
            blocks_per_group,
            inodes_per_group,
            inode_size,
            first_ino,
            want_extra_isize: match sb.want_extra_isize() {
                0 => 32.min(room),
                want if want <= room && want % 4 == 0 => want.max(32.min(room)),
                _ => 32.min(room),
            },
            desc_size,
            features,
            seed: sb.checksum_seed(),
            uuid: sb.uuid(),
            hash_seed: sb.hash_seed(),
            hash_version: sb.def_hash_version().min(2),
            strict_names: sb.encoding_flags() & STRICT != 0,
            unsigned_hash: sb.flags() & FLAG_UNSIGNED_HASH != 0,
            live: Live::new(Dimensions {
                blocks,
                groups,
                inodes: sb.inodes_count(),
                reserved_gdt_blocks: sb.reserved_gdt_blocks().into(),
                first_meta_bg: if features.incompat.contains(Incompat::META_BG) {
                    sb.first_meta_bg()
                } else {
                    u32::MAX
                },
                backup_bgs: [sb.backup_bg0(), sb.backup_bg1()],
            }),
        })
    }

    pub fn has_csum(&self) -> bool {
        self.features.ro_compat.contains(RoCompat::METADATA_CSUM)
    }

    /// Whether groups carry checksums and the uninit flags mean something.
    pub fn has_group_csum(&self) -> bool {
        self.features
            .ro_compat
            .intersects(RoCompat::METADATA_CSUM | RoCompat::GDT_CSUM)
    }

    /// Fails unless blocks `start..start + len` are inside the file system, behind the boot block.
    pub fn check_blocks(&self, start: BlockNo, len: u64) -> Result<()> {
        match start.0.checked_add(len) {
            Some(end) if end <= self.blocks() && start.0 >= self.first_data_block.max(1) => Ok(()),
            _ => Err(Corrupt::new("block number out of range")
                .block(start)
                .into()),
        }
    }

    /// The group a block is in.
    pub fn group_of(&self, block: BlockNo) -> GroupNo {
        let group =
            block.0.saturating_sub(self.first_data_block) / u64::from(self.blocks_per_group);
        GroupNo(
            u32::try_from(group)
                .unwrap_or(u32::MAX)
                .min(self.groups() - 1),
        )
    }

    /// The first block of a group.
    pub fn group_start(&self, group: GroupNo) -> BlockNo {
        BlockNo(self.first_data_block + u64::from(group.0) * u64::from(self.blocks_per_group))
    }

    /// How many blocks a group has: fewer in the last one.
    pub fn group_len(&self, group: GroupNo) -> u32 {
        let left = self.blocks() - self.group_start(group).0;
        left.min(u64::from(self.blocks_per_group)) as u32
    }

    /// Blocks of a group's inode table.
    pub fn table_blocks(&self) -> u32 {
        // Both factors have 16 bits, but for inodes per group with large blocks.
        (u64::from(self.inodes_per_group) * u64::from(self.inode_size) / u64::from(self.block_size))
            as u32
    }

    /// Which cluster of its group a block is in.
    pub fn cluster_in_group(&self, block: BlockNo) -> u64 {
        let start = self.group_start(self.group_of(block)).0;
        block.0.saturating_sub(start) >> self.cluster_bits
    }

    /// Blocks in a cluster.
    pub fn cluster_blocks(&self) -> u32 {
        1 << self.cluster_bits
    }

    /// How far into its cluster a block is, of the image or of a file.
    pub fn within_cluster(&self, block: u64) -> u32 {
        (block & (u64::from(self.cluster_blocks()) - 1)) as u32
    }

    /// How many clusters a group has, and bits its bitmap.
    pub fn group_clusters(&self, group: GroupNo) -> u32 {
        self.group_len(group).div_ceil(self.cluster_blocks())
    }

    /// [`Self::group_clusters`] of every group but the last.
    pub fn clusters_per_group(&self) -> u32 {
        self.blocks_per_group >> self.cluster_bits
    }

    /// The group of an inode, and the inode's number in it, from 0.
    pub fn inode_place(&self, ino: Ino) -> Result<(GroupNo, u32)> {
        if ino.0 == 0 || ino.0 > self.inodes() {
            return Err(Corrupt::new("inode number out of range").ino(ino).into());
        }
        let index = ino.0 - 1;
        Ok((
            GroupNo(index / self.inodes_per_group),
            index % self.inodes_per_group,
        ))
    }

    /// Bytes from the start of the image to a block.
    pub fn offset(&self, block: BlockNo) -> u64 {
        block.0 << self.block_bits
    }

    /// How many blocks `bytes` take, rounded up.
    pub fn blocks_for(&self, bytes: u64) -> u64 {
        bytes.div_ceil(u64::from(self.block_size))
    }
}

/// Writes of so many bytes begin to be flushed at once.
pub(crate) const EARLY_FROM: usize = 128 * 1024;

/// An open file system.
pub(crate) struct Fs {
    pub geo: Geometry,
    pub dev: Arc<dyn BlockDevice>,
    pub options: OpenOptions,
    pub cache: Cache,
    pub journal: Journal,
    pub alloc: Allocator,
    pub inodes: Inodes,
    pub xattrs: SharedBlocks,
    pub values: SharedValues,
    pub orphans: Orphans,
    pub quotas: Quotas,
    pub damage: Damage,
    /// Taken first by every rename: directories move under it only.
    pub renames: Mutex<()>,
    pub sb: Mutex<Superblock>,
    /// What the superblock is to say of the overhead when the volume is closed, if that changed.
    pub new_overhead: Mutex<Option<u32>>,
    /// Blocks that are freed stay unused while the file system is open: the old state still needs them.
    pub keep_freed: bool,
    /// Set when an error made further writing unsafe.
    pub aborted: AtomicBool,
    /// Held by who changes the size. Taken without a handle.
    pub resizing: Mutex<()>,
    /// Set when the volume turned out not to be able to grow when it is full.
    pub keeps_size: AtomicBool,
    /// Set when the device turned out not to take space back.
    pub keeps_space: AtomicBool,
    pub generations: Generations,
    /// File data that is mapped but not written yet.
    pub data: DataQueue,
}

impl Fs {
    /// What time it is: the host's, unless the volume has a clock of its own.
    pub fn now(&self) -> Timestamp {
        self.options.clock.unwrap_or_else(Timestamp::now)
    }

    /// A metadata block, read and checked the first time.
    pub fn read_block(&self, no: BlockNo, kind: BlockKind) -> Result<Arc<Block>> {
        self.cache.read(&self.geo, &*self.dev, no, kind)
    }

    /// Reads file data; `len` of `buf` need not be whole blocks.
    pub fn read_data(&self, at: u64, buf: &mut [u8]) -> Result<()> {
        self.dev
            .read_at(buf, at)
            .map_err(|e| Error::io(format!("reading {} bytes at {at}", buf.len()), e))
    }

    /// Writes file data.
    pub fn write_data(&self, at: u64, data: &[u8]) -> Result<()> {
        self.dev
            .write_at(data, at)
            .map_err(|e| Error::io(format!("writing {} bytes at {at}", data.len()), e))?;
        self.written(at, data.len());
        Ok(())
    }

    /// Has the device begin to bring to the disk what was written, if a flush will wait for it.
    ///
    /// A long write is most likely one of many, and the flush that ends them would find all their bytes
    /// waiting. Short ones are left alone: they may be written again before that.
    pub fn written(&self, at: u64, len: usize) {
        if len >= EARLY_FROM && self.options.durability == Durability::Power {
            self.dev.begin_flush(at, len as u64);
        }
    }

    pub fn flush(&self) -> Result<()> {
        self.dev
            .flush()
            .map_err(|e| Error::io("syncing the image", e))
    }

    /// Makes everything written so far survive what the volume's durability promises to.
    ///
    /// # Errors
    /// What could not be flushed may be lost, and the host tells it once: writing ends.
    pub fn barrier(&self) -> Result<()> {
        if self.options.durability != Durability::Power {
            return Ok(());
        }
        self.flush().inspect_err(|error| abort(self, error))
    }

    /// Fails when the volume must not be written.
    pub fn check_writable(&self) -> Result<()> {
        if self.options.read_only || self.aborted.load(Ordering::Acquire) {
            return Err(Error::ReadOnly);
        }
        Ok(())
    }

    /// Says in the superblock, with the next commit, that the image has something that it did not have when it was
    /// opened. The oldest revision has no place to say so.
    pub fn announce(&self, feature: Bit) {
        if self.geo.features.has(feature) {
            return;
        }
        let mut sb = self.sb.lock();
        let mut features = sb.features();
        if sb.rev_level() == 0 {
            sb.set_rev_level(1);
            sb.set_first_ino(11);
            sb.set_inode_size(128);
        }
        features.set(feature, true);
        sb.set_features(features);
    }

    pub fn has_extents(&self) -> bool {
        self.geo.features.incompat.contains(Incompat::EXTENTS)
    }
}
