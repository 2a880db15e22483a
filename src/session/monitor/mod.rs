//! The process that does for a daemon what a daemon in its sandbox cannot: mount, unmount, make the
//! control socket, and look into `/proc`.
//!
//! It is split off before the daemon opens anything, and lives as long as the daemon. What it may do
//! is settled by one message that the daemon sends before it looks at the image ([`Orders`]): after
//! that it can be asked to do these things, and no others. `serve` is its side; [`Monitor`]
//! is the daemon's. Without a sandbox, a thread of the daemon does it.

pub(crate) mod message;
mod serve;

pub use message::Orders;

use super::detach::Detached;
use super::mounts::Device;
use crate::failure::{Failure, Result};
use crate::fuse::processes::{Processes, Status};
use crate::sys::{self, Fork};
use message::{Answer, Ask};
use parking_lot::Mutex;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

/// The daemon's end: what it may have done for it.
#[derive(Debug)]
pub struct Monitor {
    /// For mounting and unmounting, which may take as long as it takes to write everything.
    orders: Mutex<OwnedFd>,
    /// For questions that requests wait for, meanwhile.
    questions: Mutex<OwnedFd>,
}

impl Monitor {
    /// Splits the monitor off. `own` is what only the caller shall keep open; it is given back.
    /// With `in_background`, the monitor lets go of the terminal. The process must have one thread.
    ///
    /// # Errors
    /// No more processes or descriptors.
    pub fn start<T>(in_background: bool, own: T) -> io::Result<(Monitor, T)> {
        let (orders, their_orders) = message::channel()?;
        let (questions, their_questions) = message::channel()?;
        match sys::fork()? {
            Fork::Parent(_) => Ok((
                Monitor {
                    orders: Mutex::new(orders),
                    questions: Mutex::new(questions),
                },
                own,
            )),
            Fork::Child => {
                drop((own, orders, questions));
                serve::until_daemon_ends(their_orders, their_questions, in_background);
                // The daemon's destructors and buffers are not this process's to run.
                std::process::exit(0);
            }
        }
    }

    /// A monitor that is a thread of this process: enough for a daemon that keeps its privileges.
    ///
    /// # Errors
    /// No more threads or descriptors.
    pub fn within() -> io::Result<Monitor> {
        let (orders, their_orders) = message::channel()?;
        let (questions, their_questions) = message::channel()?;
        sys::block_termination()?;
        std::thread::Builder::new()
            .name("monitor".to_owned())
            .spawn(move || serve::until_daemon_ends(their_orders, their_questions, false))?;
        Ok(Monitor {
            orders: Mutex::new(orders),
            questions: Mutex::new(questions),
        })
    }

    /// Settles what the monitor may be asked for. Only the first time counts.
    ///
    /// # Errors
    /// The monitor has ended.
    pub fn instruct(&self, orders: Orders) -> Result<()> {
        match self.ask(&Ask::Orders(orders))? {
            (Answer::Done, _) => Ok(()),
            other => Err(misunderstood(&other.0)),
        }
    }

    /// Mounts; gives the connection to the kernel, and the mount's device.
    ///
    /// # Errors
    /// As [`attach`](super::attach::attach).
    pub fn mount(&self) -> Result<(OwnedFd, Device)> {
        match self.ask(&Ask::Mount)? {
            (Answer::Mounted(device), Some(connection)) => Ok((connection, device)),
            other => Err(misunderstood(&other.0)),
        }
    }

    /// Has the mount asked for something, and waits for the answer.
    ///
    /// # Errors
    /// The mount does not answer well.
    pub fn look(&self) -> Result<()> {
        match self.ask(&Ask::Look)? {
            (Answer::Done, _) => Ok(()),
            other => Err(misunderstood(&other.0)),
        }
    }

    /// Makes the control socket, which lives as long as the monitor.
    ///
    /// # Errors
    /// There is no directory for it.
    pub fn listen(&self) -> Result<UnixListener> {
        match self.ask(&Ask::Listen)? {
            (Answer::Done, Some(listener)) => Ok(listener.into()),
            other => Err(misunderstood(&other.0)),
        }
    }

    /// Takes the mount away; when `lazy`, even if it is in use.
    ///
    /// # Errors
    /// As [`detach`](super::detach::detach), or something else is mounted over it.
    pub fn unmount(&self, lazy: bool) -> Result<Detached> {
        match self.ask(&Ask::Unmount { lazy })? {
            (Answer::Done, _) => Ok(Detached::Yes),
            (Answer::Busy, _) => Ok(Detached::Busy),
            other => Err(misunderstood(&other.0)),
        }
    }

    /// Cuts the mount's users off; whether the kernel let us.
    pub fn abort(&self) -> bool {
        matches!(self.ask(&Ask::Abort), Ok((Answer::Done, _)))
    }

    /// Takes away a mount that is still there, dead, and the control socket. Nothing can be asked
    /// after that.
    pub fn finish(&self) {
        // Without the monitor there is nobody to do it.
        let _ = self.ask(&Ask::Finish);
    }

    fn ask(&self, ask: &Ask) -> Result<(Answer, Option<OwnedFd>)> {
        let ended = |error: io::Error| {
            Failure::new(format!("the process that mounts and unmounts: {error}"))
                .remedy("unmount with umount or fusermount3 -u")
        };
        match message::exchange(&self.orders.lock(), ask).map_err(ended)? {
            (Answer::Failed(line, code), _) => Err(Failure::reported(&line, code)),
            answer => Ok(answer),
        }
    }
}

impl Processes for Monitor {
    fn status(&self, tid: u32) -> Option<Status> {
        match message::exchange(&self.questions.lock(), &Ask::Status(tid)) {
            Ok((Answer::Status(status), _)) => status,
            _ => None,
        }
    }
}

fn misunderstood(answer: &Answer) -> Failure {
    Failure::new(format!(
        "the process that mounts gave a wrong answer: {answer:?}"
    ))
}
