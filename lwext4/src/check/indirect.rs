//! Maps of direct and indirect blocks.

use super::map::{Purpose, Walk};
use crate::ondisk::Le;

/// Direct blocks of an inode.
const DIRECT: u64 = 12;

impl Walk<'_, '_> {
    /// Follows the map from the 15 words in the inode.
    pub fn indirect(&mut self, words: &[u8]) {
        let per_block = u64::from(self.checker.geo.block_size / 4);
        let words = words.to_vec();
        for at in 0..DIRECT {
            self.pointer(u32::get(&words, at as usize * 4), at, 0);
        }
        let mut at = DIRECT;
        for level in 1..=3u32 {
            self.pointer(u32::get(&words, (11 + level as usize) * 4), at, level);
            at += per_block.pow(level);
        }
    }

    /// One word: data when `level` is 0, else a block of words. `at` is where its data begins in the
    /// file.
    fn pointer(&mut self, word: u32, at: u64, level: u32) {
        if word == 0 {
            return;
        }
        let block = u64::from(word);
        if level == 0 {
            self.data(at, 1, block, true);
            return;
        }
        // Of the inode that reserves descriptor blocks only the top block is not marked yet.
        let reserved = self.purpose == Purpose::Reserve && level != 2;
        let Some(bytes) = self.node(block, reserved) else {
            return;
        };
        let per_block = u64::from(self.checker.geo.block_size / 4);
        let step = per_block.pow(level - 1);
        for i in 0..per_block {
            self.pointer(u32::get(&bytes, i as usize * 4), at + i * step, level - 1);
        }
    }
}
