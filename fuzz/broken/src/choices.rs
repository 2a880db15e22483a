//! Where decisions come from: a fuzzer's bytes first, and behind them a generator.

/// A source of decisions. The same bytes or the same seed give the same decisions.
#[derive(Clone, Debug)]
pub struct Choices<'a> {
    bytes: &'a [u8],
    state: u64,
}

impl<'a> Choices<'a> {
    /// Decisions from a number alone.
    pub fn seeded(seed: u64) -> Choices<'static> {
        Choices {
            bytes: &[],
            state: seed,
        }
    }

    /// Decisions from `bytes`, and when they are used up, from a generator that they seed.
    pub fn from_bytes(bytes: &'a [u8]) -> Choices<'a> {
        let seed = bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3)
        });
        Choices { bytes, state: seed }
    }

    /// Any number (splitmix64 behind the bytes).
    pub fn number(&mut self) -> u64 {
        if let Some((chunk, rest)) = self.bytes.split_first_chunk::<4>() {
            self.bytes = rest;
            let low = u64::from(u32::from_le_bytes(*chunk));
            return low | low.wrapping_mul(0x9E37_79B9) << 32;
        }
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when there is none.
    pub fn below(&mut self, end: usize) -> usize {
        if end <= 1 {
            return 0;
        }
        if end <= 256
            && let Some((byte, rest)) = self.bytes.split_first()
        {
            self.bytes = rest;
            return usize::from(*byte) % end;
        }
        (self.number() % end as u64) as usize
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `items`, unless there are none.
    pub fn pick<'i, T>(&mut self, items: &'i [T]) -> Option<&'i T> {
        items.get(self.below(items.len()))
    }

    /// A source of its own, for another thread.
    pub fn fork(&mut self) -> Choices<'static> {
        Choices::seeded(self.number())
    }
}
