//! Extended attributes: tables of entries and values, inside an inode or in a block of their own.
//!
//! Entries start behind a header, values are packed from the end towards them. Offsets of values count
//! from the first entry inside an inode, from the block's start in a block. In a block, entries are
//! sorted and hashed, so that equal blocks can be found and shared by inodes.
//!
//! Source: kernel documentation, ext4 "Extended Attributes".

mod name;
mod tail;
#[cfg(test)]
mod tests;

pub use name::{Name, index};
pub use tail::{set_tail, tail, tail_room};

use super::Le;
use super::checksum::crc32c;
use crate::types::{BlockNo, Ino};

/// What both kinds of table start with.
pub const MAGIC: u32 = 0xEA02_0000;
/// Inodes that may share a block.
pub const REFCOUNT_MAX: u32 = 1024;
/// The longest suffix of a name, in bytes.
pub const NAME_MAX: usize = 255;
/// The longest value, in bytes.
pub const VALUE_MAX: usize = 65_536;

/// Bytes before the first entry of a block.
pub const BLOCK_HEADER: usize = 32;
const AREA_HEADER: usize = 4;
const ENTRY_HEADER: usize = 16;
/// Four zero bytes follow the last entry.
const TERMINATOR: usize = 4;

const REFCOUNT_AT: usize = 4;
const BLOCKS_AT: usize = 8;
const HASH_AT: usize = 12;
const CHECKSUM_AT: usize = 16;

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// In the table.
    Here(&'a [u8]),
    /// The content of an inode (feature `ea_inode`).
    Inode {
        /// The inode.
        ino: Ino,
        /// The value's size in bytes.
        size: u32,
        /// The hash that the entry carries, made from the name and the inode's hash.
        hash: u32,
    },
}

/// One attribute of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name.
    pub name: Name<'a>,
    /// Its value.
    pub value: Value<'a>,
}

const fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// The bytes that an attribute takes in a table, for a suffix and a value stored there of these
/// lengths.
pub const fn space(suffix: usize, value: usize) -> usize {
    padded(ENTRY_HEADER + suffix) + padded(value)
}

/// The bytes that an area inside an inode has for attributes, when it is `len` bytes long.
pub const fn area_room(len: usize) -> usize {
    len.saturating_sub(AREA_HEADER + TERMINATOR)
}

/// The bytes that a block of `len` bytes has for attributes.
pub const fn block_room(len: usize) -> usize {
    len.saturating_sub(BLOCK_HEADER + TERMINATOR)
}

impl Entry<'_> {
    /// The bytes it takes in a table.
    pub fn space(&self) -> usize {
        let value = match self.value {
            Value::Here(value) => value.len(),
            Value::Inode { .. } => 0,
        };
        space(self.name.suffix.len(), value)
    }

    /// The hash of name and value that an entry in a block carries. Bytes of the name count as
    /// unsigned; kernels before 6.2 took them as signed on some machines, and every checker accepts
    /// both.
    pub fn hash(&self) -> u32 {
        let value = match self.value {
            Value::Here(value) => value,
            Value::Inode { hash, .. } => return hash,
        };
        let name = name_hash(self.name.suffix);
        value.chunks(4).fold(name, |hash, part| {
            let mut word = [0; 4];
            word[..part.len()].copy_from_slice(part);
            hash.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    }
}

fn name_hash(suffix: &[u8]) -> u32 {
    let bytes = suffix.iter().map(|&byte| u32::from(byte));
    bytes.fold(0, |hash, byte| hash.rotate_left(5) ^ byte)
}

/// The hash that an entry carries whose value is in an inode, by the hash of the value.
pub fn value_hash(suffix: &[u8], value: u32) -> u32 {
    name_hash(suffix).rotate_left(16) ^ value
}

/// A table of attributes, as bytes that came from an image.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    bytes: &'a [u8],
    /// Where the first entry is.
    first: usize,
    /// What offsets of values count from.
    base: usize,
}

impl<'a> Table<'a> {
    /// The table of a block.
    pub fn in_block(bytes: &'a [u8]) -> Table<'a> {
        Table {
            bytes,
            first: BLOCK_HEADER,
            base: 0,
        }
    }

    /// The table inside an inode, or `None` when the area holds none.
    pub fn in_area(area: &'a [u8]) -> Option<Table<'a>> {
        (u32::get(area, 0) == MAGIC).then_some(Table {
            bytes: area,
            first: AREA_HEADER,
            base: AREA_HEADER,
        })
    }

    /// The entries, in the order they are stored. An entry that contradicts the format is an error,
    /// and the last item.
    pub fn entries(&self) -> Entries<'a> {
        Entries {
            table: *self,
            at: self.first,
            lowest: self.bytes.len(),
            done: false,
        }
    }

    /// Checks every entry, and that values overlap neither entries nor, taken together, each other.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub fn check(&self) -> Result<(), &'static str> {
        let mut entries = self.entries();
        let mut space = self.first + TERMINATOR;
        for entry in &mut entries {
            space += entry?.space();
        }
        if entries.lowest < entries.at + TERMINATOR {
            return Err("attribute's value overlaps the entries");
        }
        if space > self.bytes.len() {
            return Err("attributes' values overlap");
        }
        Ok(())
    }
}

/// The entries of a [`Table`].
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    table: Table<'a>,
    at: usize,
    /// Where the first of the values seen so far starts.
    lowest: usize,
    done: bool,
}

impl<'a> Entries<'a> {
    fn read(&mut self) -> Result<Option<Entry<'a>>, &'static str> {
        let bytes = self.table.bytes;
        let Some(rest) = bytes.get(self.at..).filter(|rest| rest.len() >= TERMINATOR) else {
            return Err("attribute entries have no end");
        };
        if u32::get(rest, 0) == 0 {
            return Ok(None);
        }
        let len = ENTRY_HEADER + usize::from(rest[0]);
        let Some(suffix) = rest.get(ENTRY_HEADER..len) else {
            return Err("attribute entry leaves its table");
        };
        if suffix.contains(&0) {
            return Err("attribute's name has a NUL byte");
        }
        let size = u32::get(rest, 8);
        let value = match (u32::get(rest, 4), size) {
            (0, 0) => Value::Here(&[]),
            (0, _) => {
                let start = self.table.base + usize::from(u16::get(rest, 2));
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                let value = bytes.get(start..).filter(|tail| {
                    // Padding belongs to the value.
                    size <= VALUE_MAX && padded(size) <= tail.len()
                });
                self.lowest = self.lowest.min(start);
                Value::Here(
                    value
                        .ok_or("attribute's value leaves its table")?
                        .split_at(size)
                        .0,
                )
            }
            (ino, _) => Value::Inode {
                ino: Ino(ino),
                size,
                hash: u32::get(rest, 12),
            },
        };
        let name = Name {
            index: rest[1],
            suffix,
        };
        self.at += padded(len);
        Ok(Some(Entry { name, value }))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.read() {
            Ok(Some(entry)) => Some(Ok(entry)),
            Ok(None) => {
                self.done = true;
                None
            }
            Err(what) => {
                self.done = true;
                Some(Err(what))
            }
        }
    }
}

/// Writes entries and values into a table whose bytes behind the header are zero. The caller has
/// made sure that they fit.
fn fill(bytes: &mut [u8], first: usize, base: usize, hashed: bool, entries: &[Entry<'_>]) {
    let mut at = first;
    let mut end = bytes.len();
    for entry in entries {
        let mut header = [0; ENTRY_HEADER];
        header[0] = entry.name.suffix.len() as u8;
        header[1] = entry.name.index;
        match entry.value {
            Value::Here(value) => {
                (value.len() as u32).put(&mut header, 8);
                if !value.is_empty() {
                    end -= padded(value.len());
                    ((end - base) as u16).put(&mut header, 2);
                    bytes[end..end + value.len()].copy_from_slice(value);
                }
                if hashed {
                    entry.hash().put(&mut header, 12);
                }
            }
            Value::Inode { ino, size, hash } => {
                ino.0.put(&mut header, 4);
                size.put(&mut header, 8);
                hash.put(&mut header, 12);
            }
        }
        let suffix = at + ENTRY_HEADER;
        bytes[at..suffix].copy_from_slice(&header);
        bytes[suffix..suffix + entry.name.suffix.len()].copy_from_slice(entry.name.suffix);
        at += padded(ENTRY_HEADER + entry.name.suffix.len());
    }
}

fn fits(entries: &[Entry<'_>], room: usize) -> bool {
    entries.iter().map(Entry::space).sum::<usize>() <= room
        && entries
            .iter()
            .all(|entry| entry.name.suffix.len() <= NAME_MAX)
}

/// Writes a table into an inode's area, or clears the area when there are no entries. Returns whether
/// they fit; if not, nothing changes.
#[must_use]
pub fn write_area(area: &mut [u8], entries: &[Entry<'_>]) -> bool {
    if !fits(entries, area_room(area.len())) {
        return false;
    }
    area.fill(0);
    if !entries.is_empty() {
        MAGIC.put(area, 0);
        fill(area, AREA_HEADER, AREA_HEADER, false, entries);
    }
    true
}

/// Makes a block for one inode of `entries`, which are sorted by [`Name::order`]. Returns whether they
/// fit; if not, nothing changes. Hash and checksum are left to [`seal_block`].
#[must_use]
pub fn write_block(bytes: &mut [u8], entries: &[Entry<'_>]) -> bool {
    if !fits(entries, block_room(bytes.len())) {
        return false;
    }
    bytes.fill(0);
    MAGIC.put(bytes, 0);
    1u32.put(bytes, REFCOUNT_AT);
    1u32.put(bytes, BLOCKS_AT);
    fill(bytes, BLOCK_HEADER, 0, true, entries);
    true
}

/// How many inodes use the block.
pub fn refcount(bytes: &[u8]) -> u32 {
    u32::get(bytes, REFCOUNT_AT)
}

/// Sets [`refcount`].
pub fn set_refcount(bytes: &mut [u8], count: u32) {
    count.put(bytes, REFCOUNT_AT);
}

fn checksum(bytes: &[u8], seed: u32, no: BlockNo) -> u32 {
    let (head, tail) = bytes.split_at(CHECKSUM_AT.min(bytes.len()));
    let crc = crc32c(crc32c(seed, &no.0.to_le_bytes()), head);
    crc32c(crc32c(crc, &[0; 4]), tail.get(4..).unwrap_or(&[]))
}

/// Checks a block that was read: header, checksum (with the file system's seed, where it has
/// checksums), entries.
///
/// # Errors
/// What is wrong, in a few words.
pub fn verify_block(bytes: &[u8], seed: Option<u32>, no: BlockNo) -> Result<(), &'static str> {
    if u32::get(bytes, 0) != MAGIC || u32::get(bytes, BLOCKS_AT) != 1 {
        return Err("no attribute block");
    }
    if let Some(seed) = seed
        && u32::get(bytes, CHECKSUM_AT) != checksum(bytes, seed, no)
    {
        return Err("attribute block's checksum");
    }
    Table::in_block(bytes).check()
}

/// Stores a block's hash, and its checksum where the file system has a seed for it.
pub fn seal_block(bytes: &mut [u8], seed: Option<u32>, no: BlockNo) {
    let hash = block_hash(bytes);
    hash.put(bytes, HASH_AT);
    if let Some(seed) = seed {
        checksum(bytes, seed, no).put(bytes, CHECKSUM_AT);
    }
}

/// The hash of a block's entries, by their own hashes; 0, which means "not to be shared", when an
/// entry has none.
fn block_hash(bytes: &[u8]) -> u32 {
    let mut entries = Table::in_block(bytes).entries();
    let mut hash = 0u32;
    loop {
        let at = entries.at;
        match entries.next() {
            Some(Ok(_)) => match u32::get(bytes, at + 12) {
                0 => return 0,
                entry => hash = hash.rotate_left(16) ^ entry,
            },
            Some(Err(_)) => return 0,
            None => return hash,
        }
    }
}
