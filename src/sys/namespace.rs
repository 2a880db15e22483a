//! Namespaces, and attributes of mounts.

use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::ffi::CStr;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What a process or thread stops sharing with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unshared {
    /// Nothing; refused with `EINVAL` in a process with several threads.
    Nothing,
    /// The mounts that it sees.
    Mounts,
    /// Users and mounts: it has every capability over the new namespaces.
    UsersAndMounts,
    /// This thread's root and working directory.
    Directories,
}

/// Moves the process (for [`Unshared::Directories`], the thread) into something of its own.
///
/// # Errors
/// What `unshare(2)` says.
pub fn unshare(what: Unshared) -> io::Result<()> {
    let flags = match what {
        Unshared::Nothing => UnshareFlags::from_bits_retain(libc::CLONE_THREAD.unsigned_abs()),
        Unshared::Mounts => UnshareFlags::NEWNS,
        Unshared::UsersAndMounts => UnshareFlags::NEWUSER | UnshareFlags::NEWNS,
        Unshared::Directories => UnshareFlags::FS,
    };
    // SAFETY: CLONE_FILES, which would take descriptors away from other threads, is not among them.
    unsafe { unshare_unsafe(flags) }.map_err(io::Error::from)
}

/// Makes the mount at `point`, and every mount below it, read-only; other attributes stay.
///
/// # Errors
/// `ENOSYS` before Linux 5.12, else what `mount_setattr(2)` says.
pub fn make_read_only(point: BorrowedFd<'_>) -> io::Result<()> {
    let empty: &CStr = c"";
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the descriptor is borrowed for the call; the kernel reads the string, and as many bytes
    // of the structure as it has.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            point.as_raw_fd(),
            empty.as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
