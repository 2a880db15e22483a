//! Directory entries: records, names, and the inodes they lead to.

use super::problem::{Problem, ProblemKind as Kind};
use super::state::Checker;
use crate::dir::fold::fold;
use crate::ondisk::dirent::{self, rec_len_for};
use crate::ondisk::features::Incompat;
use crate::ondisk::inode::InodeFlags;
use crate::types::{FileType, Ino};
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// A directory being read.
pub(super) struct Listing {
    pub ino: Ino,
    /// The block being read.
    pub block: Option<u64>,
    encrypted: bool,
    folds: bool,
    /// Entries seen so far that ought to be `.` and `..`: 0, 1 or 2.
    dots: u8,
    /// Hashes of names: 64 bits with a random key do not meet by chance.
    names: HashSet<u64>,
    hash: RandomState,
}

impl Listing {
    pub fn new(ino: Ino, flags: InodeFlags) -> Listing {
        Listing {
            ino,
            block: None,
            encrypted: flags.contains(InodeFlags::ENCRYPT),
            folds: flags.contains(InodeFlags::CASEFOLD),
            dots: 0,
            names: HashSet::new(),
            hash: RandomState::new(),
        }
    }

    /// Names from here on are compared among themselves only.
    pub fn forget_names(&mut self) {
        self.names.clear();
    }

    fn problem(&self, kind: Kind, text: impl Into<String>) -> Problem {
        let problem = Problem::new(kind, text).ino(self.ino);
        match self.block {
            Some(block) => problem.block(block),
            None => problem,
        }
    }
}

/// A name for people.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl Checker<'_> {
    /// Goes through the records of a leaf, or of a directory inside its inode. `fits` says whether a
    /// name belongs here.
    pub(super) fn check_records(
        &mut self,
        listing: &mut Listing,
        bytes: &[u8],
        usable: usize,
        fits: impl Fn(&[u8]) -> bool,
    ) {
        let mut at = 0;
        let mut misplaced = false;
        while at < usable {
            let Some(entry) = dirent::entry_at(bytes, at).filter(|entry| {
                entry.rec_len % 4 == 0
                    && rec_len_for(entry.name.len()) <= entry.rec_len
                    && at + entry.rec_len <= usable
            }) else {
                let text = "a record's length makes no sense";
                self.report(listing.problem(Kind::Directory, text));
                self.incomplete = true;
                return;
            };
            at += entry.rec_len;
            if listing.dots < 2 {
                self.check_dot(listing, bytes, &entry);
                continue;
            }
            if entry.ino.0 == 0 {
                continue;
            }
            misplaced |= !fits(entry.name);
            self.check_entry(listing, &entry);
        }
        if misplaced {
            self.report(listing.problem(Kind::Htree, "a name with another hash than its block's"));
        }
    }

    /// `.` and `..` at the start of an htree's root.
    pub(super) fn check_root_entries(&mut self, listing: &mut Listing, bytes: &[u8]) {
        for at in [0, 12] {
            match dirent::entry_at(bytes, at) {
                Some(entry) => self.check_dot(listing, bytes, &entry),
                None => {
                    let text = "a record's length makes no sense";
                    self.report(listing.problem(Kind::Directory, text));
                    self.incomplete = true;
                    return;
                }
            }
        }
    }

    /// `.` and `..` of a directory inside its inode: they are not stored.
    pub(super) fn add_dots(&mut self, listing: &mut Listing, parent: u32) {
        listing.dots = 2;
        self.count(listing.ino);
        self.set_dotdot(listing, Ino(parent));
    }

    fn check_dot(&mut self, listing: &mut Listing, block: &[u8], entry: &dirent::Entry<'_>) {
        let first = listing.dots == 0;
        listing.dots += 1;
        let wanted: &[u8] = if first { b"." } else { b".." };
        if entry.ino.0 == 0 || entry.name != wanted {
            let text = format!("'{}' is not in its place", shown(wanted));
            self.report(listing.problem(Kind::Directory, text));
            return;
        }
        let end = entry.at + dirent::HEADER + wanted.len();
        if block.get(end) != Some(&0) {
            let text = format!("'{}' is not followed by a NUL byte", shown(wanted));
            self.report(listing.problem(Kind::Directory, text));
        }
        if first && entry.ino != listing.ino {
            let text = format!("'.' is inode {}", entry.ino);
            self.report(listing.problem(Kind::Directory, text));
            return;
        }
        if first {
            self.count(entry.ino);
        } else {
            self.set_dotdot(listing, entry.ino);
        }
        self.check_type(listing, entry);
    }

    fn set_dotdot(&mut self, listing: &Listing, parent: Ino) {
        if let Some(place) = self.dirs.get_mut(&listing.ino.0) {
            place.dotdot = parent.0;
        }
        if !self.is_used(parent.0) {
            let text = format!("'..' is inode {parent}, which is not in use");
            self.report(listing.problem(Kind::DanglingEntry, text));
        }
        self.count(parent);
    }

    fn count(&mut self, ino: Ino) {
        if !self.is_used(ino.0) {
            return;
        }
        if let Some(seen) = self.seen_mut(ino.0) {
            seen.references = seen.references.saturating_add(1);
        }
    }

    fn check_entry(&mut self, listing: &mut Listing, entry: &dirent::Entry<'_>) {
        let name = entry.name;
        let say = |text: &str| format!("'{}' {text}", shown(name));
        if name.is_empty() {
            self.report(listing.problem(Kind::Directory, "an entry without a name"));
        } else if entry.is_dot() {
            self.report(listing.problem(Kind::Directory, say("is there twice")));
        } else if !listing.encrypted && name.iter().any(|&byte| byte == 0 || byte == b'/') {
            self.report(listing.problem(Kind::Directory, say("has a NUL byte or a slash")));
        }
        let target = entry.ino;
        let valid = (self.geo.first_ino..=self.geo.inodes()).contains(&target.0);
        if target == Ino::ROOT {
            self.report(listing.problem(Kind::Parent, say("leads to the root")));
            return;
        }
        if !valid || !self.is_used(target.0) {
            let text = say(&format!("leads to inode {target}, which is not in use"));
            self.report(listing.problem(Kind::DanglingEntry, text));
            return;
        }
        let folded = (listing.folds && !listing.encrypted).then(|| fold(name));
        if folded == Some(None) && self.geo.strict_names {
            self.report(listing.problem(Kind::Directory, say("is not UTF-8")));
        }
        let folded = folded.flatten();
        let same = folded.as_deref().unwrap_or(name);
        if !listing.names.insert(listing.hash.hash_one(same)) {
            self.report(listing.problem(Kind::DuplicateName, say("is there twice")));
        }
        self.check_type(listing, entry);
        self.count(target);
        if let Some(place) = self.dirs.get_mut(&target.0) {
            let before = std::mem::replace(&mut place.parent, listing.ino.0);
            if before != 0 || target == listing.ino {
                let text = say(&format!("is another name for the directory {target}"));
                self.report(listing.problem(Kind::Parent, text));
            }
        }
    }

    fn check_type(&mut self, listing: &Listing, entry: &dirent::Entry<'_>) {
        let Some(seen) = self.seen(entry.ino.0).copied() else {
            return;
        };
        let wanted = if self.geo.features.incompat.contains(Incompat::FILETYPE) {
            FileType::from_mode(u16::from(seen.kind) << 12).map_or(0, FileType::to_dirent)
        } else {
            0
        };
        if entry.file_type != wanted {
            let text = format!(
                "'{}' has type {}, its inode is of type {wanted}",
                shown(entry.name),
                entry.file_type
            );
            let problem = listing.problem(Kind::EntryType, text);
            // No type at all is allowed: whoever needs it asks the inode.
            self.report(match entry.file_type {
                0 => problem.note(),
                _ => problem,
            });
        }
    }
}
