//! Breaks images: changes fields of metadata, and repairs the checksums over them, so that what is
//! wrong is the field.

use lwext4::ondisk::checksum::crc32c;
use lwext4::ondisk::features::{Incompat, RoCompat};
use lwext4::ondisk::group_desc::{self, GroupDesc};
use lwext4::ondisk::inode::{InodeFlags, RawInode, owner_seed};
use lwext4::ondisk::superblock::{OFFSET, SIZE, Superblock};
use lwext4::ondisk::{dirent, dx, extent, xattr};
use lwext4::{BlockNo, GroupNo, Ino};
use std::ops::Range;

/// Numbers that look random and can be had again (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 16) as usize % n
    }
}

/// A structure that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Superblock,
    Descriptor(u32),
    BlockBitmap(u32),
    InodeBitmap(u32),
    Inode(u32),
    DirLeaf(u64, u32),
    DirIndex(u64, u32),
    Extents(u64, u32),
    Indirect(u64),
    Attributes(u64),
}

/// An image, and where its structures are.
pub struct Map {
    sb: Superblock,
    block_size: usize,
    groups: Vec<GroupDesc>,
    /// Seeds of the inodes' checksums.
    seeds: Vec<(u32, u32)>,
    targets: Vec<Vec<Target>>,
}

/// A change: what was where.
pub struct Change {
    pub target: Target,
    pub at: Range<usize>,
    pub sealed: bool,
    /// Pieces of the image before the change.
    pub before: Vec<(usize, Vec<u8>)>,
}

fn get<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().unwrap()
}

impl Map {
    pub fn of(image: &[u8]) -> Map {
        let sb = Superblock::from_bytes(&image[OFFSET as usize..]).unwrap();
        let block_size = sb.block_size().unwrap() as usize;
        let groups = (sb.blocks_count() - u64::from(sb.first_data_block()))
            .div_ceil(u64::from(sb.blocks_per_group())) as u32;
        let mut map = Map {
            block_size,
            groups: Vec::new(),
            seeds: Vec::new(),
            targets: vec![Vec::new(); 10],
            sb,
        };
        for group in 0..groups {
            let at = map.descriptor(group);
            map.groups.push(GroupDesc::decode(&image[at]));
        }
        map.targets[0].push(Target::Superblock);
        for group in 0..groups {
            map.targets[1].push(Target::Descriptor(group));
            map.targets[2].push(Target::BlockBitmap(group));
            map.targets[3].push(Target::InodeBitmap(group));
        }
        for ino in 1..=map.sb.inodes_count() {
            let raw = RawInode::from_bytes(&image[map.inode(ino)]);
            if raw.links_count() == 0 || raw.mode() == 0 {
                continue;
            }
            map.targets[4].push(Target::Inode(ino));
            let seed = owner_seed(map.sb.checksum_seed(), Ino(ino), raw.generation());
            map.seeds.push((ino, seed));
            if raw.file_acl() != 0 {
                map.targets[9].push(Target::Attributes(raw.file_acl()));
            }
            map.add_blocks(image, ino, &raw);
        }
        map
    }

    fn add_blocks(&mut self, image: &[u8], ino: u32, raw: &RawInode) {
        let mut data = Vec::new();
        if raw.flags().contains(InodeFlags::EXTENTS) {
            self.add_extents(image, ino, raw.block(), &mut data);
        } else if raw.size() >= 60 || !matches!(raw.mode() >> 12, 0xA | 1 | 2 | 6 | 0xC) {
            data.extend((0..12).map(|i| u64::from(u32::from_le_bytes(get(raw.block(), i * 4)))));
            for i in 12..15 {
                let block = u64::from(u32::from_le_bytes(get(raw.block(), i * 4)));
                if block != 0 {
                    self.targets[8].push(Target::Indirect(block));
                }
            }
            data.retain(|&block| block != 0);
        }
        if !raw.is_dir() {
            return;
        }
        let hashed = raw.flags().contains(InodeFlags::INDEX);
        for (i, block) in data.into_iter().enumerate() {
            let bytes = &image[self.block(block)];
            let node = dirent::entry_at(bytes, 0)
                .is_some_and(|e| e.ino.0 == 0 && e.rec_len == bytes.len());
            if hashed && (i == 0 || node) {
                self.targets[6].push(Target::DirIndex(block, ino));
            } else {
                self.targets[5].push(Target::DirLeaf(block, ino));
            }
        }
    }

    fn add_extents(&mut self, image: &[u8], ino: u32, bytes: &[u8], data: &mut Vec<u64>) {
        let node = extent::Node::new(bytes);
        for i in 0..node.entries() {
            if node.depth() == 0 {
                let extent = node.extent(i);
                data.extend((0..u64::from(extent.len)).map(|n| extent.start.0 + n));
            } else {
                let block = node.index(i).child.0;
                self.targets[7].push(Target::Extents(block, ino));
                self.add_extents(image, ino, &image[self.block(block)], data);
            }
        }
    }

    fn block(&self, block: u64) -> Range<usize> {
        let at = block as usize * self.block_size;
        at..at + self.block_size
    }

    fn descriptor(&self, group: u32) -> Range<usize> {
        let size = usize::from(self.sb.desc_size());
        let per_block = self.block_size / size;
        let (index, within) = (group as usize / per_block, group as usize % per_block);
        let first = self.sb.first_data_block() as usize + 1;
        assert!(!self.sb.features().incompat.contains(Incompat::META_BG));
        let at = (first + index) * self.block_size + within * size;
        at..at + size
    }

    fn inode(&self, ino: u32) -> Range<usize> {
        let (group, within) = (
            (ino - 1) / self.sb.inodes_per_group(),
            (ino - 1) % self.sb.inodes_per_group(),
        );
        let size = usize::from(self.sb.inode_size());
        let table = self.groups[group as usize].inode_table.0 as usize * self.block_size;
        let at = table + within as usize * size;
        at..at + size
    }

    /// The bytes of a target, and how many of them from its start mean something.
    fn place(&self, image: &[u8], target: Target) -> (Range<usize>, usize) {
        let whole = |range: Range<usize>| {
            let len = range.len();
            (range, len)
        };
        match target {
            Target::Superblock => (OFFSET as usize..OFFSET as usize + SIZE, 0x284),
            Target::Descriptor(group) => whole(self.descriptor(group)),
            Target::BlockBitmap(group) => {
                whole(self.block(self.groups[group as usize].block_bitmap.0))
            }
            Target::InodeBitmap(group) => {
                whole(self.block(self.groups[group as usize].inode_bitmap.0))
            }
            Target::Inode(ino) => (self.inode(ino), 160.min(self.sb.inode_size().into())),
            Target::DirLeaf(block, _) => whole(self.block(block)),
            Target::DirIndex(block, _) => {
                let range = self.block(block);
                let entries = dx::Index::new(&image[range.clone()]).map_or(0, |i| i.count());
                (range, 40 + entries * 8)
            }
            Target::Extents(block, _) => {
                let range = self.block(block);
                let entries = extent::Node::new(&image[range.clone()]).entries();
                (range, 12 + entries * 12)
            }
            Target::Indirect(block) => (self.block(block), 200),
            Target::Attributes(block) => whole(self.block(block)),
        }
    }

    /// Changes one field somewhere.
    pub fn mutate(&self, image: &mut [u8], random: &mut Random) -> Change {
        let kinds: Vec<_> = self
            .targets
            .iter()
            .filter(|list| !list.is_empty())
            .collect();
        let list = kinds[random.below(kinds.len())];
        let target = list[random.below(list.len())];
        let (range, len) = self.place(image, target);
        // The last bytes of an attribute block are values, which carry hashes.
        let at = match target {
            Target::Attributes(_) if random.below(2) == 0 => random.below(160),
            Target::DirLeaf(..) if random.below(2) == 0 => random.below(64),
            _ => random.below(len),
        };
        let width = [1, 1, 2, 4][random.below(4)].min(range.len() - at);
        let changed = range.start + at..range.start + at + width;
        let mut before = vec![(range.start, image[range.clone()].to_vec())];
        loop {
            let old = image[changed.clone()].to_vec();
            let field = &mut image[changed.clone()];
            match random.below(6) {
                0 => field.fill(0),
                1 => field.fill(0xFF),
                2 => field[0] = field[0].wrapping_add(1),
                3 => field[0] = field[0].wrapping_sub(1),
                4 => field[random.below(width)] ^= 1 << random.below(8),
                _ => field
                    .iter_mut()
                    .for_each(|byte| *byte = random.next() as u8),
            }
            if image[changed.clone()] != old[..] {
                break;
            }
        }
        let sealed = random.below(10) > 0;
        if sealed {
            self.seal(image, target, range, &mut before);
        }
        Change {
            target,
            at: changed,
            sealed,
            before,
        }
    }

    fn seal(
        &self,
        image: &mut [u8],
        target: Target,
        range: Range<usize>,
        before: &mut Vec<(usize, Vec<u8>)>,
    ) {
        let ro = self.sb.features().ro_compat;
        let csum = ro.contains(RoCompat::METADATA_CSUM);
        let seed = self.sb.checksum_seed();
        let of = |ino: u32| self.seeds.iter().find(|(i, _)| *i == ino).unwrap().1;
        if let Target::Descriptor(group) = target {
            let features = self.sb.features();
            let uuid = self.sb.uuid();
            group_desc::seal(&features, seed, &uuid, GroupNo(group), &mut image[range]);
            return;
        }
        if !csum {
            return;
        }
        match target {
            Target::Superblock => {
                let mut sb = Superblock::from_bytes(&image[range.clone()]).unwrap();
                sb.set_checksum(sb.computed_checksum());
                image[range].copy_from_slice(sb.as_bytes());
            }
            Target::Inode(ino) => {
                let mut raw = RawInode::from_bytes(&image[range.clone()]);
                raw.seal(seed, Ino(ino));
                image[range].copy_from_slice(raw.as_bytes());
            }
            Target::DirLeaf(_, ino) => dirent::seal_leaf(&mut image[range], of(ino)),
            Target::DirIndex(_, ino) => {
                // A limit that leads out of the block has no place for a checksum.
                dx::seal(&mut image[range], of(ino));
            }
            Target::Extents(_, ino) => {
                let bytes = &mut image[range];
                if extent::Node::new(bytes).max() == extent::capacity(bytes.len()) {
                    extent::seal_node(bytes, of(ino));
                }
            }
            Target::Attributes(block) => {
                xattr::seal_block(&mut image[range], Some(seed), BlockNo(block));
            }
            Target::BlockBitmap(group) | Target::InodeBitmap(group) => {
                let at = self.descriptor(group);
                before.push((at.start, image[at.clone()].to_vec()));
                let mut desc = GroupDesc::decode(&image[at.clone()]);
                let bits = match target {
                    Target::BlockBitmap(_) => self.sb.blocks_per_group(),
                    _ => self.sb.inodes_per_group(),
                };
                let sum = crc32c(seed, &image[range.start..range.start + bits as usize / 8]);
                match target {
                    Target::BlockBitmap(_) => desc.block_bitmap_csum = sum,
                    _ => desc.inode_bitmap_csum = sum,
                }
                desc.encode(&mut image[at.clone()]);
                let features = self.sb.features();
                let uuid = self.sb.uuid();
                group_desc::seal(&features, seed, &uuid, GroupNo(group), &mut image[at]);
            }
            Target::Descriptor(_) | Target::Indirect(_) => {}
        }
    }
}
