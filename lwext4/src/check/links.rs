//! The tree: every directory has one parent and a way to the root; every inode as many names as its
//! link count says.

use super::problem::ProblemKind as Kind;
use super::state::{Checker, Seen};
use crate::ondisk::Le;
use crate::types::Ino;
use std::collections::BTreeSet;

/// Names (and subdirectories) that a directory's link count can count.
const LINK_MAX: u32 = 65_000;

impl Checker<'_> {
    /// Compares names with link counts, and `..` with parents.
    pub(super) fn check_links(&mut self) {
        if !self.is_used(Ino::ROOT.0) {
            self.bad_inode(Kind::Parent, Ino::ROOT, "there is no root directory");
        }
        if self.incomplete {
            self.not_checked(
                "link counts, and whether inodes have a name: some directories or inodes could not \
                 be read",
            );
        } else {
            self.check_parents();
            self.check_counts();
        }
    }

    fn check_parents(&mut self) {
        let places: Vec<(u32, u32, u32)> = self
            .dirs
            .iter()
            .map(|(&ino, place)| (ino, place.parent, place.dotdot))
            .collect();
        let mut connected = BTreeSet::from([Ino::ROOT.0]);
        for &(ino, parent, dotdot) in &places {
            let root = ino == Ino::ROOT.0;
            let wanted = if root { ino } else { parent };
            let orphan = self.seen(ino).is_some_and(|seen| seen.has(Seen::ORPHAN));
            if orphan {
                continue;
            }
            // Without a parent the directory has no name, which is reported with the names.
            if dotdot != 0 && wanted != 0 && dotdot != wanted {
                let text = format!("'..' is inode {dotdot}, not {wanted}");
                self.bad_inode(Kind::Parent, Ino(ino), text);
            }
            if parent != 0 && !root && !self.reaches_root(ino, &mut connected) {
                let text = "a directory from which no way leads up to the root";
                self.bad_inode(Kind::Parent, Ino(ino), text);
            }
        }
    }

    /// Whether parents lead from a directory to one that is connected; adds those on the way.
    fn reaches_root(&self, ino: u32, connected: &mut BTreeSet<u32>) -> bool {
        let mut way = BTreeSet::new();
        let mut at = ino;
        while !connected.contains(&at) {
            // A loop, or an end. A directory without a parent is reported by itself.
            if !way.insert(at) {
                return false;
            }
            match self.dirs.get(&at) {
                Some(place) if place.parent != 0 => at = place.parent,
                _ => return true,
            }
        }
        connected.extend(way);
        true
    }

    fn check_counts(&mut self) {
        let first = self.geo.first_ino;
        let own = [
            self.sb.journal_inum(),
            self.sb.orphan_file_inum(),
            self.sb.usr_quota_inum(),
            self.sb.grp_quota_inum(),
            self.sb.prj_quota_inum(),
        ];
        for group in 0..self.geo.groups() {
            let Some(seen) = self.seen.get_mut(group as usize).and_then(Option::take) else {
                continue;
            };
            for (i, seen) in (0u32..).zip(&seen) {
                let ino = group * self.geo.inodes_per_group + i + 1;
                let reserved = ino < first && ino != Ino::ROOT.0;
                let named = seen.has(Seen::USED) && !seen.has(Seen::ORPHAN);
                if !named || reserved {
                    continue;
                }
                if !own.contains(&ino) {
                    self.check_count(ino, seen);
                } else if seen.references > 0 {
                    // Also where the feature is off that would use it: e2fsck takes the name away.
                    let text = "has a name, but the superblock has it as the file system's own";
                    self.bad_inode(Kind::Superblock, Ino(ino), text);
                }
            }
            if let Some(slot) = self.seen.get_mut(group as usize) {
                *slot = Some(seen);
            }
        }
    }

    fn check_count(&mut self, ino: u32, seen: &Seen) {
        if seen.has(Seen::VALUE) {
            self.check_value(ino, seen);
            return;
        }
        let has_name = self.dirs.get(&ino).map_or(seen.references > 0, |place| {
            place.parent != 0 || ino == Ino::ROOT.0
        });
        if !has_name {
            self.bad_inode(
                Kind::Unreachable,
                Ino(ino),
                "in use, but no directory has it",
            );
            return;
        }
        let wanted = if seen.is_dir() && seen.references > LINK_MAX {
            1
        } else {
            seen.references
        };
        if wanted != u32::from(seen.links) {
            let text = format!("counts {} links, has {wanted}", seen.links);
            self.bad_inode(Kind::LinkCount, Ino(ino), text);
        }
    }

    /// An attribute's value counts those who use it in the change time and version.
    fn check_value(&mut self, ino: u32, seen: &Seen) {
        let Some(raw) = self.read_inode(ino) else {
            return;
        };
        let stated = u64::from(raw.ctime_raw()) << 32 | u64::from(u32::get(raw.as_bytes(), 0x24));
        if stated != u64::from(seen.references) {
            let text = format!(
                "counts {stated} users of the value, has {}",
                seen.references
            );
            self.bad_inode(Kind::XattrReferences, Ino(ino), text);
        }
    }
}
