//! One quota file: its blocks, and what an id uses.

use super::corrupt;
use crate::cache::{Block, BlockKind};
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::map;
use crate::ondisk::quota::{BLOCK, ENTRY, Entry, Info, QuotaKind};
use crate::types::{BlockNo, FileBlock, FileType, Ino};
use std::collections::HashMap;
use std::sync::Arc;

/// Ids whose places are remembered.
const PLACES: usize = 4096;

/// Where an entry is: a block on disk, and the byte in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub block: BlockNo,
    pub at: usize,
}

/// A quota file. Its blocks are written through the journal, and it never loses one.
#[derive(Debug)]
pub(super) struct QuotaFile {
    kind: QuotaKind,
    inode: InodeData,
    /// Entries stay where they are until they are removed.
    places: HashMap<u32, Place>,
}

impl QuotaFile {
    /// Finds the file in inode `ino`.
    pub fn open(fs: &Fs, kind: QuotaKind, ino: Ino) -> Result<QuotaFile> {
        let inode = fs.load_inode(ino)?;
        if inode.raw.file_type() != Some(FileType::Regular) || inode.raw.links_count() == 0 {
            return Err(corrupt("the quota inode is not a file", ino));
        }
        let file = QuotaFile {
            kind,
            inode,
            places: HashMap::new(),
        };
        file.info(fs)?;
        Ok(file)
    }

    /// Forgets where anything is.
    pub fn reopen(&mut self, fs: &Fs) -> Result<()> {
        *self = QuotaFile::open(fs, self.kind, self.inode.ino)?;
        Ok(())
    }

    /// Whose usage it counts.
    pub fn kind(&self) -> QuotaKind {
        self.kind
    }

    pub fn error(&self, what: &'static str) -> Error {
        corrupt(what, self.inode.ino)
    }

    /// The block on disk that has block `no` of the file, and the byte where it starts.
    pub fn locate(&self, fs: &Fs, no: u32) -> Result<(Arc<Block>, usize)> {
        let byte = u64::from(no) * BLOCK as u64;
        let at = FileBlock((byte >> fs.geo.block_bits) as u32);
        let Some(block) = map::block_of(fs, &self.inode, at)? else {
            return Err(self.error("quota file has a hole"));
        };
        let within = (byte & (u64::from(fs.geo.block_size) - 1)) as usize;
        let block = fs.read_block(block, BlockKind::Quota(self.inode.ino))?;
        Ok((block, within))
    }

    /// A copy of block `no`.
    pub fn read(&self, fs: &Fs, no: u32) -> Result<[u8; BLOCK]> {
        let (block, at) = self.locate(fs, no)?;
        let bytes = block.bytes();
        match bytes.get(at..).and_then(|tail| tail.first_chunk()) {
            Some(chunk) => Ok(*chunk),
            None => Err(self.error("quota file: block out of range")),
        }
    }

    /// Changes block `no`.
    pub fn change(
        &self,
        h: &mut Handle<'_>,
        no: u32,
        change: impl FnOnce(&mut [u8]),
    ) -> Result<()> {
        let (block, at) = self.locate(h.fs(), no)?;
        h.modify(&block, |bytes| {
            if let Some(bytes) = bytes.get_mut(at..at + BLOCK) {
                change(bytes);
            }
        });
        Ok(())
    }

    /// What block 0 says.
    pub fn info(&self, fs: &Fs) -> Result<Info> {
        let first = self.read(fs, 0)?;
        Info::parse(&first, self.kind, self.inode.raw.size()).map_err(|what| self.error(what))
    }

    /// Grows the file until it has `blocks` blocks, zeroed where they are new.
    ///
    /// # Errors
    /// [`Error::NoSpace`]; the file may have grown by a part then.
    pub fn grow(&mut self, h: &mut Handle<'_>, blocks: u32) -> Result<()> {
        let fs = h.fs();
        let (bits, ino) = (fs.geo.block_bits, self.inode.ino);
        let bytes = u64::from(blocks) * BLOCK as u64;
        let wanted = fs.geo.blocks_for(bytes);
        for at in fs.geo.blocks_for(self.inode.raw.size())..wanted {
            let place = FileBlock(at as u32);
            let goal = map::goal(fs, &self.inode, place)?;
            let new = map::append_block(h, &mut self.inode, place, goal)?;
            h.create_block(new, BlockKind::Quota(ino))?;
            self.inode.raw.set_size((at + 1) << bits);
            h.store_now(&mut self.inode)?;
        }
        if bytes > self.inode.raw.size() {
            // It ended within a block of the file system.
            self.inode.raw.set_size(wanted << bits);
            h.store_now(&mut self.inode)?;
        }
        Ok(())
    }

    /// Where the entry of `id` is.
    fn place(&mut self, fs: &Fs, id: u32) -> Result<Option<Place>> {
        if let Some(place) = self.places.get(&id) {
            return Ok(Some(*place));
        }
        let found = self.find(fs, id)?;
        if let Some(place) = found {
            self.remember(id, place);
        }
        Ok(found)
    }

    fn remember(&mut self, id: u32, place: Place) {
        if self.places.len() >= PLACES {
            self.places.clear();
        }
        self.places.insert(id, place);
    }

    /// Makes sure that `id` has an entry.
    ///
    /// # Errors
    /// [`Error::NoSpace`]; nothing but the file's size changed then.
    pub fn prepare(&mut self, h: &mut Handle<'_>, id: u32) -> Result<Place> {
        if let Some(place) = self.place(h.fs(), id)? {
            return Ok(place);
        }
        let place = self.insert(h, id)?;
        self.remember(id, place);
        Ok(place)
    }

    /// Counts for `id`. An entry that says nothing any more is removed.
    ///
    /// # Errors
    /// [`Error::Corrupt`], also when an id that has something has no entry, and there is no space for one.
    pub fn add(&mut self, h: &mut Handle<'_>, id: u32, bytes: i64, inodes: i64) -> Result<()> {
        let place = match self.prepare(h, id) {
            Err(Error::NoSpace) => return Err(self.error("quota file lacks an id in use")),
            place => place?,
        };
        let fs = h.fs();
        let block = fs.read_block(place.block, BlockKind::Quota(self.inode.ino))?;
        let range = place.at..place.at + ENTRY;
        let known = block.bytes().get(range.clone()).and_then(Entry::parse);
        let Some(mut entry) = known.filter(|entry| entry.id == id) else {
            return Err(self.error("quota file: an entry is not where it was"));
        };
        entry.add(bytes, inodes);
        if entry.is_idle() {
            self.places.remove(&id);
            return self.remove(h, id);
        }
        h.modify(&block, |block| {
            if let Some(slot) = block.get_mut(range) {
                slot.copy_from_slice(&entry.to_bytes());
            }
        });
        Ok(())
    }
}
