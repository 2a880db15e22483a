//! `liveroot trim`

use crate::cli;
use crate::failure::{Failure, Result};
use crate::session::image::{self, human_size};
use crate::session::options::Place;
use crate::sys::Access;
use lwext4::{Error, OpenOptions, Volume};
use std::io::{ErrorKind, Write};

/// Gives an image's free space back to the host.
pub fn run(args: &cli::Trim) -> Result<()> {
    let place = Place::from(&args.place);
    let image = image::open(&args.image, place, Access::Write)?;
    image.lock(Access::Write)?;
    let explain = |error| image.explain(&error, Access::Write);
    let volume = Volume::open(image.device.clone(), OpenOptions::default()).map_err(explain)?;
    let trimmed = volume.trim(0, u64::MAX, args.minimum);
    let closed = volume.close();
    let given = match trimmed {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::Unsupported => {
            let what = "the host's file system or disk cannot take space back";
            return Err(Failure::of(&args.image, what).remedy("copy the image: cp --sparse=always"));
        }
        other => other.map_err(explain)?,
    };
    closed.map_err(explain)?;
    // Who closes the pipe early has seen enough.
    let _ = writeln!(
        std::io::stdout(),
        "{}: {} ({given} bytes) are free and take no space on the host",
        args.image.display(),
        human_size(given)
    );
    Ok(())
}
