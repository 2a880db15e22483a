//! Making the mount appear: by system call as root, through `fusermount3` as a user.

use super::mounts::FS_TYPE;
use super::options::MountFlags;
use crate::failure::{Failure, Result};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, open, openat2};
use rustix::io::Errno;
use rustix::mount::{MountFlags as Ms, mount};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{getegid, geteuid};
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

/// The setuid program that mounts for ordinary users; searched in PATH.
pub const FUSERMOUNT: &str = "fusermount3";

/// How FUSE servers reach the kernel.
pub const DEVICE: &str = "/dev/fuse";

/// Opens the FUSE device, to learn before anything else whether there is one.
///
/// # Errors
/// No such device, or no permission.
pub fn open_device() -> Result<File> {
    let path = Path::new(DEVICE);
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => {
                Failure::of(path, "no such device: the kernel has no FUSE here").remedy(
                    "load it (modprobe fuse), or start the container with --device /dev/fuse; \
                     liveroot doctor tells more",
                )
            }
            Some(libc::EACCES | libc::EPERM) => Failure::of(path, error).remedy(
                "let this user open it (chmod 666 /dev/fuse), or allow the device in the container; \
                 liveroot doctor tells more",
            ),
            _ => Failure::of(path, error),
        })
}

/// A mount that is to appear.
#[derive(Clone, Copy, Debug)]
pub struct Attachment<'a> {
    /// The directory, as the mount table will show it.
    pub point: &'a Path,
    /// What the mount table shows as the source.
    pub source: &'a OsStr,
    /// Flags of the mount.
    pub flags: MountFlags,
    /// Whether other users get in.
    pub allow_other: bool,
    /// Whether the kernel checks permissions; else who gets in may do everything.
    pub kernel_checks: bool,
}

/// Mounts, and returns the connection to the kernel. `device` is [`open_device`]'s.
///
/// # Errors
/// The kernel or `fusermount3` refused, or there is no `fusermount3`.
pub fn attach(what: &Attachment<'_>, device: File) -> Result<OwnedFd> {
    if !geteuid().is_root() {
        if what.flags.suid == Some(true) || what.flags.dev == Some(true) {
            return Err(
                Failure::usage("only root mounts with suid or dev").remedy("leave the option out")
            );
        }
        return through_fusermount(what, false);
    }
    match by_system_call(what, &device) {
        Ok(()) => Ok(device.into()),
        // Root without the right to mount: in a container, say.
        Err(Errno::PERM) => through_fusermount(what, true),
        Err(errno) => Err(Failure::of(
            what.point,
            format!("mounting: {}", io::Error::from(errno)),
        )),
    }
}

/// Opens the directory `point`, a path without symlinks: whoever can put one in its way meanwhile
/// does not get the mount elsewhere.
fn open_point(point: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat2(CWD, point, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // Linux before 5.6, and containers that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => open(point, flags, Mode::empty()),
        opened => opened,
    }
}

fn by_system_call(what: &Attachment<'_>, device: &File) -> Result<(), Errno> {
    let directory = open_point(what.point)?;
    let point = format!("/proc/self/fd/{}", directory.as_raw_fd());
    let mut flags = Ms::empty();
    flags.set(Ms::RDONLY, what.flags.read_only);
    flags.set(Ms::NOSUID, what.flags.suid == Some(false));
    flags.set(Ms::NODEV, what.flags.dev == Some(false));
    flags.set(Ms::NOATIME, !what.flags.access_times);
    flags.set(Ms::NOEXEC, what.flags.noexec);
    flags.set(Ms::SYNCHRONOUS, what.flags.sync);
    flags.set(Ms::DIRSYNC, what.flags.dirsync);
    let mut data = format!(
        "fd={},rootmode=40000,user_id={},group_id={}",
        device.as_fd().as_raw_fd(),
        geteuid().as_raw(),
        getegid().as_raw()
    );
    for (on, option) in [
        (what.kernel_checks, ",default_permissions"),
        (what.allow_other, ",allow_other"),
    ] {
        if on {
            data.push_str(option);
        }
    }
    let data = CString::new(data).map_err(|_| Errno::INVAL)?;
    mount(what.source, point, FS_TYPE, flags, data.as_c_str())
}

fn through_fusermount(what: &Attachment<'_>, by_root: bool) -> Result<OwnedFd> {
    let (ours, theirs) =
        UnixStream::pair().map_err(|e| Failure::new(format!("making a socket: {e}")))?;
    // The program sends the descriptor over the socket that it finds as its standard input.
    let child = Command::new(FUSERMOUNT)
        .arg("-o")
        .arg(fusermount_options(what, by_root))
        .arg("--")
        .arg(what.point)
        .env("_FUSE_COMMFD", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| no_fusermount(what.point, &error))?;
    let received = receive_descriptor(&ours);
    let output = child
        .wait_with_output()
        .map_err(|e| Failure::new(format!("waiting for {FUSERMOUNT}: {e}")))?;
    match received {
        Ok(Some(connection)) if output.status.success() => Ok(connection),
        _ => Err(explain(
            what.point,
            &String::from_utf8_lossy(&output.stderr),
        )),
    }
}

/// Why `fusermount3` could not be run.
pub fn no_fusermount(point: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        Failure::of(
            point,
            format!("{FUSERMOUNT} is not installed, and only root mounts without it"),
        )
        .remedy("install the package fuse3; liveroot doctor tells more")
    } else {
        Failure::of(point, format!("running {FUSERMOUNT}: {error}"))
    }
}

fn explain(point: &Path, said: &str) -> Failure {
    let said = said.trim().trim_start_matches("fusermount3: ");
    let failure = Failure::of(
        point,
        if said.is_empty() {
            "fusermount3 failed"
        } else {
            said
        },
    );
    if said.contains("user_allow_other") {
        Failure::of(
            point,
            "only root may let other users in, as long as /etc/fuse.conf does not say user_allow_other",
        )
        .remedy("as root: echo user_allow_other >> /etc/fuse.conf; or leave --allow-other out")
    } else if said.contains("no write access") || said.contains("not owned by") {
        failure.remedy("mount on a directory that is yours")
    } else {
        failure.remedy("liveroot doctor tells what this machine allows")
    }
}

fn fusermount_options(what: &Attachment<'_>, by_root: bool) -> OsString {
    let flags = what.flags;
    let mut options = b"subtype=liveroot".to_vec();
    for (on, option) in [
        (what.kernel_checks, ",default_permissions"),
        (flags.read_only, ",ro"),
        (flags.noexec, ",noexec"),
        (flags.sync, ",sync"),
        (flags.dirsync, ",dirsync"),
        (!flags.access_times, ",noatime"),
        // Without these two, it takes nosuid and nodev.
        (by_root && flags.suid != Some(false), ",suid"),
        (by_root && flags.dev != Some(false), ",dev"),
        (what.allow_other, ",allow_other"),
    ] {
        if on {
            options.extend_from_slice(option.as_bytes());
        }
    }
    options.extend_from_slice(b",fsname=");
    for &byte in what.source.as_bytes() {
        if matches!(byte, b',' | b'\\') {
            options.push(b'\\');
        }
        options.push(byte);
    }
    OsString::from_vec(options)
}

/// The descriptor that comes over the socket, or `None` when it closes without one.
fn receive_descriptor(socket: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    loop {
        let mut slices = [IoSliceMut::new(&mut byte)];
        match recvmsg(socket, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    }))
}

/// Lets the kernel read ahead a megabyte at a time instead of 128 KiB. Only root may; without it,
/// reading in sequence takes more requests.
pub fn widen_readahead((major, minor): super::mounts::Device) {
    let _ = std::fs::write(
        format!("/sys/class/bdi/{major}:{minor}/read_ahead_kb"),
        "1024",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_symlink_leads_a_mount_astray() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("real/point")).unwrap();
        std::os::unix::fs::symlink("real", base.join("link")).unwrap();
        std::os::unix::fs::symlink("real/point", base.join("last")).unwrap();
        assert!(open_point(&base.join("real/point")).is_ok());
        assert_eq!(
            open_point(&base.join("link/point")).unwrap_err(),
            Errno::LOOP
        );
        assert!(open_point(&base.join("last")).is_err());
    }

    #[test]
    fn commas_in_the_source_are_escaped() {
        let what = Attachment {
            point: Path::new("/mnt"),
            source: OsStr::new(r"/a,b\c"),
            flags: MountFlags {
                read_only: true,
                ..MountFlags::default()
            },
            allow_other: true,
            kernel_checks: true,
        };
        assert_eq!(
            fusermount_options(&what, false),
            r"subtype=liveroot,default_permissions,ro,noatime,allow_other,fsname=/a\,b\\c"
        );
    }
}
