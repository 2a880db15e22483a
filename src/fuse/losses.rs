//! Writes that failed after `write(2)` had succeeded.
//!
//! With the kernel's writeback cache a program is told that its bytes are written when they are in
//! the page cache. When the daemon cannot store them later, `close` and `fsync` of that program fail;
//! programs that look at neither would never know, so the verdict of `umount` says it too. It
//! says so only of what is still missing: a file that was deleted, cut or written anew is no loss.

use lwext4::{Error, Ino};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ranges of files that programs wrote and that are not in the image.
#[derive(Debug, Default)]
pub struct Losses {
    /// Whether anything was ever lost: spares successful writes the lock.
    any: AtomicBool,
    files: Mutex<BTreeMap<Ino, LostFile>>,
}

#[derive(Debug)]
struct LostFile {
    generation: u32,
    ranges: Vec<Range<u64>>,
    first_error: String,
}

impl Losses {
    /// Remembers that `len` bytes at `offset` of an inode could not be stored.
    pub fn record(&self, ino: Ino, generation: u32, offset: u64, len: usize, error: &Error) {
        let range = offset..offset.saturating_add(len as u64);
        let mut files = self.files.lock();
        let file = files.entry(ino).or_insert_with(|| LostFile {
            generation,
            ranges: Vec::new(),
            first_error: error.to_string(),
        });
        if file.generation != generation {
            // The number belongs to a new file: what the old one missed went with it.
            file.generation = generation;
            file.ranges.clear();
            file.first_error = error.to_string();
        }
        file.ranges = without(&file.ranges, &range);
        match file.ranges.iter_mut().find(|r| r.end == range.start) {
            Some(before) => before.end = range.end,
            None => file.ranges.push(range),
        }
        self.any.store(true, Ordering::Release);
    }

    /// Takes note that bytes were stored.
    #[inline]
    pub fn stored(&self, ino: Ino, offset: u64, len: usize) {
        self.forget(ino, offset..offset.saturating_add(len as u64));
    }

    /// Takes note that a file ends at `size` now.
    #[inline]
    pub fn cut(&self, ino: Ino, size: u64) {
        self.forget(ino, size..u64::MAX);
    }

    #[inline]
    fn forget(&self, ino: Ino, range: Range<u64>) {
        if self.any.load(Ordering::Acquire) {
            let mut files = self.files.lock();
            if let Some(file) = files.get_mut(&ino) {
                file.ranges = without(&file.ranges, &range);
                if file.ranges.is_empty() {
                    files.remove(&ino);
                }
            }
        }
    }

    /// One line that says what is still missing. `generation` gives the generation that an inode has
    /// now, or `None` when it is deleted.
    pub fn summary(&self, generation: impl Fn(Ino) -> Option<u32>) -> Option<String> {
        let files = self.files.lock();
        let missing: Vec<(&Ino, &LostFile)> = files
            .iter()
            .filter(|&(&ino, file)| generation(ino) == Some(file.generation))
            .collect();
        let &(ino, file) = missing.first()?;
        let bytes: u64 = missing
            .iter()
            .flat_map(|(_, file)| &file.ranges)
            .map(|range| range.end - range.start)
            .sum();
        let files = match missing.len() {
            1 => "1 file misses".to_owned(),
            n => format!("{n} files miss"),
        };
        Some(format!(
            "{files} {bytes} bytes that programs wrote (inode {ino}: {})",
            file.first_error
        ))
    }
}

/// What is left of `ranges` without `taken`.
fn without(ranges: &[Range<u64>], taken: &Range<u64>) -> Vec<Range<u64>> {
    ranges
        .iter()
        .flat_map(|r| {
            [
                r.start..r.end.min(taken.start),
                r.start.max(taken.end)..r.end,
            ]
        })
        .filter(|r| r.start < r.end)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(_: Ino) -> Option<u32> {
        Some(7)
    }

    #[test]
    fn the_first_error_and_the_sums_are_told() {
        let losses = Losses::default();
        assert_eq!(losses.summary(alive), None);
        losses.record(Ino(12), 7, 0, 4096, &Error::NoSpace);
        losses.record(Ino(12), 7, 4096, 4096, &Error::ReadOnly);
        losses.record(Ino(13), 7, 0, 1, &Error::NoSpace);
        assert_eq!(
            losses.summary(alive).unwrap(),
            "2 files miss 8193 bytes that programs wrote (inode 12: no space left in the image)"
        );
    }

    #[test]
    fn a_deleted_file_is_no_loss() {
        let losses = Losses::default();
        losses.record(Ino(12), 7, 0, 4096, &Error::NoSpace);
        assert_eq!(losses.summary(|_| None), None);
        assert_eq!(losses.summary(|_| Some(8)), None);
    }

    #[test]
    fn what_is_written_again_or_cut_off_is_no_loss() {
        let losses = Losses::default();
        losses.record(Ino(12), 7, 0, 100, &Error::NoSpace);
        losses.stored(Ino(12), 20, 30);
        assert!(losses.summary(alive).unwrap().contains(" 70 bytes"));
        losses.cut(Ino(12), 10);
        assert!(losses.summary(alive).unwrap().contains(" 10 bytes"));
        losses.stored(Ino(12), 0, 10);
        assert_eq!(losses.summary(alive), None);
    }
}
