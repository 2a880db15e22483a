//! Blocks one after the other into the ring, in large writes.

use super::file::JournalFile;
use crate::error::Result;
use std::ops::Range;

/// How much is gathered before it is written, in bytes.
const BATCH: usize = 1 << 20;

/// Gathers consecutive blocks of the ring into large writes.
pub(super) struct Appender<'a> {
    file: &'a JournalFile,
    ring: &'a Range<u32>,
    /// Where the next block goes.
    pub(super) at: u32,
    /// What is gathered, and where it goes.
    batch: Vec<u8>,
    batch_at: u32,
}

impl<'a> Appender<'a> {
    /// An appender whose first block goes to `at`.
    pub(super) fn new(file: &'a JournalFile, ring: &'a Range<u32>, at: u32) -> Appender<'a> {
        Appender {
            file,
            ring,
            at,
            batch: Vec::new(),
            batch_at: at,
        }
    }

    /// Adds one block.
    pub(super) fn push(&mut self, block: &[u8]) -> Result<()> {
        self.batch.extend_from_slice(block);
        self.at += 1;
        if self.at >= self.ring.end {
            self.write_out()?;
            self.at = self.ring.start;
            self.batch_at = self.at;
        } else if self.batch.len() >= BATCH {
            self.write_out()?;
        }
        Ok(())
    }

    /// Writes what is gathered.
    pub(super) fn write_out(&mut self) -> Result<()> {
        if !self.batch.is_empty() {
            self.file.write(self.batch_at, &self.batch)?;
            self.batch.clear();
        }
        self.batch_at = self.at;
        Ok(())
    }
}
