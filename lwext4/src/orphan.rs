//! Orphans: inodes whose last name is gone while someone still holds them, or that a truncate has not
//! finished with. The image lists them, so that whoever opens it after a crash finishes the work.
//!
//! The list is a chain through the inodes' deletion time that starts in the superblock, or, with the
//! feature orphan_file, slots in a file. Source: kernel documentation, ext4 "Orphan file".

use crate::cache::{Block, BlockKind, Owner};
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::map;
use crate::ondisk::Le;
use crate::ondisk::features::{Compat, RoCompat};
use crate::ondisk::orphan_file::slots;
use crate::types::{BlockNo, FileBlock, Ino};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Where an orphan is recorded.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In the chain, between two neighbours (0: none).
    Chain { prev: u32, next: u32 },
    /// In the orphan file: block and slot.
    File { block: BlockNo, slot: usize },
}

#[derive(Debug, Default)]
struct State {
    places: HashMap<Ino, Place>,
    /// Orphans that someone is already deleting.
    claimed: HashSet<Ino>,
    /// Blocks of the orphan file, once read, and how many slots of each are free.
    file: Option<Vec<(BlockNo, usize)>>,
    owner: Option<Owner>,
    /// Orphans in the file.
    in_file: usize,
}

/// The orphans of one volume.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    state: Mutex<State>,
}

impl Orphans {
    /// Whether the inode is listed.
    pub fn contains(&self, ino: Ino) -> bool {
        self.state.lock().places.contains_key(&ino)
    }

    /// Claims the work of deleting an orphan: true for one caller only.
    pub fn claim(&self, ino: Ino) -> bool {
        let mut state = self.state.lock();
        state.places.contains_key(&ino) && state.claimed.insert(ino)
    }

    /// Gives a claim back, after a failure.
    pub fn unclaim(&self, ino: Ino) {
        self.state.lock().claimed.remove(&ino);
    }

    /// Forgets where the blocks of the orphan file are.
    pub fn forget_file(&self) {
        self.state.lock().file = None;
    }

    /// Every orphan.
    pub fn all(&self) -> Vec<Ino> {
        self.state.lock().places.keys().copied().collect()
    }
}

impl Handle<'_> {
    /// Lists the inode as an orphan. The caller stores it.
    pub fn add_orphan(&mut self, inode: &mut InodeData) -> Result<()> {
        let fs = self.fs();
        let mut state = fs.orphans.state.lock();
        if state.places.contains_key(&inode.ino) {
            return Ok(());
        }
        if fs.geo.features.compat.contains(Compat::ORPHAN_FILE)
            && let Some((block, slot)) = take_slot(self, &mut state, inode.ino)?
        {
            state.places.insert(inode.ino, Place::File { block, slot });
            state.in_file += 1;
            fs.mark_orphan_file(true);
            inode.raw.set_dtime(0);
            return Ok(());
        }
        let head = {
            let mut sb = fs.sb.lock();
            let head = sb.last_orphan();
            sb.set_last_orphan(inode.ino.0);
            head
        };
        if let Some(Place::Chain { prev, .. }) = state.places.get_mut(&Ino(head)) {
            *prev = inode.ino.0;
        }
        state.places.insert(
            inode.ino,
            Place::Chain {
                prev: 0,
                next: head,
            },
        );
        inode.raw.set_dtime(head);
        Ok(())
    }

    /// Takes the inode off the list. The caller stores it.
    pub fn remove_orphan(&mut self, inode: &mut InodeData) -> Result<()> {
        let fs = self.fs();
        let mut state = fs.orphans.state.lock();
        state.claimed.remove(&inode.ino);
        let Some(place) = state.places.remove(&inode.ino) else {
            return Ok(());
        };
        inode.raw.set_dtime(0);
        match place {
            Place::File { block, slot } => {
                let Some(owner) = state.owner else {
                    return Err(Corrupt::new("orphan file is not loaded").into());
                };
                let file_block = fs.read_block(block, BlockKind::Orphans(owner))?;
                self.modify(&file_block, |bytes| 0u32.put(bytes, slot * 4));
                if let Some((_, free)) =
                    state.file.iter_mut().flatten().find(|(no, _)| *no == block)
                {
                    *free += 1;
                }
                state.in_file = state.in_file.saturating_sub(1);
                if state.in_file == 0 {
                    fs.mark_orphan_file(false);
                }
            }
            Place::Chain { prev, next } => {
                if let Some(Place::Chain { prev: back, .. }) = state.places.get_mut(&Ino(next)) {
                    *back = prev;
                }
                if prev == 0 {
                    fs.sb.lock().set_last_orphan(next);
                } else {
                    if let Some(Place::Chain { next: forward, .. }) =
                        state.places.get_mut(&Ino(prev))
                    {
                        *forward = next;
                    }
                    // The neighbour may be locked by someone else, who stores it through
                    // `store`, which asks this list, under its lock, for the pointer.
                    self.patch_dtime(Ino(prev), next)?;
                }
            }
        }
        Ok(())
    }

    /// Rewrites an inode's orphan pointer in its table block.
    fn patch_dtime(&mut self, ino: Ino, next: u32) -> Result<()> {
        let fs = self.fs();
        let (no, at) = fs.alloc.inode_location(fs, ino)?;
        let block = fs.read_block(no, BlockKind::InodeTable)?;
        let size = usize::from(fs.geo.inode_size);
        self.modify(&block, |table| {
            let mut raw = crate::ondisk::inode::RawInode::from_bytes(&table[at..at + size]);
            raw.set_dtime(next);
            if fs.geo.has_csum() {
                raw.seal(fs.geo.seed, ino);
            }
            table[at..at + size].copy_from_slice(raw.as_bytes());
        });
        Ok(())
    }

    /// Runs `store` with the inode's orphan pointer as the list has it.
    pub fn with_orphan_pointer(
        &mut self,
        inode: &mut InodeData,
        store: impl FnOnce(&mut Self, &mut InodeData) -> Result<()>,
    ) -> Result<()> {
        let fs = self.fs();
        let state = fs.orphans.state.lock();
        if let Some(Place::Chain { next, .. }) = state.places.get(&inode.ino) {
            inode.raw.set_dtime(*next);
        }
        let stored = store(self, inode);
        drop(state);
        stored
    }
}

/// A free slot of the orphan file, filled with `ino`; `None` when the file is full.
fn take_slot(h: &mut Handle<'_>, state: &mut State, ino: Ino) -> Result<Option<(BlockNo, usize)>> {
    let fs = h.fs();
    load_file(fs, state)?;
    let (Some(file), Some(owner)) = (state.file.as_mut(), state.owner) else {
        return Ok(None);
    };
    let Some((no, free)) = file.iter_mut().find(|(_, free)| *free > 0) else {
        return Ok(None);
    };
    let block = fs.read_block(*no, BlockKind::Orphans(owner))?;
    let Some(slot) = slots(&block.bytes()).position(|entry| entry == 0) else {
        *free = 0;
        return Ok(None);
    };
    h.modify(&block, |bytes| ino.0.put(bytes, slot * 4));
    *free -= 1;
    Ok(Some((*no, slot)))
}

/// Finds the orphan file's blocks.
fn load_file(fs: &Fs, state: &mut State) -> Result<()> {
    if state.file.is_some() {
        return Ok(());
    }
    let ino = Ino(fs.sb.lock().orphan_file_inum());
    let data = fs.load_inode(ino)?;
    let owner = data.owner(fs);
    let blocks = fs.geo.blocks_for(data.raw.size()).min(1 << 16) as u32;
    let mut file = Vec::new();
    for at in 0..blocks {
        let Some(no) = map::block_of(fs, &data, FileBlock(at))? else {
            return Err(Corrupt::new("orphan file has a hole").ino(ino).into());
        };
        let block: Arc<Block> = fs.read_block(no, BlockKind::Orphans(owner))?;
        let free = slots(&block.bytes()).filter(|&entry| entry == 0).count();
        file.push((no, free));
    }
    state.file = Some(file);
    state.owner = Some(owner);
    Ok(())
}

impl Fs {
    /// Says in the superblock whether the orphan file has entries. The running transaction takes the
    /// superblock with it, so the two agree after a crash: e2fsck leaves the mark on an empty file.
    fn mark_orphan_file(&self, used: bool) {
        let mut sb = self.sb.lock();
        let mut features = sb.features();
        features.ro_compat.set(RoCompat::ORPHAN_PRESENT, used);
        sb.set_features(features);
    }

    /// Reads the lists of orphans that an image was left with, newest first.
    pub fn load_orphans(&self) -> Result<Vec<Ino>> {
        let mut found = Vec::new();
        let mut state = self.orphans.state.lock();
        let mut at = self.sb.lock().last_orphan();
        let mut prev = 0;
        while at != 0 {
            let ino = Ino(at);
            if ino.0 > self.geo.inodes() || (ino.0 < self.geo.first_ino && ino != Ino::ROOT) {
                return Err(Corrupt::new("orphan list: inode number out of range")
                    .ino(ino)
                    .into());
            }
            if state.places.contains_key(&ino) {
                return Err(Corrupt::new("orphan list has a cycle").ino(ino).into());
            }
            let next = self.load_inode(ino)?.raw.dtime();
            state.places.insert(ino, Place::Chain { prev, next });
            found.push(ino);
            prev = at;
            at = next;
        }
        if self.geo.features.compat.contains(Compat::ORPHAN_FILE) {
            load_file(self, &mut state)?;
            let (blocks, owner) = match (&state.file, state.owner) {
                (Some(file), Some(owner)) => (file.clone(), owner),
                _ => return Err(Error::from(Corrupt::new("orphan file is not loaded"))),
            };
            for (no, _) in blocks {
                let bytes = self.read_block(no, BlockKind::Orphans(owner))?.bytes();
                for (slot, entry) in slots(&bytes).enumerate().filter(|(_, entry)| *entry != 0) {
                    let ino = Ino(entry);
                    if ino.0 > self.geo.inodes() || ino.0 < self.geo.first_ino {
                        return Err(Corrupt::new("orphan file: inode number out of range")
                            .ino(ino)
                            .into());
                    }
                    if state
                        .places
                        .insert(ino, Place::File { block: no, slot })
                        .is_some()
                    {
                        return Err(Corrupt::new("an orphan is listed twice").ino(ino).into());
                    }
                    state.in_file += 1;
                    found.push(ino);
                }
            }
            self.mark_orphan_file(state.in_file > 0);
        }
        Ok(found)
    }
}
