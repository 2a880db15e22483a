//! An image that is too small for what a command has left, and may grow.

use crate::failure::{Failure, Result};
use crate::session::image::Image;
use crate::sys::Access;
use lwext4::{BlockDevice, Error, OpenOptions, Volume};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The least that is added, in bytes.
const LEAST: u64 = 64 << 20;

/// Makes the image larger after what is in `upper` has found no space in it: by what is missing, and by
/// an eighth at least. Whether it is larger now: it need not be allowed to, or able to.
///
/// # Errors
/// What the image met while it grew, or what is in `upper` cannot be counted.
pub fn make(image: &Image, engine: &OpenOptions, upper: &Path) -> Result<bool> {
    let Some(most) = engine.autogrow else {
        return Ok(false);
    };
    let explain = |error: Error| image.explain(&error, Access::Write);
    let volume = Volume::open(image.device.clone(), engine.clone()).map_err(explain)?;
    let found = volume.statfs();
    let now = image.device.size();
    let free = found.free_blocks * u64::from(found.block_size);
    let new = taken(upper).map_err(|e| Failure::of(upper, e))?;
    let step = (now / 8)
        .max(LEAST)
        .max((new + new / 16).saturating_sub(free));
    let wanted = now.saturating_add(step).min(most);
    let grown = if wanted > now {
        volume.grow(wanted).map(|size| size > now)
    } else {
        Ok(false)
    };
    let closed = volume.close();
    let grown = match grown {
        Err(Error::Unsupported(why)) => {
            log::warn!("{}: full, and cannot grow: {why}", image.given.display());
            false
        }
        grown => grown.map_err(explain)?,
    };
    closed.map_err(explain)?;
    Ok(grown)
}

/// Bytes that the files below a directory take.
fn taken(directory: &Path) -> io::Result<u64> {
    let mut sum = 0u64;
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            sum = sum.saturating_add(metadata.blocks().saturating_mul(512));
            if metadata.is_dir() {
                left.push(entry.path());
            }
        }
    }
    Ok(sum)
}
