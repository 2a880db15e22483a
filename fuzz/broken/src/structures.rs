//! Where the structures of an image are: what a mutation changes, and what a checksum covers.
//!
//! The walk trusts the image: seeds are whole.

use crate::journal::{self, Log};
use crate::maps;
use lwext4::Ino;
use lwext4::ondisk::features::{Compat, Features, Incompat, RoCompat};
use lwext4::ondisk::group_desc::{GroupDesc, INODE_UNINIT};
use lwext4::ondisk::inode::RawInode;
use lwext4::ondisk::superblock::{self, Superblock};
use std::collections::HashMap;

/// What a piece of an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The superblock.
    Super,
    /// A group's descriptor.
    Descriptor(u32),
    /// A group's block bitmap.
    BlockBitmap(u32),
    /// A group's inode bitmap.
    InodeBitmap(u32),
    /// An inode.
    Inode(u32),
    /// A node of an inode's extent tree.
    ExtentNode(u32),
    /// An array of block numbers of an inode.
    Numbers(u32),
    /// A block of directory entries.
    Leaf(u32),
    /// A root or node of an htree.
    Index(u32),
    /// A block of extended attributes.
    Attributes,
    /// A block of the orphan file of this inode.
    Orphans(u32),
    /// A block of a file or symlink.
    Data,
    /// A block of a quota file.
    Quota,
    /// The block of multiple-mount protection.
    Mmp,
    /// The journal's superblock.
    JournalSuper,
    /// A descriptor block of the log.
    LogDescriptor,
    /// A revoke block of the log.
    LogRevoke,
    /// A commit block of the log.
    LogCommit,
}

impl Kind {
    /// The kind without its number.
    pub fn class(self) -> usize {
        match self {
            Kind::Super => 0,
            Kind::Descriptor(_) => 1,
            Kind::BlockBitmap(_) => 2,
            Kind::InodeBitmap(_) => 3,
            Kind::Inode(_) => 4,
            Kind::ExtentNode(_) => 5,
            Kind::Numbers(_) => 6,
            Kind::Leaf(_) => 7,
            Kind::Index(_) => 8,
            Kind::Attributes => 9,
            Kind::Orphans(_) => 10,
            Kind::Data => 11,
            Kind::Quota => 12,
            Kind::Mmp => 13,
            Kind::JournalSuper => 14,
            Kind::LogDescriptor => 15,
            Kind::LogRevoke => 16,
            Kind::LogCommit => 17,
        }
    }

    /// Whether its numbers are big-endian.
    pub fn is_journal(self) -> bool {
        self.class() >= Kind::JournalSuper.class()
    }
}

/// How many values [`Kind::class`] has.
pub const CLASSES: usize = 18;

/// A structure of an image.
#[derive(Clone, Copy, Debug)]
pub struct Structure {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub at: usize,
    /// Its length in bytes.
    pub len: usize,
    /// The block it belongs in, which its copy in the log may not be.
    pub home: u64,
}

/// Everything known about a seed.
#[derive(Clone, Debug)]
pub struct Structures {
    /// Block size in bytes.
    pub block_size: usize,
    /// Inode size in bytes.
    pub inode_size: usize,
    /// Descriptor size in bytes.
    pub desc_size: usize,
    /// Blocks in all.
    pub blocks: u64,
    /// Inodes in all.
    pub inodes: u32,
    /// The first group's first block.
    pub first_block: u32,
    /// Blocks per group.
    pub blocks_per_group: u32,
    /// Clusters per group: the bits of a block bitmap.
    pub clusters_per_group: u32,
    /// Inodes per group.
    pub inodes_per_group: u32,
    /// The features.
    pub features: Features,
    /// What checksums start with.
    pub seed: u32,
    /// The UUID.
    pub uuid: [u8; 16],
    /// The structures.
    pub all: Vec<Structure>,
    /// Their indices by class; empty classes are left out.
    pub classes: Vec<Vec<usize>>,
    /// Inodes in use.
    pub used_inodes: Vec<u32>,
    /// The log, when there is a journal.
    pub log: Option<Log>,
    /// Where the newest copy of a block is, for blocks that the log holds.
    places: HashMap<u64, usize>,
}

impl Structures {
    /// Finds the structures of a whole image; `None` when it is none.
    pub fn of(image: &[u8]) -> Option<Structures> {
        let mut found = Structures::facts(image, superblock::OFFSET as usize)?;
        if found.features.compat.contains(Compat::HAS_JOURNAL) {
            let sb = Superblock::from_bytes(image.get(superblock::OFFSET as usize..)?)?;
            let ino = sb.journal_inum();
            let journal = maps::blocks(&found, image, &found.inode(image, ino)?);
            // What leads to the journal is read before it is replayed.
            found.push_inode(image, ino);
            found.push(
                Kind::Descriptor(0),
                found.desc_at(image, 0)?,
                found.desc_size,
                0,
            );
            let log = journal::parse(&mut found, image, &journal)?;
            let places = log.places.clone();
            found.push(
                Kind::Super,
                superblock::OFFSET as usize,
                superblock::SIZE,
                0,
            );
            let before = std::mem::take(&mut found.all);
            let super_block = superblock::OFFSET / found.block_size as u64;
            let within = superblock::OFFSET as usize % found.block_size;
            let place = places.get(&super_block).map(|at| at + within);
            found = Structures::facts(image, place.unwrap_or(superblock::OFFSET as usize))?;
            found.all = before;
            found.log = Some(log);
            found.places = places;
            if let Some(at) = place {
                found.push(Kind::Super, at, superblock::SIZE, super_block);
            }
        } else {
            found.push(
                Kind::Super,
                superblock::OFFSET as usize,
                superblock::SIZE,
                0,
            );
        }
        found.groups(image)?;
        let mut classes = vec![Vec::new(); CLASSES];
        for (i, structure) in found.all.iter().enumerate() {
            classes[structure.kind.class()].push(i);
        }
        classes.retain(|class| !class.is_empty());
        found.classes = classes;
        Some(found)
    }

    fn facts(image: &[u8], at: usize) -> Option<Structures> {
        let sb = Superblock::from_bytes(image.get(at..)?)?;
        Some(Structures {
            block_size: sb.block_size()? as usize,
            inode_size: usize::from(sb.inode_size()),
            desc_size: usize::from(sb.desc_size()),
            blocks: sb.blocks_count(),
            inodes: sb.inodes_count(),
            first_block: sb.first_data_block(),
            blocks_per_group: sb.blocks_per_group(),
            clusters_per_group: match sb.features().ro_compat.contains(RoCompat::BIGALLOC) {
                true => sb.clusters_per_group(),
                false => sb.blocks_per_group(),
            },
            inodes_per_group: sb.inodes_per_group(),
            features: sb.features(),
            seed: sb.checksum_seed(),
            uuid: sb.uuid(),
            all: Vec::new(),
            classes: Vec::new(),
            used_inodes: Vec::new(),
            log: None,
            places: HashMap::new(),
        })
    }

    /// Notes a structure.
    pub fn push(&mut self, kind: Kind, at: usize, len: usize, home: u64) {
        self.all.push(Structure {
            kind,
            at,
            len,
            home,
        });
    }

    /// Notes a structure that is a whole block.
    pub fn push_block(&mut self, kind: Kind, no: u64) {
        let at = self.place(no);
        self.push(kind, at, self.block_size, no);
    }

    fn push_inode(&mut self, image: &[u8], ino: u32) {
        if let Some(at) = self.inode_at(image, ino) {
            self.push(Kind::Inode(ino), at, self.inode_size, 0);
        }
    }

    /// The byte where block `no` starts: in its place, or in the log.
    pub fn place(&self, no: u64) -> usize {
        let home = no as usize * self.block_size;
        self.places.get(&no).copied().unwrap_or(home)
    }

    /// The bytes of block `no`.
    pub fn block<'i>(&self, image: &'i [u8], no: u64) -> Option<&'i [u8]> {
        let at = self.place(no);
        image.get(at..at + self.block_size)
    }

    fn group_count(&self) -> u32 {
        (self.blocks - u64::from(self.first_block)).div_ceil(u64::from(self.blocks_per_group))
            as u32
    }

    /// Where a group's descriptor is. (Seeds with meta groups have but one of them.)
    pub fn desc_at(&self, image: &[u8], group: u32) -> Option<usize> {
        let first = u64::from(self.block_size == 1024) + 1;
        let per_block = (self.block_size / self.desc_size) as u32;
        let block = self.place(first + u64::from(group / per_block));
        let at = block + (group % per_block) as usize * self.desc_size;
        (at + self.desc_size <= image.len()).then_some(at)
    }

    fn desc(&self, image: &[u8], group: u32) -> Option<GroupDesc> {
        let at = self.desc_at(image, group)?;
        Some(GroupDesc::decode(&image[at..at + self.desc_size]))
    }

    /// Where an inode is.
    pub fn inode_at(&self, image: &[u8], ino: u32) -> Option<usize> {
        let index = ino.checked_sub(1)?;
        let desc = self.desc(image, index / self.inodes_per_group)?;
        let byte = (index % self.inodes_per_group) as usize * self.inode_size;
        let block = desc.inode_table.0 + (byte / self.block_size) as u64;
        let at = self.place(block) + byte % self.block_size;
        (at + self.inode_size <= image.len()).then_some(at)
    }

    /// An inode's bytes.
    pub fn inode(&self, image: &[u8], ino: u32) -> Option<RawInode> {
        let at = self.inode_at(image, ino)?;
        Some(RawInode::from_bytes(&image[at..at + self.inode_size]))
    }

    /// Where an image's inode is, by number: for tests that damage one.
    pub fn find(&self, kind: Kind) -> Option<&Structure> {
        self.all
            .iter()
            .rev()
            .find(|structure| structure.kind == kind)
    }

    fn groups(&mut self, image: &[u8]) -> Option<()> {
        let sb = Superblock::from_bytes(image.get(superblock::OFFSET as usize..)?)?;
        let special = self.special_files(&sb);
        if self.features.incompat.contains(Incompat::MMP) {
            self.push_block(Kind::Mmp, sb.mmp_block());
        }
        for group in 0..self.group_count() {
            let at = self.desc_at(image, group)?;
            self.push(Kind::Descriptor(group), at, self.desc_size, 0);
            let desc = self.desc(image, group)?;
            self.push_block(Kind::BlockBitmap(group), desc.block_bitmap.0);
            self.push_block(Kind::InodeBitmap(group), desc.inode_bitmap.0);
            if desc.flags & INODE_UNINIT != 0 {
                continue;
            }
            let bitmap = self.block(image, desc.inode_bitmap.0)?.to_vec();
            for index in 0..self.inodes_per_group {
                if bitmap[index as usize / 8] >> (index % 8) & 1 == 0 {
                    continue;
                }
                let ino = group * self.inodes_per_group + index + 1;
                let inode = self.inode(image, ino)?;
                if inode.mode() == 0 {
                    continue;
                }
                self.used_inodes.push(ino);
                self.push_inode(image, ino);
                let content = special.iter().find(|(special, _)| *special == ino);
                let content = content.map_or(Kind::Data, |&(_, kind)| kind);
                maps::note(self, image, Ino(ino), &inode, content);
            }
        }
        Some(())
    }

    /// Files of the file system's own, and what their blocks are.
    fn special_files(&self, sb: &Superblock) -> Vec<(u32, Kind)> {
        let mut files = Vec::new();
        if self.features.compat.contains(Compat::ORPHAN_FILE) {
            let ino = sb.orphan_file_inum();
            files.push((ino, Kind::Orphans(ino)));
        }
        if self.features.ro_compat.contains(RoCompat::QUOTA) {
            files.extend(sb.quota_inums().map(|ino| (ino, Kind::Quota)));
        }
        files
    }
}
