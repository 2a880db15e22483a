//! An image with nothing in it: the command works in the scratch directory itself. An overlay would cost
//! more, and behaves less like the image.

use super::overlay::{adopt, bits};
use super::scratch::Scratch;
use crate::session::options::MountFlags;
use rustix::io::Errno;
use rustix::mount::{MountFlags as Ms, mount_bind, mount_remount};
use std::fs;
use std::io;
use std::path::Path;

/// The directory that mke2fs and `liveroot create` put into every image.
pub const LOST_FOUND: &str = "lost+found";

/// Prepares the upper directory of `scratch` to be the image's root, if the image, at its lower one, has
/// nothing but an empty `lost+found`. False if it has more, or if the scratch directory is not a file system
/// of its own: what a command does on the disk around it is nobody's business here.
///
/// # Errors
/// What the kernel refuses.
pub fn prepare(scratch: &Scratch) -> io::Result<bool> {
    if !scratch.is_in_memory() || !is_bare(&scratch.lower())? {
        return Ok(false);
    }
    let old = scratch.lower().join(LOST_FOUND);
    if old.exists() {
        let new = scratch.upper().join(LOST_FOUND);
        fs::create_dir(&new)?;
        adopt(&old, &new)?;
    }
    Ok(true)
}

/// Shows the upper directory of `scratch` at `point`.
///
/// # Errors
/// What `mount(2)` says.
pub fn mount(scratch: &Scratch, point: &Path, flags: &MountFlags) -> Result<(), Errno> {
    mount_bind(scratch.upper(), point)?;
    // The scratch directory itself forbids more.
    mount_remount(point, Ms::BIND | bits(flags), c"")
}

fn is_bare(top: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(top)? {
        let entry = entry?;
        let is_empty = || Ok::<_, io::Error>(fs::read_dir(entry.path())?.next().is_none());
        if entry.file_name() != LOST_FOUND || !entry.file_type()?.is_dir() || !is_empty()? {
            return Ok(false);
        }
    }
    Ok(true)
}
