//! Which blocks are taken while the file system is laid out: a set of runs, so that its size follows
//! from the number of pieces and not from the device.

use std::collections::BTreeMap;
use std::ops::Range;

/// The taken blocks of `0..end` as disjoint runs that do not touch each other.
#[derive(Debug)]
pub(super) struct Space {
    end: u64,
    runs: BTreeMap<u64, u64>,
    taken: u64,
}

impl Space {
    /// A space of `end` blocks, all free.
    pub fn new(end: u64) -> Space {
        Space {
            end,
            runs: BTreeMap::new(),
            taken: 0,
        }
    }

    /// Takes the blocks of `range`, which must be free.
    pub fn take(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.taken += range.end - range.start;
        let (mut start, mut end) = (range.start, range.end);
        if let Some((&before, &its_end)) = self.runs.range(..start).next_back()
            && its_end == start
        {
            self.runs.remove(&before);
            start = before;
        }
        if let Some(its_end) = self.runs.remove(&end) {
            end = its_end;
        }
        self.runs.insert(start, end);
    }

    /// Takes the rest of every run of `unit` blocks of which some are taken.
    pub fn widen(&mut self, unit: u64) {
        if unit == 1 {
            return;
        }
        let runs = std::mem::take(&mut self.runs);
        self.taken = 0;
        let mut behind = 0;
        for (start, end) in runs {
            let start = (start - start % unit).max(behind);
            behind = end.next_multiple_of(unit).min(self.end).max(behind);
            self.take(start..behind);
        }
    }

    /// How many blocks are taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The taken runs that touch `within`, cut to it, in order.
    pub fn runs(&self, within: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let first = self.runs.range(..within.start).next_back();
        first
            .into_iter()
            .chain(self.runs.range(within.clone()))
            .map(move |(&start, &end)| start.max(within.start)..end.min(within.end))
            .filter(|run| !run.is_empty())
    }

    /// The first free run at or after `from`, as long as it goes.
    pub fn next_free(&self, from: u64) -> Option<Range<u64>> {
        let mut start = from;
        if let Some((_, &end)) = self.runs.range(..=from).next_back() {
            start = start.max(end);
        }
        let end = self
            .runs
            .range(start..)
            .next()
            .map_or(self.end, |(&s, _)| s);
        (start < end).then_some(start..end)
    }

    /// The first place in `within` where `len` blocks are free together.
    pub fn find(&self, within: Range<u64>, len: u64) -> Option<u64> {
        let mut from = within.start;
        loop {
            let free = self.next_free(from)?;
            let start = free.start;
            if start.checked_add(len)? > within.end {
                return None;
            }
            if free.end - start >= len {
                return Some(start);
            }
            from = free.end;
        }
    }

    /// Whether all of `range` is free.
    pub fn is_free(&self, range: Range<u64>) -> bool {
        self.find(range.clone(), range.end - range.start) == Some(range.start)
    }

    /// Takes `count` blocks from the first free ones at or after `goal`, then from the start; `None`
    /// (and nothing taken) when fewer are free.
    pub fn take_from(&mut self, goal: u64, count: u64) -> Option<Vec<Range<u64>>> {
        if self.end - self.taken < count {
            return None;
        }
        let mut pieces: Vec<Range<u64>> = Vec::new();
        let mut left = count;
        let mut from = goal;
        while left > 0 {
            match self.next_free(from) {
                Some(free) => {
                    let end = free.end.min(free.start + left);
                    left -= end - free.start;
                    from = end;
                    self.take(free.start..end);
                    pieces.push(free.start..end);
                }
                None if from == 0 => return None,
                None => from = 0,
            }
        }
        Some(pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_merge_and_free_space_is_found() {
        let mut space = Space::new(100);
        space.take(0..10);
        space.take(20..30);
        space.take(10..15);
        assert_eq!(space.runs(5..25).collect::<Vec<_>>(), [5..15, 20..25]);
        assert_eq!(space.next_free(3), Some(15..20));
        assert_eq!(space.find(0..100, 6), Some(30));
        assert_eq!(space.find(0..35, 6), None);
        assert!(space.is_free(15..20));
        assert!(!space.is_free(15..21));
        assert_eq!(space.taken(), 25);
    }

    #[test]
    fn widened_runs_fill_their_clusters() {
        let mut space = Space::new(62);
        for run in [0..1, 3..9, 10..11, 40..44, 60..61] {
            space.take(run);
        }
        space.widen(4);
        assert_eq!(
            space.runs(0..62).collect::<Vec<_>>(),
            [0..12, 40..44, 60..62]
        );
        assert_eq!(space.taken(), 18);
    }

    #[test]
    fn taking_wraps_around() {
        let mut space = Space::new(20);
        space.take(0..2);
        space.take(15..16);
        assert_eq!(space.take_from(12, 10), Some(vec![12..15, 16..20, 2..5]));
        assert_eq!(space.take_from(0, 8), None);
        assert_eq!(space.take_from(0, 7).map(|runs| runs.len()), Some(1));
        assert_eq!(space.next_free(0), None);
    }
}
