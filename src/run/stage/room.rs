//! An image that is too small for what a command has left, and may grow.

use crate::failure::{Failure, Result};
use crate::session::image::Image;
use crate::sys::Access;
use lwext4::{Error, OpenOptions, Volume};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Makes the image larger after what is in `upper` has found no space in it, by what is missing at least.
/// Whether it is larger now: it need not be allowed to, or able to.
///
/// # Errors
/// What the image met while it grew, or what is in `upper` cannot be counted.
pub fn make(image: &Image, engine: &OpenOptions, upper: &Path) -> Result<bool> {
    if engine.autogrow.is_none() {
        return Ok(false);
    }
    let explain = |error: Error| image.explain(&error, Access::Write);
    let new = taken(upper).map_err(|e| Failure::of(upper, e))?;
    let volume = Volume::open(image.device.clone(), engine.clone()).map_err(explain)?;
    let found = volume.statfs();
    let free = found.free_blocks * u64::from(found.block_size);
    let grown = volume.make_room((new + new / 16).saturating_sub(free));
    let closed = volume.close();
    let grown = grown.map_err(explain)?;
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
