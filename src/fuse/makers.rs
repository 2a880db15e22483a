//! Which process made a file, where that decides what a `chown` means.
//!
//! Under [`IdMap::Caller`](super::ids::IdMap) the caller's own number stands for two owners: for root,
//! whose files look like the caller's, and for the image's user of that number. A program that copies
//! or replaces a file (cp -a, sed -i, an editor, rsync) gives the file that it has just made the
//! owner that it saw: "mine", which it is already. A chown by another program, on the other hand,
//! is meant as it is written. So the process that made a file keeps it as it is. Only a regular file in
//! a directory of the user of that number gets this user: it replaces one of the user's, most likely,
//! since programs that copy do not chown regular files which look right.

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
    /// Whether it is a regular file in a directory whose owner in the image has the caller's number.
    pub in_own_dir: bool,
    /// Likewise, for the directory's group.
    pub in_own_group: bool,
}

impl Makers {
    /// Takes note of a new file.
    pub fn record(&self, ino: Ino, made: Made) {
        let mut files = self.files.lock();
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
        makers.record(Ino(12), made(10, false));
        assert_eq!(makers.made_by(Ino(12), 10, &Pairs), Some(made(10, false)));
        assert_eq!(makers.made_by(Ino(12), 11, &Pairs), Some(made(10, false)));
        assert_eq!(makers.made_by(Ino(12), 20, &Pairs), None);
        assert_eq!(makers.made_by(Ino(13), 10, &Pairs), None);
    }

    #[test]
    fn memory_is_bounded_and_directories_stay_longest() {
        let makers = Makers::default();
        makers.record(Ino(50), made(10, true));
        for ino in 0..2 * MOST as u32 {
            makers.record(Ino(100 + ino), made(10, false));
        }
        assert!(makers.files.lock().len() <= MOST);
        assert!(makers.made_by(Ino(50), 10, &Pairs).is_some());
    }
}
