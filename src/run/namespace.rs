//! Entering the namespaces that the image is served in.

use super::ids::Mapped;
use super::{Instruction, Report};
use crate::failure::{Failure, Result};
use crate::session::control;
use crate::sys::{self, Unshared};
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::io::{self, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;

/// The number of the first user namespace, which the kernel has fixed (`PROC_USER_INIT_INO`).
pub const FIRST_USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// Where the keeper has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Whether the kernel forbids here what only the host's root may do: devices, trusted attributes.
    pub confined: bool,
    /// Whether its supplementary groups can be changed.
    pub sets_groups: bool,
}

/// Moves this process, which has one thread, into a mount namespace of its own: as root into that
/// alone, else into a user namespace too, in which `front` maps the ids. Afterwards it is root there.
///
/// # Errors
/// The kernel, or what guards it, refuses; the front has failed to map ids.
pub fn enter(front: &mut BufReader<UnixStream>) -> Result<Entered> {
    let mut sets_groups = true;
    // Root in a container may lack the right.
    if !geteuid().is_root() || sys::unshare(Unshared::Mounts).is_err() {
        sys::unshare(Unshared::UsersAndMounts).map_err(|e| explain(&e))?;
        sets_groups = become_root(front)? == Mapped::Many;
    }
    // What the host mounts appears here too; what is mounted here does not appear there.
    let flags = MountPropagationFlags::REC | MountPropagationFlags::DOWNSTREAM;
    mount_change("/", flags)
        .map_err(|e| Failure::new(format!("keeping mounts private: {}", io::Error::from(e))))?;
    Ok(Entered {
        confined: user_namespace("self").is_ok_and(|(_, number)| number != FIRST_USER_NAMESPACE),
        sets_groups,
    })
}

fn become_root(front: &mut BufReader<UnixStream>) -> Result<Mapped> {
    let gone = |e: io::Error| Failure::new(format!("waiting for ids to be mapped: {e}"));
    control::send(front.get_ref(), &Report::Unmapped).map_err(gone)?;
    let Some(Instruction::Mapped(mapped)) = control::receive(front).map_err(gone)? else {
        return Err(gone(io::ErrorKind::UnexpectedEof.into()));
    };
    set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)
        .and_then(|()| set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT))
        .map_err(|e| Failure::new(format!("becoming root: {}", io::Error::from(e))))?;
    Ok(mapped)
}

/// Lets go of the groups that the user is in outside, as root inside the image has none of them.
pub fn leave_groups() {
    let _ = set_thread_groups(&[]);
}

/// The identity of the user namespace of a process: `process` is its name in `/proc`.
///
/// # Errors
/// The process has ended, or is not ours to look at.
pub fn user_namespace(process: &str) -> io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(format!("/proc/{process}/ns/user"))?;
    Ok((metadata.dev(), metadata.ino()))
}

fn explain(error: &io::Error) -> Failure {
    let why = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => "this system does not let its users make them",
        Some(libc::ENOSPC | libc::EUSERS) => "this system's limit is reached",
        Some(libc::EINVAL | libc::ENOSYS) => "this kernel has none",
        _ => "the kernel refuses",
    };
    Failure::new(format!("making a user namespace: {why} ({error})"))
        .remedy("liveroot doctor says how to allow them")
}
