//! Searching and changing bitmaps, a word at a time. A set bit is in use.

/// A bitmap as on disk, together with bits that must be passed over although they are clear.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    held: Option<&'a [u64]>,
    /// Bits that count.
    len: u32,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8], held: Option<&'a [u64]>, len: u32) -> Bits<'a> {
        Bits {
            bytes,
            held,
            len: len.min(bytes.len() as u32 * 8),
        }
    }

    /// 64 bits from bit `index * 64` on; bits beyond the end are set.
    fn word(&self, index: u32) -> u64 {
        let at = index as usize * 8;
        let on_disk = match self.bytes.get(at..).and_then(|tail| tail.first_chunk()) {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => {
                let mut chunk = [0xFF; 8];
                if let Some(tail) = self.bytes.get(at..) {
                    chunk[..tail.len()].copy_from_slice(tail);
                }
                u64::from_le_bytes(chunk)
            }
        };
        on_disk
            | self
                .held
                .and_then(|held| held.get(index as usize))
                .copied()
                .unwrap_or(0)
    }

    /// The first bit from `from` on that has the value `set`, or the end.
    fn next(&self, from: u32, set: bool) -> u32 {
        self.next_before(self.len, from, set)
    }

    /// The first bit from `from` to `end` that has the value `set`, or `end`.
    fn next_before(&self, end: u32, from: u32, set: bool) -> u32 {
        let mut index = from / 64;
        let flip = if set { 0 } else { u64::MAX };
        let mut word = (self.word(index) ^ flip) & (u64::MAX << (from % 64));
        loop {
            if word != 0 {
                return (index * 64 + word.trailing_zeros()).min(end);
            }
            index += 1;
            if index * 64 >= end {
                return end;
            }
            word = self.word(index) ^ flip;
        }
    }

    /// The first clear bit from `from` on, if there is one.
    pub fn first_clear(&self, from: u32) -> Option<u32> {
        if from >= self.len {
            return None;
        }
        Some(self.next(from, false)).filter(|&bit| bit < self.len)
    }

    /// How many bits from `from` on are clear, up to `most`.
    pub fn clear_run(&self, from: u32, most: u32) -> u32 {
        if from >= self.len {
            0
        } else {
            let end = from.saturating_add(most).min(self.len);
            self.next_before(end, from, true) - from
        }
    }

    /// How many bits are clear.
    pub fn count_clear(&self) -> u32 {
        let mut count = 0;
        let mut at = 0;
        while let Some(start) = self.first_clear(at) {
            at = self.next(start, true);
            count += at - start;
        }
        count
    }

    /// The first run of `want` clear bits from `from` on, or else the longest run seen: (start,
    /// length up to `want`).
    pub fn find_run(&self, from: u32, want: u32) -> (u32, u32) {
        let mut best = (0, 0);
        let mut at = from;
        while let Some(start) = self.first_clear(at) {
            let end = self.next(start, true);
            if end - start > best.1 {
                best = (start, end - start);
                if best.1 >= want {
                    return (start, want);
                }
            }
            at = end;
        }
        best
    }
}

/// Whether all of `len` bits from `start` on have the value `set`.
pub(super) fn all(bytes: &[u8], start: u32, len: u32, set: bool) -> bool {
    (start..start + len).all(|bit| {
        bytes
            .get(bit as usize / 8)
            .is_some_and(|byte| (byte >> (bit % 8) & 1 == 1) == set)
    })
}

/// Sets or clears `len` bits from `start` on.
pub(super) fn fill(bytes: &mut [u8], start: u32, len: u32, set: bool) {
    let mut bit = start;
    let end = start + len;
    while bit < end {
        let at = bit as usize / 8;
        if bit.is_multiple_of(8) && end - bit >= 8 {
            let whole = (end - bit) as usize / 8;
            bytes[at..at + whole].fill(if set { 0xFF } else { 0 });
            bit += whole as u32 * 8;
        } else {
            let mask = 1 << (bit % 8);
            if set {
                bytes[at] |= mask
            } else {
                bytes[at] &= !mask
            }
            bit += 1;
        }
    }
}

/// [`fill`] for words.
pub(super) fn fill_words(words: &mut [u64], start: u32, len: u32, set: bool) {
    for bit in start..start + len {
        let mask = 1 << (bit % 64);
        if let Some(word) = words.get_mut(bit as usize / 64) {
            if set { *word |= mask } else { *word &= !mask }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_across_words() {
        let mut bytes = [0xFFu8; 32];
        fill(&mut bytes, 60, 10, false);
        fill(&mut bytes, 130, 70, false);
        let bits = Bits::new(&bytes, None, 256);
        assert_eq!(bits.first_clear(0), Some(60));
        assert_eq!(bits.clear_run(60, 100), 10);
        assert_eq!(bits.clear_run(60, 4), 4);
        assert_eq!(bits.clear_run(130, 64), 64);
        assert_eq!(bits.clear_run(129, 64), 0);
        assert_eq!(bits.find_run(0, 10), (60, 10));
        assert_eq!(bits.find_run(0, 64), (130, 64));
        assert_eq!(bits.find_run(0, 100), (130, 70));
        assert_eq!(bits.find_run(200, 1), (0, 0));
    }

    #[test]
    fn held_bits_and_the_end_are_passed_over() {
        let bytes = [0u8; 16];
        let mut held = [0u64; 2];
        fill_words(&mut held, 0, 70, true);
        let bits = Bits::new(&bytes, Some(&held), 100);
        assert_eq!(bits.first_clear(0), Some(70));
        assert_eq!(bits.clear_run(70, 1000), 30);
        assert_eq!(bits.first_clear(100), None);
    }

    #[test]
    fn fill_and_all_agree() {
        let mut bytes = [0u8; 16];
        fill(&mut bytes, 3, 50, true);
        assert!(all(&bytes, 3, 50, true));
        assert!(all(&bytes, 0, 3, false));
        assert!(all(&bytes, 53, 75, false));
        fill(&mut bytes, 10, 20, false);
        assert!(all(&bytes, 10, 20, false) && all(&bytes, 3, 7, true) && all(&bytes, 30, 23, true));
    }
}
