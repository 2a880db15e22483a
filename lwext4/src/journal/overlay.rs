//! A device that shows the state after recovery without writing a byte.

use super::recovery::Recovery;
use crate::device::BlockDevice;
use crate::types::BlockNo;
use std::io;
use std::sync::Arc;

/// The device underneath a journal, seen as it will be after replay. It refuses to be written.
pub(crate) struct RecoveredDevice {
    inner: Arc<dyn BlockDevice>,
    recovery: Recovery,
}

impl RecoveredDevice {
    /// The device of `recovery`'s journal with the replayed blocks over it.
    pub(crate) fn new(recovery: Recovery) -> RecoveredDevice {
        RecoveredDevice {
            inner: recovery.file().device().clone(),
            recovery,
        }
    }
}

fn read_only() -> io::Error {
    io::ErrorKind::ReadOnlyFilesystem.into()
}

impl BlockDevice for RecoveredDevice {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.inner.read_at(buf, offset)?;
        if buf.is_empty() {
            return Ok(());
        }
        let size = u64::from(self.recovery.file().block_size());
        let end = offset + buf.len() as u64;
        let touched = BlockNo(offset / size)..=BlockNo((end - 1) / size);
        let mut block = Vec::new();
        for home in self.recovery.blocks_in(touched) {
            block.resize(size as usize, 0);
            self.recovery
                .read(home, &mut block)
                .map_err(io::Error::other)?;
            // The part of the block that the read asked for.
            let start = home.0 * size;
            let from = start.max(offset);
            let to = (start + size).min(end);
            let source = block.get((from - start) as usize..(to - start) as usize);
            let target = buf.get_mut((from - offset) as usize..(to - offset) as usize);
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn punch(&self, _: u64, _: u64) -> io::Result<()> {
        Err(read_only())
    }
}
