//! Looking at the machine.

use super::facts::{Access, Docker, Facts, Program, Subordinate, User};
use super::probe;
use super::remedy::Family;
use crate::session::attach::{DEVICE, FUSERMOUNT};
use rustix::process::geteuid;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Everything there is to know. The process must have one thread.
pub fn facts() -> Facts {
    let uid = geteuid().as_raw();
    let name = name_of(&read("/etc/passwd"), uid).unwrap_or_else(|| uid.to_string());
    Facts {
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        in_container: is_container(),
        family: family(),
        fuse_device: access(Path::new(DEVICE)),
        fuse_device_for_all: fs::metadata(DEVICE).is_ok_and(|m| m.mode() & 0o006 == 0o006),
        can_mount: probe::can_mount(),
        fusermount: program(FUSERMOUNT),
        user_allow_other: allows_other(&read("/etc/fuse.conf")),
        newuidmap: program("newuidmap"),
        newgidmap: program("newgidmap"),
        subuids: subordinate(&read("/etc/subuid"), &name, uid),
        subgids: subordinate(&read("/etc/subgid"), &name, uid),
        namespace: probe::namespace(),
        unprivileged_userns_clone: sysctl("kernel/unprivileged_userns_clone"),
        max_user_namespaces: sysctl("user/max_user_namespaces"),
        apparmor_restricts_userns: sysctl("kernel/apparmor_restrict_unprivileged_userns"),
        seccomp_notify: read("/proc/sys/kernel/seccomp/actions_avail")
            .split_ascii_whitespace()
            .any(|action| action == "user_notif"),
        sandbox_missing: probe::sandbox(),
        loop_devices: File::open("/dev/loop-control").is_ok(),
        docker: docker(),
        podman: in_path("podman").is_some(),
        user: User { uid, name },
    }
}

/// A file's text; what cannot be read is empty.
fn read(path: &str) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn sysctl(name: &str) -> Option<u64> {
    read(&format!("/proc/sys/{name}")).trim().parse().ok()
}

fn is_container() -> bool {
    std::env::var_os("container").is_some()
        || Path::new("/.dockerenv").exists()
        || Path::new("/run/.containerenv").exists()
}

/// By the installer that is there.
fn family() -> Family {
    [
        ("apt-get", Family::Apt),
        ("dnf", Family::Dnf),
        ("apk", Family::Apk),
        ("pacman", Family::Pacman),
        ("zypper", Family::Zypper),
    ]
    .into_iter()
    .find(|(installer, _)| {
        in_path(installer).is_some() || Path::new("/usr/bin").join(installer).exists()
    })
    .map_or(Family::Other, |(_, family)| family)
}

fn access(device: &Path) -> Access {
    match File::options().read(true).write(true).open(device) {
        Ok(_) => Access::Opens,
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOENT) => Access::Missing,
            Some(libc::ENODEV | libc::ENXIO) => Access::NoDriver,
            _ => Access::Forbidden,
        },
    }
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| {
            fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        })
}

/// A program, and whether it is setuid root or has file capabilities.
fn program(name: &str) -> Program {
    let Some(path) = in_path(name) else {
        return Program::Missing;
    };
    let setuid = fs::metadata(&path).is_ok_and(|m| m.uid() == 0 && m.mode() & 0o4000 != 0);
    let mut buffer = [0u8; 64];
    let able = setuid
        || rustix::fs::getxattr(&path, "security.capability", &mut buffer).is_ok_and(|len| len > 0);
    if able {
        Program::Able
    } else {
        Program::Powerless(path.to_string_lossy().into_owned())
    }
}

fn docker() -> Docker {
    if in_path("docker").is_none() {
        return Docker::Missing;
    }
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = match host.strip_prefix("unix://") {
        Some(path) => path,
        // Over a network: whoever set that up knows.
        None if !host.is_empty() => return Docker::Reachable,
        None => "/var/run/docker.sock",
    };
    match UnixStream::connect(socket) {
        Ok(_) => Docker::Reachable,
        Err(_) => Docker::Unreachable,
    }
}

/// The name of a user in `/etc/passwd`.
fn name_of(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid).then(|| name.to_owned())
    })
}

/// Whether `/etc/fuse.conf` has the line that lets users let others in.
fn allows_other(conf: &str) -> bool {
    conf.lines().any(|line| line.trim() == "user_allow_other")
}

/// A user's part of `/etc/subuid` or `/etc/subgid` (subuid(5)).
fn subordinate(table: &str, name: &str, uid: u32) -> Subordinate {
    let uid = uid.to_string();
    // Where the tables of distributions begin.
    let mut all = Subordinate {
        count: 0,
        next_free: 100_000,
    };
    for line in table.lines() {
        let mut fields = line.split(':').map(str::trim);
        let (Some(owner), Some(first), Some(count)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let (Ok(first), Ok(count)) = (first.parse::<u64>(), count.parse::<u64>()) else {
            continue;
        };
        all.next_free = all.next_free.max(first.saturating_add(count));
        if owner == name || owner == uid {
            all.count = all.count.saturating_add(count);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subordinate_ids_are_counted_by_name_and_number() {
        let table = "bob:100000:65536\nalice:165536:1000\n# no:1\n1000:166536:10\nalice:x:y\n";
        let ids = subordinate(table, "alice", 1000);
        assert_eq!((ids.count, ids.next_free), (1010, 166_546));
        let none = subordinate("", "alice", 1000);
        assert_eq!((none.count, none.next_free), (0, 100_000));
    }

    #[test]
    fn a_comment_in_fuse_conf_allows_nothing() {
        assert!(!allows_other("#user_allow_other\n# user_allow_other\n"));
        assert!(allows_other("mount_max = 5\n user_allow_other \n"));
    }

    #[test]
    fn users_have_names() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nalice:x:1000:1000::/:/bin/sh\n";
        assert_eq!(name_of(passwd, 1000).as_deref(), Some("alice"));
        assert_eq!(name_of(passwd, 7), None);
    }

    #[test]
    fn devices_are_told_apart() {
        assert_eq!(access(Path::new("/dev/null")), Access::Opens);
        assert_eq!(access(Path::new("/dev/no-such-device")), Access::Missing);
    }
}
