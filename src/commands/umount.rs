//! `liveroot umount`

use crate::cli;
use crate::failure::{EXIT_FAILED, Failure, Result};
use crate::session::control::{self, Daemon, Event, Request};
use crate::session::detach::{Detached, detach};
use crate::session::in_use::FileId;
use crate::session::mounts::{self, Device, Mount};
use crate::session::{aftermath, holders, mountpoint};
use rustix::process::geteuid;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// After so much time without a verdict, say what it waits for.
const SILENCE: Duration = Duration::from_secs(3);

/// So long a busy mount is tried again. Often its last user is just leaving: a process that is being killed, or a child
/// that a program has forked and that has not yet closed the program's files.
const GRACE: Duration = Duration::from_secs(1);
/// How long to wait between two such attempts.
const AGAIN: Duration = Duration::from_millis(50);

/// What came of an attempt.
enum Outcome {
    /// The image is closed.
    Closed,
    /// Somebody uses the mount at this place, with this device.
    Busy(PathBuf, Device),
}

/// Unmounts, and waits for the daemon's verdict.
pub fn run(args: &cli::Umount) -> Result<()> {
    let deadline = Instant::now() + GRACE;
    loop {
        match attempt(&args.target, args.lazy)? {
            Outcome::Closed => return Ok(()),
            Outcome::Busy(..) if Instant::now() < deadline => thread::sleep(AGAIN),
            Outcome::Busy(point, device) => {
                let holders = holders::list(&holders::of(&point, device));
                return Err(Failure::of(&args.target, format!("in use by {holders}"))
                    .remedy("end them, or take the mount away with --lazy"));
            }
        }
    }
}

fn attempt(target: &Path, lazy: bool) -> Result<Outcome> {
    let mount = mounts::absolute(target)
        .ok()
        .map(|point| mounts::at(&point))
        .transpose()?
        .flatten();
    if let Some(mount) = mount {
        if !mount.is_liveroot() {
            return Err(Failure::of(
                target,
                format!("mounted, but not by liveroot ({})", mount.fs_type),
            )
            .remedy("unmount it with umount"));
        }
        // Nobody but the mount's owner can speak for it.
        let mut daemons = control::find(|hello| hello.mount_device == mount.device);
        daemons.retain(|daemon| mount.owner().is_none_or(|owner| owner == daemon.uid));
        return match daemons.into_iter().next() {
            Some(daemon) => ask(target, daemon, lazy),
            None => without_daemon(target, mount, lazy),
        };
    }
    let metadata = std::fs::metadata(target).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::of(target, "no such mount point or image"),
        _ => Failure::of(target, error),
    })?;
    let id = FileId::of(&metadata);
    let daemons = control::find(|hello| hello.image_id == id);
    if metadata.is_dir() || daemons.is_empty() {
        return Err(Failure::of(target, "not mounted by liveroot")
            .remedy("see what is: findmnt -t fuse.liveroot"));
    }
    for daemon in daemons {
        if let busy @ Outcome::Busy(..) = ask(target, daemon, lazy)? {
            return Ok(busy);
        }
    }
    Ok(Outcome::Closed)
}

/// Has the daemon unmount, and waits until it has closed the image.
fn ask(target: &Path, mut daemon: Daemon, lazy: bool) -> Result<Outcome> {
    let request = if lazy {
        Request::UnmountLazy
    } else {
        Request::Unmount
    };
    let lost_contact = |error: io::Error| {
        Failure::of(target, format!("the daemon does not answer: {error}"))
            .remedy("check the image before you use it: e2fsck -fn")
    };
    daemon.ask(request).map_err(lost_contact)?;
    let hello = daemon.hello.clone();
    let mut patience = None;
    let silence = if lazy { SILENCE / 10 } else { SILENCE };
    loop {
        match daemon.next_event(patience) {
            Ok(Some(Event::Closed(None))) => return Ok(Outcome::Closed),
            Ok(Some(Event::Closed(Some(line)))) => {
                return Err(Failure::reported(&line, EXIT_FAILED));
            }
            Ok(Some(Event::Busy)) => {
                return Ok(Outcome::Busy(hello.mountpoint, hello.mount_device));
            }
            Ok(Some(Event::Failed(line))) => return Err(Failure::reported(&line, EXIT_FAILED)),
            Ok(Some(Event::Detached)) => patience = Some(silence),
            Ok(Some(Event::Usage(_) | Event::Grown(_))) => {}
            Ok(None) => return aftermath::wait(target, &hello.image).map(|()| Outcome::Closed),
            Err(error) if is_timeout(&error) => {
                let holders = holders::of(&hello.mountpoint, hello.mount_device);
                if holders.is_empty() {
                    eprintln!("liveroot: {}: finishing …", target.display());
                } else {
                    let list = holders::list(&holders);
                    eprintln!("liveroot: {}: waiting for {list}", target.display());
                }
                patience = None;
            }
            Err(error) => return Err(lost_contact(error)),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Takes away a mount whose daemon does not answer: it was killed, or has no socket.
fn without_daemon(target: &Path, mount: Mount, lazy: bool) -> Result<Outcome> {
    let user = geteuid();
    if let Some(owner) = mount
        .owner()
        .filter(|&id| id != user.as_raw() && !user.is_root())
    {
        return Err(
            Failure::of(target, format!("mounted by another user (id {owner})"))
                .remedy("unmount it as that user, or as root"),
        );
    }
    let dead = mountpoint::is_dead(&mount.point);
    match detach(&mount.point, lazy || dead)? {
        Detached::Busy => Ok(Outcome::Busy(mount.point, mount.device)),
        Detached::Yes if dead => Err(Failure::of(
            target,
            "unmounted, but its daemon had been killed before it could finish",
        )
        .remedy("the last seconds may be missing; the next mount recovers the rest")),
        Detached::Yes => {
            aftermath::wait(target, Path::new(&mount.source)).map(|()| Outcome::Closed)
        }
    }
}
