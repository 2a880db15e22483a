//! The process that has the namespaces: it watches over the command and the server.

use super::door::Door;
use super::init::{Go, Init};
use super::namespace::{self, Entered};
use super::placeholder::Placeholders;
use super::serving::{self, CommandEnded, Event};
use super::stage::Staged;
use super::supervisor::{Supervisor, Way};
use super::temporary::Temporary;
use super::{Instruction, Order, Report, init};
use crate::failure::{EXIT_RUN_FAILED, Failure, Result};
use crate::session::control;
use crate::session::monitor::message;
use crate::session::mounts::Device;
use crate::sys::{self, Fork, Listener, SignalMask};
use std::io::{self, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
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

fn carry_out(mut order: Order, front: &mut BufReader<UnixStream>, mask: SignalMask) -> Result<u8> {
    let entered = namespace::enter(front)?;
    if entered.sets_groups && order.view.inside {
        namespace::leave_groups();
    }
    let (ours, theirs) = message::channel().map_err(|e| failed("making a socket", e))?;
    let supervised = entered.confined || order.stage.is_some();
    // Both before there are threads, and init before there is anything that it must not hold open.
    let pid = match sys::fork_as_init().map_err(|e| explain_pids(&e))? {
        Fork::Child => {
            drop(ours);
            let code = init::run(&order, theirs, supervised, mask);
            std::process::exit(code.into());
        }
        Fork::Parent(pid) => pid,
    };
    drop(theirs);
    let init = Init::of(pid).map_err(|e| failed("watching the command", e))?;
    // Keys of the terminal are for the command, which stays in its session. This fails only for a
    // leader of a process group, which a forked process is not.
    let _ = rustix::process::setsid();
    if let Some(wish) = order.stage.take() {
        order.staged = Staged::prepare(&wish, &mut order)?.map(Arc::new);
    }
    let (server, their_server) = message::channel().map_err(|e| failed("making a socket", e))?;
    let (changes, their_changes) = message::channel().map_err(|e| failed("making a socket", e))?;
    match sys::fork().map_err(|e| failed("starting a process", e))? {
        Fork::Child => {
            drop((ours, server, changes));
            let image = order.staged.as_ref().map(|staged| staged.image());
            serving::run(&order.settings, image, their_server, their_changes);
            std::process::exit(0);
        }
        Fork::Parent(_) => drop((their_server, their_changes)),
    }
    let kept = keep(
        &order,
        front,
        entered,
        &init,
        ours,
        &server,
        Door::new(changes),
    );
    // When all went well it has ended long since.
    init.kill();
    kept
}

fn failed(what: &str, error: io::Error) -> Failure {
    Failure::new(format!("{what}: {error}"))
}

/// Watches over command and server until both have ended.
fn keep(
    order: &Order,
    front: &BufReader<UnixStream>,
    entered: Entered,
    init: &Init,
    command: OwnedFd,
    server: &OwnedFd,
    door: Door,
) -> Result<u8> {
    let device = match next_event(server)? {
        Event::Mounted(device) => device,
        Event::Closed(line) => return Err(Failure::reported(&line.unwrap_or_default(), 0)),
    };
    let door = entered.confined.then_some(door);
    let started = start(order, front, init, command, server, (door, device));
    let watch = match started {
        Ok(watch) => watch,
        Err(failure) => {
            init.kill();
            // The first failure says more than what may come.
            let _ = message::send(server, &CommandEnded, None).and_then(|()| closed(server));
            return Err(failure);
        }
    };
    let closed = closed(server);
    init.kill();
    let code = watch.join().unwrap_or(EXIT_RUN_FAILED);
    match closed {
        Ok(None) => match &order.staged {
            Some(staged) if code == 0 => staged.apply().map(|()| code),
            _ => Ok(code),
        },
        Ok(Some(line)) => Err(Failure::reported(&line, 0)),
        Err(error) => Err(died(&error)),
    }
}

fn next_event(server: &OwnedFd) -> Result<Event> {
    match message::receive(server) {
        Ok(Some((event, _))) => Ok(event),
        Ok(None) => Err(died(&io::ErrorKind::UnexpectedEof.into())),
        Err(error) => Err(died(&error)),
    }
}

/// Waits until the image is closed; a line says what went wrong.
fn closed(server: &OwnedFd) -> io::Result<Option<String>> {
    match message::receive(server)? {
        Some((Event::Closed(line), _)) => Ok(line),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn died(error: &io::Error) -> Failure {
    Failure::new(format!(
        "the process that served the image has ended ({error})"
    ))
    .remedy("the next mount replays the image's journal")
}

/// Lets the command begin, and starts the threads that watch it. The one that is returned ends, and
/// tells the server, when nothing of the command is left.
fn start(
    order: &Order,
    front: &BufReader<UnixStream>,
    init: &Init,
    command: OwnedFd,
    server: &OwnedFd,
    (door, device): (Option<Door>, Device),
) -> Result<JoinHandle<u8>> {
    let covered = order
        .staged
        .as_ref()
        .map(|staged| staged.cover())
        .transpose()?;
    let way = match (door, covered) {
        (Some(door), None) => Way::Image(door),
        (Some(_), Some(_)) => Way::Scratch,
        (None, _) => Way::Kernel,
    };
    let device = covered.unwrap_or(device);
    let covered = Covered(order.staged.clone());
    let placeholders = Placeholders::make(&order.view.mount, &order.view.mounted_on())?;
    sys::block_termination().map_err(|e| failed("blocking signals", e))?;
    let own = front.get_ref().try_clone();
    let own = own.map_err(|e| failed("making a socket", e))?;
    control::send(&own, &Report::Started).map_err(|e| failed("reporting", e))?;
    listen_to_front(own, init.clone())
        .and_then(|()| listen_to_signals(init.clone()))
        .map_err(|e| failed("starting a thread", e))?;
    message::send(&command, &Go, None).map_err(|e| failed("starting the command", e))?;
    // Nothing comes of a command that has failed to start, and has said so.
    let listener = match message::receive::<Go>(&command) {
        Ok(Some((Go, listener))) => listener.map(Listener::from),
        _ => None,
    };
    drop(command);
    let supervisor = listener
        .map(|listener| Supervisor::start(listener, way, device))
        .transpose()
        .map_err(|e| failed("supervising the command", e))?;
    let init = init.clone();
    let server = server
        .try_clone()
        .map_err(|e| failed("making a socket", e))?;
    thread::Builder::new()
        .name("command".to_owned())
        .spawn(move || {
            let code = init.wait();
            if let Some(supervisor) = supervisor {
                supervisor.stop();
            }
            drop(placeholders);
            drop(covered);
            // A server that has ended needs no telling.
            let _ = message::send(&server, &CommandEnded, None);
            code
        })
        .map_err(|e| failed("starting a thread", e))
}

/// The overlay, if there is one: it is taken away when dropped.
struct Covered(Option<Arc<Staged>>);

impl Drop for Covered {
    fn drop(&mut self) {
        if let Some(staged) = &self.0 {
            staged.uncover();
        }
    }
}

/// Signals to the keeper, when the machine shuts down say, go to the command too.
fn listen_to_signals(init: Init) -> io::Result<()> {
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            while let Ok(signal) = sys::wait_termination() {
                init.pass_on(signal);
            }
        })
        .map(drop)
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

fn explain_pids(error: &io::Error) -> Failure {
    Failure::new(format!("making a namespace for processes: {error}"))
        .remedy("liveroot doctor says what this system allows")
}
