//! The blocks of an inode, and what they are.

use crate::structures::{Kind, Structures};
use lwext4::ondisk::extent::Node;
use lwext4::ondisk::inode::{InodeFlags, RawInode};
use lwext4::{FileType, Ino};
use std::collections::HashSet;

/// Data blocks of one file that mutations may touch.
const DATA: usize = 3;

/// What an inode's map consists of.
#[derive(Default)]
struct Map {
    nodes: Vec<u64>,
    arrays: Vec<u64>,
    data: Vec<u64>,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|tail| tail.first_chunk())
        .map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

/// The data blocks of an inode that maps blocks, in the order of the file, holes left out.
pub fn blocks(found: &Structures, image: &[u8], inode: &RawInode) -> Vec<u64> {
    map(found, image, inode).data
}

fn map(found: &Structures, image: &[u8], inode: &RawInode) -> Map {
    let mut map = Map::default();
    if inode.flags().contains(InodeFlags::INLINE_DATA) {
        return map;
    }
    if inode.flags().contains(InodeFlags::EXTENTS) {
        extents(found, image, inode.block(), 0, &mut map);
    } else {
        for i in 0..12 {
            number(found, image, u32_at(inode.block(), 4 * i), 0, &mut map);
        }
        for height in 1..=3 {
            let no = u32_at(inode.block(), 4 * (11 + height));
            number(found, image, no, height, &mut map);
        }
    }
    map
}

fn extents(found: &Structures, image: &[u8], bytes: &[u8], level: u16, map: &mut Map) {
    let node = Node::new(bytes);
    for i in 0..node.entries() {
        if node.depth() == 0 {
            let extent = node.extent(i);
            map.data
                .extend((0..u64::from(extent.len)).map(|n| extent.start.0 + n));
        } else if level < 6 {
            let child = node.index(i).child.0;
            map.nodes.push(child);
            if let Some(bytes) = found.block(image, child) {
                extents(found, image, bytes, level + 1, map);
            }
        }
    }
}

fn number(found: &Structures, image: &[u8], no: u32, height: usize, map: &mut Map) {
    if no == 0 {
        return;
    }
    if height == 0 {
        map.data.push(u64::from(no));
        return;
    }
    map.arrays.push(u64::from(no));
    let Some(bytes) = found.block(image, u64::from(no)) else {
        return;
    };
    for i in 0..found.block_size / 4 {
        number(found, image, u32_at(bytes, 4 * i), height - 1, map);
    }
}

/// Notes the structures that belong to an inode, whose blocks are `content` unless it is a directory.
pub fn note(found: &mut Structures, image: &[u8], ino: Ino, inode: &RawInode, content: Kind) {
    let attributes = inode.file_acl();
    if attributes != 0 {
        found.push_block(Kind::Attributes, attributes);
    }
    let file_type = inode.file_type();
    let slow = inode.size() >= 60;
    let maps = match file_type {
        Some(FileType::Regular | FileType::Directory) => true,
        Some(FileType::Symlink) => slow,
        _ => false,
    };
    // The inode that reserves descriptor blocks has a map that is none.
    if !maps || ino == Ino::RESIZE || ino == Ino::JOURNAL {
        return;
    }
    let map = map(found, image, inode);
    for &no in &map.nodes {
        found.push_block(Kind::ExtentNode(ino.0), no);
    }
    for &no in &map.arrays {
        found.push_block(Kind::Numbers(ino.0), no);
    }
    if file_type == Some(FileType::Directory) {
        let index = index_blocks(found, image, inode, &map.data);
        for (at, &no) in map.data.iter().enumerate() {
            let kind = if index.contains(&at) {
                Kind::Index(ino.0)
            } else {
                Kind::Leaf(ino.0)
            };
            found.push_block(kind, no);
        }
    } else {
        let count = if content == Kind::Data {
            DATA
        } else {
            usize::MAX
        };
        for &no in map.data.iter().take(count) {
            found.push_block(content, no);
        }
    }
}

/// Which of a directory's blocks are an htree's root and nodes.
fn index_blocks(
    found: &Structures,
    image: &[u8],
    inode: &RawInode,
    data: &[u64],
) -> HashSet<usize> {
    let mut index = HashSet::new();
    if !inode.flags().contains(InodeFlags::INDEX) {
        return index;
    }
    index.insert(0);
    let Some(root) = data.first().and_then(|&no| found.block(image, no)) else {
        return index;
    };
    let mut level = vec![(root, 32)];
    for _ in 0..root[30].min(2) {
        let mut next = Vec::new();
        for (bytes, base) in level {
            let count = u32_at(bytes, base) >> 16;
            for i in 0..count as usize {
                let at = u32_at(bytes, base + 8 * i + 4) as usize;
                index.insert(at);
                if let Some(bytes) = data.get(at).and_then(|&no| found.block(image, no)) {
                    next.push((bytes, 8));
                }
            }
        }
        level = next;
    }
    index
}
