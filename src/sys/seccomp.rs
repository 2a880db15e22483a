//! Seccomp filters whose system calls another process answers (seccomp_unotify(2)).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The end of a filter at which its system calls arrive.
#[derive(Debug)]
pub struct Listener(OwnedFd);

/// A system call that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Names this call among all of the listener.
    pub id: u64,
    /// The thread that makes it, as the listener's process sees it.
    pub tid: u32,
    /// Its number.
    pub call: i64,
    /// Its arguments.
    pub args: [u64; 6],
}

/// What becomes of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The kernel carries it out as if there were no filter.
    Continue,
    /// It has been done, and returns 0.
    Done,
    /// It fails with this error number.
    Fails(i32),
}

impl Listener {
    /// Applies `program` to the calling thread and what it will start, for ever, and returns the
    /// listener, which is to be given away: a process that answers its own calls waits for itself.
    ///
    /// # Errors
    /// What `seccomp(2)` says: `EACCES` without CAP_SYS_ADMIN in the user namespace, `EBUSY` when a
    /// filter that is there already has a listener, `EINVAL` before Linux 5.0.
    pub fn install(program: &[libc::sock_filter]) -> io::Result<Listener> {
        // Where the kernel knows it (5.19), a call that is being answered is interrupted only by a
        // signal that kills: it is not made twice.
        let patient = libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
        match apply(program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | patient) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                apply(program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)
            }
            result => result,
        }
    }

    /// The next call. `None` when its thread has been killed meanwhile.
    ///
    /// # Errors
    /// What `ioctl(2)` says.
    pub fn receive(&self) -> io::Result<Option<Notification>> {
        let mut raw = MaybeUninit::<libc::seccomp_notif>::zeroed();
        // SAFETY: the descriptor is open; the structure is ours to be written, and is zero, as the
        // kernel demands.
        let result = unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_RECV as libc::Ioctl,
                raw.as_mut_ptr(),
            )
        };
        if result != 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::ENOENT | libc::EINTR) => Ok(None),
                _ => Err(error),
            };
        }
        // SAFETY: integers only, for which zeros are a value too, and the kernel has filled them.
        let raw = unsafe { raw.assume_init() };
        Ok(Some(Notification {
            id: raw.id,
            tid: raw.pid,
            call: raw.data.nr.into(),
            args: raw.data.args,
        }))
    }

    /// Whether the thread still waits for the answer. What was opened in `/proc` by its number before
    /// is then the thread's, not that of another with the same number.
    pub fn waits(&self, notification: &Notification) -> bool {
        // SAFETY: the descriptor is open, and the kernel only reads the number.
        let result = unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_ID_VALID as libc::Ioctl,
                &raw const notification.id,
            )
        };
        result == 0
    }

    /// Answers. A thread that has been killed does not mind.
    ///
    /// # Errors
    /// What `ioctl(2)` says.
    pub fn answer(&self, notification: &Notification, answer: Answer) -> io::Result<()> {
        let mut raw = libc::seccomp_notif_resp {
            id: notification.id,
            val: 0,
            error: 0,
            flags: 0,
        };
        match answer {
            Answer::Continue => raw.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
            Answer::Done => {}
            Answer::Fails(errno) => raw.error = -errno,
        }
        // SAFETY: the descriptor is open, and the structure is ours.
        let result = unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SEND as libc::Ioctl,
                &raw mut raw,
            )
        };
        let error = io::Error::last_os_error();
        if result == 0 || error.raw_os_error() == Some(libc::ENOENT) {
            Ok(())
        } else {
            Err(error)
        }
    }
}

impl From<OwnedFd> for Listener {
    fn from(fd: OwnedFd) -> Listener {
        Listener(fd)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn apply(program: &[libc::sock_filter], flags: libc::c_ulong) -> io::Result<Listener> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len())
            .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel only reads the program, which outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    match i32::try_from(result) {
        // SAFETY: the kernel has just made this descriptor, and nobody else has it.
        Ok(fd) if fd >= 0 => Ok(Listener(unsafe { OwnedFd::from_raw_fd(fd) })),
        _ => Err(io::Error::last_os_error()),
    }
}
