//! The signals that ask a process to end, taken one at a time instead of by a handler.

use std::io;
use std::mem::MaybeUninit;

const ASK_TO_END: [libc::c_int; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];

fn termination_set() -> libc::sigset_t {
    set_of(&ASK_TO_END)
}

fn set_of(signals: &[libc::c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set it is given, and cannot fail for a valid pointer.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for &signal in signals {
        // SAFETY: the set is initialised; a number that is no signal is refused.
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

/// Signals that were blocked before, to be blocked again as they were.
#[derive(Clone, Copy)]
pub struct SignalMask(libc::sigset_t);

/// A signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its number.
    pub signal: i32,
    /// Whether a process sent it; else the kernel did, for a key of the terminal say, and sent it to
    /// the whole group of processes.
    pub from_process: bool,
    /// The process that sent it; 0 when it is outside of this process's PID namespace.
    pub sender: i32,
}

impl SignalMask {
    /// Blocks `signals` in this thread and those that it will start, so that they wait for
    /// [`Received::next`], and returns what was blocked before. A parent's wish that SIGCHLD be
    /// ignored, which would take away the exit codes of children, is undone.
    ///
    /// # Errors
    /// What `pthread_sigmask(3)` says.
    pub fn block(signals: &[i32]) -> io::Result<SignalMask> {
        let set = set_of(signals);
        let mut old = set_of(&[]);
        // SAFETY: the default disposition has no handler that could be wrong.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
        // SAFETY: both sets are initialised, and the second is ours to be written.
        match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, &mut old) } {
            0 => Ok(SignalMask(old)),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// Has this thread block exactly what was blocked then.
    pub fn restore(self) {
        // SAFETY: the set is initialised; no old mask is asked for. It cannot fail for this action.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}

impl std::fmt::Debug for SignalMask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignalMask").finish_non_exhaustive()
    }
}

impl Received {
    /// Waits for one of `signals`, which this thread has blocked.
    ///
    /// # Errors
    /// What `sigwaitinfo(2)` says.
    pub fn next(signals: &[i32]) -> io::Result<Received> {
        let set = set_of(signals);
        loop {
            let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
            // SAFETY: the set is initialised, and `info` is ours to be written.
            let signal = unsafe { libc::sigwaitinfo(&set, info.as_mut_ptr()) };
            if signal > 0 {
                // SAFETY: the kernel has filled it.
                let info = unsafe { info.assume_init() };
                let from_process = info.si_code <= 0;
                return Ok(Received {
                    signal,
                    from_process,
                    // SAFETY: signals that processes send have these fields.
                    sender: if from_process {
                        unsafe { info.si_pid() }
                    } else {
                        0
                    },
                });
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}
