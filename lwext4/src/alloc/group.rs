//! One block group: its descriptor and bitmaps, loaded when first needed.

use super::bitmap::{self, Bits};
use crate::cache::{Block, BlockKind};
use crate::error::{Corrupt, Result};
use crate::fs::{Fs, Geometry};
use crate::journal::Handle;
use crate::ondisk::checksum::crc32c;
use crate::ondisk::features::{Compat, Incompat, RoCompat};
use crate::ondisk::group_desc::{self, BLOCK_UNINIT, GroupDesc, INODE_UNINIT};
use crate::ondisk::superblock;
use crate::types::{BlockNo, GroupNo};
use std::sync::Arc;

/// A group in memory. Its mutex (in the allocator) protects the bitmaps' bits too.
#[derive(Debug)]
pub(super) struct Group {
    pub no: GroupNo,
    pub desc: GroupDesc,
    desc_block: Arc<Block>,
    desc_at: usize,
    /// Clear bits that must not be given out: freed by transactions not yet on disk, or reserved for
    /// a growing file.
    pub held: Option<Box<[u64]>>,
    pub held_count: u32,
    /// No run of free clusters is longer than this.
    pub max_run: u32,
    blocks_checked: bool,
    inodes_checked: bool,
    /// The bitmap changed since its checksum was computed.
    blocks_changed: bool,
    inodes_changed: bool,
}

/// Whether a group starts with a copy of the superblock.
pub(crate) fn has_super(geo: &Geometry, group: GroupNo) -> bool {
    let n = group.0;
    if n == 0 {
        return true;
    }
    if geo.features.compat.contains(Compat::SPARSE_SUPER2) {
        return geo.dimensions().backup_bgs.contains(&n);
    }
    if !geo.features.ro_compat.contains(RoCompat::SPARSE_SUPER) || n == 1 {
        return true;
    }
    [3u32, 5, 7].iter().any(|&base| {
        let mut power = base;
        while power < n {
            power = power.saturating_mul(base);
        }
        power == n
    })
}

/// Blocks that a group's superblock copy and descriptors take at its start.
pub(crate) fn base_blocks(geo: &Geometry, group: GroupNo) -> u32 {
    let per_block = geo.descs_per_block();
    let meta = group.0 / per_block;
    let dimensions = geo.dimensions();
    let with_super = has_super(geo, group);
    let mut count = u32::from(with_super);
    if meta < dimensions.first_meta_bg {
        if with_super {
            count += geo.table_len() + dimensions.reserved_gdt_blocks;
        }
    } else {
        // The first, second and last group of a meta group hold its one block of descriptors.
        let within = group.0 % per_block;
        count += u32::from(within == 0 || within == 1 || within == per_block - 1);
    }
    count
}

/// A group's block bitmap, inode bitmap and inode table: where each is, and how many blocks it has.
pub(crate) fn tables(geo: &Geometry, desc: &GroupDesc) -> [(BlockNo, u32); 3] {
    [
        (desc.block_bitmap, 1),
        (desc.inode_bitmap, 1),
        (desc.inode_table, geo.table_blocks()),
    ]
}

/// The block that holds a group's descriptor, and the byte in it.
pub(crate) fn desc_place(geo: &Geometry, group: GroupNo) -> (BlockNo, usize) {
    let per_block = geo.descs_per_block();
    let (index, within) = (group.0 / per_block, group.0 % per_block);
    let at = within as usize * usize::from(geo.desc_size);
    if index < geo.dimensions().first_meta_bg {
        return (geo.table_block(GroupNo(0), index), at);
    }
    let first = GroupNo(index * per_block);
    let superblock = superblock::OFFSET >> geo.block_bits;
    let block = geo.group_start(first).0.max(superblock) + u64::from(has_super(geo, first));
    (BlockNo(block), at)
}

impl Group {
    /// Reads and checks a group's descriptor.
    pub fn load(fs: &Fs, no: GroupNo) -> Result<Group> {
        let geo = &fs.geo;
        let (block, desc_at) = desc_place(geo, no);
        let desc_block = fs.read_block(block, BlockKind::Descriptors)?;
        let snapshot = desc_block.bytes();
        let bytes = &snapshot[desc_at..desc_at + usize::from(geo.desc_size)];
        let bad = |what| Err(Corrupt::new(what).group(no).block(block).into());
        if !group_desc::verify(&geo.features, geo.seed, &geo.uuid, no, bytes) {
            return bad("group descriptor checksum");
        }
        let mut desc = GroupDesc::decode(bytes);
        let table_len = u64::from(geo.table_blocks());
        let inside = |start: BlockNo, len: u64| {
            geo.check_blocks(start, len).is_ok()
                && (geo.features.incompat.contains(Incompat::FLEX_BG)
                    || (geo.group_of(start) == no
                        && geo.group_of(BlockNo(start.0 + len - 1)) == no))
        };
        if !inside(desc.block_bitmap, 1)
            || !inside(desc.inode_bitmap, 1)
            || !inside(desc.inode_table, table_len)
        {
            return bad("group descriptor: bitmap or inode table out of range");
        }
        // The last group may be about to become longer: a crash can leave its descriptor in its place, and
        // the superblock in the journal.
        if desc.free_blocks > geo.clusters_per_group()
            || desc.free_inodes > geo.inodes_per_group
            || (geo.has_group_csum() && desc.itable_unused > geo.inodes_per_group)
        {
            return bad("group descriptor: counts");
        }
        if !geo.has_group_csum() {
            desc.flags &= !(BLOCK_UNINIT | INODE_UNINIT);
        }
        Ok(Group::new(no, desc, desc_block, desc_at))
    }

    /// A group with this descriptor, which is (or will be) at byte `desc_at` of its block.
    pub fn new(no: GroupNo, desc: GroupDesc, desc_block: Arc<Block>, desc_at: usize) -> Group {
        Group {
            no,
            desc,
            desc_block,
            desc_at,
            held: None,
            held_count: 0,
            max_run: u32::MAX,
            blocks_checked: false,
            inodes_checked: false,
            blocks_changed: false,
            inodes_changed: false,
        }
    }

    /// Free clusters that may be given out.
    pub fn available(&self) -> u32 {
        self.desc.free_blocks.saturating_sub(self.held_count)
    }

    /// Inodes from the table's start that may be in use.
    pub fn inodes_initialised(&self, geo: &Geometry) -> u32 {
        if !geo.has_group_csum() {
            geo.inodes_per_group
        } else if self.desc.flags & INODE_UNINIT != 0 {
            0
        } else {
            geo.inodes_per_group - self.desc.itable_unused
        }
    }

    /// The block bitmap, which must be initialised ([`Self::init_blocks`]).
    pub fn block_bitmap(&mut self, fs: &Fs) -> Result<Arc<Block>> {
        let block = fs.read_block(self.desc.block_bitmap, BlockKind::Bitmap)?;
        if !self.blocks_checked {
            let bytes = block.bytes();
            let sum = self.block_sum(&fs.geo, &bytes);
            let own = [(self.desc.block_bitmap, 1), (self.desc.inode_bitmap, 1)];
            let marked = own.iter().all(|&(start, len)| {
                fs.geo.group_of(start) != self.no
                    || bitmap::all(
                        &bytes,
                        ((start.0 - fs.geo.group_start(self.no).0) >> fs.geo.cluster_bits) as u32,
                        len,
                        true,
                    )
            });
            if sum != self.stored(fs, self.desc.block_bitmap_csum, sum) || !marked {
                return Err(Corrupt::new("block bitmap")
                    .group(self.no)
                    .block(block.no)
                    .into());
            }
            self.blocks_checked = true;
        }
        Ok(block)
    }

    /// The inode bitmap.
    pub fn inode_bitmap(&mut self, fs: &Fs) -> Result<Arc<Block>> {
        let block = fs.read_block(self.desc.inode_bitmap, BlockKind::Bitmap)?;
        if !self.inodes_checked {
            let sum = self.inode_sum(&fs.geo, &block.bytes());
            if sum != self.stored(fs, self.desc.inode_bitmap_csum, sum) {
                return Err(Corrupt::new("inode bitmap checksum")
                    .group(self.no)
                    .block(block.no)
                    .into());
            }
            self.inodes_checked = true;
        }
        Ok(block)
    }

    /// The checksum to compare with: only 16 bits are kept in small descriptors, none without the
    /// feature (then `computed` itself).
    fn stored(&self, fs: &Fs, stored: u32, computed: u32) -> u32 {
        if !fs.geo.has_csum() {
            computed
        } else if fs.geo.desc_size >= 64 {
            stored
        } else {
            stored & 0xFFFF | computed & 0xFFFF_0000
        }
    }

    fn block_sum(&self, geo: &Geometry, bytes: &[u8]) -> u32 {
        let len = (geo.clusters_per_group() as usize / 8).min(bytes.len());
        crc32c(geo.seed, &bytes[..len])
    }

    fn inode_sum(&self, geo: &Geometry, bytes: &[u8]) -> u32 {
        let len = (geo.inodes_per_group as usize / 8).min(bytes.len());
        crc32c(geo.seed, &bytes[..len])
    }

    /// The block bitmap of a group with nothing in it but its own metadata.
    pub fn fresh_bitmap(&self, geo: &Geometry) -> Vec<u8> {
        let start = geo.group_start(self.no).0;
        let len = geo.group_len(self.no);
        let mut bytes = vec![0; geo.block_size as usize];
        let mut mark = |at: u32, count: u32| {
            let first = at >> geo.cluster_bits;
            let behind = (at + count).div_ceil(geo.cluster_blocks());
            bitmap::fill(&mut bytes, first, behind - first, true);
        };
        mark(0, base_blocks(geo, self.no).min(len));
        for (at, count) in [
            (self.desc.block_bitmap, 1),
            (self.desc.inode_bitmap, 1),
            (self.desc.inode_table, u64::from(geo.table_blocks())),
        ] {
            // With flex_bg they may be in other groups, or cross into the next one.
            let first = at.0.max(start);
            let end = at.0.saturating_add(count).min(start + u64::from(len));
            if first < end {
                mark((first - start) as u32, (end - first) as u32);
            }
        }
        let bits = geo.block_size * 8;
        let clusters = geo.group_clusters(self.no);
        bitmap::fill(&mut bytes, clusters, bits - clusters, true);
        bytes
    }

    /// Free clusters of a group with nothing in it but its own metadata.
    pub fn fresh_free(&self, geo: &Geometry) -> u32 {
        let clusters = geo.group_clusters(self.no);
        Bits::new(&self.fresh_bitmap(geo), None, clusters).count_clear()
    }

    /// The block bitmap as it is, or as it should be where it was never written.
    pub fn blocks_in_use(&mut self, fs: &Fs) -> Result<Vec<u8>> {
        if self.desc.flags & BLOCK_UNINIT != 0 {
            return Ok(self.fresh_bitmap(&fs.geo));
        }
        Ok(self.block_bitmap(fs)?.bytes().to_vec())
    }

    /// Writes the block bitmap that an uninitialised group should have.
    pub fn init_blocks(&mut self, h: &mut Handle<'_>) -> Result<()> {
        if self.desc.flags & BLOCK_UNINIT == 0 {
            return Ok(());
        }
        let geo = &h.fs().geo;
        let clusters = geo.group_clusters(self.no);
        let fresh = self.fresh_bitmap(geo);
        let block = h.create_block(self.desc.block_bitmap, BlockKind::Bitmap)?;
        h.modify(&block, |bytes| bytes.copy_from_slice(&fresh));
        self.desc.flags &= !BLOCK_UNINIT;
        self.blocks_checked = true;
        self.blocks_changed = true;
        let free = Bits::new(&block.bytes(), None, clusters).count_clear();
        if free != self.desc.free_blocks {
            return Err(Corrupt::new("free blocks of an uninitialised group")
                .group(self.no)
                .into());
        }
        h.touch_group(self.no);
        Ok(())
    }

    /// Writes the inode bitmap that an uninitialised group should have.
    pub fn init_inodes(&mut self, h: &mut Handle<'_>) -> Result<()> {
        if self.desc.flags & INODE_UNINIT == 0 {
            return Ok(());
        }
        let geo = &h.fs().geo;
        let block = h.create_block(self.desc.inode_bitmap, BlockKind::Bitmap)?;
        let (len, bits) = (geo.inodes_per_group, geo.block_size * 8);
        h.modify(&block, |bytes| bitmap::fill(bytes, len, bits - len, true));
        self.desc.flags &= !INODE_UNINIT;
        self.desc.itable_unused = geo.inodes_per_group;
        self.inodes_checked = true;
        self.inodes_changed = true;
        h.touch_group(self.no);
        Ok(())
    }

    /// Changes bits of the block bitmap.
    pub fn mark_blocks(
        &mut self,
        h: &mut Handle<'_>,
        start: u32,
        len: u32,
        used: bool,
    ) -> Result<()> {
        let block = self.block_bitmap(h.fs())?;
        h.modify(&block, |bytes| bitmap::fill(bytes, start, len, used));
        self.desc.free_blocks = if used {
            self.desc.free_blocks.saturating_sub(len)
        } else {
            self.desc.free_blocks.saturating_add(len)
        };
        self.blocks_changed = true;
        h.touch_group(self.no);
        Ok(())
    }

    /// Notes that the block bitmap was changed directly.
    pub fn blocks_moved(&mut self) {
        self.blocks_changed = true;
        self.max_run = u32::MAX;
    }

    /// Changes a bit of the inode bitmap.
    pub fn mark_inode(&mut self, h: &mut Handle<'_>, index: u32, used: bool) -> Result<()> {
        let block = self.inode_bitmap(h.fs())?;
        h.modify(&block, |bytes| bitmap::fill(bytes, index, 1, used));
        self.inodes_changed = true;
        h.touch_group(self.no);
        Ok(())
    }

    /// Keeps clear bits from being given out, or no longer.
    pub fn hold(&mut self, geo: &Geometry, start: u32, len: u32, hold: bool) {
        let words = geo.clusters_per_group().div_ceil(64) as usize;
        let held = self.held.get_or_insert_with(|| vec![0; words].into());
        bitmap::fill_words(held, start, len, hold);
        if hold {
            self.held_count += len;
        } else {
            self.held_count = self.held_count.saturating_sub(len);
            self.max_run = u32::MAX;
            if self.held_count == 0 {
                self.held = None;
            }
        }
    }

    /// Brings the descriptor block up to date, with all checksums. Called while the transaction is
    /// sealed: nothing else runs. Returns the block to write.
    pub fn seal(&mut self, fs: &Fs) -> Result<Arc<Block>> {
        let geo = &fs.geo;
        if geo.has_csum() {
            if self.blocks_changed {
                let bytes = fs
                    .read_block(self.desc.block_bitmap, BlockKind::Bitmap)?
                    .bytes();
                self.desc.block_bitmap_csum = self.block_sum(geo, &bytes);
            }
            if self.inodes_changed {
                let bytes = fs
                    .read_block(self.desc.inode_bitmap, BlockKind::Bitmap)?
                    .bytes();
                self.desc.inode_bitmap_csum = self.inode_sum(geo, &bytes);
            }
        }
        self.blocks_changed = false;
        self.inodes_changed = false;
        let mut inner = self.desc_block.inner.write();
        let bytes = Arc::make_mut(&mut inner.bytes);
        let bytes = &mut bytes[self.desc_at..self.desc_at + usize::from(geo.desc_size)];
        self.desc.encode(bytes);
        group_desc::seal(&geo.features, geo.seed, &geo.uuid, self.no, bytes);
        drop(inner);
        Ok(self.desc_block.clone())
    }
}
