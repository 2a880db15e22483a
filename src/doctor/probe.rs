//! What can only be found out by trying, in processes that end afterwards.

use super::facts::Namespace;
use crate::sandbox;
use crate::session::attach;
use crate::sys::{self, Fork, Unshared};
use rustix::fd::AsRawFd;
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{WaitOptions, getegid, geteuid, waitpid};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// Tries a user and mount namespace.
pub fn namespace() -> Namespace {
    in_child(try_namespace).unwrap_or_else(|| Namespace {
        refused: Some("the attempt gave no answer".to_owned()),
        ..Namespace::default()
    })
}

/// Whether this user can mount FUSE without a user namespace.
pub fn can_mount() -> bool {
    let attempt = || sys::unshare(Unshared::Mounts).is_ok() && scratch().is_ok() && mounts_fuse();
    geteuid().is_root() && in_child(attempt).unwrap_or(false)
}

/// What the daemon's sandbox lacks.
pub fn sandbox() -> Vec<String> {
    in_child(sandbox::enter).unwrap_or_else(|| vec!["an answer".to_owned()])
}

/// Has a process of its own find something out; `None` when it gave no answer.
fn in_child<T: Serialize + DeserializeOwned>(work: impl FnOnce() -> T) -> Option<T> {
    let (mut reader, mut writer) = io::pipe().ok()?;
    match sys::fork().ok()? {
        Fork::Child => {
            drop(reader);
            let written = serde_json::to_vec(&work()).map(|bytes| writer.write_all(&bytes));
            std::process::exit(i32::from(written.is_err()));
        }
        Fork::Parent(pid) => {
            drop(writer);
            let mut bytes = Vec::new();
            let read = reader.read_to_end(&mut bytes);
            let _ = waitpid(Some(pid), WaitOptions::empty());
            read.ok().and_then(|_| serde_json::from_slice(&bytes).ok())
        }
    }
}

fn try_namespace() -> Namespace {
    match enter_namespace() {
        Ok(()) => Namespace {
            refused: None,
            mounts_fuse: mounts_fuse(),
            mounts_overlay: mounts_overlay().is_ok(),
        },
        Err(why) => Namespace {
            refused: Some(why),
            ..Namespace::default()
        },
    }
}

fn enter_namespace() -> Result<(), String> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    sys::unshare(Unshared::UsersAndMounts).map_err(|e| e.to_string())?;
    // Linux before 3.19 has no such file.
    let _ = fs::write("/proc/self/setgroups", "deny");
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))
        .and_then(|()| fs::write("/proc/self/gid_map", format!("0 {gid} 1")))
        .map_err(|e| format!("ids cannot be mapped: {e}"))?;
    scratch().map_err(|e| format!("its maker has no power in it: {}", io::Error::from(e)))
}

/// The directory on which things are mounted, in a mount namespace of its own.
const SCRATCH: &str = "/tmp";

fn scratch() -> Result<(), Errno> {
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("none", SCRATCH, "tmpfs", flags, None)
}

fn make(name: &str) -> io::Result<String> {
    let path = format!("{SCRATCH}/{name}");
    fs::create_dir(Path::new(&path))?;
    Ok(path)
}

fn mounts_fuse() -> bool {
    let attempt = || -> io::Result<()> {
        let device = File::options()
            .read(true)
            .write(true)
            .open(attach::DEVICE)?;
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        let options = CString::new(options)?;
        mount("doctor", make("fuse")?, "fuse", flags, options.as_c_str())?;
        Ok(())
    };
    attempt().is_ok()
}

fn mounts_overlay() -> io::Result<()> {
    let (lower, upper) = (make("lower")?, make("upper")?);
    let (work, merged) = (make("work")?, make("merged")?);
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work},userxattr");
    let options = CString::new(options)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("overlay", merged, "overlay", flags, options.as_c_str())?;
    Ok(())
}
