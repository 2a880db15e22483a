//! Finding the file that a caller means.

use super::NotOurs;
use super::caller::Caller;
use super::filter::Named;
use crate::run::namespace;
use crate::sys::{self, Unshared};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat, openat2};
use rustix::io::Errno;
use rustix::process::{chroot, fchdir};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The type that statfs(2) gives for /proc.
const PROC_MAGIC: u64 = 0x9fa0;

/// Whether a symlink at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It is what is meant.
    No,
    /// What it leads to is meant.
    Yes,
}

/// Resolves paths as callers would: from their working directory, within their root directory. A
/// thread has one of these, and gives up its own directories for it.
pub struct Resolver {
    /// /proc as the keeper has it.
    proc: OwnedFd,
    /// The user namespace that has the mount.
    namespace: (u64, u64),
}

impl Resolver {
    /// Takes this thread's directories from those of other threads.
    ///
    /// # Errors
    /// The kernel refuses, or there is no /proc.
    pub fn in_this_thread() -> io::Result<Resolver> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = openat(CWD, "/proc", flags, Mode::empty())?;
        let namespace = namespace::user_namespace("self")?;
        sys::unshare(Unshared::Directories)?;
        Ok(Resolver { proc, namespace })
    }

    /// The thread with this number. It may have ended, and the number be another's, before all of this
    /// is opened: who needs to know asks afterwards whether it still waits.
    pub fn caller(&self, tid: u32) -> Result<Caller, NotOurs> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = openat(&self.proc, tid.to_string(), flags, Mode::empty())?;
        let open =
            |name: &str| openat(&proc, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let mut status = Vec::new();
        File::from(open("status")?)
            .take(64 << 10)
            .read_to_end(&mut status)?;
        let status = String::from_utf8_lossy(&status);
        let memory = File::from(open("mem")?);
        let namespace = rustix::fs::fstat(open("ns/user")?)?;
        let is_native = (namespace.st_dev, namespace.st_ino) == self.namespace;
        Caller::new(proc, &status, memory, is_native).ok_or(NotOurs)
    }

    /// The directory in which a caller wants to make something, and its name there.
    pub fn parent(&self, caller: &Caller, place: Named) -> Result<(OwnedFd, OsString), NotOurs> {
        let Named::Path { dir, path, .. } = place else {
            return Err(NotOurs);
        };
        let path = caller.read_string(path)?;
        let (directory, name) = split(&path).ok_or(NotOurs)?;
        let directory = self.open(caller, dir, directory, OFlags::DIRECTORY)?;
        Ok((directory, OsString::from_vec(name.to_vec())))
    }

    /// The file that a caller means.
    pub fn file(
        &self,
        caller: &Caller,
        file: Named,
        followed: Followed,
    ) -> Result<OwnedFd, NotOurs> {
        match file {
            Named::Open(fd) => Ok(descriptor(caller, fd)?),
            Named::Path { dir, path, .. } => {
                let path = caller.read_string(path)?;
                let flags = match followed {
                    Followed::No => OFlags::NOFOLLOW,
                    Followed::Yes => OFlags::empty(),
                };
                self.open(caller, dir, &path, flags)
            }
        }
    }

    /// Opens a file for reading that is open as a path only.
    ///
    /// # Errors
    /// `EPERM` for what is neither a regular file nor a directory.
    pub fn reopen(&self, file: &OwnedFd) -> Result<OwnedFd, Errno> {
        let kind = FileType::from_raw_mode(fstat(file)?.st_mode);
        if !matches!(kind, FileType::RegularFile | FileType::Directory) {
            return Err(Errno::PERM);
        }
        let path = format!("self/fd/{}", file.as_raw_fd());
        openat(
            &self.proc,
            path,
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )
    }

    fn open(
        &self,
        caller: &Caller,
        dir: i32,
        path: &[u8],
        flags: OFlags,
    ) -> Result<OwnedFd, NotOurs> {
        if path.is_empty() {
            return Err(NotOurs);
        }
        let root = openat(
            &caller.proc,
            "root",
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        fchdir(&root)?;
        chroot(".")?;
        let (start, path) = match through_proc(path) {
            Some((fd, rest)) if has_proc() => (descriptor(caller, fd)?, rest),
            _ if dir == libc::AT_FDCWD => {
                let flags = OFlags::PATH | OFlags::CLOEXEC;
                (openat(&caller.proc, "cwd", flags, Mode::empty())?, path)
            }
            _ if path.starts_with(b"/") => (root, path),
            _ => (descriptor(caller, dir)?, path),
        };
        if path.is_empty() {
            // A link of /proc itself is nothing that could be meant.
            return if flags.contains(OFlags::NOFOLLOW) {
                Err(NotOurs)
            } else {
                Ok(start)
            };
        }
        fchdir(&start)?;
        // The links of /proc would lead where this thread's lead, not the caller's.
        let found = openat2(
            CWD,
            OsStr::from_bytes(path),
            OFlags::PATH | OFlags::CLOEXEC | flags,
            Mode::empty(),
            ResolveFlags::NO_MAGICLINKS,
        )?;
        Ok(found)
    }
}

/// An open file of a caller.
fn descriptor(caller: &Caller, fd: i32) -> Result<OwnedFd, NotOurs> {
    let path = PathBuf::from(format!("fd/{fd}"));
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(openat(&caller.proc, &path, flags, Mode::empty())?)
}

/// Takes apart `/proc/self/fd/N/…`, by which programs (tar among them) name what is in a directory that
/// they have open, for calls that take no descriptor: the descriptor, and the path from there.
fn through_proc(path: &[u8]) -> Option<(i32, &[u8])> {
    let rest = path.strip_prefix(b"/proc/self/fd/")?;
    let end = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    let number = std::str::from_utf8(number).ok()?;
    let plain = number.bytes().all(|b| b.is_ascii_digit());
    let from = rest.iter().position(|&b| b != b'/').unwrap_or(rest.len());
    plain.then_some(())?;
    Some((number.parse().ok()?, rest.get(from..)?))
}

/// Whether this thread's `/proc` is what it is called.
fn has_proc() -> bool {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, Path::new("/proc"), flags, Mode::empty())
        .and_then(|proc| fstatfs(proc.as_fd()))
        .is_ok_and(|found| found.f_type as u64 == PROC_MAGIC)
}

/// The path of the directory, and the name in it; `None` where the last part is none that could be
/// made.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let name_at = path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    let (directory, name) = path.split_at(name_at);
    if matches!(name, b"" | b"." | b"..") {
        return None;
    }
    Some((
        if directory.is_empty() {
            b"."
        } else {
            directory
        },
        name,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_a_directory_and_a_name() {
        assert_eq!(split(b"null"), Some((&b"."[..], &b"null"[..])));
        assert_eq!(split(b"/null"), Some((&b"/"[..], &b"null"[..])));
        assert_eq!(split(b"a/../b"), Some((&b"a/../"[..], &b"b"[..])));
        for none in [&b""[..], b"/", b"a/", b"a/..", b"."] {
            assert_eq!(split(none), None);
        }
    }

    #[test]
    fn descriptors_in_proc_are_taken_apart() {
        assert_eq!(
            through_proc(b"/proc/self/fd/5/dev/x"),
            Some((5, &b"dev/x"[..]))
        );
        assert_eq!(through_proc(b"/proc/self/fd/5"), Some((5, &b""[..])));
        assert_eq!(through_proc(b"/proc/self/fd/5//x"), Some((5, &b"x"[..])));
        for other in [
            &b"/proc/self/fd/"[..],
            b"/proc/self/fd/+5/x",
            b"/proc/1/fd/5",
            b"x",
        ] {
            assert_eq!(through_proc(other), None);
        }
    }
}
