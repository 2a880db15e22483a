//! The devices of a command inside the image: those that every program expects, and no disks.

use super::view::by_descriptor;
use crate::failure::{Failure, Result};
use rustix::fs::{Mode, OFlags, mkdirat, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_bind};
use rustix::process::umask;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

const LINKS: [(&str, &str); 5] = [
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Mounts a directory of devices on `dev`; `again` opens what is there then. The host's nodes are
/// shown, since a user namespace can make none that work.
///
/// # Errors
/// The kernel refuses.
pub fn fill(dev: &OwnedFd, again: impl Fn() -> Result<OwnedFd, Errno>) -> Result<()> {
    let old = umask(Mode::empty());
    let filled = mount_tmpfs(&by_descriptor(dev.as_fd()), c"mode=755,size=1m")
        .and_then(|()| again())
        .and_then(|dev| populate(&dev));
    umask(old);
    filled.map_err(|errno| Failure::new(format!("mounting /dev: {}", io::Error::from(errno))))
}

fn populate(dev: &OwnedFd) -> Result<(), Errno> {
    for name in DEVICES {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat(dev, name, flags, Mode::from_raw_mode(0o666))?;
        let host = Path::new("/dev").join(name);
        match mount_bind(&host, by_descriptor(file.as_fd())) {
            // A container may lack some.
            Err(Errno::NOENT) | Ok(()) => {}
            Err(errno) => return Err(errno),
        }
    }
    for (name, target) in LINKS {
        symlinkat(target, dev, name)?;
    }
    let pts = directory(dev, "pts", 0o755)?;
    let mount_pts = |options: &CStr| {
        let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
        mount(
            "devpts",
            by_descriptor(pts.as_fd()),
            "devpts",
            flags,
            options,
        )
    };
    // Group 5, tty, may not be mapped.
    mount_pts(c"newinstance,ptmxmode=0666,mode=0620,gid=5")
        .or_else(|_| mount_pts(c"newinstance,ptmxmode=0666,mode=0620"))?;
    let shm = directory(dev, "shm", 0o1777)?;
    mount_tmpfs(&by_descriptor(shm.as_fd()), c"mode=1777")
}

fn directory(dev: &OwnedFd, name: &str, mode: u32) -> Result<OwnedFd, Errno> {
    mkdirat(dev, name, Mode::from_raw_mode(mode))?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(dev, name, flags, Mode::empty())
}

fn mount_tmpfs(at: &Path, options: &CStr) -> Result<(), Errno> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", at, "tmpfs", flags, options)
}
