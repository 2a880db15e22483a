//! The overlay itself.

use super::scratch::Scratch;
use crate::import::directory::{XATTR, xattrs};
use crate::run::view::by_descriptor;
use crate::session::options::MountFlags;
use rustix::fs::{
    CWD, Mode, OFlags, Timespec, Timestamps, XattrFlags, lsetxattr, openat, utimensat,
};
use rustix::io::Errno;
use rustix::mount::{MountFlags as Ms, UnmountFlags};
use rustix::process::geteuid;
use std::ffi::{CString, OsStr};
use std::fs::Permissions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

/// Whether overlays keep their own attributes among those of users: only the host's root has others.
pub fn for_users() -> bool {
    !geteuid().is_root()
        || crate::run::namespace::user_namespace("self")
            .is_ok_and(|(_, number)| number != crate::run::namespace::FIRST_USER_NAMESPACE)
}

/// Lays the scratch directory's upper directory over its lower one, at `point`.
///
/// Everything is switched off that would leave something else in the upper directory than whole
/// files, whiteouts and opaque directories. Inode numbers are all of one device.
///
/// # Errors
/// What `mount(2)` says.
pub fn mount(scratch: &Scratch, point: &Path, flags: &MountFlags) -> Result<(), Errno> {
    let kind = if for_users() {
        "userxattr"
    } else {
        "redirect_dir=nofollow"
    };
    // Descriptors have no characters that mean something to the kernel.
    let [lower, upper, work] = [scratch.lower(), scratch.upper(), scratch.work()].map(open);
    let (lower, upper, work) = (lower?, upper?, work?);
    let path = |fd: &OwnedFd| by_descriptor(fd.as_fd()).display().to_string();
    let options = format!(
        "lowerdir={},upperdir={},workdir={},index=off,metacopy=off,xino=on,{kind}",
        path(&lower),
        path(&upper),
        path(&work)
    );
    let options = CString::new(options).map_err(|_| Errno::INVAL)?;
    rustix::mount::mount("overlay", point, "overlay", bits(flags), options.as_c_str())
}

/// What the user said about the mount, for the kernel.
pub fn bits(flags: &MountFlags) -> Ms {
    let mut bits = Ms::empty();
    bits.set(Ms::NOSUID, flags.suid == Some(false));
    bits.set(Ms::NODEV, flags.dev == Some(false));
    bits.set(Ms::NOEXEC, flags.noexec);
    bits.set(Ms::NOATIME, !flags.access_times);
    bits
}

fn open(path: impl AsRef<Path>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path.as_ref(), flags, Mode::empty())
}

/// Takes away what is mounted at `point`.
pub fn unmount(point: &Path) {
    // Nothing of the command is left that could hold it; who looks in from outside is cut off.
    if rustix::mount::unmount(point, UnmountFlags::empty()).is_err() {
        let _ = rustix::mount::unmount(point, UnmountFlags::DETACH);
    }
}

/// Gives the directory `new` the attributes of `old`.
///
/// # Errors
/// They cannot be given, since the owner is not mapped say.
pub fn adopt(old: &Path, new: &Path) -> io::Result<()> {
    let metadata = std::fs::metadata(old)?;
    chown(new, Some(metadata.uid()), Some(metadata.gid()))?;
    std::fs::set_permissions(new, Permissions::from_mode(metadata.mode() & 0o7777))?;
    for (name, value) in xattrs(old, &mut vec![0; XATTR])? {
        let name = OsStr::from_bytes(&name);
        // What the kernel does not let this user set is carried over when changes are applied.
        let set = lsetxattr(new, name, &value, XattrFlags::empty());
        if !name.as_bytes().starts_with(b"trusted.") {
            set?;
        }
    }
    let time = |tv_sec, nanos: i64| Timespec {
        tv_sec,
        tv_nsec: nanos as _,
    };
    let times = Timestamps {
        last_access: time(metadata.atime(), metadata.atime_nsec()),
        last_modification: time(metadata.mtime(), metadata.mtime_nsec()),
    };
    utimensat(CWD, new, &times, rustix::fs::AtFlags::empty())?;
    Ok(())
}
