//! Directory entries, and the blocks of a directory that hold them.
//!
//! An entry is 8 bytes (inode u32, rec_len u16, name_len u8, file type u8) and the name, in a record
//! of `rec_len` bytes, a multiple of 4. The records of a block cover it without gaps: free space is
//! the slack of a record, or a record whose inode is 0. With metadata_csum the last record is a tail
//! of 12 bytes that looks like an unused entry of type 0xDE and holds the block's checksum.
//!
//! Source: kernel documentation, ext4 "Directory Entries".

use super::Le;
use super::checksum::crc32c;
use crate::types::Ino;

/// Bytes of an entry before its name.
pub const HEADER: usize = 8;
/// The size of the smallest record, in bytes.
pub const MIN_REC_LEN: usize = 12;
/// The longest name, in bytes.
pub const NAME_MAX: usize = 255;
/// The size of the checksum tail, in bytes.
pub const TAIL_LEN: usize = 12;

/// The file type that marks the checksum tail.
const TAIL_TYPE: u8 = 0xDE;

/// An entry of a block, or an unused record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where the record starts, in bytes from the block's start.
    pub at: usize,
    /// The record's length in bytes.
    pub rec_len: usize,
    /// The inode; 0: the record is unused.
    pub ino: Ino,
    /// The file type's number; 0 without the feature filetype.
    pub file_type: u8,
    /// The name.
    pub name: &'a [u8],
}

impl Entry<'_> {
    /// Whether the entry is `.` or `..`.
    pub fn is_dot(&self) -> bool {
        matches!(self.name, b"." | b"..")
    }
}

/// The fixed part of an entry, decoded from one load.
#[derive(Clone, Copy)]
struct Header {
    ino: u32,
    rec_len: usize,
    name_len: usize,
    file_type: u8,
}

impl Header {
    /// The header at byte `at`, or `None` when the block ends before it or its length is impossible.
    #[inline]
    fn at(block: &[u8], at: usize) -> Option<Header> {
        let word = u64::from_le_bytes(*block.get(at..)?.first_chunk()?);
        let rec_len = rec_len_from_disk((word >> 32) as u16, block.len());
        if rec_len < MIN_REC_LEN {
            return None;
        }
        Some(Header {
            ino: word as u32,
            rec_len,
            name_len: usize::from((word >> 48) as u8),
            file_type: (word >> 56) as u8,
        })
    }
}

/// A record's length in bytes: in blocks of 64 KiB the length of the whole block, which 16 bits
/// cannot hold, is stored as 65,535 or 0.
#[inline]
pub fn rec_len_from_disk(raw: u16, block_size: usize) -> usize {
    if block_size == 1 << 16 && (raw == u16::MAX || raw == 0) {
        block_size
    } else {
        usize::from(raw)
    }
}

/// The inverse of [`rec_len_from_disk`].
#[inline]
pub fn rec_len_to_disk(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

/// The bytes that an entry with a name of `name_len` bytes takes at least.
#[inline]
pub const fn rec_len_for(name_len: usize) -> usize {
    (HEADER + name_len).next_multiple_of(4)
}

/// The bytes of a block of `block_size` bytes that entries may use.
#[inline]
pub const fn usable(block_size: usize, csum: bool) -> usize {
    if csum {
        block_size - TAIL_LEN
    } else {
        block_size
    }
}

/// Goes through the records of a block, used and unused. Ends early at a record of impossible
/// length: [`verify_leaf`] finds those.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    block: &'a [u8],
    at: usize,
}

/// The records of a block from its start on.
pub fn entries(block: &[u8]) -> Entries<'_> {
    Entries { block, at: 0 }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        let at = self.at;
        let entry = entry_at(self.block, at)?;
        self.at = at + entry.rec_len;
        Some(entry)
    }
}

/// The record at byte `at`, or `None` when there is none of possible length.
#[inline]
pub fn entry_at(block: &[u8], at: usize) -> Option<Entry<'_>> {
    let header = Header::at(block, at)?;
    let start = at + HEADER;
    Some(Entry {
        at,
        rec_len: header.rec_len,
        ino: Ino(header.ino),
        file_type: header.file_type,
        name: block.get(start..start + header.name_len)?,
    })
}

/// The two hashes of an entry's name that follow it in directories which are encrypted and fold names:
/// they need the key. Zeroes where the record has no room for them.
pub fn stored_hash(block: &[u8], entry: &Entry<'_>) -> [u32; 2] {
    let at = entry.at + rec_len_for(entry.name.len());
    if at + 8 > entry.at + entry.rec_len || at + 8 > block.len() {
        return [0; 2];
    }
    [u32::get(block, at), u32::get(block, at + 4)]
}

/// Where a name was found in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where the record starts.
    pub at: usize,
    /// Where the record before it starts; `None` for the block's first.
    pub prev: Option<usize>,
    /// The inode.
    pub ino: Ino,
    /// The file type's number.
    pub file_type: u8,
}

/// Looks for a name in a block.
pub fn find(block: &[u8], name: &[u8]) -> Option<Slot> {
    // Names of one directory tend to have the same length and to differ at the end: that is looked at
    // first, in one load.
    let end = name.last_chunk::<8>();
    let mut prev = None;
    let mut at = 0;
    while let Some(header) = Header::at(block, at) {
        if header.name_len == name.len() && header.ino != 0 {
            let start = at + HEADER;
            let there = block.get(start..start + name.len())?;
            if there.last_chunk() == end && there == name {
                return Some(Slot {
                    at,
                    prev,
                    ino: Ino(header.ino),
                    file_type: header.file_type,
                });
            }
        }
        prev = Some(at);
        at += header.rec_len;
    }
    None
}

/// Looks for an entry whose name `is` the right one.
pub fn find_by(block: &[u8], is: impl Fn(&[u8]) -> bool) -> Option<Slot> {
    let mut prev = None;
    for entry in entries(block) {
        if entry.ino.0 != 0 && is(entry.name) {
            return Some(Slot {
                at: entry.at,
                prev,
                ino: entry.ino,
                file_type: entry.file_type,
            });
        }
        prev = Some(entry.at);
    }
    None
}

/// Looks for a record with room for a name of `name_len` bytes: where it starts.
pub fn find_room(block: &[u8], csum: bool, name_len: usize) -> Option<usize> {
    let end = usable(block.len(), csum);
    let need = rec_len_for(name_len);
    let mut at = 0;
    while at < end {
        let header = Header::at(block, at)?;
        if header.rec_len >= need {
            let used = match header.ino {
                0 => 0,
                _ => rec_len_for(header.name_len),
            };
            if header.rec_len >= used + need && at + header.rec_len <= end {
                return Some(at);
            }
        }
        at += header.rec_len;
    }
    None
}

/// Puts an entry into the record at `at`, which [`find_room`] found.
pub fn insert_at(block: &mut [u8], at: usize, name: &[u8], ino: Ino, file_type: u8) {
    let Some(header) = Header::at(block, at) else {
        return;
    };
    let used = match header.ino {
        0 => 0,
        _ => rec_len_for(header.name_len),
    };
    let Some(left) = header.rec_len.checked_sub(used) else {
        return;
    };
    if used > 0 {
        rec_len_to_disk(used).put(block, at + 4);
    }
    put(block, at + used, left, name, ino, file_type);
}

/// Puts an entry into free space of a block; false when there is not enough in one place.
pub fn insert(block: &mut [u8], csum: bool, name: &[u8], ino: Ino, file_type: u8) -> bool {
    match find_room(block, csum, name.len()) {
        Some(at) => {
            insert_at(block, at, name, ino, file_type);
            true
        }
        None => false,
    }
}

/// Takes an entry out: its record joins the one before it, or becomes unused where it is the first.
/// The name is wiped.
pub fn remove(block: &mut [u8], slot: Slot) {
    let Some(header) = Header::at(block, slot.at) else {
        return;
    };
    let end = slot.at + HEADER + header.name_len;
    match slot
        .prev
        .and_then(|prev| Some((prev, Header::at(block, prev)?)))
    {
        Some((prev, before)) => {
            rec_len_to_disk(before.rec_len + header.rec_len).put(block, prev + 4);
            if let Some(gone) = block.get_mut(slot.at..end) {
                gone.fill(0);
            }
        }
        None => {
            0u32.put(block, slot.at);
            if let Some(gone) = block.get_mut(slot.at + 6..end) {
                gone.fill(0);
            }
        }
    }
}

/// Makes the entry at `at` refer to another inode.
pub fn set_target(block: &mut [u8], at: usize, ino: Ino, file_type: u8) {
    ino.0.put(block, at);
    file_type.put(block, at + 7);
}

fn put(block: &mut [u8], at: usize, rec_len: usize, name: &[u8], ino: Ino, file_type: u8) {
    let start = at + HEADER;
    let Some(place) = block.get_mut(start..start + name.len()) else {
        return;
    };
    place.copy_from_slice(name);
    ino.0.put(block, at);
    rec_len_to_disk(rec_len).put(block, at + 4);
    (name.len() as u8).put(block, at + 6);
    file_type.put(block, at + 7);
}

/// Writes entries one behind the other into a block. What was in the block is gone.
#[derive(Debug)]
pub struct Packer<'a> {
    block: &'a mut [u8],
    end: usize,
    at: usize,
    last: usize,
}

impl<'a> Packer<'a> {
    /// Starts with an empty leaf block.
    pub fn new(block: &'a mut [u8], csum: bool) -> Packer<'a> {
        block.fill(0);
        let end = usable(block.len(), csum);
        rec_len_to_disk(end).put(block, 4);
        if csum {
            rec_len_to_disk(TAIL_LEN).put(block, end + 4);
            TAIL_TYPE.put(block, end + 7);
        }
        Packer {
            block,
            end,
            at: 0,
            last: 0,
        }
    }

    /// Adds an entry; false when the block is full.
    pub fn push(&mut self, name: &[u8], ino: Ino, file_type: u8) -> bool {
        let need = rec_len_for(name.len());
        if self.end - self.at < need {
            return false;
        }
        if self.at > 0 {
            rec_len_to_disk(self.at - self.last).put(self.block, self.last + 4);
        }
        put(
            self.block,
            self.at,
            self.end - self.at,
            name,
            ino,
            file_type,
        );
        self.last = self.at;
        self.at += need;
        true
    }
}

/// Whether the block ends in a checksum tail.
fn has_tail(block: &[u8]) -> bool {
    let at = block.len() - TAIL_LEN;
    Header::at(block, at).is_some_and(|tail| {
        tail.ino == 0
            && tail.rec_len == TAIL_LEN
            && tail.name_len == 0
            && tail.file_type == TAIL_TYPE
    })
}

fn checksum(block: &[u8], seed: u32) -> u32 {
    crc32c(seed, &block[..block.len() - TAIL_LEN])
}

/// Checks a leaf block that was just read: its records cover it, inode numbers are at most `inodes`,
/// names can be names, and the checksum is right.
///
/// `seed` is the owning inode's checksum seed, `None` without metadata_csum.
///
/// # Errors
/// What is wrong.
pub fn verify_leaf(block: &[u8], seed: Option<u32>, inodes: u32) -> Result<(), &'static str> {
    verify_opaque_leaf(block, seed, inodes)?;
    verify_names(block)
}

/// [`verify_leaf`] of an encrypted directory: names are bytes of any kind.
///
/// # Errors
/// What is wrong.
pub fn verify_opaque_leaf(
    block: &[u8],
    seed: Option<u32>,
    inodes: u32,
) -> Result<(), &'static str> {
    if block.len() < 2 * TAIL_LEN {
        return Err("directory block too small");
    }
    if let Some(seed) = seed {
        if !has_tail(block) {
            return Err("directory block without checksum");
        }
        if u32::get(block, block.len() - 4) != checksum(block, seed) {
            return Err("directory block checksum");
        }
    }
    verify_records(block, inodes)
}

/// Checks that names can be names.
///
/// # Errors
/// What is wrong.
pub fn verify_names(block: &[u8]) -> Result<(), &'static str> {
    for entry in entries(block).filter(|entry| entry.ino.0 != 0) {
        if entry.name.iter().any(|&byte| byte == 0 || byte == b'/') {
            return Err("directory entry: NUL or slash in a name");
        }
    }
    Ok(())
}

/// Checks that records cover all of `block` (which may be empty, or a part of an inode), that inode
/// numbers are at most `inodes`, and that entries have names.
///
/// # Errors
/// What is wrong.
pub fn verify_records(block: &[u8], inodes: u32) -> Result<(), &'static str> {
    let mut at = 0;
    while at < block.len() {
        let Some(header) = Header::at(block, at) else {
            return Err("directory entry: record too short");
        };
        if header.rec_len % 4 != 0 {
            return Err("directory entry: record length not a multiple of 4");
        }
        if header.rec_len < HEADER + header.name_len {
            return Err("directory entry: record too short for its name");
        }
        let left = block.len() - at;
        if header.rec_len > left || (left != header.rec_len && left - header.rec_len < MIN_REC_LEN)
        {
            return Err("directory entry reaches beyond its block");
        }
        if header.ino > inodes {
            return Err("directory entry: inode number out of range");
        }
        if header.ino != 0 && header.name_len == 0 {
            return Err("directory entry without a name");
        }
        at += header.rec_len;
    }
    Ok(())
}

/// Stores the checksum of a leaf block. `seed` is the owning inode's checksum seed.
pub fn seal_leaf(block: &mut [u8], seed: u32) {
    if block.len() >= TAIL_LEN && has_tail(block) {
        checksum(block, seed).put(block, block.len() - 4);
    }
}

#[cfg(test)]
mod tests;
