//! Which process made a file, where that decides what a `chown` means.
//!
//! Under [`IdMap::Caller`](super::ids::IdMap) the caller's own number stands for two owners: for root,
//! whose files look like the caller's, and for the image's user of that number. A program that copies
//! or replaces a file (cp -a, sed -i, an editor, rsync) gives the file that it has just made the
//! owner that it saw: "mine", which it is already. A chown by another program, on the other hand,
//! is meant as it is written. So the process that made a file keeps it as it is; in a directory of
//! the user of that number, it gives the file to the directory's user.

use super::processes::Processes;
use lwext4::Ino;
use parking_lot::Mutex;
use std::collections::HashMap;

/// How many files are remembered, at 16 bytes each.
const MOST: usize = 1 << 17;

/// Who made which file in this session.
#[derive(Debug, Default)]
pub struct Makers {
    files: Mutex<HashMap<Ino, Made>>,
}

/// How a file was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// The thread that made it.
    pub tid: u32,
    /// Whether it is a directory: those are chowned long after they were made.
    pub is_dir: bool,
    /// Whether it was made in a directory whose owner in the image has the caller's number.
    pub in_own_dir: bool,
    /// Likewise, the directory's group.
    pub in_own_group: bool,
}

impl Makers {
    /// Takes note of a new file in `parent`. A directory that the same thread made there before
    /// counts as what it will be when it is chowned: a copied tree is one.
    pub fn record(&self, parent: Ino, ino: Ino, mut made: Made) {
        let mut files = self.files.lock();
        if let Some(above) = files.get(&parent).filter(|above| above.tid == made.tid) {
            made.in_own_dir |= above.in_own_dir;
            made.in_own_group |= above.in_own_group;
        }
        if files.len() >= MOST {
            // Whoever copies a large tree chowns files at once, and their directories in the end.
            files.retain(|_, old| old.tid == made.tid && old.is_dir);
            if files.len() >= MOST {
                files.clear();
            }
        }
        files.insert(ino, made);
    }

    /// How `ino` was made, if the process of the thread `tid` made it.
    pub fn made_by(&self, ino: Ino, tid: u32, processes: &dyn Processes) -> Option<Made> {
        let made = self.files.lock().get(&ino).copied()?;
        let same = made.tid == tid
            || matches!(
                (processes.status(made.tid), processes.status(tid)),
                (Some(one), Some(other)) if one.process == other.process
            );
        same.then_some(made)
    }
}

#[cfg(test)]
mod tests {
    use super::super::processes::Status;
    use super::*;

    #[derive(Debug)]
    struct Pairs;

    /// Threads 10 and 11 are one process, 20 and 21 another, …
    impl Processes for Pairs {
        fn status(&self, tid: u32) -> Option<Status> {
            Some(Status {
                process: tid / 10,
                groups: Vec::new(),
            })
        }
    }

    fn made(tid: u32, is_dir: bool) -> Made {
        Made {
            tid,
            is_dir,
            in_own_dir: false,
            in_own_group: false,
        }
    }

    #[test]
    fn a_file_is_its_makers_in_every_thread() {
        let makers = Makers::default();
        makers.record(Ino::ROOT, Ino(12), made(10, false));
        assert_eq!(makers.made_by(Ino(12), 10, &Pairs), Some(made(10, false)));
        assert_eq!(makers.made_by(Ino(12), 11, &Pairs), Some(made(10, false)));
        assert_eq!(makers.made_by(Ino(12), 20, &Pairs), None);
        assert_eq!(makers.made_by(Ino(13), 10, &Pairs), None);
    }

    #[test]
    fn a_tree_is_made_where_its_top_is() {
        let makers = Makers::default();
        let top = Made {
            in_own_dir: true,
            ..made(10, true)
        };
        makers.record(Ino::ROOT, Ino(12), top);
        makers.record(Ino(12), Ino(13), made(10, false));
        makers.record(Ino(12), Ino(14), made(20, false));
        let in_own_dir = |ino, tid| makers.made_by(Ino(ino), tid, &Pairs).unwrap().in_own_dir;
        assert!(in_own_dir(13, 10) && !in_own_dir(14, 20));
    }

    #[test]
    fn memory_is_bounded_and_directories_stay_longest() {
        let makers = Makers::default();
        makers.record(Ino::ROOT, Ino(50), made(10, true));
        for ino in 0..2 * MOST as u32 {
            makers.record(Ino::ROOT, Ino(100 + ino), made(10, false));
        }
        assert!(makers.files.lock().len() <= MOST);
        assert!(makers.made_by(Ino(50), 10, &Pairs).is_some());
    }
}
