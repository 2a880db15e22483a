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
    check_alone()?;
    // SAFETY: the process has one thread, checked above, so no lock of another thread can be left
    // locked in the child: everything that is allowed before the call is allowed after it.
    told_apart(unsafe { libc::fork() }.into())
}

/// Likewise; the new process is the first of a PID namespace: when it ends, the kernel ends all the
/// others in it. The calling process stays in its own namespace, and may start threads afterwards
/// (which the kernel refuses after `unshare(CLONE_NEWPID)`).
///
/// # Errors
/// `EBUSY` when the process has other threads, else what `clone(2)` says.
pub fn fork_as_init() -> io::Result<Fork> {
    check_alone()?;
    let flags = libc::c_long::from(libc::CLONE_NEWPID | libc::SIGCHLD);
    let zero: libc::c_long = 0;
    // SAFETY: without CLONE_VM and a stack of its own, this is fork(2); one thread, as above. The C
    // library keeps no process id that would be stale in the child.
    told_apart(unsafe { libc::syscall(libc::SYS_clone, flags, zero, zero, zero, zero) })
}

fn check_alone() -> io::Result<()> {
    let alone = match std::fs::read_dir("/proc/self/task") {
        Ok(tasks) => tasks.count() == 1,
        // Without /proc the kernel can be asked in another way: this fails where there are threads,
        // and does nothing where there are none (unshare(2)).
        Err(_) => super::unshare(super::Unshared::Nothing).is_ok(),
    };
    if alone {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::EBUSY))
    }
}

fn told_apart(pid: libc::c_long) -> io::Result<Fork> {
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => match i32::try_from(pid).ok().and_then(Pid::from_raw) {
            Some(pid) => Ok(Fork::Parent(pid)),
            None => Err(io::Error::from_raw_os_error(libc::ECHILD)),
        },
    }
}
