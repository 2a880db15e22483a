//! A place for every group, however many there will be.
//!
//! Places are made in chunks, each twice as large as the one before, when one of them is first asked
//! for. A place never moves, so finding it takes no lock, and a file system may grow while it is in use.

use super::group::Group;
use parking_lot::Mutex;
use std::sync::OnceLock;

/// log2 of how many places the first chunk has.
const FIRST: u32 = 6;
/// Enough for 2^32 groups.
const CHUNKS: usize = 27;

/// A group's place, empty until the group is first needed.
pub(super) type Slot = Mutex<Option<Box<Group>>>;

#[derive(Debug)]
pub(super) struct Slots {
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
}

impl Slots {
    pub fn new() -> Slots {
        Slots {
            chunks: [const { OnceLock::new() }; CHUNKS],
        }
    }

    /// The place of group number `group`.
    pub fn get(&self, group: u32) -> &Slot {
        let number = u64::from(group) + (1 << FIRST);
        let chunk = number.ilog2() - FIRST;
        let first = 1 << (chunk + FIRST);
        let make = || (0..first).map(|_| Mutex::new(None)).collect();
        // `number` is at least `first` and less than twice as much.
        &self.chunks[chunk as usize].get_or_init(make)[(number - first) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_a_place_of_its_own() {
        let slots = Slots::new();
        let mut seen = std::collections::HashSet::new();
        for group in (0..5000).chain([1 << 20, (1 << 20) + 1]) {
            let place = slots.get(group);
            assert!(seen.insert(std::ptr::from_ref(place)));
            assert!(std::ptr::eq(place, slots.get(group)));
        }
    }
}
