//! Names that differ in case only are one in directories with the flag casefold: there, names are
//! compared, and hashed, after folding.
//!
//! The encoding (number 1 in the superblock) is UTF-8 by Unicode 12.1. Folding leaves out code points
//! that are to be ignored, folds case fully, and decomposes canonically. What did not
//! exist in Unicode 12.1 stays as it is; about the rest, tables of later versions agree, since the
//! Unicode Consortium promises so. A name that is no UTF-8 equals only itself.
//!
//! Source: kernel documentation, ext4 "Case-insensitive file name lookups"; Unicode Standard Annexes 15
//! and 44.

mod assigned;

use super::hash::Hasher;
use super::nokey::NoKeyName;
use crate::ondisk::dirent::{self, Slot};
use caseless::Caseless;
use unicode_normalization::char::{canonical_combining_class, decompose_canonical};

/// The encoding's number in the superblock.
pub(crate) const UTF8_12_1: u16 = 1;
/// The encoding's flag that forbids names which cannot be folded.
pub(crate) const STRICT: u16 = 1;

/// Code points that make no difference (`Default_Ignorable_Code_Point`).
const IGNORED: [(u32, u32); 17] = [
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180E),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
];

fn is_assigned(c: char) -> bool {
    let changes = assigned::CHANGES.partition_point(|&at| at <= u32::from(c));
    !changes.is_multiple_of(2)
}

fn is_ignored(c: char) -> bool {
    let c = u32::from(c);
    let at = IGNORED.partition_point(|&(_, last)| last < c);
    IGNORED.get(at).is_some_and(|&(first, _)| first <= c)
}

/// What orders marks in a row; 0 for anything else.
fn class(c: char) -> u8 {
    if is_assigned(c) {
        canonical_combining_class(c)
    } else {
        0
    }
}

/// The form that all names equal to this one have; `None` when it equals only itself.
pub(crate) fn fold(name: &[u8]) -> Option<Vec<u8>> {
    if name.is_ascii() {
        return Some(name.to_ascii_lowercase());
    }
    let text = std::str::from_utf8(name).ok()?;
    let mut folded: Vec<char> = Vec::with_capacity(text.len());
    for c in text.chars() {
        if is_ignored(c) {
            continue;
        }
        if !is_assigned(c) {
            folded.push(c);
            continue;
        }
        for c in std::iter::once(c).default_case_fold() {
            decompose_canonical(c, |part| {
                folded.extend(std::iter::once(part).default_case_fold());
            });
        }
    }
    // Marks in a row are put in the order of their classes; those of one class stay as they are.
    let classes: Vec<u8> = folded.iter().copied().map(class).collect();
    let mut at = 0;
    for run in classes.chunk_by(|before, after| *before != 0 && *after != 0) {
        if let Some(marks) = folded.get_mut(at..at + run.len()) {
            marks.sort_by_key(|&mark| class(mark));
        }
        at += run.len();
    }
    Some(folded.into_iter().collect::<String>().into_bytes())
}

/// A name that is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Key<'a> {
    name: &'a [u8],
    folded: Option<Vec<u8>>,
    encrypted: Option<NoKeyName>,
}

impl<'a> Key<'a> {
    /// A name in a directory that `folds` names or not.
    pub fn new(name: &'a [u8], folds: bool) -> Key<'a> {
        Key {
            name,
            folded: folds.then(|| fold(name)).flatten(),
            encrypted: None,
        }
    }

    /// A no-key name in an encrypted directory.
    pub(super) fn without_key(name: NoKeyName) -> Key<'static> {
        Key {
            name: b"",
            folded: None,
            encrypted: Some(name),
        }
    }

    /// The name's hash.
    pub(super) fn hash(&self, hasher: &Hasher) -> u32 {
        match &self.encrypted {
            Some(name) => name.hash & !1,
            None => hasher.hash(self.name).major,
        }
    }

    /// Whether an entry's name is this one, spelt in any way.
    fn is_spelt(&self, other: &[u8]) -> bool {
        if self.name.is_ascii() && other.is_ascii() {
            return other.eq_ignore_ascii_case(self.name);
        }
        other == self.name || self.folded == fold(other)
    }

    /// Looks for the name in a block.
    pub fn find(&self, block: &[u8]) -> Option<Slot> {
        if let Some(name) = &self.encrypted {
            return name.find(block);
        }
        match self.folded {
            None => dirent::find(block, self.name),
            Some(_) => dirent::find_by(block, |name| self.is_spelt(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::command::tool;
    use machine::e2fsprogs::DEBUGFS;
    use machine::requirements::can_run;
    use std::fmt::Write;
    use std::path::Path;

    #[test]
    fn names_that_differ_in_case_or_form_are_equal() {
        for (one, other) in [
            ("README", "readme"),
            ("Straße", "STRASSE"),
            ("ÄÖÜ", "a\u{308}o\u{308}u\u{308}"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("soft\u{AD}hyphen", "SofThyphen"),
            ("\u{1E9B}\u{323}", "\u{1E9B}\u{0323}"),
            ("a\u{302}\u{323}", "a\u{323}\u{302}"),
            ("\u{D55C}", "\u{1112}\u{1161}\u{11AB}"),
        ] {
            assert_eq!(
                fold(one.as_bytes()),
                fold(other.as_bytes()),
                "{one} {other}"
            );
            assert!(Key::new(one.as_bytes(), true).is_spelt(other.as_bytes()));
        }
        assert_ne!(fold("ı".as_bytes()), fold(b"i"));
        assert_eq!(fold(b"A\xFF"), None);
        // Unicode 13 made these two one.
        assert_ne!(fold("\u{A7C7}".as_bytes()), fold("\u{A7C8}".as_bytes()));
    }

    /// debugfs has the tables of the kernel: its hashes of one code point after the other.
    #[test]
    fn folding_agrees_with_debugfs_about_every_code_point() {
        let name = "folding_agrees_with_debugfs_about_every_code_point";
        if !can_run(name, &[DEBUGFS]) {
            return;
        }
        let mut script = String::new();
        let mut names = Vec::new();
        for c in ('\u{80}'..='\u{10FFFF}').filter(|&c| !c.is_whitespace()) {
            // Behind two marks, for the order; most planes hold nothing.
            if c < '\u{30000}' || u32::from(c) % 0x1000 < 0x200 {
                let name = format!("x\u{301}\u{323}{c}Y");
                writeln!(script, "dx_hash -h half_md4 -c -e utf8 {name}").expect("text");
                names.push(name);
            }
        }
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("script");
        std::fs::write(&path, script).expect("a script");
        let text = tool("debugfs", [Path::new("-f"), &path]);
        let hashes: Vec<u32> = text
            .lines()
            .filter_map(|line| line.rsplit_once(" is 0x")?.1.split_once(' '))
            .filter_map(|(hash, _)| u32::from_str_radix(hash, 16).ok())
            .collect();
        assert_eq!(hashes.len(), names.len());
        let hasher = Hasher::new(1, false, [0; 4]).expect("a hash").folding(true);
        let wrong: Vec<String> = names
            .iter()
            .zip(hashes)
            .filter(|(name, hash)| hasher.hash(name.as_bytes()).major != *hash)
            .map(|(name, _)| format!("{}", name.escape_unicode()))
            .collect();
        assert!(
            wrong.is_empty(),
            "{} wrong: {:?}",
            wrong.len(),
            wrong.iter().take(40).collect::<Vec<_>>()
        );
    }
}
