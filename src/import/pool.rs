//! Buffers that are used again: fresh memory costs a page fault for every 4 KiB.

use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;

/// Bytes in a buffer: small enough for the processor's cache to still have them when they are written.
pub const BUFFER: usize = 256 * 1024;
/// Buffers that are kept for later.
const KEEP: usize = 64;

/// Buffers of one size.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Pool {
    /// A buffer of [`BUFFER`] bytes with any content.
    pub fn take(&self) -> Vec<u8> {
        let free = self.free.lock().pop();
        free.unwrap_or_else(|| vec![0; BUFFER])
    }

    /// The first `len` bytes of a buffer, which comes back to the pool when nobody uses them any more.
    pub fn freeze(&self, buffer: Vec<u8>, len: usize) -> Bytes {
        let lent = Lent {
            buffer,
            pool: self.clone(),
        };
        Bytes::from_owner(lent).slice(..len.min(BUFFER))
    }
}

struct Lent {
    buffer: Vec<u8>,
    pool: Pool,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut free = self.pool.free.lock();
        if free.len() < KEEP {
            free.push(std::mem::take(&mut self.buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back() {
        let pool = Pool::default();
        let bytes = pool.freeze(pool.take(), 10);
        let part = bytes.slice(3..5);
        drop(bytes);
        assert_eq!(pool.free.lock().len(), 0);
        drop(part);
        assert_eq!(pool.free.lock().len(), 1);
    }
}
