//! Who makes a call, and what is in its memory.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

/// A capability (capabilities(7)), by its bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Bypasses permissions of files.
    DacOverride = 1,
    /// Does with files what only their owners may.
    Fowner = 3,
    /// Makes files immutable and append-only, and undoes it.
    LinuxImmutable = 9,
    /// Among much else, sets trusted attributes.
    SysAdmin = 21,
    /// Makes device nodes.
    Mknod = 27,
}

/// A thread that waits in a call.
#[derive(Debug)]
pub struct Caller {
    /// The user whose files it makes.
    pub uid: u32,
    /// Likewise, the group.
    pub gid: u32,
    /// What it takes from the permissions of new files.
    pub umask: u16,
    /// Whether it is in the user namespace that has the mount.
    pub(super) is_native: bool,
    capabilities: u64,
    memory: File,
    /// Its directory in /proc, where its root, working directory and open files are.
    pub(super) proc: OwnedFd,
}

impl Caller {
    /// A thread, from its directory in /proc, the text of its `status`, and its opened `mem`.
    pub(super) fn new(
        proc: OwnedFd,
        status: &str,
        memory: File,
        is_native: bool,
    ) -> Option<Caller> {
        let field = |name: &str| {
            let mut lines = status.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        // Real, effective, saved, and that for files.
        let for_files = |name| field(name)?.split_ascii_whitespace().nth(3)?.parse().ok();
        Some(Caller {
            uid: for_files("Uid")?,
            gid: for_files("Gid")?,
            umask: u16::from_str_radix(field("Umask")?, 8).ok()?,
            capabilities: u64::from_str_radix(field("CapEff")?, 16).ok()?,
            is_native,
            memory,
            proc,
        })
    }

    /// Whether it has all of `wanted` over the mount.
    pub fn may(&self, wanted: &[Capability]) -> bool {
        self.is_native
            && wanted
                .iter()
                .all(|&capability| self.capabilities & (1 << capability as u32) != 0)
    }

    /// Reads its memory.
    ///
    /// # Errors
    /// The address is bad.
    pub fn read(&self, address: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.memory.read_exact_at(&mut bytes, address)?;
        Ok(bytes)
    }

    /// Reads a string that ends with a zero, which is not part of the result.
    ///
    /// # Errors
    /// The address is bad, or the string is longer than a path may be.
    pub fn read_string(&self, address: u64) -> io::Result<Vec<u8>> {
        const PIECE: u64 = 4096;
        let mut string = Vec::new();
        let mut at = address;
        while string.len() < libc::PATH_MAX as usize {
            // Never across a page: the next one may not be there.
            let len = PIECE - at % PIECE;
            let mut piece = vec![0; len as usize];
            self.memory.read_exact_at(&mut piece, at)?;
            if let Some(end) = piece.iter().position(|&byte| byte == 0) {
                string.extend_from_slice(&piece[..end]);
                return Ok(string);
            }
            string.extend_from_slice(&piece);
            at = at.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?;
        }
        Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(status: &str) -> Option<Caller> {
        let proc = File::open("/proc/self").unwrap().into();
        Caller::new(proc, status, File::open("/proc/self/mem").unwrap(), true)
    }

    const STATUS: &str = "Name:\tx\nUmask:\t0027\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n\
        CapInh:\t0000000000000000\nCapEff:\t0000000008000002\n";

    #[test]
    fn files_belong_to_the_ids_for_files() {
        let caller = caller(STATUS).unwrap();
        assert_eq!((caller.uid, caller.gid, caller.umask), (4, 8, 0o27));
        assert!(caller.may(&[Capability::Mknod, Capability::DacOverride]));
        assert!(!caller.may(&[Capability::Mknod, Capability::SysAdmin]));
    }

    #[test]
    fn capabilities_over_another_namespace_do_not_count() {
        let mut caller = caller(STATUS).unwrap();
        caller.is_native = false;
        assert!(!caller.may(&[]));
    }

    #[test]
    fn an_incomplete_status_is_nobody() {
        assert!(caller("Uid:\t1\t2\n").is_none());
    }

    #[test]
    fn strings_end_at_zero() {
        let caller = caller(STATUS).unwrap();
        let string = [b"abc\0def\0".to_vec(), vec![b'x'; 9000]].concat();
        let address = string.as_ptr() as u64;
        assert_eq!(caller.read_string(address).unwrap(), b"abc");
        assert!(caller.read_string(address + 8).is_err());
        assert!(caller.read_string(0).is_err());
        assert_eq!(caller.read(address, 7).unwrap(), b"abc\0def");
    }
}
