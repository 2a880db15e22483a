//! The tree of ids in a quota file, and its lists of free blocks and of leaves with room.

use super::file::{Place, QuotaFile};
use crate::error::Result;
use crate::fs::Fs;
use crate::journal::Handle;
use crate::ondisk::quota::{self, DEPTH, ENTRY, Entry, Info, ROOT, SLOTS};

/// The way to an id: blocks of the tree, the root first, as far as there are any.
struct Way {
    blocks: Vec<u32>,
    /// The leaf that the tree leads to.
    leaf: Option<u32>,
}

impl QuotaFile {
    fn way(&self, fs: &Fs, id: u32) -> Result<Way> {
        let info = self.info(fs)?;
        let mut blocks = vec![ROOT];
        for level in 0..DEPTH {
            let next = quota::child(&self.read(fs, blocks[level])?, id, level);
            if next == 0 {
                return Ok(Way { blocks, leaf: None });
            }
            if !info.holds(next) || blocks.contains(&next) {
                return Err(self.error("quota tree: block out of range"));
            }
            if level + 1 == DEPTH {
                return Ok(Way {
                    blocks,
                    leaf: Some(next),
                });
            }
            blocks.push(next);
        }
        Ok(Way { blocks, leaf: None })
    }

    /// The slot of `id` in its leaf.
    fn slot(&self, fs: &Fs, leaf: u32, id: u32) -> Result<usize> {
        let bytes = self.read(fs, leaf)?;
        let found = quota::leaf_entries(&bytes).find(|(_, entry)| entry.id == id);
        match found {
            Some((slot, _)) => Ok(slot),
            None => Err(self.error("quota tree leads to a leaf without the id")),
        }
    }

    /// Where the entry of `id` is.
    pub(super) fn find(&self, fs: &Fs, id: u32) -> Result<Option<Place>> {
        match self.way(fs, id)?.leaf {
            Some(leaf) => {
                let slot = self.slot(fs, leaf, id)?;
                self.place_of(fs, leaf, slot).map(Some)
            }
            None => Ok(None),
        }
    }

    fn place_of(&self, fs: &Fs, leaf: u32, slot: usize) -> Result<Place> {
        let (block, at) = self.locate(fs, leaf)?;
        Ok(Place {
            block: block.no,
            at: at + quota::slot_at(slot),
        })
    }

    /// Gives `id`, which has none, an entry that counts nothing.
    ///
    /// # Errors
    /// [`crate::Error::NoSpace`]; nothing but the file's size changed then.
    pub(super) fn insert(&mut self, h: &mut Handle<'_>, id: u32) -> Result<Place> {
        let fs = h.fs();
        let way = self.way(fs, id)?;
        let mut info = self.info(fs)?;
        // At most one leaf, and what is missing of the tree. Space first: the rest cannot fail for it.
        let missing = (DEPTH - way.blocks.len()) as u32 + 1;
        self.grow(h, info.blocks.saturating_add(missing))?;
        let (leaf, slot) = self.take_slot(h, &mut info, id)?;
        let mut below = leaf;
        for level in (way.blocks.len()..DEPTH).rev() {
            let no = self.take_block(h, &mut info)?;
            self.change(h, no, |bytes| {
                bytes.fill(0);
                quota::set_child(bytes, id, level, below);
            })?;
            below = no;
        }
        let level = way.blocks.len() - 1;
        self.change(h, way.blocks[level], |bytes| {
            quota::set_child(bytes, id, level, below);
        })?;
        self.change(h, 0, |bytes| info.store(bytes))?;
        self.place_of(fs, leaf, slot)
    }

    /// A block that nothing uses. The file is large enough.
    fn take_block(&self, h: &mut Handle<'_>, info: &mut Info) -> Result<u32> {
        if info.free_block == 0 {
            info.blocks += 1;
            return Ok(info.blocks - 1);
        }
        let no = info.free_block;
        let next = quota::next_free(&self.read(h.fs(), no)?);
        if next != 0 && !info.holds(next) {
            return Err(self.error("quota file: list of free blocks"));
        }
        info.free_block = next;
        Ok(no)
    }

    /// Puts an entry for `id` into a leaf with room: leaf and slot.
    fn take_slot(&self, h: &mut Handle<'_>, info: &mut Info, id: u32) -> Result<(u32, usize)> {
        let leaf = match info.free_entry {
            0 => {
                let leaf = self.take_block(h, info)?;
                self.change(h, leaf, |bytes| bytes.fill(0))?;
                info.free_entry = leaf;
                leaf
            }
            leaf => leaf,
        };
        let bytes = self.read(h.fs(), leaf)?;
        let used = quota::entries(&bytes);
        let Some(slot) = quota::free_slot(&bytes).filter(|_| used < SLOTS) else {
            return Err(self.error("quota file: a full leaf is listed as one with room"));
        };
        if used + 1 == SLOTS {
            self.unlist(h, info, leaf)?;
        }
        let entry = Entry {
            id,
            ..Entry::default()
        };
        self.change(h, leaf, |bytes| {
            quota::set_entries(bytes, used + 1);
            let at = quota::slot_at(slot);
            if let Some(slot) = bytes.get_mut(at..at + ENTRY) {
                slot.copy_from_slice(&entry.to_bytes());
            }
        })?;
        Ok((leaf, slot))
    }

    /// Takes a leaf off the list of those with room.
    fn unlist(&self, h: &mut Handle<'_>, info: &mut Info, leaf: u32) -> Result<()> {
        let bytes = self.read(h.fs(), leaf)?;
        let (next, prev) = (quota::next_free(&bytes), quota::prev_free(&bytes));
        let fits = |no: u32| no == 0 || info.holds(no);
        if !fits(next) || !fits(prev) || (prev == 0 && info.free_entry != leaf) {
            return Err(self.error("quota file: list of leaves with room"));
        }
        if next != 0 {
            self.change(h, next, |bytes| quota::set_prev_free(bytes, prev))?;
        }
        if prev != 0 {
            self.change(h, prev, |bytes| quota::set_next_free(bytes, next))?;
        } else {
            info.free_entry = next;
        }
        self.change(h, leaf, |bytes| {
            quota::set_next_free(bytes, 0);
            quota::set_prev_free(bytes, 0);
        })
    }

    /// Puts a leaf in front of the list of those with room.
    fn list(&self, h: &mut Handle<'_>, info: &mut Info, leaf: u32) -> Result<()> {
        let next = info.free_entry;
        if next != 0 {
            self.change(h, next, |bytes| quota::set_prev_free(bytes, leaf))?;
        }
        self.change(h, leaf, |bytes| {
            quota::set_next_free(bytes, next);
            quota::set_prev_free(bytes, 0);
        })?;
        info.free_entry = leaf;
        Ok(())
    }

    /// Puts a block in front of the list of free ones.
    fn give_block(&self, h: &mut Handle<'_>, info: &mut Info, no: u32) -> Result<()> {
        let next = info.free_block;
        self.change(h, no, |bytes| {
            bytes.fill(0);
            quota::set_next_free(bytes, next);
        })?;
        info.free_block = no;
        Ok(())
    }

    /// Removes the entry of `id`, and what the tree has for it alone.
    pub(super) fn remove(&mut self, h: &mut Handle<'_>, id: u32) -> Result<()> {
        let fs = h.fs();
        let way = self.way(fs, id)?;
        let Some(leaf) = way.leaf else {
            return Ok(());
        };
        let slot = self.slot(fs, leaf, id)?;
        let mut info = self.info(fs)?;
        let used = quota::entries(&self.read(fs, leaf)?);
        if used <= 1 {
            self.unlist(h, &mut info, leaf)?;
            self.give_block(h, &mut info, leaf)?;
        } else {
            self.change(h, leaf, |bytes| {
                quota::set_entries(bytes, used - 1);
                let at = quota::slot_at(slot);
                if let Some(slot) = bytes.get_mut(at..at + ENTRY) {
                    slot.fill(0);
                }
            })?;
            if used == SLOTS {
                self.list(h, &mut info, leaf)?;
            }
        }
        for (level, &no) in way.blocks.iter().enumerate().rev() {
            self.change(h, no, |bytes| quota::set_child(bytes, id, level, 0))?;
            let empty = quota::children(&self.read(fs, no)?).next().is_none();
            if no == ROOT || !empty {
                break;
            }
            self.give_block(h, &mut info, no)?;
        }
        self.change(h, 0, |bytes| info.store(bytes))
    }
}
