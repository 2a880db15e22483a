//! Moving an inode's blocks below the new end.
//!
//! A block's content is copied to its new place first, and the map changed in a transaction after that;
//! the old place is held until that transaction is on disk. So at any time the map leads to the content.
//! What is copied is what the device has: of blocks that go through the journal it is up to date, since
//! everything was written home before, and nothing but this changes them. The orphan file's blocks and those of quota files may have
//! changed since: they go through the cache.

use crate::cache::{BlockKind, Owner};
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::{Credits, Handle};
use crate::map;
use crate::types::{BlockNo, FileBlock, Ino};
use crate::xattr;
use std::collections::HashMap;

/// The most bytes that are moved in one transaction.
const PIECE: u64 = 8 << 20;
/// What is copied at once, in bytes.
const BUFFER: u64 = 1 << 20;
/// How many shared blocks of attributes are remembered.
const REMEMBERED: usize = 1 << 16;

impl Fs {
    /// Copies `len` blocks of what the device has. Zeroes stay holes where that is possible.
    pub fn copy_blocks(&self, from: BlockNo, to: BlockNo, len: u32) -> Result<()> {
        let bits = self.geo.block_bits;
        let most = (BUFFER >> bits).max(1);
        let mut done = 0;
        while done < u64::from(len) {
            let count = most.min(u64::from(len) - done);
            let mut buffer = vec![0; (count << bits) as usize];
            self.read_data(self.geo.offset(BlockNo(from.0 + done)), &mut buffer)?;
            let at = self.geo.offset(BlockNo(to.0 + done));
            if buffer.iter().all(|&byte| byte == 0) {
                self.dev
                    .punch(at, count << bits)
                    .map_err(|e| Error::io("zeroing moved blocks", e))?;
            } else {
                self.write_data(at, &buffer)?;
            }
            done += count;
        }
        Ok(())
    }

    /// Moves everything that the inode has at `ceiling` or behind it. `attributes` tells where shared
    /// blocks of attributes went.
    pub(super) fn lower_inode(
        &self,
        ino: Ino,
        ceiling: BlockNo,
        attributes: &mut HashMap<BlockNo, BlockNo>,
    ) -> Result<()> {
        let lowered = self.lower_parts(ino, ceiling, attributes);
        if self.orphan_file() == ino {
            self.orphans.forget_file();
        }
        if self.quotas.owns(ino) {
            // Also of a part: whatever is counted next goes where the file is now.
            self.reopen_quotas()?;
        }
        lowered
    }

    fn orphan_file(&self) -> Ino {
        Ino(self.sb.lock().orphan_file_inum())
    }

    /// What the blocks of a file are that change while others move; `None` of any other: then what the
    /// device has is up to date.
    fn kind_of_busy(&self, data: &InodeData) -> Option<BlockKind> {
        if self.orphan_file() == data.ino {
            let owner = Owner::new(&self.geo, data.ino, data.generation());
            return Some(BlockKind::Orphans(owner));
        }
        self.quotas
            .owns(data.ino)
            .then_some(BlockKind::Quota(data.ino))
    }

    fn lower_parts(
        &self,
        ino: Ino,
        ceiling: BlockNo,
        attributes: &mut HashMap<BlockNo, BlockNo>,
    ) -> Result<()> {
        let mut data = self.load_inode(ino)?;
        if data.file_acl() >= ceiling.0 {
            if attributes.len() >= REMEMBERED {
                attributes.clear();
            }
            let mut h = self.begin(Credits::INODE)?;
            let moved = xattr::lower(&mut h, &mut data, ceiling, attributes)
                .and_then(|()| h.store(&mut data));
            h.finish(moved)?;
        }
        if !data.maps_blocks(self) {
            return Ok(());
        }
        if map::depth(&data) > 0 || !map::has_extents(&data) {
            loop {
                let mut h = self.begin(Credits::MAP)?;
                let moved = map::lower_nodes(&mut h, &mut data, ceiling)
                    .and_then(|all| h.store(&mut data).map(|()| all));
                if h.finish_with(&mut data, moved)? {
                    break;
                }
            }
        }
        let kind = self.kind_of_busy(&data);
        let mut at = FileBlock(0);
        while let Some((first, run)) = map::next_above(self, &data, at, ceiling)? {
            let mut h = self.begin(Credits::MAP)?;
            let moved = self.lower_piece(&mut h, &mut data, first, &run, kind);
            let moved = h.finish_with(&mut data, moved)?;
            at = FileBlock(first.0.saturating_add(moved));
        }
        Ok(())
    }

    /// Moves blocks from the start of a run: how many.
    fn lower_piece(
        &self,
        h: &mut Handle<'_>,
        data: &mut InodeData,
        at: FileBlock,
        run: &map::Run,
        kind: Option<BlockKind>,
    ) -> Result<u32> {
        let Some(old) = run.phys else {
            return Ok(run.len);
        };
        let most = if kind.is_some() {
            1
        } else {
            ((PIECE >> self.geo.block_bits) as u32).max(1)
        };
        let goal = match at.0.checked_sub(1) {
            Some(before) => map::lookup(self, data, FileBlock(before))?
                .phys
                .and_then(|phys| phys.checked_add(1)),
            None => None,
        };
        let goal = goal.unwrap_or_else(|| self.alloc.goal_for_inode(self, data.ino));
        let (new, len) = self.alloc.alloc_blocks(h, goal, run.len.min(most))?;
        match kind {
            // Through the journal; checksums of the orphan file's blocks say where they are, too.
            Some(kind) => {
                let bytes = self.read_block(old, kind)?.bytes();
                let block = h.create_block(new, kind)?;
                h.modify(&block, |block| block.copy_from_slice(&bytes));
            }
            None if !run.unwritten => self.copy_blocks(old, new, len)?,
            None => {}
        }
        if let Err(error) = map::repoint(h, data, at, len, new) {
            self.alloc.free_blocks(h, new, len, kind.is_some())?;
            return Err(error);
        }
        let metadata = kind.is_some() || map::is_metadata(data);
        self.alloc.free_blocks(h, old, len, metadata)?;
        h.store(data)?;
        Ok(len)
    }
}
