//! Where things are: what each group uses, and which blocks a file has. For programs that draw or
//! measure an image.

use crate::alloc::{base_blocks, desc_place};
use crate::cache::BlockKind;
use crate::error::Result;
use crate::map;
use crate::ondisk::group_desc::GroupDesc;
use crate::types::{BlockNo, FileBlock, GroupNo, Ino};
use crate::volume::Volume;
use std::ops::Range;

/// A block group.
#[derive(Clone, Debug)]
pub struct GroupLayout {
    /// Its blocks.
    pub blocks: Range<u64>,
    /// A bit a cluster (without bigalloc: a block), from the group's first one on: set where it is in use.
    pub used: Vec<u8>,
    /// log2 of the blocks in a cluster.
    pub cluster_bits: u32,
    /// The copy of the superblock, the group descriptors and what is reserved for more of them.
    pub superblock: Range<u64>,
    /// Bitmaps and inode tables of the group, which may lie in another one.
    pub tables: Vec<Range<u64>>,
    /// Inodes in use.
    pub used_inodes: u32,
}

/// Blocks of a file that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRun {
    /// Where in the file, in blocks.
    pub at: u32,
    /// Where on the device, in blocks.
    pub block: BlockNo,
    /// How many.
    pub len: u32,
}

impl Volume {
    /// How many block groups there are.
    pub fn group_count(&self) -> u32 {
        self.fs.geo.groups()
    }

    /// What a group uses. Groups are counted from 0.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt): the group's descriptor or bitmap is damaged.
    pub fn group_layout(&self, group: u32) -> Result<GroupLayout> {
        let fs = &self.fs;
        let geo = &fs.geo;
        let no = GroupNo(group.min(geo.groups().saturating_sub(1)));
        let start = geo.group_start(no).0;
        let used = fs.alloc.blocks_in_use(fs, no)?;
        let (block, at) = desc_place(geo, no);
        let bytes = fs.read_block(block, BlockKind::Descriptors)?.bytes();
        let desc = GroupDesc::decode(&bytes[at..at + usize::from(geo.desc_size)]);
        let one = |block: BlockNo, len: u64| block.0..block.0.saturating_add(len);
        let table =
            u64::from(geo.inodes_per_group) * u64::from(geo.inode_size) / u64::from(geo.block_size);
        Ok(GroupLayout {
            blocks: start..start + u64::from(geo.group_len(no)),
            used,
            cluster_bits: geo.cluster_bits,
            superblock: start..start + u64::from(base_blocks(geo, no)),
            tables: vec![
                one(desc.block_bitmap, 1),
                one(desc.inode_bitmap, 1),
                one(desc.inode_table, table),
            ],
            used_inodes: geo.inodes_per_group.saturating_sub(desc.free_inodes),
        })
    }

    /// Calls `each` with the runs of blocks that hold a file's content, in the file's order: one for
    /// each piece that lies together.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt): the file's map is damaged.
    pub fn file_runs(&self, ino: Ino, each: &mut dyn FnMut(FileRun)) -> Result<()> {
        let fs = &self.fs;
        let inode = fs.inode(ino)?;
        let data = inode.data.read();
        if !data.maps_blocks(fs) {
            return Ok(());
        }
        let mut at = FileBlock(0);
        let mut open: Option<FileRun> = None;
        while let Some((from, run)) = map::next_mapped(fs, &data, at)? {
            if let Some(block) = run.phys {
                let joins = open.is_some_and(|open| {
                    open.at.checked_add(open.len) == Some(from.0)
                        && open.block.0 + u64::from(open.len) == block.0
                });
                match &mut open {
                    Some(open) if joins => open.len = open.len.saturating_add(run.len),
                    _ => {
                        let next = FileRun {
                            at: from.0,
                            block,
                            len: run.len,
                        };
                        if let Some(done) = open.replace(next) {
                            each(done);
                        }
                    }
                }
            }
            match from.0.checked_add(run.len) {
                Some(next) if next < u32::MAX => at = FileBlock(next),
                _ => break,
            }
        }
        if let Some(done) = open {
            each(done);
        }
        Ok(())
    }
}
