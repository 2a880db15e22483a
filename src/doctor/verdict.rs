//! What the facts mean for each way of working.

use super::facts::{Access, Docker, Facts, Program, Subordinate};
use super::remedy::{self, Software};
use serde::Serialize;

/// A way of working.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// `mount` by root.
    MountAsRoot,
    /// `mount` by an ordinary user.
    MountAsUser,
    /// `mount --allow-other` by an ordinary user.
    AllowOther,
    /// `run` with all ids.
    RunAllIds,
    /// `run` with one id.
    RunOneId,
    /// `run --stage`.
    RunStage,
    /// A mount handed to Docker.
    DockerBindMount,
    /// A mount handed to rootless Podman.
    RootlessPodman,
}

/// All of them, in the order of a report.
pub const WAYS: [Way; 8] = [
    Way::MountAsRoot,
    Way::MountAsUser,
    Way::AllowOther,
    Way::RunAllIds,
    Way::RunOneId,
    Way::RunStage,
    Way::DockerBindMount,
    Way::RootlessPodman,
];

impl Way {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Way::MountAsRoot => "mount as root",
            Way::MountAsUser => "mount as an ordinary user",
            Way::AllowOther => "mount --allow-other as an ordinary user",
            Way::RunAllIds => "run, with all ids",
            Way::RunOneId => "run, with one id",
            Way::RunStage => "run --stage",
            Way::DockerBindMount => "docker run -v MOUNT:…",
            Way::RootlessPodman => "rootless podman run -v MOUNT:…",
        }
    }
}

/// Why a way is closed, and the one command that opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// Why.
    pub why: String,
    /// A command, or what else to do.
    pub remedy: String,
}

/// What stands in the way first, or nothing.
pub type Verdict = Result<(), Obstacle>;

/// How many subordinate ids `run` wants: all that an image of a distribution has.
const ENOUGH: u64 = 65_535;

fn enough(ids: Subordinate) -> bool {
    ids.count >= ENOUGH
}

fn obstacle(why: impl Into<String>, remedy: impl Into<String>) -> Verdict {
    Err(Obstacle {
        why: why.into(),
        remedy: remedy.into(),
    })
}

/// Judges one way of working.
pub fn judge(facts: &Facts, way: Way) -> Verdict {
    let root = facts.user.uid == 0;
    match way {
        Way::MountAsRoot if !root => obstacle("you are not root", "sudo liveroot mount …"),
        Way::MountAsRoot => {
            device(facts)?;
            may_mount(facts)
        }
        Way::MountAsUser => mount_as_user(facts),
        Way::AllowOther => {
            mount_as_user(facts)?;
            if facts.user_allow_other {
                return Ok(());
            }
            let add = remedy::as_root(facts, "tee -a /etc/fuse.conf");
            obstacle(
                "/etc/fuse.conf does not let users let others in",
                format!("echo user_allow_other | {add}"),
            )
        }
        Way::RunAllIds | Way::RunOneId if root && facts.can_mount => device(facts),
        Way::RunAllIds => {
            run_with_one_id(facts)?;
            subordinate_ids(facts)
        }
        Way::RunOneId => run_with_one_id(facts),
        Way::RunStage => {
            run_with_one_id(facts)?;
            if facts.namespace.mounts_overlay {
                return Ok(());
            }
            obstacle(
                "overlayfs cannot be mounted in a user namespace",
                "boot Linux 5.11 or newer, with overlayfs",
            )
        }
        Way::DockerBindMount => docker(facts),
        Way::RootlessPodman => podman(facts),
    }
}

/// Whether at least one way works for who asks.
pub fn any_works(facts: &Facts) -> bool {
    let ways = if facts.user.uid == 0 {
        [Way::MountAsRoot, Way::RunAllIds, Way::RunOneId].as_slice()
    } else {
        &[Way::MountAsUser, Way::RunAllIds, Way::RunOneId]
    };
    ways.iter().any(|&way| judge(facts, way).is_ok())
}

fn device(facts: &Facts) -> Verdict {
    match facts.fuse_device {
        Access::Opens => Ok(()),
        Access::Missing => obstacle("there is no /dev/fuse", remedy::make_device(facts)),
        Access::NoDriver => obstacle(
            "the kernel has no FUSE behind /dev/fuse",
            remedy::make_device(facts),
        ),
        Access::Forbidden if facts.in_container => obstacle(
            "/dev/fuse cannot be opened",
            "start the container with --device /dev/fuse",
        ),
        Access::Forbidden => obstacle(
            "/dev/fuse cannot be opened by this user",
            remedy::as_root(facts, "chmod 666 /dev/fuse"),
        ),
    }
}

fn may_mount(facts: &Facts) -> Verdict {
    if facts.can_mount {
        Ok(())
    } else if facts.in_container {
        obstacle(
            "this root may not mount",
            "start the container with --cap-add SYS_ADMIN --security-opt apparmor=unconfined",
        )
    } else {
        obstacle("this root may not mount", "use liveroot run instead")
    }
}

fn mount_as_user(facts: &Facts) -> Verdict {
    device(facts)?;
    if facts.user.uid == 0 && !facts.fuse_device_for_all {
        return obstacle(
            "/dev/fuse can be opened by root alone",
            "chmod 666 /dev/fuse",
        );
    }
    let fix = || remedy::enable(facts, &facts.fusermount, Software::Fuse);
    match &facts.fusermount {
        Program::Able => Ok(()),
        Program::Missing => obstacle("fusermount3 is not installed", fix()),
        Program::Powerless(path) => obstacle(format!("{path} is not setuid root"), fix()),
    }
}

fn run_with_one_id(facts: &Facts) -> Verdict {
    device(facts)?;
    if let Some(why) = &facts.namespace.refused {
        let setting = if facts.unprivileged_userns_clone == Some(0) {
            "kernel.unprivileged_userns_clone=1"
        } else if facts.max_user_namespaces == Some(0) {
            "user.max_user_namespaces=15000"
        } else if facts.apparmor_restricts_userns.is_some_and(|on| on != 0) {
            "kernel.apparmor_restrict_unprivileged_userns=0"
        } else if facts.in_container {
            return obstacle(
                format!("the container forbids user namespaces ({why})"),
                "start the container with --security-opt seccomp=unconfined",
            );
        } else {
            return obstacle(
                format!("the kernel refuses user namespaces ({why})"),
                "boot a kernel with CONFIG_USER_NS",
            );
        };
        let name = setting.split('=').next().unwrap_or(setting);
        return obstacle(
            format!("user namespaces are forbidden by {name} ({why})"),
            remedy::sysctl(facts, setting),
        );
    }
    if facts.namespace.mounts_fuse {
        return Ok(());
    }
    obstacle(
        "FUSE cannot be mounted in a user namespace",
        "boot Linux 4.18 or newer",
    )
}

fn subordinate_ids(facts: &Facts) -> Verdict {
    for (program, name) in [
        (&facts.newuidmap, "newuidmap"),
        (&facts.newgidmap, "newgidmap"),
    ] {
        let fix = || remedy::enable(facts, program, Software::Uidmap);
        match program {
            Program::Able => {}
            Program::Missing => return obstacle(format!("{name} is not installed"), fix()),
            Program::Powerless(path) => {
                return obstacle(format!("{path} is not setuid root"), fix());
            }
        }
    }
    if enough(facts.subuids) && enough(facts.subgids) {
        return Ok(());
    }
    obstacle(
        format!(
            "{} has fewer than {ENOUGH} subordinate ids in /etc/subuid or /etc/subgid",
            facts.user.name
        ),
        remedy::give_ids(facts, enough),
    )
}

fn docker(facts: &Facts) -> Verdict {
    match facts.docker {
        Docker::Missing => {
            return obstacle(
                "Docker is not installed",
                remedy::install(facts, Software::Docker),
            );
        }
        Docker::Unreachable if facts.user.uid == 0 => {
            return obstacle("Docker's engine does not run", "systemctl start docker");
        }
        Docker::Unreachable => {
            let add = format!("usermod -aG docker {}", facts.user.name);
            return obstacle(
                "Docker's engine cannot be reached by this user",
                remedy::as_root(facts, &add),
            );
        }
        Docker::Reachable => {}
    }
    // Docker's containers are other users.
    let way = if facts.user.uid == 0 {
        Way::MountAsRoot
    } else {
        Way::AllowOther
    };
    judge(facts, way)
}

fn podman(facts: &Facts) -> Verdict {
    if !facts.podman {
        return obstacle(
            "Podman is not installed",
            remedy::install(facts, Software::Podman),
        );
    }
    if facts.user.uid == 0 {
        return judge(facts, Way::MountAsRoot);
    }
    mount_as_user(facts)?;
    run_with_one_id(facts)?;
    subordinate_ids(facts)
}

#[cfg(test)]
mod tests;
