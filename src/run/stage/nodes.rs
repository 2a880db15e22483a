//! What the kernel forbids a command in an overlay's scratch directory, as in every user namespace:
//! device nodes and `trusted.` attributes. Attributes of users stand in for both, until changes are
//! applied. The supervisor lets no command set these itself.

use crate::fuse::rules;
use crate::import::entry::Kind;
use crate::run::supervisor::Caller;
use lwext4::Ino;
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Uid, XattrFlags, fchmod, fchown, fremovexattr, fsetxattr, fstat,
    makedev, openat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::umask;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The prefix of all of them.
const OURS: &[u8] = rules::STAND_IN;

/// Says that a regular file stands for a device node, and for which.
const NODE: &[u8] = b"user.liveroot.node";

/// Makes what stands for a device: an empty file, of the caller's, with its mask. `device` is in the
/// kernel's 32-bit form. The thread's umask is changed.
///
/// # Errors
/// Those of `mknod(2)`.
pub fn make(
    directory: &OwnedFd,
    name: &OsStr,
    mode: u32,
    device: u32,
    caller: &Caller,
) -> Result<(), Errno> {
    let (major, minor) = crate::fuse::translate::device_from_kernel(device);
    let letter = match mode & libc::S_IFMT {
        libc::S_IFBLK => 'b',
        _ => 'c',
    };
    // This thread's directories and mask are its own.
    umask(Mode::from_raw_mode(u32::from(caller.umask)));
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = openat(directory, name, flags, Mode::from_raw_mode(mode & 0o7777))?;
    let described = || -> Result<(), Errno> {
        let value = format!("{letter} {major} {minor}");
        fsetxattr(
            &file,
            OsStr::from_bytes(NODE),
            value.as_bytes(),
            XattrFlags::empty(),
        )?;
        if (caller.uid, caller.gid) == (0, 0) {
            return Ok(());
        }
        let made = fstat(&file)?;
        let inherits = fstat(directory)?.st_mode & libc::S_ISGID != 0;
        let group = (!inherits).then(|| Gid::from_raw(caller.gid));
        fchown(&file, Some(Uid::from_raw(caller.uid)), group)?;
        fchmod(&file, Mode::from_raw_mode(made.st_mode & 0o7777))
    };
    let done = described();
    if done.is_err() {
        let _ = unlinkat(directory, name, AtFlags::empty());
    }
    done
}

/// Sets what stands for a trusted attribute; `flags` are those of `setxattr(2)`.
///
/// # Errors
/// Those of `setxattr(2)`.
pub fn set_trusted(file: &OwnedFd, name: &[u8], value: &[u8], flags: i32) -> Result<(), Errno> {
    let flags = XattrFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::INVAL)?;
    fsetxattr(file, stand_in(name), value, flags)
}

/// Removes what stands for a trusted attribute.
///
/// # Errors
/// Those of `removexattr(2)`.
pub fn remove_trusted(file: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
    fremovexattr(file, stand_in(name))
}

fn stand_in(name: &[u8]) -> OsString {
    OsString::from_vec([OURS, name].concat())
}

/// What a file's attributes stand for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Meant {
    /// A device node.
    pub node: Option<Kind>,
    /// The file of the image that the overlay has copied.
    pub copy_of: Option<Ino>,
    /// The attributes that it is to have.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Meant {
    /// Takes one attribute: `false` if it stands for nothing.
    pub fn take(&mut self, name: &[u8], value: &[u8]) -> bool {
        if name == NODE {
            self.node = parse(value);
            return true;
        }
        if name == rules::FILE_MARK {
            self.copy_of = marked(value);
            return true;
        }
        let Some(trusted) = name.strip_prefix(OURS) else {
            return false;
        };
        self.xattrs.push((trusted.to_vec(), value.to_vec()));
        true
    }
}

/// The inode number in a mark.
pub fn marked(value: &[u8]) -> Option<Ino> {
    std::str::from_utf8(value).ok()?.parse().ok().map(Ino)
}

fn parse(value: &[u8]) -> Option<Kind> {
    let mut parts = std::str::from_utf8(value).ok()?.split(' ');
    let letter = parts.next()?;
    let (major, minor) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    match letter {
        "b" => Some(Kind::BlockDevice(major, minor)),
        "c" => Some(Kind::CharDevice(major, minor)),
        _ => None,
    }
}

/// Whether a device number is that of whiteouts.
pub fn is_whiteout(kind: &Kind) -> bool {
    matches!(kind, Kind::CharDevice(major, minor) if makedev(*major, *minor) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_stand_for_devices_and_attributes() {
        let mut meant = Meant::default();
        assert!(meant.take(b"user.liveroot.node", b"b 8 300"));
        assert!(meant.take(b"user.liveroot.trusted.x", b"1"));
        assert!(meant.take(b"user.liveroot.file", b"4711"));
        assert!(!meant.take(b"user.x", b"1"));
        assert_eq!(meant.node, Some(Kind::BlockDevice(8, 300)));
        assert_eq!(meant.xattrs, [(b"trusted.x".to_vec(), b"1".to_vec())]);
        assert_eq!(meant.copy_of, Some(Ino(4711)));
        assert_eq!(parse(b"c 1"), None);
        assert_eq!(parse(b"x 1 2"), None);
    }
}
