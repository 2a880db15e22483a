//! What there is to know of a machine.

use super::remedy::Family;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Everything that the verdicts go by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    /// The kernel's release.
    pub kernel: String,
    /// Who asks.
    pub user: User,
    /// Whether this is a container, as far as one can see from within.
    pub in_container: bool,
    /// How software is installed here.
    pub family: Family,
    /// `/dev/fuse`, for who asks.
    pub fuse_device: Access,
    /// Whether everybody may open `/dev/fuse`.
    pub fuse_device_for_all: bool,
    /// Whether root here can mount.
    pub can_mount: bool,
    /// `fusermount3`.
    pub fusermount: Program,
    /// Whether `/etc/fuse.conf` lets users let others in.
    pub user_allow_other: bool,
    /// `newuidmap`.
    pub newuidmap: Program,
    /// `newgidmap`.
    pub newgidmap: Program,
    /// The user's subordinate user ids.
    pub subuids: Subordinate,
    /// The user's subordinate group ids.
    pub subgids: Subordinate,
    /// A user and mount namespace, tried out.
    pub namespace: Namespace,
    /// `kernel.unprivileged_userns_clone`, where the kernel has it.
    pub unprivileged_userns_clone: Option<u64>,
    /// `user.max_user_namespaces`.
    pub max_user_namespaces: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, where the kernel has it.
    pub apparmor_restricts_userns: Option<u64>,
    /// Whether seccomp can ask a supervisor, which `mknod` in `run` takes.
    pub seccomp_notify: bool,
    /// What the daemon's sandbox lacks here.
    pub sandbox_missing: Vec<String>,
    /// Whether the kernel's loop devices can be used. Nothing needs them.
    pub loop_devices: bool,
    /// Docker.
    pub docker: Docker,
    /// Whether Podman is installed.
    pub podman: bool,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// The number.
    pub uid: u32,
    /// The name, or the number where it has none.
    pub name: String,
}

/// Whether a device can be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Yes.
    Opens,
    /// There is none.
    Missing,
    /// The file is there, and the kernel has nothing behind it.
    NoDriver,
    /// Its mode, or the container's rules, say no.
    Forbidden,
}

/// A program that needs a privilege of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// Not in the path.
    Missing,
    /// It is at this path, neither setuid root nor with file capabilities.
    Powerless(String),
    /// It is there and has what it needs.
    Able,
}

/// Subordinate ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Subordinate {
    /// How many the user has.
    pub count: u64,
    /// The first number that nobody has.
    pub next_free: u64,
}

/// What came of trying a user and mount namespace.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Namespace {
    /// Why there is none, or why its maker has no power in it.
    pub refused: Option<String>,
    /// Whether FUSE could be mounted in it.
    pub mounts_fuse: bool,
    /// Whether an overlay could be mounted in it.
    pub mounts_overlay: bool,
}

/// Docker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Docker {
    /// Not installed.
    Missing,
    /// Its engine cannot be reached by this user.
    Unreachable,
    /// Its engine's socket can be opened.
    Reachable,
}

impl Facts {
    /// What was found, as labels and values.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let yes = |value: bool| if value { "yes" } else { "no" }.to_owned();
        let setting = |value: Option<u64>| value.map_or("not there".to_owned(), |v| v.to_string());
        let ids = |ids: Subordinate| match ids.count {
            0 => "none".to_owned(),
            count => count.to_string(),
        };
        let namespace = match &self.namespace.refused {
            None => "yes".to_owned(),
            Some(why) => format!("no ({why})"),
        };
        vec![
            ("kernel", self.kernel.clone()),
            ("user", format!("{} ({})", self.user.name, self.user.uid)),
            ("in a container", yes(self.in_container)),
            ("/dev/fuse", self.fuse_device.to_string()),
            ("fusermount3", self.fusermount.to_string()),
            (
                "user_allow_other in /etc/fuse.conf",
                yes(self.user_allow_other),
            ),
            ("user namespaces", namespace),
            (
                "  kernel.unprivileged_userns_clone",
                setting(self.unprivileged_userns_clone),
            ),
            (
                "  user.max_user_namespaces",
                setting(self.max_user_namespaces),
            ),
            (
                "  kernel.apparmor_restrict_unprivileged_userns",
                setting(self.apparmor_restricts_userns),
            ),
            ("  FUSE in them", yes(self.namespace.mounts_fuse)),
            ("  overlayfs in them", yes(self.namespace.mounts_overlay)),
            ("subordinate user ids", ids(self.subuids)),
            ("subordinate group ids", ids(self.subgids)),
            ("newuidmap", self.newuidmap.to_string()),
            ("newgidmap", self.newgidmap.to_string()),
            ("seccomp notifications", yes(self.seccomp_notify)),
            (
                "sandbox of the daemon",
                match self.sandbox_missing.as_slice() {
                    [] => "complete".to_owned(),
                    missing => format!("without {}", missing.join("; ")),
                },
            ),
            ("loop devices (not needed)", yes(self.loop_devices)),
            ("Docker", self.docker.to_string()),
            ("Podman", yes(self.podman)),
        ]
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::Opens => "can be opened",
            Access::Missing => "missing",
            Access::NoDriver => "there, but the kernel has no FUSE",
            Access::Forbidden => "cannot be opened by this user",
        })
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Program::Missing => f.write_str("not installed"),
            Program::Powerless(path) => write!(f, "{path} is not setuid root"),
            Program::Able => f.write_str("yes"),
        }
    }
}

impl fmt::Display for Docker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Docker::Missing => "not installed",
            Docker::Unreachable => "its engine cannot be reached",
            Docker::Reachable => "yes",
        })
    }
}
