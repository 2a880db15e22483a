//! Taking a mount away: by system call, or through `fusermount3`.

use super::attach::FUSERMOUNT;
use crate::failure::{Failure, Result};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detached {
    /// Nothing is mounted there any more.
    Yes,
    /// Somebody uses the mount.
    Busy,
}

/// Takes away the mount at `point`; when `lazy`, even if it is in use: it vanishes from the
/// directory tree, and ends when the last user lets go.
///
/// # Errors
/// No permission, nothing mounted there, or no `fusermount3`.
pub fn detach(point: &Path, lazy: bool) -> Result<Detached> {
    let mut flags = UnmountFlags::NOFOLLOW;
    flags.set(UnmountFlags::DETACH, lazy);
    match unmount(point, flags) {
        Ok(()) => Ok(Detached::Yes),
        Err(Errno::BUSY) => Ok(Detached::Busy),
        Err(Errno::INVAL) => Err(Failure::of(point, "not mounted")),
        Err(Errno::PERM | Errno::ACCESS) => through_fusermount(point, lazy),
        Err(errno) => Err(Failure::of(point, io::Error::from(errno))),
    }
}

fn through_fusermount(point: &Path, lazy: bool) -> Result<Detached> {
    let mut command = Command::new(FUSERMOUNT);
    command.arg("-u").env("LC_ALL", "C");
    if lazy {
        command.arg("-z");
    }
    let output = command
        .arg("--")
        .arg(point)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| super::attach::no_fusermount(point, &error))?;
    if output.status.success() {
        return Ok(Detached::Yes);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("busy") {
        return Ok(Detached::Busy);
    }
    Err(Failure::of(
        point,
        said.trim().trim_start_matches("fusermount3: "),
    ))
}

/// Ends the connection to the kernel of the FUSE file system with this device: its users get errors
/// from then on. Returns whether the kernel let us.
pub fn abort((_, minor): super::mounts::Device) -> bool {
    let control = "/sys/fs/fuse/connections";
    let file = format!("{control}/{minor}/abort");
    let aborted = || std::fs::write(&file, "1").is_ok();
    // Where no service manager runs, nobody may have mounted the control file system.
    aborted()
        || (mount("fusectl", control, "fusectl", MountFlags::empty(), None).is_ok() && aborted())
}
