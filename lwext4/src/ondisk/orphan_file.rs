//! A block of the orphan file: slots of inode numbers (0: free), and a tail with a magic number and a
//! checksum. Source: kernel documentation, ext4 "Orphan file".

use super::Le;
use super::checksum::crc32c;
use crate::types::BlockNo;

const BLOCK_MAGIC: u32 = 0x0B10_CA04;
/// Bytes of the tail: the magic number, the checksum.
const TAIL: usize = 8;

/// Makes a block of zeroes one with free slots only; its checksum is still to be stored.
pub(crate) fn init_block(bytes: &mut [u8]) {
    let tail = bytes.len() - TAIL;
    BLOCK_MAGIC.put(bytes, tail);
}

/// The slots of a block; a free one is 0.
pub(crate) fn slots(bytes: &[u8]) -> impl Iterator<Item = u32> {
    (0..(bytes.len() - TAIL) / 4).map(move |slot| u32::get(bytes, slot * 4))
}

fn checksum(bytes: &[u8], seed: u32, no: BlockNo) -> u32 {
    crc32c(
        crc32c(seed, &no.0.to_le_bytes()),
        &bytes[..bytes.len() - TAIL],
    )
}

/// Checks a block of the orphan file.
pub(crate) fn verify_block(
    bytes: &[u8],
    seed: Option<u32>,
    no: BlockNo,
) -> Result<(), &'static str> {
    let tail = bytes.len() - TAIL;
    if u32::get(bytes, tail) != BLOCK_MAGIC {
        return Err("orphan file: magic number");
    }
    match seed {
        Some(seed) if u32::get(bytes, tail + 4) != checksum(bytes, seed, no) => {
            Err("orphan file: checksum")
        }
        _ => Ok(()),
    }
}

/// Stores the checksum of a block of the orphan file.
pub(crate) fn seal_block(bytes: &mut [u8], seed: u32, no: BlockNo) {
    let tail = bytes.len() - TAIL;
    checksum(bytes, seed, no).put(bytes, tail + 4);
}
