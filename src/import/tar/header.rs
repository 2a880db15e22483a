//! A header block of a tar. Sources: POSIX pax(1), "ustar Interchange Format"; GNU tar manual, "Basic Tar
//! Format"; star(5).

/// Bytes in a block.
pub const BLOCK: usize = 512;

/// Who defined the fields behind the first 257 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// There are none.
    V7,
    /// POSIX: a prefix of the name.
    Ustar,
    /// star's: a shorter prefix, and times.
    Star,
    /// GNU tar's old one: times and a map of holes.
    Gnu,
}

/// A header whose checksum is right.
pub struct Header<'a> {
    bytes: &'a [u8; BLOCK],
    /// How to read the later fields.
    pub format: Format,
}

impl<'a> Header<'a> {
    /// The header in a block; `None` when the checksum is wrong.
    pub fn new(bytes: &'a [u8; BLOCK]) -> Option<Header<'a>> {
        let stored = octal(&bytes[148..156])?;
        let is = |sum| sum == Some(stored);
        // Very old programs summed signed bytes.
        if !is(checksum(bytes, i32::from)) && !is(checksum(bytes, |byte| i32::from(byte as i8))) {
            return None;
        }
        let format = match &bytes[257..265] {
            b"ustar  \0" => Format::Gnu,
            magic if magic.starts_with(b"ustar\0") && bytes[508..] == *b"tar\0" => Format::Star,
            magic if magic.starts_with(b"ustar") => Format::Ustar,
            _ => Format::V7,
        };
        Some(Header { bytes, format })
    }

    /// The path: prefix and name.
    pub fn path(&self) -> Vec<u8> {
        let name = text(&self.bytes[..100]);
        let prefix = match self.format {
            Format::Ustar => text(&self.bytes[345..500]),
            Format::Star => text(&self.bytes[345..476]),
            _ => &[],
        };
        if prefix.is_empty() {
            name.to_vec()
        } else {
            [prefix, b"/", name].concat()
        }
    }

    /// The target of a link.
    pub fn link(&self) -> &'a [u8] {
        text(&self.bytes[157..257])
    }

    /// The type's letter.
    pub fn typeflag(&self) -> u8 {
        self.bytes[156]
    }

    /// Permission bits (07777); `None` for no number.
    pub fn perm(&self) -> Option<u16> {
        number(&self.bytes[100..108]).map(|mode| (mode & 0o7777) as u16)
    }

    /// Owner.
    pub fn uid(&self) -> Option<i64> {
        number(&self.bytes[108..116])
    }

    /// Group.
    pub fn gid(&self) -> Option<i64> {
        number(&self.bytes[116..124])
    }

    /// Bytes of data that follow.
    pub fn size(&self) -> Option<i64> {
        number(&self.bytes[124..136])
    }

    /// Last change of the data, in seconds.
    pub fn mtime(&self) -> Option<i64> {
        number(&self.bytes[136..148])
    }

    /// Last access and last change of the inode, in seconds, where the format has them.
    pub fn other_times(&self) -> (Option<i64>, Option<i64>) {
        let at = match self.format {
            Format::Gnu => 345,
            Format::Star => 476,
            _ => return (None, None),
        };
        let time = |at: usize| number(&self.bytes[at..at + 12]).filter(|&time| time != 0);
        (time(at), time(at + 12))
    }

    /// Device numbers.
    pub fn device(&self) -> Option<(u32, u32)> {
        if self.format == Format::V7 {
            return None;
        }
        let part = |range| number(&self.bytes[range]).and_then(|n| u32::try_from(n).ok());
        Some((part(329..337)?, part(337..345)?))
    }

    /// The map of GNU's old sparse files: the entries in the header, whether blocks of entries
    /// follow, and the file's real size.
    pub fn sparse(&self) -> (&'a [u8], bool, Option<i64>) {
        let more = self.bytes[482] != 0;
        (&self.bytes[386..482], more, number(&self.bytes[483..495]))
    }
}

/// A text up to its first NUL.
fn text(field: &[u8]) -> &[u8] {
    let len = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    &field[..len]
}

/// A number in octal digits, or, with the first bit set, in base 256 (two's complement, big endian).
/// An empty field is 0.
pub fn number(field: &[u8]) -> Option<i64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 == 0 {
        return octal(field).and_then(|n| i64::try_from(n).ok());
    }
    // The second bit is the sign.
    let mut value = i64::from(first & 0x3F) - i64::from(first & 0x40);
    for &byte in rest {
        value = value.checked_mul(256)?.checked_add(i64::from(byte))?;
    }
    Some(value)
}

/// The sum of all bytes, with spaces for the field that holds it; `None` below zero.
fn checksum(bytes: &[u8; BLOCK], as_number: impl Fn(u8) -> i32) -> Option<u64> {
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| as_number(byte)).sum::<i32>();
    u64::try_from(sum(bytes) - sum(&bytes[148..156]) + 8 * i32::from(b' ')).ok()
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = text(field).trim_ascii();
    let mut value = 0u64;
    for &digit in text {
        if !(b'0'..=b'7').contains(&digit) {
            return None;
        }
        value = value.checked_mul(8)?.checked_add(u64::from(digit - b'0'))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_two_forms() {
        assert_eq!(number(b"0000755\0"), Some(0o755));
        assert_eq!(number(b"    755 "), Some(0o755));
        assert_eq!(number(b"\0\0\0\0"), Some(0));
        assert_eq!(
            number(&[0x80, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
            Some(0xFFFF_FFFF)
        );
        assert_eq!(number(&[0xFF; 12]), Some(-1));
        assert_eq!(number(&[0x80; 12]), None);
        assert_eq!(number(b"0000888\0"), None);
    }
}
