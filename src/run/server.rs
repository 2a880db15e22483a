//! The process that has the namespaces and serves the image in them.

use super::init::Init;
use super::namespace::{self, Entered};
use super::placeholder::Placeholders;
use super::supervisor::Supervisor;
use super::temporary::Temporary;
use super::{Instruction, Order, Report, init};
use crate::failure::{EXIT_RUN_FAILED, Failure, Result};
use crate::session::control;
use crate::session::daemon::{Happening, Serving};
use crate::session::monitor::Monitor;
use crate::sys::{self, Fork, Listener, SignalMask};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::{self, BufReader, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

/// Carries out the order, reports to the front, and returns this process's exit code. `mask` is the
/// signals that the user's shell had blocked, for the command.
pub fn run(order: Order, front: UnixStream, mask: SignalMask, temporary: Option<Temporary>) -> i32 {
    let mut front = BufReader::new(front);
    let Ok(reports) = front.get_ref().try_clone() else {
        return EXIT_RUN_FAILED.into();
    };
    let outcome = carry_out(order, &mut front, mask);
    drop(temporary);
    let report = match outcome {
        Ok(code) => Report::Ended(code),
        Err(failure) => Report::Failed(failure.to_string()),
    };
    // A front that is gone does not mind.
    let _ = control::send(&reports, &report);
    0
}

fn carry_out(order: Order, front: &mut BufReader<UnixStream>, mask: SignalMask) -> Result<u8> {
    let entered = namespace::enter(front)?;
    if entered.sets_groups && order.view.inside {
        namespace::leave_groups();
    }
    let failed = |what: &str, e: io::Error| Failure::new(format!("{what}: {e}"));
    let (ours, theirs) = UnixStream::pair().map_err(|e| failed("making a socket", e))?;
    // Before there are threads, and before there is anything that init must not hold open.
    let pid = match sys::fork_as_init().map_err(|e| explain_pids(&e))? {
        Fork::Child => {
            drop(ours);
            let code = init::run(&order, theirs, entered.confined, mask);
            std::process::exit(code.into());
        }
        Fork::Parent(pid) => pid,
    };
    drop(theirs);
    let init = Init::of(pid).map_err(|e| failed("watching the command", e))?;
    // Keys of the terminal are for the command, which stays in its session. This fails only for a
    // leader of a process group, which a forked process is not.
    let _ = rustix::process::setsid();
    let served = serve(&order, front, entered, &init, ours);
    // When all went well it has ended long since.
    init.kill();
    served
}

fn serve(
    order: &Order,
    front: &mut BufReader<UnixStream>,
    entered: Entered,
    init: &Init,
    command: UnixStream,
) -> Result<u8> {
    let monitor = Monitor::within().map_err(|e| Failure::new(format!("starting a thread: {e}")))?;
    let (mut serving, sender) = Serving::start_with_sender(&order.settings, monitor)?;
    let started = start(order, front, entered, init, command, &serving, sender);
    let watch = match started {
        Ok(watch) => {
            serving.serve_command(Box::new(init.clone()));
            watch
        }
        Err(failure) => {
            init.kill();
            serving.end();
            // The first failure says more.
            let _ = serving.until_closed();
            return Err(failure);
        }
    };
    let closed = serving.until_closed();
    init.kill();
    let code = watch.join().unwrap_or(EXIT_RUN_FAILED);
    closed.map(|()| code)
}

/// Lets the command begin, and starts the threads that watch it. The one that is returned ends, and
/// reports [`Happening::CommandEnded`], when nothing of the command is left.
fn start(
    order: &Order,
    front: &mut BufReader<UnixStream>,
    entered: Entered,
    init: &Init,
    mut command: UnixStream,
    serving: &Serving,
    sender: Sender<Happening>,
) -> Result<JoinHandle<u8>> {
    let failed = |what: &str, e: io::Error| Failure::new(format!("{what}: {e}"));
    let placeholders = Placeholders::make(&order.settings.mountpoint, &order.view.mounted_on())?;
    let own = front.get_ref().try_clone();
    let own = own.map_err(|e| failed("making a socket", e))?;
    control::send(&own, &Report::Started).map_err(|e| failed("reporting", e))?;
    listen_to_front(own, init.clone()).map_err(|e| failed("starting a thread", e))?;
    command
        .write_all(b"!")
        .map_err(|e| failed("starting the command", e))?;
    let listener = receive_listener(&command).map_err(|e| failed("starting the command", e))?;
    drop(command);
    let supervisor = match (listener, serving.side_door()) {
        (Some(listener), Some(door)) if entered.confined => {
            let supervisor = Supervisor::start(listener, door, serving.device());
            Some(supervisor.map_err(|e| failed("supervising the command", e))?)
        }
        _ => None,
    };
    let init = init.clone();
    thread::Builder::new()
        .name("command".to_owned())
        .spawn(move || {
            let code = init.wait();
            if let Some(supervisor) = supervisor {
                supervisor.stop();
            }
            drop(placeholders);
            let _ = sender.send(Happening::CommandEnded);
            code
        })
        .map_err(|e| failed("starting a thread", e))
}

/// Does what the front says; when it is gone, ends the command.
fn listen_to_front(front: UnixStream, init: Init) -> io::Result<()> {
    thread::Builder::new()
        .name("front".to_owned())
        .spawn(move || {
            // The front has said nothing since it mapped ids, so no reader has read ahead.
            let mut front = BufReader::new(front);
            while let Ok(Some(instruction)) = control::receive(&mut front) {
                if let Instruction::Signal(signal) = instruction {
                    init.pass_on(signal);
                }
            }
            init.kill();
        })
        .map(drop)
}

/// The listener of the command's filter; `None` when the command has none, or has ended already.
fn receive_listener(socket: &UnixStream) -> io::Result<Option<Listener>> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    loop {
        let mut slices = [IoSliceMut::new(&mut byte)];
        match recvmsg(socket, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(Errno::CONNRESET) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
    }
    let received: Option<OwnedFd> = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Ok(received.map(Listener::from))
}

fn explain_pids(error: &io::Error) -> Failure {
    Failure::new(format!("making a namespace for processes: {error}"))
        .remedy("liveroot doctor says what this system allows")
}
