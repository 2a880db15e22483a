//! How many requests of each kind the kernel sent.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! kinds {
    ($($kind:ident),* $(,)?) => {
        /// The kinds of request that are told apart, named as in the FUSE protocol. What is refused with ENOSYS comes once.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, Debug)]
        pub enum Kind { $($kind),* }

        const NAMES: &[&str] = &[$(stringify!($kind)),*];
    };
}

kinds!(
    Lookup,
    Forget,
    Getattr,
    Setattr,
    Readlink,
    Mknod,
    Mkdir,
    Symlink,
    Link,
    Unlink,
    Rmdir,
    Rename,
    Open,
    Read,
    Write,
    Fsync,
    Opendir,
    Readdir,
    Readdirplus,
    Statfs,
    Setxattr,
    Getxattr,
    Listxattr,
    Removexattr,
    Fallocate,
);

/// One counter a kind of request, and the bytes of file contents moved.
#[derive(Debug)]
pub struct Stats {
    counts: [AtomicU64; NAMES.len()],
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
        }
    }
}

impl Stats {
    /// Counts one request.
    pub fn count(&self, kind: Kind) {
        if let Some(counter) = self.counts.get(kind as usize) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Adds to the bytes that left in replies to READ.
    pub fn add_read(&self, bytes: usize) {
        self.bytes_read.fetch_add(bytes as u64, Relaxed);
    }

    /// Adds to the bytes that came with WRITE.
    pub fn add_written(&self, bytes: usize) {
        self.bytes_written.fetch_add(bytes as u64, Relaxed);
    }

    /// The counters as one JSON object: lower-case kinds that occurred, `total` (without FORGET, which costs
    /// no round trip), `bytes_read` and `bytes_written`.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{\n");
        let mut total = 0;
        for (name, counter) in NAMES.iter().zip(&self.counts) {
            let count = counter.load(Relaxed);
            if count == 0 {
                continue;
            }
            if *name != "Forget" {
                total += count;
            }
            let _ = writeln!(json, "  \"{}\": {count},", name.to_lowercase());
        }
        let _ = writeln!(json, "  \"total\": {total},");
        let _ = writeln!(json, "  \"bytes_read\": {},", self.bytes_read.load(Relaxed));
        let _ = writeln!(
            json,
            "  \"bytes_written\": {}\n}}",
            self.bytes_written.load(Relaxed)
        );
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_what_occurred_and_totals_it_without_forgets() {
        let stats = Stats::default();
        stats.count(Kind::Lookup);
        stats.count(Kind::Lookup);
        stats.count(Kind::Forget);
        stats.add_written(10);
        let json = stats.to_json();
        assert!(json.contains("\"lookup\": 2"));
        assert!(json.contains("\"forget\": 1"));
        assert!(json.contains("\"total\": 2"));
        assert!(json.contains("\"bytes_written\": 10"));
        assert!(!json.contains("mkdir"));
    }
}
