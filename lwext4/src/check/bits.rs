//! Large sets of bits that take memory only where bits are set.

/// Bits `0..`, in chunks (one a block group) that exist once a bit in them is set.
#[derive(Debug)]
pub(super) struct Bits {
    chunk: u64,
    chunks: Vec<Option<Box<[u64]>>>,
}

impl Bits {
    /// `chunks` chunks of `chunk` bits each.
    pub fn new(chunk: u64, chunks: usize) -> Bits {
        Bits {
            chunk,
            chunks: (0..chunks).map(|_| None).collect(),
        }
    }

    /// The words of a chunk, if it has a bit set; the last word may be partly unused.
    pub fn words(&self, chunk: usize) -> Option<&[u64]> {
        self.chunks.get(chunk)?.as_deref()
    }

    /// How many bits of a chunk are set.
    pub fn count(&self, chunk: usize) -> u64 {
        let words = self.words(chunk).unwrap_or(&[]);
        words.iter().map(|w| u64::from(w.count_ones())).sum()
    }

    #[cfg(test)]
    /// Whether bit `at` is set.
    pub fn get(&self, at: u64) -> bool {
        // A chunk need not be a multiple of 64 bits: words count from its start.
        let within = at % self.chunk;
        let (word, bit) = ((within / 64) as usize, within % 64);
        self.words((at / self.chunk) as usize)
            .and_then(|words| words.get(word))
            .is_some_and(|w| w >> bit & 1 == 1)
    }

    /// Sets bits; gives how many of them were set before, and the first of those.
    pub fn set(&mut self, start: u64, len: u64) -> (u64, Option<u64>) {
        let (mut before, mut first) = (0, None);
        let (mut at, end) = (start, start.saturating_add(len));
        while at < end {
            let chunk = at / self.chunk;
            let words = (self.chunk.div_ceil(64)) as usize;
            let Some(slot) = self.chunks.get_mut(chunk as usize) else {
                break;
            };
            let slot = slot.get_or_insert_with(|| vec![0; words].into_boxed_slice());
            let base = chunk * self.chunk;
            let stop = end.min(base + self.chunk);
            while at < stop {
                let (word, bit) = (((at - base) / 64) as usize, (at - base) % 64);
                let n = (64 - bit).min(stop - at);
                let mask = if n == 64 {
                    u64::MAX
                } else {
                    ((1 << n) - 1) << bit
                };
                let Some(w) = slot.get_mut(word) else { break };
                let already = *w & mask;
                if already != 0 && first.is_none() {
                    first = Some(base + word as u64 * 64 + u64::from(already.trailing_zeros()));
                }
                before += u64::from(already.count_ones());
                *w |= mask;
                at += n;
            }
        }
        (before, first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_across_chunks_and_words_are_set_and_counted() {
        for chunk in [72, 128, 1000] {
            let mut bits = Bits::new(chunk, 30);
            assert_eq!(bits.set(60, 300), (0, None));
            assert_eq!(bits.set(10, 60), (10, Some(60)));
            assert!((0..400).all(|at| bits.get(at) == (10..360).contains(&at)));
            let all: u64 = (0..30).map(|n| bits.count(n)).sum();
            assert_eq!(all, 350);
            assert_eq!(bits.set(chunk * 30 + 5, 7), (0, None));
        }
    }
}
