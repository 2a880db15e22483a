//! The block of multiple-mount protection: who has the file system open, and a number that changes as
//! long as they have.
//!
//! Source: kernel documentation, ext4 "Multiple Mount Protection".

use super::checksum::crc32c;
use super::le_fields;

/// What of the block is used, in bytes.
pub const SIZE: usize = 1024;
/// The magic number, "MMP".
pub const MAGIC: u32 = 0x004D_4D50;
/// `seq` of a file system that nobody has.
pub const SEQ_CLEAN: u32 = 0xFF4D_4D50;
/// `seq` while e2fsck has it.
pub const SEQ_FSCK: u32 = 0xE24D_4D50;
/// The largest `seq` of one that is in use.
pub const SEQ_MAX: u32 = 0xE24D_4D4F;

const NODE: std::ops::Range<usize> = 0x10..0x50;
const DEVICE: std::ops::Range<usize> = 0x50..0x70;
const CHECKSUM: usize = 0x3FC;

/// The block's bytes: fields that nobody here knows survive.
#[derive(Clone, PartialEq, Eq)]
pub struct Mmp {
    bytes: Box<[u8; SIZE]>,
}

le_fields! { Mmp {
    /// [`MAGIC`].
    0x00 u32, magic, set_magic;
    /// One of `SEQ_*`, or a number that changes.
    0x04 u32, seq, set_seq;
    /// When it changed last, seconds since 1970.
    0x08 u64, time, set_time;
    /// After how many seconds a number that has not changed means that nobody changes it.
    0x70 u16, check_interval, set_check_interval;
    /// CRC-32C of the bytes before it.
    0x3FC u32, checksum, set_checksum;
} }

impl Mmp {
    /// Takes the first 1,024 bytes of a block; `None` when there are fewer. Nothing is checked.
    pub fn from_bytes(bytes: &[u8]) -> Option<Mmp> {
        bytes.first_chunk().map(|chunk| Mmp {
            bytes: Box::new(*chunk),
        })
    }

    /// The bytes as they go to disk.
    pub fn as_bytes(&self) -> &[u8; SIZE] {
        &self.bytes
    }

    /// Whether the block is one, with the right checksum if the file system has them: `seed` is what
    /// they start with.
    ///
    /// # Errors
    /// What is wrong.
    pub fn verify(&self, seed: Option<u32>) -> Result<(), &'static str> {
        if self.magic() != MAGIC {
            return Err("multiple-mount protection: magic number");
        }
        match seed {
            Some(seed) if self.checksum() != self.computed_checksum(seed) => {
                Err("multiple-mount protection: checksum")
            }
            _ => Ok(()),
        }
    }

    fn computed_checksum(&self, seed: u32) -> u32 {
        crc32c(seed, &self.bytes[..CHECKSUM])
    }

    /// Stores the checksum, if the file system has them.
    pub fn seal(&mut self, seed: Option<u32>) {
        if let Some(seed) = seed {
            self.set_checksum(self.computed_checksum(seed));
        }
    }

    /// The name of the machine that has, or had, the file system.
    pub fn node(&self) -> String {
        text(&self.bytes[NODE])
    }

    /// Sets [`Self::node`]; what is beyond 63 bytes is cut off.
    pub fn set_node(&mut self, name: &str) {
        put_text(&mut self.bytes[NODE], name);
    }

    /// What the file system is called on that machine.
    pub fn device(&self) -> String {
        text(&self.bytes[DEVICE])
    }

    /// Sets [`Self::device`]; of a path that is too long, the end stays.
    pub fn set_device(&mut self, name: &str) {
        let room = DEVICE.len() - 1;
        let mut start = name.len().saturating_sub(room);
        while !name.is_char_boundary(start) {
            start += 1;
        }
        put_text(&mut self.bytes[DEVICE], name.get(start..).unwrap_or(""));
    }
}

impl std::fmt::Debug for Mmp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mmp")
            .field("seq", &self.seq())
            .field("node", &self.node())
            .field("device", &self.device())
            .finish_non_exhaustive()
    }
}

/// Bytes up to the first NUL, as far as they are text that may be printed.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    let text = String::from_utf8_lossy(&field[..end]);
    text.chars().filter(|c| !c.is_control()).collect()
}

fn put_text(field: &mut [u8], name: &str) {
    field.fill(0);
    let len = name.len().min(field.len() - 1);
    field[..len].copy_from_slice(&name.as_bytes()[..len]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_tells_who_has_it() {
        let mut mmp = Mmp::from_bytes(&[0; SIZE]).unwrap();
        assert!(mmp.verify(None).is_err());
        mmp.set_magic(MAGIC);
        mmp.set_node("host\u{7}name");
        mmp.set_device("/a/rather/long/way/to/an/image/in/ä.ext4");
        mmp.seal(Some(7));
        assert_eq!(mmp.verify(Some(7)), Ok(()));
        assert!(mmp.verify(Some(8)).is_err());
        assert_eq!(mmp.node(), "hostname");
        assert_eq!(mmp.device(), "long/way/to/an/image/in/ä.ext4");
        assert!(Mmp::from_bytes(&[0; 100]).is_none());
    }
}
