//! Splitting off the daemon.

use rustix::process::Pid;
use std::io;

/// Which of the two processes returned from [`fork`].
#[derive(Debug)]
pub enum Fork {
    /// The original process; the new one's id.
    Parent(Pid),
    /// The new process.
    Child,
}

/// Duplicates the process. Refused when it has more than one thread, because the copy would have
/// only the calling one, and locks held by the others for ever.
///
/// # Errors
/// `EBUSY` when the process has other threads, else what `fork(2)` says.
pub fn fork() -> io::Result<Fork> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    // SAFETY: the process has one thread, checked above, so no lock of another thread can be left
    // locked in the child: everything that is allowed before the call is allowed after it.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => match Pid::from_raw(pid) {
            Some(pid) => Ok(Fork::Parent(pid)),
            None => Err(io::Error::from_raw_os_error(libc::ECHILD)),
        },
    }
}
