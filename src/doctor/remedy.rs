//! The one command that makes a way of working possible.

use super::facts::{Facts, Program, Subordinate};
use serde::Serialize;

/// How software is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Debian, Ubuntu, …
    Apt,
    /// Fedora, Red Hat, …
    Dnf,
    /// Alpine.
    Apk,
    /// Arch.
    Pacman,
    /// openSUSE.
    Zypper,
    /// Something else.
    Other,
}

/// Something that packages bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Software {
    /// `fusermount3`.
    Fuse,
    /// `newuidmap` and `newgidmap`.
    Uidmap,
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

impl Software {
    fn package(self, family: Family) -> &'static str {
        match (self, family) {
            (Software::Fuse, _) => "fuse3",
            (Software::Uidmap, Family::Apt) => "uidmap",
            (Software::Uidmap, Family::Dnf) => "shadow-utils",
            (Software::Uidmap, Family::Apk) => "shadow-uidmap",
            (Software::Uidmap, _) => "shadow",
            (Software::Docker, Family::Apt) => "docker.io",
            (Software::Docker, Family::Dnf) => "moby-engine",
            (Software::Docker, _) => "docker",
            (Software::Podman, _) => "podman",
        }
    }
}

/// A command for root: with sudo, unless root asks.
pub fn as_root(facts: &Facts, command: &str) -> String {
    if facts.user.uid == 0 {
        command.to_owned()
    } else {
        format!("sudo {command}")
    }
}

/// Installs something.
pub fn install(facts: &Facts, software: Software) -> String {
    let package = software.package(facts.family);
    let installer = match facts.family {
        Family::Apt => "apt-get install",
        Family::Dnf => "dnf install",
        Family::Apk => "apk add",
        Family::Pacman => "pacman -S",
        Family::Zypper => "zypper install",
        Family::Other => return format!("install {package} by your distribution's means"),
    };
    as_root(facts, &format!("{installer} {package}"))
}

/// Makes a program able: installs it, or gives it its privilege back.
pub fn enable(facts: &Facts, program: &Program, software: Software) -> String {
    match program {
        Program::Powerless(path) => as_root(facts, &format!("chmod u+s {path}")),
        Program::Missing | Program::Able => install(facts, software),
    }
}

/// Makes `/dev/fuse` appear.
pub fn make_device(facts: &Facts) -> String {
    if facts.in_container {
        "start the container with --device /dev/fuse".to_owned()
    } else {
        as_root(facts, "modprobe fuse")
    }
}

/// Gives the user subordinate ids, in the files that have too few.
pub fn give_ids(facts: &Facts, enough: impl Fn(Subordinate) -> bool) -> String {
    let lacking: Vec<&str> = [
        (facts.subuids, "/etc/subuid"),
        (facts.subgids, "/etc/subgid"),
    ]
    .into_iter()
    .filter(|&(ids, _)| !enough(ids))
    .map(|(_, file)| file)
    .collect();
    let first = facts.subuids.next_free.max(facts.subgids.next_free);
    let tee = as_root(facts, &format!("tee -a {}", lacking.join(" ")));
    format!("echo {}:{first}:65536 | {tee}", facts.user.name)
}

/// Sets a kernel parameter.
pub fn sysctl(facts: &Facts, setting: &str) -> String {
    as_root(facts, &format!("sysctl -w {setting}"))
}
