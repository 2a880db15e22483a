//! Process 1 of the command's namespace: it starts the command, adopts what that leaves behind, and
//! by ending ends it.

use super::stage::keep_failed;
use super::{Order, PASSED_ON, WATCHED, program};
use crate::failure::{EXIT_RUN_FAILED, Failure};
use crate::session::monitor::message;
use crate::sys::{self, Fork, Received, SignalMask};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, kill_process, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal, waitpid,
};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// From the keeper: the mount is there, start. From the command: it starts; the listener of its filter
/// comes along, if it has one.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Go;

/// The keeper's handle of init.
#[derive(Clone, Debug)]
pub struct Init {
    pid: Pid,
    fd: Arc<OwnedFd>,
}

impl Init {
    /// The handle of a child that has not been waited for.
    ///
    /// # Errors
    /// Before Linux 5.3, or out of descriptors.
    pub fn of(pid: Pid) -> io::Result<Init> {
        let fd = Arc::new(pidfd_open(pid, PidfdFlags::empty())?);
        Ok(Init { pid, fd })
    }

    /// Ends everything in the namespace at once.
    pub fn kill(&self) {
        // It may have ended.
        let _ = pidfd_send_signal(self.fd.as_fd(), Signal::KILL);
    }

    /// Sends the command a signal, by way of init.
    pub fn pass_on(&self, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            let _ = pidfd_send_signal(self.fd.as_fd(), signal);
        }
    }

    /// Waits until nothing is left in the namespace; gives the command's exit code. To be called once.
    pub fn wait(&self) -> u8 {
        loop {
            match waitpid(Some(self.pid), WaitOptions::empty()) {
                Ok(Some((_, status))) => return exit_code(status),
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return EXIT_RUN_FAILED,
            }
        }
    }
}

/// The exit code that shells give a status: 128 and the signal's number where one ended it.
fn exit_code(status: WaitStatus) -> u8 {
    let signalled = || status.terminating_signal().map(|signal| 128 + signal);
    status
        .exit_status()
        .or_else(signalled)
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(EXIT_RUN_FAILED)
}

/// Is init, and returns the command's exit code. The keeper says over `keeper` when the mount is
/// there.
pub fn run(order: &Order, keeper: OwnedFd, supervised: bool, mask: SignalMask) -> u8 {
    // If the keeper is killed, nobody watches any more.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    if !matches!(message::receive::<Go>(&keeper), Ok(Some(_))) {
        // The keeper has failed, and says why.
        return EXIT_RUN_FAILED;
    }
    let started = order
        .view
        .enter()
        .and_then(|()| sys::fork().map_err(|e| Failure::new(format!("starting the command: {e}"))));
    match started {
        Ok(Fork::Child) => program::run(order, &keeper, supervised, mask),
        Ok(Fork::Parent(command)) => {
            drop(keeper);
            let code = reap(command);
            if order.keep_failed && code != 0 {
                keep_failed::look_around(order, code, mask, reap);
            }
            code
        }
        Err(failure) => {
            eprintln!("liveroot: {failure}");
            EXIT_RUN_FAILED
        }
    }
}

/// Waits for the command, and for whatever lost its parent meanwhile.
fn reap(command: Pid) -> u8 {
    loop {
        match Received::next(&WATCHED) {
            Ok(Received {
                signal: libc::SIGCHLD,
                ..
            }) => {
                while let Ok(Some((pid, status))) = waitpid(None, WaitOptions::NOHANG) {
                    if pid == command {
                        return exit_code(status);
                    }
                }
            }
            // What the keeper passes on comes from outside of the namespace.
            Ok(Received {
                signal,
                from_process: true,
                sender: 0,
            }) if PASSED_ON.contains(&signal) => {
                if let Some(signal) = Signal::from_named_raw(signal) {
                    let _ = kill_process(command, signal);
                }
            }
            Ok(_) => {}
            Err(_) => return EXIT_RUN_FAILED,
        }
    }
}
