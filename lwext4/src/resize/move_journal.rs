//! Moving the journal below the new end.
//!
//! Where the journal is must not itself be in the journal: a kernel that replays it would go on writing
//! where the journal was. So it moves without: the inode gets the new blocks besides the old ones, behind
//! the journal's end, in a transaction. When the log is empty and the volume closed, one write of a
//! sector exchanges the two: it gives the inode a second map of the same blocks, prepared before. At
//! last a transaction takes what is behind the journal's end away.

use super::journal_map::{self, Blocks, Map};
use crate::cache::BlockKind;
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::{Credits, Handle};
use crate::map;
use crate::ondisk::extent;
use crate::open::open_journal;
use crate::types::{BlockNo, FileBlock, Ino};

/// What a disk writes whole or not at all, in bytes.
const SECTOR: u64 = 512;

/// A write that exchanges the journal's old place for the new one.
pub(super) struct Exchange {
    /// Where, in bytes.
    pub at: u64,
    pub bytes: Vec<u8>,
}

impl Fs {
    fn journal_inode(&self) -> Result<Option<InodeData>> {
        match Ino(self.sb.lock().journal_inum()) {
            Ino(0) => Ok(None),
            ino => Ok(Some(self.load_inode(ino)?).filter(|data| data.maps_blocks(self))),
        }
    }

    /// Whether any of the journal's blocks is at `ceiling` or behind it.
    pub(super) fn journal_above(&self, ceiling: BlockNo) -> Result<bool> {
        let Some(data) = self.journal_inode()? else {
            return Ok(false);
        };
        let high = map::next_above(self, &data, FileBlock(0), ceiling)?.is_some();
        Ok(high || map::nodes(self, &data)?.iter().any(|&no| no >= ceiling))
    }

    /// Blocks of the journal, as it says itself.
    fn journal_len(&self) -> Result<u32> {
        let sb = self.sb.lock().clone();
        let file = open_journal(&self.dev, &sb, &self.geo)?;
        let len = file.read_superblock()?.max_len();
        if len == 0 || len > file.len() {
            return Err(Corrupt::new("the journal is longer than its file").into());
        }
        Ok(len)
    }

    /// Takes away what the journal's inode has behind the journal's end. Whether there was anything: then
    /// the volume must be closed, since to its log all those blocks are the journal's.
    pub(super) fn trim_journal(&self) -> Result<bool> {
        let Some(mut data) = self.journal_inode()? else {
            return Ok(false);
        };
        let len = self.journal_len()?;
        let size = u64::from(len) << self.geo.block_bits;
        if data.size() <= size {
            return Ok(false);
        }
        loop {
            let mut h = self.begin(Credits::MAP)?;
            let result = map::remove(&mut h, &mut data, FileBlock(len), 1 << 32).and_then(|left| {
                // The file ends where its blocks do.
                let end = left.map_or(len, |left| left.0);
                data.set_size(u64::from(end) << self.geo.block_bits);
                h.store(&mut data)?;
                self.back_up_journal(&data);
                Ok(left)
            });
            if h.finish_with(&mut data, result)?.is_none() {
                return Ok(true);
            }
        }
    }

    /// Copies the journal's map to the superblock, where there is such a copy.
    fn back_up_journal(&self, data: &InodeData) {
        let mut sb = self.sb.lock();
        if sb.jnl_backup_type() == 1 {
            sb.set_journal_backup(data.block(), data.size());
        }
    }

    /// Prepares the move: the journal's inode has room for two. The write that exchanges them is for
    /// when the volume is closed.
    pub(super) fn prepare_journal_move(&self) -> Result<Exchange> {
        let Some(mut data) = self.journal_inode()? else {
            return Err(Corrupt::new("the journal has no inode").into());
        };
        let len = self.journal_len()?;
        self.journal.checkpoint()?;
        let credits = self.journal.alone_limit() / 2;
        let mut h = self.begin_alone(Credits(credits))?;
        let result = self.double(&mut h, &mut data, len, credits);
        let second = h.finish_with(&mut data, result)?;
        drop(h);
        // As the inode will be on disk, but for the map.
        let mut exchanged = self.load_inode(data.ino)?;
        let (block, within) = exchanged.place();
        exchanged.block_mut().copy_from_slice(&second.root);
        if self.geo.has_csum() {
            let ino = exchanged.ino;
            exchanged.seal(self.geo.seed, ino);
        }
        let len = (exchanged.as_bytes().len() as u64).min(SECTOR) as usize;
        Ok(Exchange {
            at: self.geo.offset(block) + within as u64,
            bytes: exchanged.as_bytes()[..len].to_vec(),
        })
    }

    /// Gives the inode as many blocks again, and returns the map that begins with those.
    fn double(
        &self,
        h: &mut Handle<'_>,
        data: &mut InodeData,
        len: u32,
        credits: u32,
    ) -> Result<Map> {
        let block_size = self.geo.block_size;
        let extents = map::has_extents(data);
        let old = self.runs(data, len)?;
        let new = self.take_runs(h, len)?;
        let pieces = old.len() + new.len();
        let count = 2 * u64::from(len);
        let nodes = journal_map::nodes_needed(extents, block_size, count, pieces)?;
        let first_nodes = self.take_singles(h, nodes)?;
        let second_nodes = self.take_singles(h, nodes)?;
        if 3 * nodes as u32 + 16 > credits {
            return Err(Error::Unsupported(
                "the journal is too small for its own map".to_owned(),
            ));
        }
        let runs = |a: &[Blocks], b: &[Blocks], nodes: &[BlockNo]| {
            let nodes = nodes.iter().map(|&no| (no, 1));
            a.iter()
                .chain(b)
                .copied()
                .chain(nodes)
                .collect::<Vec<Blocks>>()
        };
        let first = journal_map::build(
            extents,
            block_size,
            &runs(&old, &new, &second_nodes),
            &first_nodes,
        )?;
        let second = journal_map::build(
            extents,
            block_size,
            &runs(&new, &old, &first_nodes),
            &second_nodes,
        )?;
        self.write_empty_journal(&old, &new)?;
        let owner = data.owner(self);
        for (no, bytes) in &second.nodes {
            let mut bytes = bytes.clone();
            if extents && self.geo.has_csum() {
                extent::seal_node(&mut bytes, owner.seed);
            }
            self.write_data(self.geo.offset(*no), &bytes)?;
        }
        let kind = if extents {
            BlockKind::ExtentNode(owner)
        } else {
            BlockKind::Indirect(owner)
        };
        let left = map::nodes(self, data)?;
        for (no, bytes) in &first.nodes {
            let block = h.create_block(*no, kind)?;
            h.modify(&block, |block| block.copy_from_slice(bytes));
        }
        for no in left {
            self.alloc.free_blocks(h, no, 1, true)?;
        }
        data.block_mut().copy_from_slice(&first.root);
        let blocks = count + nodes as u64;
        data.set_size(blocks << self.geo.block_bits);
        let sectors = (blocks + nodes as u64) * u64::from(block_size / 512);
        data.set_sectors(sectors, block_size);
        h.store(data)?;
        self.back_up_journal(data);
        Ok(second)
    }

    /// Where the first `len` blocks of a file without holes are.
    fn runs(&self, data: &InodeData, len: u32) -> Result<Vec<Blocks>> {
        let mut runs: Vec<Blocks> = Vec::new();
        let mut at = 0;
        while at < len {
            let run = map::lookup(self, data, FileBlock(at))?;
            let Some(phys) = run.phys else {
                return Err(Corrupt::new("the journal has a hole").ino(data.ino).into());
            };
            let count = run.len.min(len - at);
            match runs.last_mut() {
                Some(last) if last.0.0 + u64::from(last.1) == phys.0 => last.1 += count,
                _ => runs.push((phys, count)),
            }
            at += count;
        }
        Ok(runs)
    }

    fn take_runs(&self, h: &mut Handle<'_>, len: u32) -> Result<Vec<Blocks>> {
        let mut runs: Vec<Blocks> = Vec::new();
        let mut left = len;
        while left > 0 {
            let goal = runs.last().map_or(BlockNo(0), |&(start, len)| {
                BlockNo(start.0 + u64::from(len))
            });
            let (start, got) = self.alloc.alloc_blocks(h, goal, left)?;
            runs.push((start, got));
            left -= got;
        }
        Ok(runs)
    }

    fn take_singles(&self, h: &mut Handle<'_>, count: usize) -> Result<Vec<BlockNo>> {
        (0..count)
            .map(|_| Ok(self.alloc.alloc_blocks(h, BlockNo(0), 1)?.0))
            .collect()
    }

    /// Makes the new place an empty journal. What a log of another time left there must not be taken
    /// for this one's.
    fn write_empty_journal(&self, old: &[Blocks], new: &[Blocks]) -> Result<()> {
        let bits = self.geo.block_bits;
        for &(start, len) in new {
            self.dev
                .punch(self.geo.offset(start), u64::from(len) << bits)
                .map_err(|e| Error::io("zeroing the new journal", e))?;
        }
        let (Some(&(from, _)), Some(&(to, _))) = (old.first(), new.first()) else {
            return Ok(());
        };
        let sb = self.sb.lock().clone();
        let file = open_journal(&self.dev, &sb, &self.geo)?;
        let mut journal = file.read_superblock()?;
        journal.set_start(0);
        debug_assert_ne!(from, to);
        self.write_data(self.geo.offset(to), &journal.encode()[..])
    }
}
