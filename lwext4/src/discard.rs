//! Giving free space back to the host, so that a sparse image stays sparse.
//!
//! Freed blocks are discarded while the allocator still holds them: after the commit that freed them,
//! so that no crash brings them back into use, and before anybody can take and write them again.

use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::journal::Freed;
use crate::types::{BlockNo, GroupNo};
use std::io::ErrorKind;
use std::sync::atomic::Ordering;

/// Discards what a transaction freed, which is on disk now. That it cannot be done fails nothing.
pub(crate) fn freed(fs: &Fs, runs: &[Freed]) {
    if !fs.options.discard || fs.keeps_space.load(Ordering::Relaxed) {
        return;
    }
    let mut runs: Vec<(u64, u64)> = runs
        .iter()
        .map(|run| (run.start.0, u64::from(run.len)))
        .collect();
    runs.sort_unstable();
    // Neighbours in one go: a file's blocks are freed from its end backwards.
    runs.dedup_by(|next, run| {
        let joined = run.0 + run.1 == next.0;
        if joined {
            run.1 += next.1;
        }
        joined
    });
    for (start, len) in runs {
        if let Err(error) = blocks(fs, BlockNo(start), len) {
            let why = match &error {
                Error::Io { source, .. } if source.kind() == ErrorKind::Unsupported => {
                    "the host cannot take space back".to_owned()
                }
                other => other.to_string(),
            };
            log::warn!("freed space is not given back from now on: {why}");
            fs.keeps_space.store(true, Ordering::Relaxed);
            return;
        }
    }
}

fn blocks(fs: &Fs, start: BlockNo, len: u64) -> Result<()> {
    fs.dev
        .discard(fs.geo.offset(start), len << fs.geo.block_bits)
        .map_err(|e| Error::io("giving space back to the host", e))
}

impl Fs {
    /// Discards free space in the `len` bytes from byte `start` on, in runs of at least `least` bytes:
    /// how many bytes it was. What is freed but not on disk yet stays. One group at a time is locked.
    pub fn trim(&self, start: u64, len: u64, least: u64) -> Result<u64> {
        self.check_writable()?;
        // What was freed up to now counts.
        self.journal.commit_all()?;
        let bits = self.geo.block_bits;
        let end = start.saturating_add(len) >> bits;
        let range = start.div_ceil(1 << bits)..end.min(self.geo.blocks());
        if range.is_empty() {
            return Ok(0);
        }
        let least = u32::try_from(least.div_ceil(1 << bits)).unwrap_or(u32::MAX);
        let last = self.geo.group_of(BlockNo(range.end - 1));
        let mut given = 0;
        for no in self.geo.group_of(BlockNo(range.start)).0..=last.0 {
            given +=
                self.alloc
                    .each_free_run(self, GroupNo(no), &range, least.max(1), |at, len| {
                        blocks(self, at, len)
                    })?;
        }
        Ok(given << bits)
    }
}
