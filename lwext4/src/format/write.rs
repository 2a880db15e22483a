//! The layout's way to the device: large writes in ascending order, the primary superblock last.

use super::files::Files;
use super::geometry::Geometry;
use super::layout::Layout;
use crate::device::BlockDevice;
use crate::error::{Error, Result};
use crate::ondisk::checksum::crc32c;
use crate::ondisk::features::RoCompat;
use crate::ondisk::group_desc::{self, BLOCK_UNINIT, GroupDesc, INODE_UNINIT, INODE_ZEROED};
use crate::ondisk::superblock::{self, Superblock};
use crate::types::{BlockNo, GroupNo, Ino};

/// Writes wait until so many bytes are together.
const PIECE: usize = 1 << 20;

/// Joins writes of neighbouring ranges.
pub(super) struct Writer<'d> {
    device: &'d dyn BlockDevice,
    at: u64,
    pending: Vec<u8>,
    /// Bytes written so far.
    pub written: u64,
}

impl<'d> Writer<'d> {
    pub fn new(device: &'d dyn BlockDevice) -> Writer<'d> {
        Writer {
            device,
            at: 0,
            pending: Vec::new(),
            written: 0,
        }
    }

    fn put(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        if self.at + self.pending.len() as u64 != at || self.pending.len() >= PIECE {
            self.send()?;
            self.at = at;
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    fn send(&mut self) -> Result<()> {
        if !self.pending.is_empty() {
            self.device
                .write_at(&self.pending, self.at)
                .map_err(|source| Error::io("writing the new file system", source))?;
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        Ok(())
    }

    /// Sends what is waiting and makes it durable.
    pub fn flush(&mut self) -> Result<()> {
        self.send()?;
        self.device
            .flush()
            .map_err(|source| Error::io("flushing the new file system", source))
    }
}

/// What the descriptors need to know of the superblock.
pub(super) struct Seals {
    /// The checksum seed.
    pub seed: u32,
    /// The UUID.
    pub uuid: [u8; 16],
}

/// All blocks but superblocks and descriptors, and the descriptors that go with them, encoded one
/// after the other.
pub(super) fn tables(
    writer: &mut Writer<'_>,
    files: Files<'_, '_>,
    seals: &Seals,
) -> Result<Vec<u8>> {
    let Files {
        layout,
        mut blocks,
        inodes,
        ..
    } = files;
    let geometry = layout.geometry;
    let last_ino = inodes.iter().map(|(ino, _)| ino.0).max().unwrap_or(0);
    let mut used_dirs = vec![0_u32; inodes_groups(geometry, last_ino)];
    blocks.extend(inode_blocks(layout, &inodes));
    for (ino, inode) in &inodes {
        if let Some(dirs) = used_dirs.get_mut(geometry.place_of(*ino).0 as usize) {
            *dirs += u32::from(inode.is_dir());
        }
    }
    let mut descs = Vec::new();
    for number in 0..geometry.groups {
        let group = layout.groups[number as usize];
        let used = last_ino
            .saturating_sub(number.saturating_mul(geometry.inodes_per_group))
            .min(geometry.inodes_per_group);
        let free_inodes = geometry.inodes_per_group - used;
        let mut desc = GroupDesc {
            block_bitmap: BlockNo(group.block_bitmap),
            inode_bitmap: BlockNo(group.inode_bitmap),
            inode_table: BlockNo(group.inode_table),
            free_blocks: layout.free_in(number) >> geometry.cluster_bits,
            free_inodes,
            used_dirs: used_dirs.get(number as usize).copied().unwrap_or(0),
            flags: INODE_ZEROED,
            ..GroupDesc::default()
        };
        let lazy = geometry.lazy();
        if lazy {
            desc.itable_unused = free_inodes;
        }
        if group.initialised || used > 0 {
            let bitmap = block_bitmap(layout, number);
            if geometry.metadata_csum() {
                let bytes = (geometry.blocks_per_group >> geometry.cluster_bits) as usize / 8;
                desc.block_bitmap_csum = crc32c(seals.seed, &bitmap[..bytes]);
            }
            blocks.push((group.block_bitmap, bitmap));
        } else {
            desc.flags |= BLOCK_UNINIT;
        }
        if used > 0 || !lazy {
            let bitmap = inode_bitmap(geometry, used);
            if geometry.metadata_csum() {
                let bytes = geometry.inodes_per_group as usize / 8;
                desc.inode_bitmap_csum = crc32c(seals.seed, &bitmap[..bytes]);
            }
            blocks.push((group.inode_bitmap, bitmap));
        } else {
            desc.flags |= INODE_UNINIT;
        }
        let mut bytes = vec![0; usize::from(geometry.desc_size)];
        desc.encode(&mut bytes);
        let number = GroupNo(number);
        group_desc::seal(
            &geometry.features,
            seals.seed,
            &seals.uuid,
            number,
            &mut bytes,
        );
        descs.extend_from_slice(&bytes);
    }
    blocks.sort_unstable_by_key(|(block, _)| *block);
    for (block, bytes) in blocks {
        writer.put(block * u64::from(geometry.block_size), &bytes)?;
    }
    Ok(descs)
}

/// How many groups have inodes in use.
fn inodes_groups(geometry: &Geometry, last_ino: u32) -> usize {
    last_ino.div_ceil(geometry.inodes_per_group) as usize
}

/// The blocks of the inode tables that hold `inodes`.
fn inode_blocks(
    layout: &Layout<'_>,
    inodes: &[(Ino, crate::ondisk::inode::RawInode)],
) -> Vec<(u64, Vec<u8>)> {
    let geometry = layout.geometry;
    let size = usize::from(geometry.inode_size);
    let per_block = geometry.block_size / u32::from(geometry.inode_size);
    let mut blocks = std::collections::BTreeMap::new();
    for (ino, inode) in inodes {
        let (group, index) = geometry.place_of(*ino);
        let Some(group) = layout.groups.get(group as usize) else {
            continue;
        };
        let block = group.inode_table + u64::from(index / per_block);
        let bytes: &mut Vec<u8> = blocks
            .entry(block)
            .or_insert_with(|| vec![0; geometry.block_size as usize]);
        let at = (index % per_block) as usize * size;
        bytes[at..at + size].copy_from_slice(inode.as_bytes());
    }
    blocks.into_iter().collect()
}

/// Bits for the clusters of `group`; those beyond the group's end are set.
fn block_bitmap(layout: &Layout<'_>, group: u32) -> Vec<u8> {
    let geometry = layout.geometry;
    let mut bytes = vec![0; geometry.block_size as usize];
    let range = geometry.group(group);
    for run in layout.space.runs(range.clone()) {
        let (start, end) = (run.start - range.start, run.end - range.start);
        let first = start >> geometry.cluster_bits;
        set_bits(&mut bytes, first, geometry.clusters(end));
    }
    let bits = bytes.len() as u64 * 8;
    let clusters = geometry.clusters(range.end - range.start);
    set_bits(&mut bytes, clusters, bits);
    bytes
}

/// Bits for a group whose first `used` inodes are in use; those beyond the table's end are set.
fn inode_bitmap(geometry: &Geometry, used: u32) -> Vec<u8> {
    let mut bytes = vec![0; geometry.block_size as usize];
    set_bits(&mut bytes, 0, u64::from(used));
    let bits = bytes.len() as u64 * 8;
    set_bits(&mut bytes, u64::from(geometry.inodes_per_group), bits);
    bytes
}

fn set_bits(bytes: &mut [u8], start: u64, end: u64) {
    let mut bit = start;
    while bit < end {
        let Some(byte) = bytes.get_mut((bit / 8) as usize) else {
            return;
        };
        let whole = bit.is_multiple_of(8) && end - bit >= 8;
        *byte |= if whole { 0xFF } else { 1 << (bit % 8) };
        bit += if whole { 8 } else { 1 };
    }
}

/// The descriptor table and its copies, and the superblock's copies; `descs` are all descriptors.
pub(super) fn descriptors(
    writer: &mut Writer<'_>,
    geometry: &Geometry,
    superblock: &Superblock,
    descs: &[u8],
) -> Result<()> {
    let block_size = geometry.block_size as usize;
    let mut table = descs.to_vec();
    table.resize(geometry.desc_blocks as usize * block_size, 0);
    let mut copy = superblock.clone();
    // A copy is never believed to be clean.
    copy.set_state(0);
    for group in 0..geometry.groups {
        let head = geometry.head(group);
        if group > 0
            && let Some(block) = head.superblock
        {
            copy.set_block_group_nr(group as u16);
            seal_superblock(&mut copy);
            let mut bytes = copy.as_bytes().to_vec();
            bytes.resize(block_size, 0);
            writer.put(block * block_size as u64, &bytes)?;
        }
        if !head.descriptors.is_empty() {
            let bytes = if geometry.meta_bg() {
                let start = (group / geometry.descs_per_block()) as usize * block_size;
                table.get(start..start + block_size).unwrap_or(&[])
            } else {
                &table
            };
            writer.put(head.descriptors.start * block_size as u64, bytes)?;
        }
    }
    Ok(())
}

/// The primary superblock.
pub(super) fn superblock(writer: &mut Writer<'_>, superblock: &Superblock) -> Result<()> {
    let mut sealed = superblock.clone();
    seal_superblock(&mut sealed);
    writer.put(superblock::OFFSET, sealed.as_bytes())
}

fn seal_superblock(superblock: &mut Superblock) {
    if superblock
        .features()
        .ro_compat
        .contains(RoCompat::METADATA_CSUM)
    {
        superblock.set_checksum(superblock.computed_checksum());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::MemDevice;

    #[test]
    fn bits_are_set_from_and_to_any_bit() {
        for (start, end) in [(0, 0), (3, 5), (0, 8), (7, 25), (5, 32)] {
            let mut bytes = [0; 4];
            set_bits(&mut bytes, start, end);
            for bit in 0..32 {
                let set = bytes[bit as usize / 8] >> (bit % 8) & 1 == 1;
                assert_eq!(set, (start..end).contains(&bit), "{start}..{end} bit {bit}");
            }
        }
    }

    #[test]
    fn writes_arrive_in_place() {
        let device = MemDevice::new(1 << 20);
        let mut writer = Writer::new(&device);
        writer.put(100, b"abc").unwrap();
        writer.put(103, b"def").unwrap();
        writer.put(50, b"x").unwrap();
        writer.flush().unwrap();
        let mut read = [0; 6];
        device.read_at(&mut read, 100).unwrap();
        assert_eq!(&read, b"abcdef");
        assert_eq!(writer.written, 7);
    }
}
