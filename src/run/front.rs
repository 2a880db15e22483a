//! The process that the user started: it maps ids, passes on signals, and hears how it ended.

use super::temporary::Temporary;
use super::{Instruction, Order, PASSED_ON, Report, WATCHED, ids, keeper};
use crate::failure::{Failure, Result};
use crate::session::{control, image, log as messages};
use crate::sys::{self, Access, Fork, Received, SignalMask};
use rustix::process::{Pid, WaitOptions, WaitStatus, getpgrp, waitpid};
use rustix::termios::{tcgetpgrp, tcsetpgrp};
use std::io::{self, BufReader};
use std::os::unix::net::UnixStream;

/// Runs what was ordered, and returns the command's exit code.
///
/// # Errors
/// The command could not be run, or not everything that was written is in the image.
pub fn run(mut order: Order) -> Result<u8> {
    messages::start();
    // What is wrong with the file is best said before anything happens.
    let access = if order.settings.flags.read_only {
        Access::Read
    } else {
        Access::Write
    };
    drop(image::open(
        &order.settings.image,
        order.settings.place,
        access,
    )?);
    let temporary = if order.settings.mountpoint.as_os_str().is_empty() {
        let temporary = Temporary::new()?;
        temporary.path().clone_into(&mut order.settings.mountpoint);
        Some(temporary)
    } else {
        None
    };
    order.view.mount.clone_from(&order.settings.mountpoint);
    let failed = |what: &str, e: io::Error| Failure::new(format!("{what}: {e}"));
    let mask = SignalMask::block(&WATCHED).map_err(|e| failed("blocking signals", e))?;
    let (ours, theirs) = UnixStream::pair().map_err(|e| failed("making a socket", e))?;
    let terminal = Terminal::ours();
    match sys::fork().map_err(|e| failed("starting a process", e))? {
        Fork::Child => {
            drop(ours);
            let code = keeper::run(order, theirs, mask, temporary);
            // The front's destructors are not this process's to run.
            std::process::exit(code);
        }
        Fork::Parent(pid) => {
            drop(theirs);
            let result = follow(pid, ours);
            terminal.take_back();
            result
        }
    }
}

/// Does for the keeper what only the front can do, until it has ended.
fn follow(keeper: Pid, stream: UnixStream) -> Result<u8> {
    let mut stream = BufReader::new(stream);
    loop {
        match control::receive(&mut stream) {
            Ok(Some(Report::Unmapped)) => {
                // On failure the stream closes, and the keeper ends.
                let mapped = Instruction::Mapped(ids::map(keeper)?);
                let _ = control::send(stream.get_ref(), &mapped);
            }
            Ok(Some(Report::Started)) => break,
            Ok(Some(Report::Ended(code))) => return Ok(code),
            Ok(Some(Report::Failed(line))) => return Err(Failure::reported(&line, 0)),
            _ => return Err(died(wait_for(keeper, WaitOptions::empty()))),
        }
    }
    let status = pass_on_signals(keeper, stream.get_ref());
    match control::receive(&mut stream) {
        Ok(Some(Report::Ended(code))) => Ok(code),
        Ok(Some(Report::Failed(line))) => Err(Failure::reported(&line, 0)),
        _ => Err(died(status)),
    }
}

/// Hands signals to the keeper, until it has ended.
fn pass_on_signals(keeper: Pid, stream: &UnixStream) -> Option<WaitStatus> {
    loop {
        let Ok(received) = Received::next(&WATCHED) else {
            return wait_for(keeper, WaitOptions::empty());
        };
        if received.signal == libc::SIGCHLD {
            if let Some(status) = wait_for(keeper, WaitOptions::NOHANG) {
                return Some(status);
            }
        } else if received.from_process && PASSED_ON.contains(&received.signal) {
            // What the terminal sends, the command gets too.
            let _ = control::send(stream, &Instruction::Signal(received.signal));
        }
    }
}

fn wait_for(pid: Pid, options: WaitOptions) -> Option<WaitStatus> {
    let status = waitpid(Some(pid), options).ok().flatten();
    status.map(|(_, status)| status)
}

fn died(status: Option<WaitStatus>) -> Failure {
    let how = match status.and_then(WaitStatus::terminating_signal) {
        Some(signal) => format!("was ended by signal {signal}"),
        None => "ended without a word".to_owned(),
    };
    Failure::new(format!("the process that watched the command {how}"))
        .remedy("the image is closed all the same")
}

/// The terminal, if this process was in its foreground at the start.
struct Terminal(Option<Pid>);

impl Terminal {
    fn ours() -> Terminal {
        // In the foreground of a terminal of an outer PID namespace this process's group has no number
        // that could be asked for.
        let owner = tcgetpgrp(rustix::stdio::stdin()).ok();
        Terminal(owner.filter(|&owner| owner == getpgrp()))
    }

    /// A shell in the namespace may have put itself into the foreground, and have left it so.
    fn take_back(self) {
        if let Some(group) = self.0
            && tcgetpgrp(rustix::stdio::stdin()) != Ok(group)
            && SignalMask::block(&[libc::SIGTTOU]).is_ok()
        {
            let _ = tcsetpgrp(rustix::stdio::stdin(), group);
        }
    }
}
