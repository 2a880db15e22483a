//! The directory blocks of a new file system.

use crate::ondisk::Le;
use crate::ondisk::checksum::crc32c;
use crate::types::{FileType, Ino};

/// The bytes of the checksum's pretended entry at a block's end.
const TAIL: usize = 12;
const TAIL_TYPE: u8 = 0xDE;

/// A block with entries for the directories `entries`, the last one reaching to the block's end.
/// Without entries the block is one free entry. `owner_seed`, if there are checksums, is what those of
/// the directory's blocks start with.
pub(super) fn encode(
    entries: &[(Ino, &[u8])],
    block_size: usize,
    file_types: bool,
    owner_seed: Option<u32>,
) -> Vec<u8> {
    let mut bytes = vec![0; block_size];
    let end = block_size - if owner_seed.is_some() { TAIL } else { 0 };
    let free = [(Ino(0), &b""[..])];
    let entries = if entries.is_empty() { &free } else { entries };
    let mut at = 0;
    for (i, (ino, name)) in entries.iter().enumerate() {
        let len = if i + 1 == entries.len() {
            end - at
        } else {
            (8 + name.len()).next_multiple_of(4)
        };
        ino.0.put(&mut bytes, at);
        // 65,536 does not fit the field: blocks of 64 KiB write 65,535 for it.
        u16::try_from(len)
            .unwrap_or(u16::MAX)
            .put(&mut bytes, at + 4);
        (name.len() as u8).put(&mut bytes, at + 6);
        if file_types && ino.0 != 0 {
            FileType::Directory.to_dirent().put(&mut bytes, at + 7);
        }
        if let Some(field) = bytes.get_mut(at + 8..at + 8 + name.len()) {
            field.copy_from_slice(name);
        }
        at += len;
    }
    if let Some(seed) = owner_seed {
        let crc = crc32c(seed, &bytes[..end]);
        (TAIL as u16).put(&mut bytes, end + 4);
        TAIL_TYPE.put(&mut bytes, end + 7);
        crc.put(&mut bytes, end + 8);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_fill_the_block() {
        let bytes = encode(&[(Ino(2), b"."), (Ino(2), b"..")], 1024, true, None);
        assert_eq!(u16::get(&bytes, 4), 12);
        assert_eq!(u16::get(&bytes, 16), 1012);
        assert_eq!(&bytes[20..22], b"..");
    }

    #[test]
    fn a_free_block_of_64_kib_is_one_entry() {
        assert_eq!(u16::get(&encode(&[], 65536, true, None), 4), 65535);
        assert_eq!(u16::get(&encode(&[], 65536, true, Some(0)), 4), 65524);
    }
}
