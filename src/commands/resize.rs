//! `liveroot resize`

use crate::cli::{self, NewSize};
use crate::failure::{Failure, Result};
use crate::session::control::{self, Daemon, Event, Request};
use crate::session::image::{self, Image, human_size};
use crate::session::in_use::FileId;
use crate::session::options::Place;
use crate::sys::Access;
use lwext4::{BlockDevice, Error, OpenOptions, Volume};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

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
    let device: Arc<dyn BlockDevice> = image.device.clone();
    if args.size == NewSize::Least {
        let size = shrink_to_fit(&image, 0.0)?;
        tell(&args.image, size);
        return Ok(());
    }
    let volume = Volume::open(device.clone(), OpenOptions::default()).map_err(explain)?;
    let now = volume.superblock().size();
    let size = match target(args, now) {
        Ok(wanted) if wanted < now => {
            volume.close().map_err(explain)?;
            lwext4::shrink(&device, wanted, &OpenOptions::default())
                .map_err(|error| explain_shrink(&image, &error))?
        }
        Ok(wanted) => {
            let grown = volume.grow(wanted).map_err(explain);
            volume.close().map_err(explain)?;
            grown?
        }
        Err(failure) => {
            volume.close().map_err(explain)?;
            return Err(failure);
        }
    };
    tell(&args.image, size);
    Ok(())
}

/// Makes the image as small as it can be, and then `headroom` percent larger: its size.
pub fn shrink_to_fit(image: &Image, headroom: f64) -> Result<u64> {
    let explain = |error| image.explain(&error, Access::Write);
    let device: Arc<dyn BlockDevice> = image.device.clone();
    let options = OpenOptions::default();
    // Whatever a crash left behind is done with before anything is counted.
    let volume = Volume::open(device.clone(), options.clone()).map_err(explain)?;
    let now = volume.superblock().size();
    volume.close().map_err(explain)?;
    let least = lwext4::minimum_size(&device).map_err(explain)?;
    let mut wanted = least + (least as f64 * headroom / 100.0) as u64;
    while wanted < now {
        match lwext4::shrink(&device, wanted, &options) {
            Ok(size) => return Ok(size),
            // The least size is an estimate: how much the maps of moved files grow is not known before.
            Err(Error::NoSpace) => wanted += wanted / 64 + (1 << 20),
            Err(error) => return Err(explain_shrink(image, &error)),
        }
    }
    Ok(now)
}

fn explain_shrink(image: &Image, error: &Error) -> Failure {
    if !matches!(error, Error::NoSpace) {
        return image.explain(error, Access::Write);
    }
    let failure = Failure::of(&image.given, "what the image holds does not fit that size");
    let device: Arc<dyn BlockDevice> = image.device.clone();
    match lwext4::minimum_size(&device) {
        Ok(least) => failure.remedy(format!(
            "it needs about {}: liveroot resize {} min",
            human_size(least),
            image.given.display()
        )),
        Err(_) => failure,
    }
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

/// Says how large the file system is.
pub fn tell(image: &Path, size: u64) {
    // Who closes the pipe early has seen enough.
    let _ = writeln!(
        std::io::stdout(),
        "{}: the file system has {} ({size} bytes) now",
        image.display(),
        human_size(size)
    );
}
