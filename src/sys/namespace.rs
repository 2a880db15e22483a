//! Namespaces.

use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::io;

/// What a process stops sharing with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unshared {
    /// The mounts that it sees.
    Mounts,
    /// Users and mounts: it has every capability over the new namespaces.
    UsersAndMounts,
}

/// Moves the process into something of its own.
///
/// # Errors
/// What `unshare(2)` says.
pub fn unshare(what: Unshared) -> io::Result<()> {
    let flags = match what {
        Unshared::Mounts => UnshareFlags::NEWNS,
        Unshared::UsersAndMounts => UnshareFlags::NEWUSER | UnshareFlags::NEWNS,
    };
    // SAFETY: CLONE_FILES, which would take descriptors away from other threads, is not among them.
    unsafe { unshare_unsafe(flags) }.map_err(io::Error::from)
}
