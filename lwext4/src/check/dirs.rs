//! Directories: their blocks, in order, as hash trees or plain.

use super::entries::Listing;
use super::htree::Tree;
use super::inline;
use super::map::Purpose;
use super::problem::{Problem, ProblemKind as Kind};
use super::state::{Checker, Seen};
use crate::dir::hash::Hasher;
use crate::ondisk::Le;
use crate::ondisk::checksum::crc32c;
use crate::ondisk::dirent::TAIL_LEN;
use crate::ondisk::features::Compat;
use crate::ondisk::inode::{InodeFlags, RawInode, owner_seed};
use crate::types::Ino;

impl Checker<'_> {
    /// Reads every directory.
    pub(super) fn check_directories(&mut self) {
        let all: Vec<u32> = self.dirs.keys().copied().collect();
        for ino in all {
            let unreadable = self
                .seen(ino)
                .is_some_and(|seen| seen.has(Seen::UNREADABLE));
            match self.read_inode(ino) {
                Some(raw) if !unreadable => self.check_directory(Ino(ino), &raw),
                _ => self.incomplete = true,
            }
        }
    }

    fn check_directory(&mut self, ino: Ino, raw: &RawInode) {
        let flags = raw.flags();
        let mut listing = Listing::new(ino, flags);
        if flags.contains(InodeFlags::INLINE_DATA) {
            self.check_inline_directory(raw, &mut listing);
            return;
        }
        let runs = self.walk_map(ino, raw, Purpose::Read).runs;
        let block_of = |at: u64| {
            let after = runs.partition_point(|run| run.at <= at);
            let run = runs.get(after.checked_sub(1)?)?;
            (at - run.at < run.len).then(|| run.block + (at - run.at))
        };
        let end = runs.last().map_or(0, |run| run.at + run.len);
        let mut tree = None;
        if flags.contains(InodeFlags::INDEX) {
            if self.geo.features.compat.contains(Compat::DIR_INDEX) {
                tree = Some(self.read_tree(ino, raw, end, &block_of));
            } else {
                self.bad_inode(Kind::Htree, ino, "a hash tree without dir_index");
            }
        }
        let seed = self
            .geo
            .has_csum()
            .then(|| owner_seed(self.geo.seed, ino, raw.generation()));
        let mut next = 0;
        for run in &runs {
            if run.at > next {
                let text = format!(
                    "blocks {next} to {} of the directory are a hole",
                    run.at - 1
                );
                self.bad_inode(Kind::Directory, ino, text);
            }
            next = run.at + run.len;
            for i in 0..run.len {
                let (at, block) = (run.at + i, run.block + i);
                let Some(bytes) = self.read_block(block) else {
                    self.incomplete = true;
                    continue;
                };
                self.check_directory_block(&mut listing, tree.as_mut(), seed, (at, block), &bytes);
            }
        }
        if let Some(tree) = tree {
            self.finish_tree(ino, &tree);
        }
    }

    fn check_directory_block(
        &mut self,
        listing: &mut Listing,
        tree: Option<&mut Tree>,
        seed: Option<u32>,
        (at, block): (u64, u64),
        bytes: &[u8],
    ) {
        listing.block = Some(block);
        let is_index = tree.as_ref().is_some_and(|tree| tree.is_index(at));
        let mut usable = bytes.len();
        if is_index {
            // Read with the tree. The root holds '.' and '..'.
            if at == 0 {
                self.check_root_entries(listing, bytes);
            }
            return;
        }
        if let Some(seed) = seed {
            usable -= TAIL_LEN;
            let tail = bytes.get(usable..).unwrap_or(&[]);
            let is_tail = u32::get(tail, 0) == 0
                && u16::get(tail, 4) == TAIL_LEN as u16
                && u16::get(tail, 6) == 0xDE00;
            let sum = crc32c(seed, bytes.get(..usable).unwrap_or(&[]));
            let text = if !is_tail {
                Some("the directory block has no place for a checksum")
            } else if u32::get(tail, 8) != sum {
                Some("the directory block's checksum is wrong")
            } else {
                None
            };
            if let Some(text) = text {
                let problem = Problem::new(Kind::Checksum, text).ino(listing.ino);
                self.report(problem.block(block));
            }
            if !is_tail {
                usable = bytes.len();
            }
        }
        match tree {
            Some(tree) => {
                // Names of one hash are in one leaf, or in neighbours: e2fsck looks at one, too.
                listing.forget_names();
                let range = tree.leaf(at);
                let hasher = tree.hasher;
                self.check_records(listing, bytes, usable, |name| {
                    let (Some(hasher), Some((low, high))) = (hasher, range) else {
                        return true;
                    };
                    let hash = hasher.hash(name).major;
                    (low..=high).contains(&hash)
                });
            }
            None => self.check_records(listing, bytes, usable, |_| true),
        }
    }

    fn check_inline_directory(&mut self, raw: &RawInode, listing: &mut Listing) {
        let words = raw.block();
        let parent = u32::get(words, 0);
        self.add_dots(listing, parent);
        if let Some(entries) = words.get(4..) {
            self.check_records(listing, entries, entries.len(), |_| true);
        }
        if let Some(tail) = inline::tail(raw).filter(|tail| !tail.is_empty()) {
            self.check_records(listing, tail, tail.len(), |_| true);
        }
    }

    /// What a tree's names are hashed with; `None` where that cannot be told.
    pub(super) fn hasher(&self, version: u8, flags: InodeFlags) -> Option<Hasher> {
        let folds = flags.contains(InodeFlags::CASEFOLD);
        if folds && flags.contains(InodeFlags::ENCRYPT) {
            // The hashes of such names need the key.
            return None;
        }
        Hasher::new(version, self.geo.unsigned_hash, self.geo.hash_seed)
            .map(|hasher| hasher.folding(folds))
    }
}
