//! `liveroot resize`

use crate::cli::{self, NewSize};
use crate::failure::{Failure, Result};
use crate::session::control::{self, Daemon, Event, Request};
use crate::session::image::{self, human_size};
use crate::session::in_use::FileId;
use crate::session::options::Place;
use crate::sys::Access;
use lwext4::{OpenOptions, Volume};
use std::io::Write;
use std::path::Path;

/// Changes an image's size.
pub fn run(args: &cli::Resize) -> Result<()> {
    let place = Place::of(args.offset, args.partition);
    let image = image::open(&args.image, place, Access::Write)?;
    if place == Place::Whole
        && let Some(daemon) = daemon_of(image.id)
    {
        return ask(args, daemon, image.id);
    }
    image.lock(Access::Write)?;
    let explain = |error| image.explain(&error, Access::Write);
    let volume = Volume::open(image.device.clone(), OpenOptions::default()).map_err(explain)?;
    let now = volume.superblock().size();
    let wanted = target(args, now)?;
    let grown = if wanted < now {
        Err(Failure::of(
            &args.image,
            "making an image smaller is not possible",
        ))
    } else {
        volume.grow(wanted).map_err(explain)
    };
    volume.close().map_err(explain)?;
    tell(&args.image, grown?);
    Ok(())
}

/// The size wanted, in bytes, when it is `now`.
fn target(args: &cli::Resize, now: u64) -> Result<u64> {
    let wanted = match args.size {
        NewSize::To(bytes) => Some(bytes),
        NewSize::More(bytes) => now.checked_add(bytes),
        NewSize::Less(bytes) => now.checked_sub(bytes),
        NewSize::Least => Some(0),
    };
    let makes_no_sense = || {
        let what = format!("the file system has {} ({now} bytes) now", human_size(now));
        Failure::of(&args.image, what).remedy("give a size that can be reached from there")
    };
    wanted.ok_or_else(|| makes_no_sense().by_usage())
}

/// The daemon that has the image mounted. Each asks for one thing.
fn daemon_of(image: FileId) -> Option<Daemon> {
    let found = control::find(|hello| hello.image_id == image);
    found.into_iter().next()
}

/// Has the daemon grow the mounted image.
fn ask(args: &cli::Resize, mut daemon: Daemon, id: FileId) -> Result<()> {
    let image = &args.image;
    let lost =
        |error: std::io::Error| Failure::of(image, format!("the daemon does not answer: {error}"));
    let silent = || Failure::of(image, "the daemon ended without an answer");
    daemon.ask(Request::Usage).map_err(lost)?;
    let Some(Event::Usage(usage)) = daemon.next_event(None).map_err(lost)? else {
        return Err(silent());
    };
    let wanted = target(args, usage.size)?;
    if wanted < usage.size {
        let point = daemon.hello.mountpoint.display().to_string();
        return Err(Failure::of(image, "mounted: it can grow, but not shrink")
            .remedy(format!("unmount it first: liveroot umount {point}")));
    }
    let lost =
        |error: std::io::Error| Failure::of(image, format!("the daemon does not answer: {error}"));
    let mut daemon = daemon_of(id).ok_or_else(silent)?;
    daemon.ask(Request::Grow(wanted)).map_err(lost)?;
    match daemon.next_event(None).map_err(lost)? {
        Some(Event::Grown(size)) => {
            tell(image, size);
            Ok(())
        }
        Some(Event::Failed(why)) => Err(Failure::of(image, why)),
        _ => Err(silent()),
    }
}

fn tell(image: &Path, size: u64) {
    // Who closes the pipe early has seen enough.
    let _ = writeln!(
        std::io::stdout(),
        "{}: the file system has {} ({size} bytes) now",
        image.display(),
        human_size(size)
    );
}
