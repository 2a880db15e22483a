//! How many requests of each kind the kernel sent.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! kinds {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// A kind of request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = concat!("`", $text, "`")] $name,)*
        }

        const NAMES: &[&str] = &[$($text),*];
    };
}

kinds! {
    Lookup = "lookup",
    Forget = "forget",
    Getattr = "getattr",
    Setattr = "setattr",
    Readlink = "readlink",
    Mknod = "mknod",
    Mkdir = "mkdir",
    Unlink = "unlink",
    Rmdir = "rmdir",
    Symlink = "symlink",
    Rename = "rename",
    Link = "link",
    Open = "open",
    Create = "create",
    Access = "access",
    Read = "read",
    Write = "write",
    Flush = "flush",
    Fsync = "fsync",
    Opendir = "opendir",
    Readdir = "readdir",
    Readdirplus = "readdirplus",
    Fsyncdir = "fsyncdir",
    Statfs = "statfs",
    Setxattr = "setxattr",
    Getxattr = "getxattr",
    Listxattr = "listxattr",
    Removexattr = "removexattr",
    Ioctl = "ioctl",
    Fallocate = "fallocate",
    Lseek = "lseek",
    CopyFileRange = "copy_file_range",
}

/// One counter a kind of request.
#[derive(Debug)]
pub struct Counters {
    counts: [AtomicU64; NAMES.len()],
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Counters {
    /// Counts a request.
    #[inline]
    pub fn count(&self, kind: Kind) {
        if let Some(counter) = self.counts.get(kind as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The kinds that came at least once, with how often.
    pub fn seen(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let counts = self.counts.iter().map(|c| c.load(Ordering::Relaxed));
        NAMES
            .iter()
            .copied()
            .zip(counts)
            .filter(|&(_, count)| count > 0)
    }

    /// Requests of all kinds.
    pub fn total(&self) -> u64 {
        self.seen().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kinds_that_came_are_listed() {
        let counters = Counters::default();
        counters.count(Kind::Lookup);
        counters.count(Kind::Write);
        counters.count(Kind::Lookup);
        let seen: Vec<_> = counters.seen().collect();
        assert_eq!(seen, [("lookup", 2), ("write", 1)]);
        assert_eq!(counters.total(), 3);
    }
}
