use super::super::facts::{Namespace, User};
use super::super::remedy::Family;
use super::*;

/// A machine on which everything works.
fn well(uid: u32) -> Facts {
    let ids = Subordinate {
        count: 65_536,
        next_free: 165_536,
    };
    Facts {
        kernel: "6.1.0".to_owned(),
        user: User {
            uid,
            name: if uid == 0 { "root" } else { "alice" }.to_owned(),
        },
        in_container: false,
        family: Family::Apt,
        fuse_device: Access::Opens,
        fuse_device_for_all: true,
        can_mount: uid == 0,
        fusermount: Program::Able,
        user_allow_other: true,
        newuidmap: Program::Able,
        newgidmap: Program::Able,
        subuids: ids,
        subgids: ids,
        namespace: Namespace {
            refused: None,
            mounts_fuse: true,
            mounts_overlay: true,
        },
        unprivileged_userns_clone: Some(1),
        max_user_namespaces: Some(15_000),
        apparmor_restricts_userns: Some(0),
        seccomp_notify: true,
        sandbox_missing: Vec::new(),
        loop_devices: true,
        docker: Docker::Reachable,
        podman: true,
    }
}

fn broken(uid: u32, how: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = well(uid);
    how(&mut facts);
    facts
}

fn open_ways(facts: &Facts) -> Vec<Way> {
    let open = |way: &Way| judge(facts, *way).is_ok();
    WAYS.into_iter().filter(open).collect()
}

#[track_caller]
fn remedy(facts: &Facts, way: Way) -> String {
    judge(facts, way).unwrap_err().remedy
}

#[test]
fn where_all_is_well_every_way_is_open() {
    assert_eq!(open_ways(&well(0)), WAYS);
    assert_eq!(open_ways(&well(1000)), WAYS[1..]);
    assert_eq!(
        remedy(&well(1000), Way::MountAsRoot),
        "sudo liveroot mount …"
    );
}

#[test]
fn without_the_device_nothing_works() {
    for uid in [0, 1000] {
        let facts = broken(uid, |f| f.fuse_device = Access::Missing);
        assert_eq!(open_ways(&facts), []);
        assert!(!any_works(&facts));
        assert!(remedy(&facts, Way::MountAsUser).ends_with("modprobe fuse"));
    }
    let facts = broken(0, |f| {
        f.fuse_device = Access::NoDriver;
        f.in_container = true;
    });
    assert!(remedy(&facts, Way::RunOneId).contains("--device /dev/fuse"));
    let facts = broken(1000, |f| f.fuse_device = Access::Forbidden);
    assert_eq!(remedy(&facts, Way::RunAllIds), "sudo chmod 666 /dev/fuse");
    let facts = broken(0, |f| f.fuse_device_for_all = false);
    assert_eq!(remedy(&facts, Way::MountAsUser), "chmod 666 /dev/fuse");
}

#[test]
fn without_fusermount_run_still_works() {
    let facts = broken(1000, |f| f.fusermount = Program::Missing);
    assert_eq!(
        open_ways(&facts),
        [Way::RunAllIds, Way::RunOneId, Way::RunStage]
    );
    assert!(any_works(&facts));
    for (family, command) in [
        (Family::Apt, "sudo apt-get install fuse3"),
        (Family::Dnf, "sudo dnf install fuse3"),
        (Family::Apk, "sudo apk add fuse3"),
        (Family::Pacman, "sudo pacman -S fuse3"),
    ] {
        let facts = Facts {
            family,
            ..facts.clone()
        };
        assert_eq!(remedy(&facts, Way::MountAsUser), command);
    }
    let path = "/usr/bin/fusermount3".to_owned();
    let facts = broken(1000, |f| f.fusermount = Program::Powerless(path));
    assert_eq!(
        remedy(&facts, Way::AllowOther),
        "sudo chmod u+s /usr/bin/fusermount3"
    );
}

#[test]
fn others_get_in_by_fuse_conf() {
    let facts = broken(1000, |f| f.user_allow_other = false);
    let add = "echo user_allow_other | sudo tee -a /etc/fuse.conf";
    assert_eq!(remedy(&facts, Way::AllowOther), add);
    assert_eq!(remedy(&facts, Way::DockerBindMount), add);
    assert!(judge(&facts, Way::MountAsUser).is_ok());
}

#[test]
fn what_forbids_user_namespaces_is_named() {
    let refused = |how: &dyn Fn(&mut Facts)| {
        broken(1000, |f| {
            f.namespace = Namespace {
                refused: Some("not permitted".to_owned()),
                ..Namespace::default()
            };
            how(f);
        })
    };
    type Breaks = fn(&mut Facts);
    let cases: [(Breaks, &str); 5] = [
        (
            |f| f.unprivileged_userns_clone = Some(0),
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            |f| f.max_user_namespaces = Some(0),
            "sudo sysctl -w user.max_user_namespaces=15000",
        ),
        (
            |f| f.apparmor_restricts_userns = Some(1),
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            |f| f.in_container = true,
            "start the container with --security-opt seccomp=unconfined",
        ),
        (|_| {}, "boot a kernel with CONFIG_USER_NS"),
    ];
    for (how, command) in cases {
        let facts = refused(&how);
        assert_eq!(remedy(&facts, Way::RunOneId), command);
        assert_eq!(remedy(&facts, Way::RootlessPodman), command);
        assert!(judge(&facts, Way::AllowOther).is_ok());
    }
}

#[test]
fn an_old_kernel_cannot_mount_in_namespaces() {
    let facts = broken(1000, |f| f.namespace.mounts_fuse = false);
    assert!(remedy(&facts, Way::RunOneId).contains("4.18"));
    let facts = broken(1000, |f| f.namespace.mounts_overlay = false);
    assert!(remedy(&facts, Way::RunStage).contains("5.11"));
    assert!(judge(&facts, Way::RunAllIds).is_ok());
}

#[test]
fn without_subordinate_ids_there_is_one_id() {
    let facts = broken(1000, |f| f.subgids.count = 0);
    assert!(judge(&facts, Way::RunOneId).is_ok());
    assert_eq!(
        remedy(&facts, Way::RunAllIds),
        "echo alice:165536:65536 | sudo tee -a /etc/subgid"
    );
    let facts = broken(1000, |f| {
        f.subuids.count = 1000;
        f.subgids.count = 0;
    });
    assert!(remedy(&facts, Way::RunAllIds).ends_with("tee -a /etc/subuid /etc/subgid"));
    let facts = broken(1000, |f| f.newgidmap = Program::Missing);
    assert_eq!(
        remedy(&facts, Way::RunAllIds),
        "sudo apt-get install uidmap"
    );
    let path = "/usr/bin/newuidmap".to_owned();
    let facts = broken(1000, |f| f.newuidmap = Program::Powerless(path));
    assert_eq!(
        remedy(&facts, Way::RunAllIds),
        "sudo chmod u+s /usr/bin/newuidmap"
    );
}

#[test]
fn roots_of_containers_may_not_mount() {
    let facts = broken(0, |f| {
        f.can_mount = false;
        f.in_container = true;
    });
    assert!(remedy(&facts, Way::MountAsRoot).contains("--cap-add SYS_ADMIN"));
    assert!(any_works(&facts));
    let facts = Facts {
        namespace: Namespace {
            refused: Some("EPERM".to_owned()),
            ..Namespace::default()
        },
        ..facts
    };
    assert!(!any_works(&facts));
}

#[test]
fn engines_must_be_there() {
    let facts = broken(1000, |f| {
        f.docker = Docker::Missing;
        f.podman = false;
    });
    assert_eq!(
        remedy(&facts, Way::DockerBindMount),
        "sudo apt-get install docker.io"
    );
    assert_eq!(
        remedy(&facts, Way::RootlessPodman),
        "sudo apt-get install podman"
    );
    let facts = broken(1000, |f| f.docker = Docker::Unreachable);
    assert_eq!(
        remedy(&facts, Way::DockerBindMount),
        "sudo usermod -aG docker alice"
    );
}
