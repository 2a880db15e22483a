//! The signals that ask a process to end, taken one at a time instead of by a handler.

use std::io;
use std::mem::MaybeUninit;

const ASK_TO_END: [libc::c_int; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];

fn termination_set() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set it is given, and cannot fail for a valid pointer.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for signal in ASK_TO_END {
        // SAFETY: the set is initialised and the signal numbers are valid.
        unsafe { libc::sigaddset(&mut set, signal) };
    }
    set
}

/// Keeps SIGTERM, SIGINT and SIGHUP from ending this thread and those it will start: they wait for
/// [`wait_termination`].
///
/// # Errors
/// What `pthread_sigmask(3)` says.
pub fn block_termination() -> io::Result<()> {
    let set = termination_set();
    // SAFETY: the set is initialised; no old mask is asked for.
    match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Waits until SIGTERM, SIGINT or SIGHUP arrives, and returns its number. Every thread must have
/// called, or inherited, [`block_termination`].
///
/// # Errors
/// What `sigwait(3)` says.
pub fn wait_termination() -> io::Result<i32> {
    let set = termination_set();
    let mut signal = 0;
    // SAFETY: the set is initialised and `signal` is ours to be written.
    match unsafe { libc::sigwait(&set, &mut signal) } {
        0 => Ok(signal),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}
