//! The files of a new file system: root, lost+found, and the inodes that only the file system itself
//! uses.

use super::layout::Layout;
use super::map::Map;
use crate::error::{Error, Result};
use crate::ondisk::Le;
use crate::ondisk::dirent::{self, Packer};
use crate::ondisk::features::{Compat, Incompat};
use crate::ondisk::inode::{InodeFlags, RawInode, owner_seed};
use crate::ondisk::orphan_file;
use crate::types::{BlockNo, FileType, Ino, Timestamp};

const BAD_BLOCKS: Ino = Ino(1);
const LOST_FOUND: Ino = Ino(super::geometry::FIRST_INO);
/// The orphan file's inode, the first one after lost+found.
pub(super) const ORPHAN_FILE: Ino = Ino(super::geometry::FIRST_INO + 1);
/// Bytes of extra fields in an inode of more than 128 bytes.
pub(super) const EXTRA_ISIZE: u16 = 32;

/// What is common to all files made.
pub(super) struct Files<'a, 'g> {
    pub layout: &'a mut Layout<'g>,
    pub now: Timestamp,
    /// The file system's checksum seed.
    pub seed: u32,
    /// Blocks to write, each with its content.
    pub blocks: Vec<(u64, Vec<u8>)>,
    /// Inodes to write, sealed.
    pub inodes: Vec<(Ino, RawInode)>,
}

impl Files<'_, '_> {
    fn inode(&self, mode: u16, links: u16) -> RawInode {
        let size = usize::from(self.layout.geometry.inode_size);
        let mut inode = RawInode::new(size, EXTRA_ISIZE);
        inode.set_mode(mode);
        inode.set_links_count(links);
        inode.set_atime(self.now);
        inode.set_mtime(self.now);
        inode.set_ctime(self.now);
        inode.set_crtime(self.now);
        inode
    }

    fn finish(&mut self, ino: Ino, mut inode: RawInode) {
        if self.layout.geometry.metadata_csum() {
            inode.seal(self.seed, ino);
        }
        self.inodes.push((ino, inode));
    }

    /// Gives `inode` `count` blocks near `goal`; the data's blocks in order.
    fn allocate(
        &mut self,
        ino: Ino,
        inode: &mut RawInode,
        goal: u64,
        count: u64,
    ) -> Result<Vec<u64>> {
        let block_size = self.layout.geometry.block_size;
        let map = Map::allocate(self.layout, goal, count, owner_seed(self.seed, ino, 0))?;
        inode.block_mut().copy_from_slice(&map.root);
        if map.extents {
            inode.set_flags(InodeFlags::EXTENTS);
        }
        inode.set_size(count * u64::from(block_size));
        inode.set_sectors(map.taken * u64::from(block_size / 512), block_size);
        self.blocks.extend(map.nodes);
        Ok(map.data.into_iter().flatten().collect())
    }

    /// Inodes below the first free one exist, whether anything uses them or not.
    pub fn reserved(&mut self) {
        let size = usize::from(self.layout.geometry.inode_size);
        for ino in 3..LOST_FOUND.0 {
            if ![Ino::RESIZE, Ino::JOURNAL].contains(&Ino(ino)) {
                self.finish(Ino(ino), RawInode::new(size, 0));
            }
        }
        let mut bad = RawInode::new(size, 0);
        bad.set_atime(self.now);
        bad.set_mtime(self.now);
        bad.set_ctime(self.now);
        self.finish(BAD_BLOCKS, bad);
    }

    /// An inode that nothing uses, for the resize inode and the journal of file systems without.
    pub fn unused(&mut self, ino: Ino) {
        let size = usize::from(self.layout.geometry.inode_size);
        self.finish(ino, RawInode::new(size, 0));
    }

    /// A block with entries for directories; without entries, a free block.
    fn directory_block(&self, owner: Ino, entries: &[(Ino, &[u8])]) -> Vec<u8> {
        let geometry = self.layout.geometry;
        let typed = geometry.features.incompat.contains(Incompat::FILETYPE);
        let file_type = if typed {
            FileType::Directory.to_dirent()
        } else {
            0
        };
        let mut bytes = vec![0; geometry.block_size as usize];
        let mut packer = Packer::new(&mut bytes, geometry.metadata_csum());
        for (ino, name) in entries {
            // The few entries of a new directory fit any block.
            packer.push(name, *ino, file_type);
        }
        if geometry.metadata_csum() {
            dirent::seal_leaf(&mut bytes, owner_seed(self.seed, owner, 0));
        }
        bytes
    }

    /// The root directory, with the entry for lost+found, which is still to be made.
    pub fn root(&mut self, uid: u32, gid: u32, perm: u16) -> Result<()> {
        let mut inode = self.inode(0x4000 | perm & 0o7777, 3);
        inode.set_uid(uid);
        inode.set_gid(gid);
        let blocks = self.allocate(Ino::ROOT, &mut inode, 0, 1)?;
        let content = self.directory_block(
            Ino::ROOT,
            &[
                (Ino::ROOT, b"."),
                (Ino::ROOT, b".."),
                (LOST_FOUND, b"lost+found"),
            ],
        );
        self.blocks
            .extend(blocks.into_iter().map(|block| (block, content.clone())));
        self.finish(Ino::ROOT, inode);
        Ok(())
    }

    /// lost+found, with room for names, so that e2fsck need not allocate any.
    pub fn lost_and_found(&mut self) -> Result<()> {
        let mut inode = self.inode(0x4000 | 0o700, 2);
        let count = (16 * 1024 / u64::from(self.layout.geometry.block_size)).clamp(2, 12);
        let blocks = self.allocate(LOST_FOUND, &mut inode, 0, count)?;
        let first = self.directory_block(LOST_FOUND, &[(LOST_FOUND, b"."), (Ino::ROOT, b"..")]);
        let empty = self.directory_block(LOST_FOUND, &[]);
        for (i, block) in blocks.into_iter().enumerate() {
            let content = if i == 0 { &first } else { &empty };
            self.blocks.push((block, content.clone()));
        }
        self.finish(LOST_FOUND, inode);
        Ok(())
    }

    /// The inode that owns the reserved descriptor blocks: its double-indirect block lists those
    /// behind the primary descriptors, and each of those, taken as an indirect block, lists its
    /// copies in the groups with backups.
    pub fn resize(&mut self) -> Result<()> {
        let geometry = self.layout.geometry;
        let block_size = geometry.block_size;
        let per_block = u64::from(block_size / 4);
        // Where mke2fs looks first: around the end of the first group's inode table.
        let goal = geometry.head(0).end + 1 + u64::from(geometry.table_blocks);
        let taken = self.layout.take(goal, 1)?;
        let double = taken.first().map(|run| run.start).ok_or(Error::NoSpace)?;
        let backups: Vec<u64> = (1..geometry.groups)
            .filter(|&group| geometry.has_super(group))
            .map(|group| geometry.head(group).descriptors.end)
            .collect();
        let primary = geometry.head(0).descriptors.end;
        let mut top = vec![0; block_size as usize];
        for n in 0..u64::from(geometry.reserved_gdt) {
            let block = primary + n;
            // An entry's index is that of the descriptor block, so that resizing finds it.
            let slot = (u64::from(geometry.desc_blocks) + n) % per_block;
            number(block)?.put(&mut top, slot as usize * 4);
            let mut bytes = vec![0; block_size as usize];
            for (i, &backup) in backups.iter().enumerate() {
                number(backup + n)?.put(&mut bytes, i * 4);
            }
            self.blocks.push((block, bytes));
        }
        self.blocks.push((double, top));
        let mut inode = self.inode(0x8000 | 0o600, 1);
        number(double)?.put(inode.block_mut(), 13 * 4);
        inode.set_size((12 + per_block + per_block * per_block) * u64::from(block_size));
        let blocks = 1 + u64::from(geometry.reserved_gdt) * (1 + backups.len() as u64);
        inode.set_sectors(blocks * u64::from(block_size / 512), block_size);
        self.finish(Ino::RESIZE, inode);
        Ok(())
    }

    /// The journal, of `count` blocks, the last `fast` of them for fast commits. Its inode, for the
    /// superblock's copy.
    pub fn journal(&mut self, count: u32, fast: u32, uuid: [u8; 16]) -> Result<RawInode> {
        let mut inode = self.inode(0x8000 | 0o600, 1);
        let extents = self
            .layout
            .geometry
            .features
            .incompat
            .contains(Incompat::EXTENTS);
        // mke2fs puts a journal with a block map behind the other files.
        let goal = if extents {
            self.layout.journal_goal()
        } else {
            0
        };
        let blocks = self.allocate(Ino::JOURNAL, &mut inode, goal, u64::from(count))?;
        let block_size = self.layout.geometry.block_size;
        let mut bytes = vec![0; block_size as usize];
        for (at, word) in [
            (0x00, 0xC03B_3998), // magic
            (0x04, 4),           // superblock, version 2
            (0x0C, block_size),
            (0x10, count),
            (0x14, 1), // first block of the log
            (0x18, 1), // first transaction's number
            (0x40, 1), // users
            (0x54, fast),
        ] {
            word.swap_bytes().put(&mut bytes, at);
        }
        bytes[0x30..0x40].copy_from_slice(&uuid);
        if let Some(&first) = blocks.first() {
            self.blocks.push((first, bytes));
        }
        self.finish(Ino::JOURNAL, inode.clone());
        Ok(inode)
    }

    /// The file that lists orphans, empty: as many blocks as mke2fs gives it.
    pub fn orphan_file(&mut self) -> Result<()> {
        let geometry = self.layout.geometry;
        let count = (geometry.blocks / 4096).clamp(32, 512);
        let mut inode = self.inode(0x8000 | 0o600, 1);
        let seed = owner_seed(self.seed, ORPHAN_FILE, 0);
        let blocks = self.allocate(ORPHAN_FILE, &mut inode, 0, count)?;
        for block in blocks {
            let mut bytes = vec![0; geometry.block_size as usize];
            orphan_file::init_block(&mut bytes);
            if geometry.metadata_csum() {
                orphan_file::seal_block(&mut bytes, seed, BlockNo(block));
            }
            self.blocks.push((block, bytes));
        }
        self.finish(ORPHAN_FILE, inode);
        Ok(())
    }

    /// Makes all that the features ask for; the journal's inode, if there is a journal.
    pub fn make(
        &mut self,
        root: (u32, u32, u16),
        journal: Option<(u32, u32)>,
        uuid: [u8; 16],
    ) -> Result<Option<RawInode>> {
        let compat = self.layout.geometry.features.compat;
        self.root(root.0, root.1, root.2)?;
        self.lost_and_found()?;
        self.reserved();
        if compat.contains(Compat::RESIZE_INODE) {
            self.resize()?;
        } else {
            self.unused(Ino::RESIZE);
        }
        let inode = match journal {
            Some((count, fast)) => Some(self.journal(count, fast, uuid)?),
            None => {
                self.unused(Ino::JOURNAL);
                None
            }
        };
        if compat.contains(Compat::ORPHAN_FILE) {
            self.orphan_file()?;
        }
        Ok(inode)
    }
}

fn number(block: u64) -> Result<u32> {
    u32::try_from(block).map_err(|_| Error::FileTooBig)
}
