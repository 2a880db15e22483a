//! Moving the journal below the new end.
//!
//! Where the journal is must not itself be in the journal: a kernel that replays it would go on writing
//! where the journal was. So it moves without: for every block that is in the way, the inode gets a new
//! one besides, behind the journal's end, in a transaction. When the log is empty and the volume closed,
//! one write of a sector exchanges the two: it gives the inode a second map of the same blocks, prepared
//! before. At last a transaction takes what is behind the journal's end away.

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

    /// Prepares the move of what is at `ceiling` or behind it: the journal's inode has the new blocks too.
    /// The write that exchanges them is for when the volume is closed.
    pub(super) fn prepare_journal_move(&self, ceiling: BlockNo) -> Result<Exchange> {
        let Some(mut data) = self.journal_inode()? else {
            return Err(Corrupt::new("the journal has no inode").into());
        };
        let len = self.journal_len()?;
        self.journal.checkpoint()?;
        let credits = self.journal.alone_limit() / 2;
        let mut h = self.begin_alone(Credits(credits))?;
        let result = self.double(&mut h, &mut data, len, ceiling, credits);
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

    /// Gives the inode a new block for every one in the way, and returns the map that has them in the
    /// place of those.
    fn double(
        &self,
        h: &mut Handle<'_>,
        data: &mut InodeData,
        len: u32,
        ceiling: BlockNo,
        credits: u32,
    ) -> Result<Map> {
        let block_size = self.geo.block_size;
        let old = split(&self.runs(data, len)?, ceiling);
        let mut taken = Vec::new();
        let plan = match self.plan_move(h, data, &old, ceiling, credits, &mut taken) {
            Ok(plan) => plan,
            Err(error) => {
                for (start, len) in taken {
                    self.alloc.free_blocks(h, start, len, false)?;
                }
                return Err(error);
            }
        };
        self.write_empty_journal(&old, &plan)?;
        let owner = data.owner(self);
        let extents = map::has_extents(data);
        for (no, bytes) in &plan.second.nodes {
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
        for (no, bytes) in &plan.first.nodes {
            let block = h.create_block(*no, kind)?;
            h.modify(&block, |block| block.copy_from_slice(bytes));
        }
        for no in left {
            self.alloc.free_blocks(h, no, 1, true)?;
        }
        data.block_mut().copy_from_slice(&plan.first.root);
        let nodes = plan.first.nodes.len() as u64;
        let blocks = u64::from(len) + total(&plan.new) + nodes;
        data.set_size(blocks << self.geo.block_bits);
        data.set_sectors((blocks + nodes) * u64::from(block_size / 512), block_size);
        h.store(data)?;
        self.back_up_journal(data);
        Ok(plan.second)
    }

    /// Takes the blocks and builds both maps. Nothing else happens; what was taken is in `taken`.
    fn plan_move(
        &self,
        h: &mut Handle<'_>,
        data: &InodeData,
        old: &[Blocks],
        ceiling: BlockNo,
        credits: u32,
        taken: &mut Vec<Blocks>,
    ) -> Result<Plan> {
        let block_size = self.geo.block_size;
        let extents = map::has_extents(data);
        let high: Vec<Blocks> = old.iter().copied().filter(|run| run.0 >= ceiling).collect();
        let mut left = total(&high);
        while left > 0 {
            let goal = taken.last().map_or(BlockNo(0), |&(start, len)| {
                BlockNo(start.0 + u64::from(len))
            });
            let want = u32::try_from(left).unwrap_or(u32::MAX);
            let got = self.alloc.alloc_blocks(h, goal, want)?;
            taken.push(got);
            left -= u64::from(got.1);
        }
        let new = taken.clone();
        let replaced = replace(old, &new, ceiling);
        let pieces = (old.len() + new.len()).max(replaced.len() + high.len());
        let count = total(old) + total(&new);
        let nodes = journal_map::nodes_needed(extents, block_size, count, pieces)?;
        if 3 * nodes as u64 + 16 > u64::from(credits) {
            return Err(Error::Unsupported(
                "the journal is too small for its own map".to_owned(),
            ));
        }
        for _ in 0..2 * nodes {
            let (no, _) = self.alloc.alloc_blocks(h, BlockNo(0), 1)?;
            taken.push((no, 1));
        }
        let singles: Vec<Blocks> = taken.iter().skip(new.len()).copied().collect();
        let (first_nodes, second_nodes) = singles.split_at(nodes);
        let build = |runs: [&[Blocks]; 3], nodes: &[Blocks]| {
            let nodes: Vec<BlockNo> = nodes.iter().map(|&(no, _)| no).collect();
            journal_map::build(extents, block_size, &runs.concat(), &nodes)
        };
        Ok(Plan {
            first: build([old, &new, second_nodes], first_nodes)?,
            second: build([&replaced, &high, first_nodes], second_nodes)?,
            replaced_first: replaced.first().copied(),
            new,
        })
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

    /// Makes the new blocks part of an empty journal. What a log of another time left there must not be
    /// taken for this one's.
    fn write_empty_journal(&self, old: &[Blocks], plan: &Plan) -> Result<()> {
        let bits = self.geo.block_bits;
        for &(start, len) in &plan.new {
            self.dev
                .punch(self.geo.offset(start), u64::from(len) << bits)
                .map_err(|e| Error::io("zeroing the new journal", e))?;
        }
        // The first block may be one of those that move.
        let (Some(&(from, _)), Some(&(to, _))) = (old.first(), plan.replaced_first.as_ref()) else {
            return Ok(());
        };
        if from == to {
            return Ok(());
        }
        let sb = self.sb.lock().clone();
        let file = open_journal(&self.dev, &sb, &self.geo)?;
        let mut journal = file.read_superblock()?;
        journal.set_start(0);
        self.write_data(self.geo.offset(to), &journal.encode()[..])
    }
}

/// The two maps, and the blocks that are new.
struct Plan {
    first: Map,
    second: Map,
    new: Vec<Blocks>,
    /// Where the journal begins by the second map.
    replaced_first: Option<Blocks>,
}

fn total(runs: &[Blocks]) -> u64 {
    runs.iter().map(|&(_, len)| u64::from(len)).sum()
}

/// Runs of which none lies on both sides of `ceiling`.
fn split(runs: &[Blocks], ceiling: BlockNo) -> Vec<Blocks> {
    let parts = runs.iter().flat_map(|&(start, len)| {
        let below = ceiling.0.saturating_sub(start.0).min(u64::from(len)) as u32;
        let behind = BlockNo(start.0 + u64::from(below));
        [(start, below), (behind, len - below)]
    });
    parts.filter(|&(_, len)| len > 0).collect()
}

/// `runs` with those at `ceiling` or behind it replaced by `new` ones, in order.
fn replace(runs: &[Blocks], new: &[Blocks], ceiling: BlockNo) -> Vec<Blocks> {
    let mut unused = new.to_vec();
    unused.reverse();
    let mut replaced = Vec::new();
    for &(start, len) in runs {
        if start < ceiling {
            replaced.push((start, len));
            continue;
        }
        let mut left = len;
        while left > 0 {
            let Some((start, len)) = unused.pop() else {
                break;
            };
            let part = len.min(left);
            replaced.push((start, part));
            left -= part;
            if part < len {
                unused.push((BlockNo(start.0 + u64::from(part)), len - part));
            }
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_replaced_in_its_place() {
        let run = |start, len| (BlockNo(start), len);
        let runs = split(&[run(90, 20), run(5, 3), run(200, 4)], BlockNo(100));
        assert_eq!(runs, [run(90, 10), run(100, 10), run(5, 3), run(200, 4)]);
        let new = [run(10, 7), run(30, 7)];
        assert_eq!(
            replace(&runs, &new, BlockNo(100)),
            [run(90, 10), run(10, 7), run(30, 3), run(5, 3), run(33, 4)]
        );
    }
}
