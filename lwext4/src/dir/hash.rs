//! The hashes of directory names.
//!
//! Three functions, each over signed or unsigned bytes (a difference for names with bytes from 0x80
//! on): legacy, half MD4 (the default) and TEA. They are what the format says; none resists an
//! attacker.
//!
//! Source: kernel documentation, ext4 "Hash Tree Directories"; the algorithms are MD4 (RFC 1320) with
//! half the message words, and TEA (Wheeler and Needham).

use super::fold::fold;

/// The largest hash would be read as the end of the directory: names never get it.
const END: u32 = 0xFFFF_FFFE;

/// Which hash a directory uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Legacy,
    HalfMd4,
    Tea,
    /// SipHash of the folded name, with a key that nobody here has: entries carry the result.
    Stored,
}

/// Computes the hashes of one directory's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hasher {
    algorithm: Algorithm,
    unsigned: bool,
    start: [u32; 4],
    folds: bool,
}

/// A name's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameHash {
    /// What orders the htree; its lowest bit is 0.
    pub major: u32,
    /// More bits, which the htree does not use; 0 with the legacy hash.
    pub minor: u32,
}

impl Hasher {
    /// `version` as htree roots and superblocks store it (0 legacy, 1 half MD4, 2 TEA, 6 stored), or
    /// `None` for any other. `seed` is the superblock's; all zeroes stand for the format's default.
    pub fn new(version: u8, unsigned: bool, seed: [u32; 4]) -> Option<Hasher> {
        let algorithm = match version {
            0 => Algorithm::Legacy,
            1 => Algorithm::HalfMd4,
            2 => Algorithm::Tea,
            6 => Algorithm::Stored,
            _ => return None,
        };
        let start = if seed == [0; 4] {
            [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476]
        } else {
            seed
        };
        Some(Hasher {
            algorithm,
            unsigned,
            start,
            folds: false,
        })
    }

    /// The same for a directory that folds names or not: names that are one there have one hash.
    pub fn folding(self, folds: bool) -> Hasher {
        Hasher { folds, ..self }
    }

    /// Whether names' hashes are not computed, but found behind the names.
    pub fn is_stored(&self) -> bool {
        self.algorithm == Algorithm::Stored
    }

    /// The hash of a name.
    pub fn hash(&self, name: &[u8]) -> NameHash {
        match self.folds.then(|| fold(name)).flatten() {
            Some(folded) => self.hash_bytes(&folded),
            None => self.hash_bytes(name),
        }
    }

    fn hash_bytes(&self, name: &[u8]) -> NameHash {
        let (major, minor) = if self.unsigned {
            self.run(name, u32::from)
        } else {
            self.run(name, |byte| byte as i8 as u32)
        };
        let major = major & !1;
        NameHash {
            major: if major == END { END - 2 } else { major },
            minor,
        }
    }

    #[inline]
    fn run(&self, name: &[u8], value: impl Fn(u8) -> u32 + Copy) -> (u32, u32) {
        let mut state = self.start;
        match self.algorithm {
            Algorithm::Legacy => (legacy(name, value), 0),
            Algorithm::Stored => (0, 0),
            Algorithm::HalfMd4 => {
                let mut rest = name;
                while !rest.is_empty() {
                    half_md4(&mut state, &words::<8>(rest, value));
                    rest = rest.get(32..).unwrap_or(&[]);
                }
                (state[1], state[2])
            }
            Algorithm::Tea => {
                let mut rest = name;
                while !rest.is_empty() {
                    tea(&mut state, &words::<4>(rest, value));
                    rest = rest.get(16..).unwrap_or(&[]);
                }
                (state[0], state[1])
            }
        }
    }
}

/// The first `4 * N` bytes as big-endian words. What is missing is filled up with the length of all
/// of `rest`, and high bytes that are negative borrow from the bytes before them.
#[inline]
fn words<const N: usize>(rest: &[u8], value: impl Fn(u8) -> u32) -> [u32; N] {
    let len = rest.len() as u32;
    let pad = len | len << 8;
    let pad = pad | pad << 16;
    let mut words = [pad; N];
    for (word, bytes) in words.iter_mut().zip(rest.chunks(4)) {
        *word = bytes
            .iter()
            .fold(pad, |sum, &byte| value(byte).wrapping_add(sum << 8));
    }
    words
}

fn legacy(name: &[u8], value: impl Fn(u8) -> u32) -> u32 {
    let (mut last, mut before) = (0x12A3_FE2Du32, 0x37AB_E8F9u32);
    for &byte in name {
        let mut hash = before.wrapping_add(last ^ value(byte).wrapping_mul(7_152_373));
        if hash & 0x8000_0000 != 0 {
            hash = hash.wrapping_sub(0x7FFF_FFFF);
        }
        before = last;
        last = hash;
    }
    last << 1
}

/// MD4's compression function over 8 words instead of 16: each round takes every word once.
fn half_md4(state: &mut [u32; 4], words: &[u32; 8]) {
    const ROUNDS: [([usize; 8], [u32; 4], u32); 3] = [
        ([0, 1, 2, 3, 4, 5, 6, 7], [3, 7, 11, 19], 0),
        ([1, 3, 5, 7, 0, 2, 4, 6], [3, 5, 9, 13], 0x5A82_7999),
        ([3, 7, 2, 6, 1, 5, 0, 4], [3, 9, 11, 15], 0x6ED9_EBA1),
    ];
    let [mut a, mut b, mut c, mut d] = *state;
    for (round, (order, turns, constant)) in ROUNDS.iter().enumerate() {
        for (step, &word) in order.iter().enumerate() {
            let mixed = match round {
                0 => d ^ (b & (c ^ d)),
                1 => (b & c).wrapping_add((b ^ c) & d),
                _ => b ^ c ^ d,
            };
            let next = a
                .wrapping_add(mixed)
                .wrapping_add(words[word])
                .wrapping_add(*constant)
                .rotate_left(turns[step % 4]);
            (a, b, c, d) = (d, next, b, c);
        }
    }
    for (sum, part) in state.iter_mut().zip([a, b, c, d]) {
        *sum = sum.wrapping_add(part);
    }
}

/// The Tiny Encryption Algorithm, 16 rounds: the name is the key, the first two words are the text.
fn tea(state: &mut [u32; 4], key: &[u32; 4]) {
    let [mut x, mut y, ..] = *state;
    let mut sum = 0u32;
    for _ in 0..16 {
        sum = sum.wrapping_add(0x9E37_79B9);
        let mix = |v: u32, k0: u32, k1: u32| {
            (v << 4).wrapping_add(k0) ^ v.wrapping_add(sum) ^ (v >> 5).wrapping_add(k1)
        };
        x = x.wrapping_add(mix(y, key[0], key[1]));
        y = y.wrapping_add(mix(x, key[2], key[3]));
    }
    state[0] = state[0].wrapping_add(x);
    state[1] = state[1].wrapping_add(y);
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::command::tool;
    use machine::e2fsprogs::DEBUGFS;
    use machine::requirements::can_run;
    use std::path::Path;

    fn parse(text: &str) -> Option<NameHash> {
        // "Hash of NAME is 0xMAJOR (minor 0xMINOR)"
        let (rest, minor) = text.trim().rsplit_once(" (minor 0x")?;
        let (_, major) = rest.rsplit_once(" is 0x")?;
        Some(NameHash {
            major: u32::from_str_radix(major, 16).ok()?,
            minor: u32::from_str_radix(minor.strip_suffix(')')?, 16).ok()?,
        })
    }

    #[test]
    fn hashes_agree_with_debugfs() {
        if !can_run("hashes_agree_with_debugfs", &[DEBUGFS]) {
            return;
        }
        // debugfs takes the seed as a UUID: words in little-endian order.
        let seeds = [
            ("01234567-89ab-cdef-fedc-ba9876543210", [0; 4]),
            (
                "a1b2c3d4-0506-0708-090a-0b0c0d0e0f10",
                [0xD4C3_B2A1, 0x0807_0605, 0x0C0B_0A09, 0x100F_0E0D],
            ),
        ];
        let mut script = String::new();
        let mut expected = Vec::new();
        let mut names: Vec<String> = (0..60)
            .map(|i| {
                "abcdefghijklmnopqrstuvwxyz0123456789._XYZ!-".repeat(6)[i % 42..i * 4 + 1].into()
            })
            .collect();
        // Two-byte characters: bytes from 0x80 on, where signedness matters.
        names.extend((1..60).map(|i| {
            "äöüÄÖÜßéèñ日本語ж"
                .repeat(4)
                .chars()
                .skip(i % 7)
                .take(i)
                .collect()
        }));
        names.extend((0..200).map(|i| format!("file{i}")));
        for name in &names {
            for version in 0..6 {
                for (text, words) in seeds {
                    script += &format!("dx_hash -h {version} -s {text} \"{name}\"\n");
                    let hasher = Hasher::new(version % 3, version >= 3, words).unwrap();
                    expected.push((name.clone(), hasher.hash(name.as_bytes())));
                }
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("script");
        std::fs::write(&path, script).unwrap();
        let text = tool("debugfs", [Path::new("-f"), &path]);
        let theirs: Vec<_> = text.lines().filter_map(parse).collect();
        assert_eq!(theirs.len(), expected.len());
        for ((name, ours), theirs) in expected.iter().zip(theirs) {
            assert_eq!(*ours, theirs, "{name}");
        }
    }

    #[test]
    fn a_zero_seed_is_the_default_seed() {
        let zero = Hasher::new(1, false, [0; 4]).unwrap();
        let default = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];
        let named = Hasher::new(1, false, default).unwrap();
        assert_eq!(zero.hash(b"name"), named.hash(b"name"));
    }

    #[test]
    fn signedness_matters_only_for_high_bytes() {
        for version in 0..3 {
            let signed = Hasher::new(version, false, [1, 2, 3, 4]).unwrap();
            let unsigned = Hasher::new(version, true, [1, 2, 3, 4]).unwrap();
            assert_eq!(signed.hash(b"plain"), unsigned.hash(b"plain"));
            assert_ne!(signed.hash(b"h\xC3\xA9"), unsigned.hash(b"h\xC3\xA9"));
        }
        assert!(Hasher::new(3, false, [0; 4]).is_none());
    }
}
