//! The lists of orphans: the chain that begins in the superblock, and the orphan file.

use super::map::Purpose;
use super::problem::{Problem, ProblemKind as Kind};
use super::state::{Checker, Seen};
use crate::ondisk::features::{Compat, Incompat, RoCompat};
use crate::ondisk::inode::owner_seed;
use crate::ondisk::orphan_file::{slots, verify_block};
use crate::types::{BlockNo, Ino};

impl Checker<'_> {
    /// Follows the lists. What is on them is in use although it has no name.
    pub(super) fn check_orphans(&mut self) {
        let mut at = self.sb.last_orphan();
        while at != 0 {
            match self.add_orphan(at) {
                Some(next) => at = next,
                None => break,
            }
        }
        if self.geo.features.compat.contains(Compat::ORPHAN_FILE) {
            self.check_orphan_file();
        } else if self
            .geo
            .features
            .ro_compat
            .contains(RoCompat::ORPHAN_PRESENT)
        {
            let text = "an orphan file is in use, but there is none";
            self.report(Problem::new(Kind::Superblock, text));
        }
    }

    /// Notes an orphan; gives its pointer to the next one.
    fn add_orphan(&mut self, ino: u32) -> Option<u32> {
        let problem = |text: &str| Problem::new(Kind::Orphan, text).ino(Ino(ino));
        let listed = self.seen(ino).is_some_and(|seen| seen.has(Seen::ORPHAN));
        if ino > self.geo.inodes() || ino < self.geo.first_ino || listed {
            self.report(problem("the orphan list has an inode that cannot be on it"));
            return None;
        }
        let raw = self.read_inode(ino)?;
        self.flag(ino, Seen::ORPHAN);
        if raw.links_count() == 0 {
            self.report(problem("deleted while in use, and not finished with"));
        } else if raw.dtime() != 0 && !self.geo.features.incompat.contains(Incompat::RECOVER) {
            // Taken for a deletion time by whoever does not begin with the list.
            let text = "cut short, and not finished with, nor are those behind it on the list";
            self.report(problem(text));
        } else {
            // Whoever writes the image next cuts it off; it is sound until then.
            self.report(problem("cut short, and not finished with").note());
        }
        Some(raw.dtime())
    }

    fn check_orphan_file(&mut self) {
        let ino = Ino(self.sb.orphan_file_inum());
        let Some(raw) = self.read_inode(ino.0) else {
            self.bad_inode(Kind::Orphan, ino, "the orphan file is missing");
            return;
        };
        let seed = self
            .geo
            .has_csum()
            .then(|| owner_seed(self.geo.seed, ino, raw.generation()));
        // Blocks of the file are read before anything is known of its map: a few only.
        let size = raw.size();
        if size > 32 << 20 || size % u64::from(self.geo.block_size) != 0 || size == 0 {
            self.bad_inode(Kind::Orphan, ino, "the orphan file's size makes no sense");
            return;
        }
        let mapped = self.walk_map(ino, &raw, Purpose::Read);
        if mapped.bad {
            return;
        }
        let mut blocks = 0;
        let mut present = false;
        for run in mapped.runs {
            for block in run.block..run.block + run.len {
                blocks += 1;
                let Some(bytes) = self.read_block(block) else {
                    continue;
                };
                if let Err(what) = verify_block(&bytes, seed, BlockNo(block)) {
                    self.report(Problem::new(Kind::Orphan, what).ino(ino).block(block));
                    continue;
                }
                for entry in slots(&bytes).filter(|&entry| entry != 0) {
                    present = true;
                    self.add_orphan(entry);
                }
            }
        }
        if blocks != size >> self.geo.block_bits {
            self.bad_inode(Kind::Orphan, ino, "the orphan file has holes");
        }
        if present
            && !self
                .geo
                .features
                .ro_compat
                .contains(RoCompat::ORPHAN_PRESENT)
        {
            self.bad_inode(
                Kind::Orphan,
                ino,
                "the orphan file is in use, and nobody says so",
            );
        }
    }
}
