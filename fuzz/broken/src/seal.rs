//! Checksums made right again, so that what a mutation changed is read and not refused.

use crate::structures::{Kind, Structure, Structures};
use lwext4::ondisk::checksum::crc32c;
use lwext4::ondisk::features::RoCompat;
use lwext4::ondisk::inode::{RawInode, owner_seed};
use lwext4::ondisk::jbd2::{Checksums, JournalSuperblock, data_checksum};
use lwext4::ondisk::mmp::{self, Mmp};
use lwext4::ondisk::superblock::Superblock;
use lwext4::ondisk::{dirent, dx, extent, group_desc, xattr};
use lwext4::{BlockNo, GroupNo, Ino, TxnId};

/// Makes the checksums of `touched` structures right, and of what carries them.
pub fn seal(found: &Structures, image: &mut [u8], touched: &[Structure]) {
    let mut order: Vec<Structure> = touched.to_vec();
    // A bitmap's checksum is in the descriptor.
    for structure in touched {
        if let Kind::BlockBitmap(group) | Kind::InodeBitmap(group) = structure.kind {
            order.extend(found.find(Kind::Descriptor(group)));
        }
        // What belongs to an inode starts with its generation.
        if let Kind::Inode(ino) = structure.kind {
            let own = found
                .all
                .iter()
                .filter(|other| owner(other.kind) == Some(ino));
            order.extend(own);
        }
    }
    order.sort_by_key(|structure| match structure.kind {
        Kind::Super => 5,
        Kind::Descriptor(_) => 4,
        Kind::BlockBitmap(_) | Kind::InodeBitmap(_) => 3,
        Kind::Inode(_) => 2,
        _ => 1,
    });
    for structure in order.iter().filter(|s| !s.kind.is_journal()) {
        seal_one(found, image, structure);
    }
    seal_log(found, image, &order);
}

fn owner(kind: Kind) -> Option<u32> {
    match kind {
        Kind::ExtentNode(ino) | Kind::Leaf(ino) | Kind::Index(ino) | Kind::Orphans(ino) => {
            Some(ino)
        }
        _ => None,
    }
}

/// An inode's generation, wherever the damaged image thinks that the inode is.
fn generation(found: &Structures, image: &[u8], ino: u32) -> u32 {
    let place = found.find(Kind::Inode(ino));
    place.map_or(0, |place| {
        RawInode::from_bytes(&image[place.at..place.at + place.len]).generation()
    })
}

fn has_csum(found: &Structures) -> bool {
    found.features.ro_compat.contains(RoCompat::METADATA_CSUM)
}

fn seal_one(found: &Structures, image: &mut [u8], structure: &Structure) {
    let range = structure.at..structure.at + structure.len;
    let seed = owner(structure.kind)
        .map(|ino| owner_seed(found.seed, Ino(ino), generation(found, image, ino)))
        .filter(|_| has_csum(found));
    let sum_at = |group: u32| found.desc_at(image, group);
    match structure.kind {
        Kind::BlockBitmap(group) if has_csum(found) => {
            let len = found.clusters_per_group as usize / 8;
            let sum = crc32c(found.seed, &image[range.start..range.start + len]);
            if let Some(at) = sum_at(group) {
                put_halves(found, image, at, 0x18, 0x38, sum);
            }
        }
        Kind::InodeBitmap(group) if has_csum(found) => {
            let len = found.inodes_per_group as usize / 8;
            let sum = crc32c(found.seed, &image[range.start..range.start + len]);
            if let Some(at) = sum_at(group) {
                put_halves(found, image, at, 0x1A, 0x3A, sum);
            }
        }
        _ => {}
    }
    let Some(bytes) = image.get_mut(range) else {
        return;
    };
    match structure.kind {
        Kind::Super => {
            if let Some(mut sb) = Superblock::from_bytes(bytes) {
                let sum = sb.computed_checksum();
                if has_csum(found) {
                    sb.set_checksum(sum);
                }
                bytes.copy_from_slice(sb.as_bytes());
            }
        }
        Kind::Descriptor(group) => {
            group_desc::seal(
                &found.features,
                found.seed,
                &found.uuid,
                GroupNo(group),
                bytes,
            );
        }
        Kind::Inode(ino) if has_csum(found) => {
            let mut inode = RawInode::from_bytes(bytes);
            inode.seal(found.seed, Ino(ino));
            bytes.copy_from_slice(inode.as_bytes());
        }
        Kind::Mmp => {
            if let Some(mut mmp) = Mmp::from_bytes(bytes) {
                mmp.seal(has_csum(found).then_some(found.seed));
                bytes[..mmp::SIZE].copy_from_slice(mmp.as_bytes());
            }
        }
        Kind::Attributes => {
            let seed = has_csum(found).then_some(found.seed);
            xattr::seal_block(bytes, seed, BlockNo(structure.home));
        }
        _ => {}
    }
    let Some(seed) = seed else { return };
    match structure.kind {
        Kind::ExtentNode(_) => extent::seal_node(bytes, seed),
        Kind::Leaf(_) => dirent::seal_leaf(bytes, seed),
        Kind::Index(_) => dx::seal(bytes, seed),
        Kind::Orphans(_) => {
            let tail = bytes.len() - 8;
            let sum = crc32c(crc32c(seed, &structure.home.to_le_bytes()), &bytes[..tail]);
            bytes[tail + 4..].copy_from_slice(&sum.to_le_bytes());
        }
        _ => {}
    }
}

/// Stores a bitmap's checksum in the descriptor at `at`.
fn put_halves(found: &Structures, image: &mut [u8], at: usize, low: usize, high: usize, sum: u32) {
    image[at + low..at + low + 2].copy_from_slice(&(sum as u16).to_le_bytes());
    if found.desc_size >= 64 {
        image[at + high..at + high + 2].copy_from_slice(&((sum >> 16) as u16).to_le_bytes());
    }
}

/// The checksums of the log: of copies in their tags, then of the log's own blocks.
fn seal_log(found: &Structures, image: &mut [u8], touched: &[Structure]) {
    let Some(log) = &found.log else { return };
    let size = found.block_size;
    if log.format.has_block_checksums() {
        let mut descriptors = Vec::new();
        for copy in &log.copies {
            let range = copy.at..copy.at + size;
            if !touched.iter().any(|s| range.contains(&s.at)) {
                continue;
            }
            let sum = data_checksum(&log.format, TxnId(copy.tid), &image[range]);
            match log.format.checksums {
                Checksums::V3 => {
                    image[copy.tag + 12..copy.tag + 16].copy_from_slice(&sum.to_be_bytes());
                }
                _ => image[copy.tag + 4..copy.tag + 6].copy_from_slice(&(sum as u16).to_be_bytes()),
            }
            descriptors.push(copy.tag / size * size);
        }
        let own = touched
            .iter()
            .filter(|s| matches!(s.kind, Kind::LogDescriptor | Kind::LogRevoke));
        descriptors.extend(own.map(|s| s.at));
        for at in descriptors {
            put_sum(image, at, size, size - 4, log.format.seed);
        }
        for commit in touched.iter().filter(|s| s.kind == Kind::LogCommit) {
            put_sum(image, commit.at, size, 0x10, log.format.seed);
        }
    }
    for sb in touched.iter().filter(|s| s.kind == Kind::JournalSuper) {
        let bytes = &mut image[sb.at..sb.at + sb.len];
        // A superblock whose own checksum is wrong is not parsed: it is made right by hand.
        let mut copy = bytes.to_vec();
        copy[0xFC..0x100].fill(0);
        let sum = crc32c(!0, &copy);
        if JournalSuperblock::parse(bytes).is_err() {
            bytes[0xFC..0x100].copy_from_slice(&sum.to_be_bytes());
        }
    }
}

/// Stores the checksum of the block at `at` in its bytes from `sum_at` on.
fn put_sum(image: &mut [u8], at: usize, size: usize, sum_at: usize, seed: u32) {
    let block = &mut image[at..at + size];
    block[sum_at..sum_at + 4].fill(0);
    let sum = crc32c(seed, block);
    block[sum_at..sum_at + 4].copy_from_slice(&sum.to_be_bytes());
}
