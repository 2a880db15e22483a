//! Quota files: their trees, and whether they tell what every user, group and project has.

use super::map::{Purpose, Run};
use super::problem::{Problem, ProblemKind as Kind};
use super::state::Checker;
use crate::ondisk::features::{Incompat, RoCompat};
use crate::ondisk::inode::RawInode;
use crate::ondisk::quota::{self, BLOCK, DEPTH, Entry, Info, QuotaKind, ROOT};
use crate::quota::Charge;
use crate::types::{FileType, Ino};
use std::collections::{HashMap, HashSet};

/// Bytes and inodes.
type Amounts = (u64, u64);

/// What was found in use: by id, for users, groups and projects.
#[derive(Debug, Default)]
pub(super) struct Usage {
    by_kind: [HashMap<u32, Amounts>; 3],
}

/// A quota file that is read.
struct File {
    kind: QuotaKind,
    ino: Ino,
    runs: Vec<Run>,
    info: Info,
    /// Blocks of the tree that were seen: a tree has no loops, and its branches do not meet.
    seen: HashSet<u32>,
    entries: HashMap<u32, Entry>,
}

impl Checker<'_> {
    /// Counts an inode in use.
    pub(super) fn count_usage(&mut self, ino: Ino, raw: &RawInode) {
        // These may have numbers as other files have, but count for nobody.
        if self.sb.quota_inums().contains(&ino.0) || ino.0 == self.sb.orphan_file_inum() {
            return;
        }
        let charge = Charge::of(&self.geo, ino, raw);
        for kind in QuotaKind::ALL {
            if let Some((id, bytes, inodes)) = charge.counts_for(kind) {
                let usage = self.usage.by_kind[kind as usize].entry(id).or_default();
                usage.0 = usage.0.saturating_add(bytes);
                usage.1 = usage.1.saturating_add(inodes);
            }
        }
    }

    /// Compares what the files tell with what was found.
    pub(super) fn check_quotas(&mut self) {
        if !self.geo.features.ro_compat.contains(RoCompat::QUOTA) {
            return;
        }
        if self.geo.features.incompat.contains(Incompat::EA_INODE) {
            self.not_checked("the usage recorded for quotas, with values of attributes in inodes");
            return;
        }
        for (kind, ino) in QuotaKind::ALL.into_iter().zip(self.sb.quota_inums()) {
            if ino != 0 {
                self.check_quota(kind, Ino(ino));
            }
        }
    }

    fn bad_quota(&mut self, kind: QuotaKind, ino: Ino, text: &str) {
        let text = format!("{} quota: {text}", kind.name());
        self.report(Problem::new(Kind::Quota, text).ino(ino));
    }

    fn check_quota(&mut self, kind: QuotaKind, ino: Ino) {
        let raw = self.read_inode(ino.0);
        let Some(raw) = raw.filter(|raw| raw.file_type() == Some(FileType::Regular)) else {
            self.bad_quota(kind, ino, "there is no file");
            return;
        };
        let mapped = self.walk_map(ino, &raw, Purpose::Read);
        let first = self.read_piece(&mapped.runs, 0);
        let Some(first) = first.filter(|_| !mapped.bad) else {
            self.bad_quota(kind, ino, "the file cannot be read");
            return;
        };
        let info = match Info::parse(&first, kind, raw.size()) {
            Ok(info) => info,
            Err(what) => {
                self.bad_quota(kind, ino, what);
                return;
            }
        };
        let mut file = File {
            kind,
            ino,
            runs: mapped.runs,
            seen: HashSet::new(),
            info,
            entries: HashMap::new(),
        };
        if self.read_ids(&mut file) {
            self.compare_usage(&file);
        }
    }

    /// A block of 1 KiB of a file.
    fn read_piece(&mut self, runs: &[Run], no: u32) -> Option<Vec<u8>> {
        let byte = u64::from(no) * BLOCK as u64;
        let bits = self.geo.block_bits;
        let at = byte >> bits;
        let run = runs
            .iter()
            .find(|run| (run.at..run.at + run.len).contains(&at))?;
        let block = self.read_block(run.block + (at - run.at))?;
        let within = (byte & ((1 << bits) - 1)) as usize;
        block.get(within..within + BLOCK).map(<[u8]>::to_vec)
    }

    /// Gathers the entries; whether the tree makes sense.
    fn read_ids(&mut self, file: &mut File) -> bool {
        // Blocks to be read, with their level; leaves are at the last, and several ids share one.
        let mut todo = vec![(ROOT, 0)];
        let mut leaves = Vec::new();
        while let Some((no, level)) = todo.pop() {
            let Some(bytes) = self.read_piece(&file.runs, no) else {
                self.bad_quota(file.kind, file.ino, "a block of the tree cannot be read");
                return false;
            };
            for next in quota::children(&bytes) {
                let leaf = level + 1 == DEPTH;
                let fresh = file.info.holds(next) && file.seen.insert(next);
                if leaf && file.info.holds(next) {
                    if fresh {
                        leaves.push(next);
                    }
                } else if fresh {
                    todo.push((next, level + 1));
                } else {
                    self.bad_quota(file.kind, file.ino, "the tree of ids makes no sense");
                    return false;
                }
            }
        }
        for leaf in leaves {
            let Some(bytes) = self.read_piece(&file.runs, leaf) else {
                self.bad_quota(file.kind, file.ino, "a block of the tree cannot be read");
                return false;
            };
            let entries = quota::leaf_entries(&bytes).map(|(_, entry)| (entry.id, entry));
            file.entries.extend(entries);
        }
        true
    }

    fn compare_usage(&mut self, file: &File) {
        let found = std::mem::take(&mut self.usage.by_kind[file.kind as usize]);
        let told = file.entries.values().map(|e| (e.id, (e.bytes, e.inodes)));
        let told: HashMap<u32, Amounts> = told.collect();
        let mut ids: Vec<u32> = found.keys().chain(told.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let has = found.get(&id).copied().unwrap_or_default();
            let says = told.get(&id).copied().unwrap_or_default();
            if has != says {
                let text = format!(
                    "{id} has {} bytes in {} inodes, recorded are {} and {}",
                    has.0, has.1, says.0, says.1
                );
                self.bad_quota(file.kind, file.ino, &text);
            }
        }
    }
}
