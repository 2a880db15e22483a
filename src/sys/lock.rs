//! Locks on byte ranges that belong to the open file (`fcntl(2)`, "Open file description locks").

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// What the holder of a lock does with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only: shares the range with other readers.
    Read,
    /// Reads and writes: shares with nobody.
    Write,
}

/// A range of bytes; `len` 0 means to the end of the file, however far that moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// Number of bytes.
    pub len: u64,
}

fn describe(access: Access, range: ByteRange) -> io::Result<libc::flock> {
    let offset =
        |n: u64| libc::off_t::try_from(n).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
    Ok(libc::flock {
        l_type: match access {
            Access::Read => libc::F_RDLCK as libc::c_short,
            Access::Write => libc::F_WRLCK as libc::c_short,
        },
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: offset(range.start)?,
        l_len: offset(range.len)?,
        l_pid: 0,
    })
}

/// Locks `range` of `file` until every descriptor of the open file is closed, and returns at once:
/// `false` when somebody else's lock is in the way.
///
/// # Errors
/// What the host says, for example `EBADF` for [`Access::Write`] on a file open for reading.
pub fn try_lock(file: impl AsFd, access: Access, range: ByteRange) -> io::Result<bool> {
    let lock = describe(access, range)?;
    // SAFETY: the descriptor is borrowed for the call, and the kernel only reads `lock`.
    let result = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_OFD_SETLK, &lock) };
    if result == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES) => Ok(false),
        _ => Err(error),
    }
}

/// Whether a lock of another open file would keep [`try_lock`] from locking `range`.
///
/// # Errors
/// What the host says.
pub fn lock_conflict(file: impl AsFd, access: Access, range: ByteRange) -> io::Result<bool> {
    let mut lock = describe(access, range)?;
    // SAFETY: the descriptor is borrowed for the call, and `lock` is ours to be written.
    let result = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_OFD_GETLK, &mut lock) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(lock.l_type != libc::F_UNLCK as libc::c_short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    const ALL: ByteRange = ByteRange { start: 0, len: 0 };

    fn opened_twice() -> (File, File) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || {
            File::options()
                .read(true)
                .write(true)
                .open(file.path())
                .unwrap()
        };
        (open(), open())
    }

    #[test]
    fn a_writer_excludes_everyone() {
        let (one, two) = opened_twice();
        assert!(try_lock(&one, Access::Write, ALL).unwrap());
        assert!(!try_lock(&two, Access::Write, ALL).unwrap());
        assert!(!try_lock(&two, Access::Read, ALL).unwrap());
        assert!(lock_conflict(&two, Access::Read, ALL).unwrap());
        drop(one);
        assert!(try_lock(&two, Access::Write, ALL).unwrap());
    }

    #[test]
    fn readers_share() {
        let (one, two) = opened_twice();
        assert!(try_lock(&one, Access::Read, ALL).unwrap());
        assert!(try_lock(&two, Access::Read, ALL).unwrap());
        assert!(lock_conflict(&two, Access::Write, ALL).unwrap());
    }

    #[test]
    fn ranges_apart_do_not_meet() {
        let (one, two) = opened_twice();
        let low = ByteRange { start: 0, len: 10 };
        let high = ByteRange { start: 10, len: 0 };
        assert!(try_lock(&one, Access::Write, low).unwrap());
        assert!(try_lock(&two, Access::Write, high).unwrap());
        assert!(!try_lock(&two, Access::Write, low).unwrap());
    }
}
