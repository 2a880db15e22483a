//! Names of encrypted directories, without the key: what is shown in their place, and found again.
//!
//! A no-key name is base64 (the URL's alphabet, no padding) of the hash that the directory's index has
//! for the name (two words), up to 149 bytes of the encrypted name, and, of a longer one, the SHA-256 of
//! the rest. Targets of encrypted symbolic links are shown in the same way, with a hash of 0.
//!
//! Source: kernel documentation, fscrypt "Encryption modes and usage"; the structure is that of Linux
//! since 5.10.

use crate::ondisk::Le;
use crate::ondisk::dirent::{self, Slot};
use sha2::{Digest, Sha256};

/// Bytes of an encrypted name that are shown as they are.
const SHOWN: usize = 149;
const HASHES: usize = 8;
const DIGEST: usize = 32;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn to_base64(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..=part.len()].copy_from_slice(part);
        let word = u32::from_be_bytes(word);
        let digits = (0..=part.len()).map(|i| word >> (18 - 6 * i) & 63);
        text.extend(digits.map(|digit| ALPHABET[digit as usize]));
    }
    text
}

/// `None` unless the text is what [`to_base64`] makes of some bytes.
fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut word, mut bits) = (0u32, 0);
    for c in text {
        let digit = ALPHABET.iter().position(|known| known == c)?;
        word = word << 6 | digit as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits) as u8);
            word &= (1 << bits) - 1;
        }
    }
    (word == 0 && bits < 6).then_some(bytes)
}

/// What is shown for an encrypted name whose hashes in the index are these.
pub(crate) fn show(name: &[u8], hash: [u32; 2]) -> Vec<u8> {
    let (shown, rest) = name.split_at(name.len().min(SHOWN));
    let mut bytes = Vec::with_capacity(HASHES + SHOWN + DIGEST);
    for word in hash {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(shown);
    if !rest.is_empty() {
        bytes.extend(Sha256::digest(rest));
    }
    to_base64(&bytes)
}

/// How long what is shown for an encrypted name of `len` bytes is.
pub(crate) fn shown_len(len: usize) -> usize {
    let digest = if len > SHOWN { DIGEST } else { 0 };
    ((HASHES + len.min(SHOWN) + digest) * 4).div_ceil(3)
}

/// A no-key name that is looked for.
#[derive(Clone, Debug)]
pub(super) struct NoKeyName {
    /// The name's hash in the index.
    pub hash: u32,
    shown: Vec<u8>,
    /// The SHA-256 of what follows.
    rest: Option<Vec<u8>>,
}

impl NoKeyName {
    /// `None` for what is no no-key name: no encrypted directory has it.
    pub fn parse(name: &[u8]) -> Option<NoKeyName> {
        let mut bytes = from_base64(name)?;
        let rest = match bytes.len() {
            len if len <= HASHES || len > HASHES + SHOWN + DIGEST => return None,
            len if len == HASHES + SHOWN + DIGEST => Some(bytes.split_off(HASHES + SHOWN)),
            len if len > HASHES + SHOWN => return None,
            _ => None,
        };
        let shown = bytes.split_off(HASHES);
        let hash = u32::get(&bytes, 0);
        Some(NoKeyName { hash, shown, rest })
    }

    fn is(&self, name: &[u8]) -> bool {
        match &self.rest {
            None => name == self.shown,
            Some(rest) => name.split_at_checked(SHOWN).is_some_and(|(shown, more)| {
                shown == self.shown && Sha256::digest(more).as_slice() == rest
            }),
        }
    }

    /// Looks for the name in a block.
    pub fn find(&self, block: &[u8]) -> Option<Slot> {
        dirent::find_by(block, |name| self.is(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_it_is_written() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..200 {
            let text = to_base64(&bytes[..len]);
            assert_eq!(from_base64(&text).as_deref(), Some(&bytes[..len]));
        }
        // RFC 4648.
        assert_eq!(to_base64(b"foobar"), b"Zm9vYmFy");
        assert_eq!(to_base64(&[0xFB, 0xFF]), b"-_8");
        for bad in ["a", "ab=", "a+b_", "Zm9", "aaaaa"] {
            assert!(
                bad == "Zm9" || from_base64(bad.as_bytes()).is_none(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_shown_name_leads_back_to_its_entry() {
        let long: Vec<u8> = (0..255).map(|i| (i * 7) as u8).collect();
        for len in [1, 16, 148, 149, 150, 255] {
            let name = &long[..len];
            let shown = show(name, [6, 7]);
            assert_eq!(shown.len(), shown_len(len));
            assert!(shown.len() <= 252);
            let key = NoKeyName::parse(&shown).expect("a no-key name");
            assert_eq!(key.hash, 6);
            assert!(key.is(name), "{len}");
            let mut other = name.to_vec();
            other[len - 1] ^= 1;
            assert!(!key.is(&other), "{len}");
        }
        for bad in [&b"hello"[..], b"", b".", &[b'A'; 212]] {
            assert!(NoKeyName::parse(bad).is_none());
        }
    }
}
