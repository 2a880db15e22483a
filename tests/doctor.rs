//! `liveroot doctor` on this machine, and on machines that are broken in the ways it knows.

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use support::command::{command, output, run, said};
use support::image::LIVEROOT;
use support::requirements::{is_root, skip};
use support::user::{as_user, can_be_user, open_to_all, program_is_reachable};
use tempfile::TempDir;

const USER: u32 = 4321;

/// A directory in which the user can do things, or `None` where there can be no such user.
fn room(test: &str) -> Option<TempDir> {
    if !can_be_user(test) {
        return None;
    }
    let dir = TempDir::with_prefix("liveroot-doctor-").unwrap();
    run(&mut open_to_all(dir.path()));
    if !program_is_reachable(USER, dir.path()) {
        skip(test, "other users cannot run the program where it lies");
        return None;
    }
    Some(dir)
}

/// What doctor says to a user, on a machine that the script `breaks` (run by root) has changed.
#[track_caller]
fn diagnosis(dir: &Path, breaks: &str) -> Value {
    judged(&as_user(
        USER,
        dir,
        breaks,
        "PATH=${NEWPATH-$PATH} \"$1\" doctor --json",
    ))
}

#[track_caller]
fn judged(output: &Output) -> Value {
    let report: Value = match serde_json::from_slice(&output.stdout) {
        Ok(report) => report,
        Err(error) => panic!("{error}: {}", said(output)),
    };
    let code = if report["any_works"] == true { 0 } else { 1 };
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    report
}

/// The remedy for a way of working; empty where it works.
#[track_caller]
fn remedy(report: &Value, way: &str) -> String {
    let ways = report["ways"].as_array().unwrap();
    let found = ways.iter().find(|entry| entry["way"] == way).unwrap();
    assert_eq!(found["works"] == true, found["remedy"].is_null());
    found["remedy"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn this_machine_is_described_to_people_and_programs() {
    let text = output(&mut command(LIVEROOT, ["doctor"]));
    let json = judged(&output(&mut command(LIVEROOT, ["doctor", "--json"])));
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(
        text.contains("This machine:") && text.contains("Ways of working:"),
        "{text}"
    );
    for way in json["ways"].as_array().unwrap() {
        let mark = if way["works"] == true {
            "yes  "
        } else {
            "no   "
        };
        let line = format!("  {mark}{}", way["name"].as_str().unwrap());
        assert!(text.contains(&line), "{line}\n{text}");
    }
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(json["facts"]["kernel"], kernel.trim());
    assert_eq!(json["facts"]["user"]["uid"] == 0, is_root());
}

#[test]
fn what_doctor_says_of_mounting_is_true() {
    const NAME: &str = "what_doctor_says_of_mounting_is_true";
    let Some(dir) = room(NAME) else {
        return;
    };
    let report = diagnosis(dir.path(), "");
    let mount = "\"$1\" create i -s 32M -q && mkdir m && \"$1\" mount i m && \"$1\" umount m";
    let mounted = as_user(USER, dir.path(), "", mount);
    assert_eq!(
        remedy(&report, "mount_as_user").is_empty(),
        mounted.status.success(),
        "{}",
        said(&mounted)
    );
    assert_eq!(remedy(&report, "mount_as_root"), "sudo liveroot mount …");
}

#[test]
fn a_missing_or_closed_device_is_named() {
    const NAME: &str = "a_missing_or_closed_device_is_named";
    let Some(dir) = room(NAME) else {
        return;
    };
    let bare = "mount -t tmpfs -o mode=755 none /dev; mknod -m 666 /dev/null c 1 3";
    let report = diagnosis(dir.path(), bare);
    assert_eq!(report["facts"]["fuse_device"], "missing");
    assert_eq!(report["any_works"], false);
    let load = remedy(&report, "mount_as_user");
    assert!(
        load == "sudo modprobe fuse" || load.contains("--device /dev/fuse"),
        "{load}"
    );

    let report = diagnosis(
        dir.path(),
        &format!("{bare}; mknod -m 600 /dev/fuse c 10 229"),
    );
    assert_eq!(report["facts"]["fuse_device"], "forbidden");
    let open = remedy(&report, "run_one_id");
    assert!(
        open == "sudo chmod 666 /dev/fuse" || open.contains("--device"),
        "{open}"
    );

    let report = diagnosis(
        dir.path(),
        &format!("{bare}; mknod -m 666 /dev/fuse c 250 77"),
    );
    assert_eq!(report["facts"]["fuse_device"], "no_driver");

    // What mount says points to it.
    let image = dir.path().join("i");
    run(command(LIVEROOT, ["create", "-s", "32M", "-q"]).arg(&image));
    run(command("chmod", ["666"]).arg(&image));
    let refused = as_user(USER, dir.path(), bare, "mkdir m; exec \"$1\" mount i m");
    assert!(
        said(&refused).contains("liveroot doctor"),
        "{}",
        said(&refused)
    );
}

#[test]
fn programs_that_are_missing_or_lack_their_privilege_are_named() {
    const NAME: &str = "programs_that_are_missing_or_lack_their_privilege_are_named";
    let Some(dir) = room(NAME) else {
        return;
    };
    let report = diagnosis(dir.path(), "export NEWPATH=/nowhere");
    for name in ["fusermount", "newuidmap", "newgidmap"] {
        assert_eq!(report["facts"][name], "missing");
    }
    assert!(remedy(&report, "mount_as_user").contains("fuse3"));
    assert!(!remedy(&report, "run_all_ids").is_empty());

    let copy = "mkdir bin; for p in fusermount3 newuidmap newgidmap; do
            printf '#!/bin/sh\\n' > bin/$p; chmod 755 bin/$p; done; export NEWPATH=$PWD/bin";
    let report = diagnosis(dir.path(), copy);
    let bin = fs::canonicalize(dir.path())
        .unwrap()
        .join("bin/fusermount3");
    assert_eq!(
        remedy(&report, "mount_as_user"),
        format!("sudo chmod u+s {}", bin.display())
    );
}

#[test]
fn what_files_allow_is_read_from_them() {
    const NAME: &str = "what_files_allow_is_read_from_them";
    let Some(dir) = room(NAME) else {
        return;
    };
    let with = |conf: &str, ids: &str| {
        let bind = format!(
            "printf '{conf}' > conf; printf '{ids}' > ids; mount --bind conf /etc/fuse.conf
            for f in subuid subgid; do mount --bind ids /etc/$f; done"
        );
        diagnosis(dir.path(), &bind)
    };
    let closed = with("# user_allow_other\\n", "other:300000:65536\\n");
    assert_eq!(
        remedy(&closed, "allow_other"),
        "echo user_allow_other | sudo tee -a /etc/fuse.conf"
    );
    assert_eq!(closed["facts"]["subuids"]["count"], 0);
    let open = with("user_allow_other\\n", "tester:300000:65536\\n");
    assert_eq!(remedy(&open, "allow_other"), "");
    assert_eq!(open["facts"]["subgids"]["count"], 65536);
    if open["facts"]["newuidmap"] == "able" && open["facts"]["newgidmap"] == "able" {
        let add = "echo tester:365536:65536 | sudo tee -a /etc/subuid /etc/subgid";
        let works = remedy(&open, "run_one_id").is_empty();
        assert_eq!(remedy(&open, "run_all_ids").is_empty(), works);
        if works {
            assert_eq!(remedy(&closed, "run_all_ids"), add);
        }
    }
}

#[test]
fn settings_that_forbid_user_namespaces_are_named() {
    const NAME: &str = "settings_that_forbid_user_namespaces_are_named";
    let Some(dir) = room(NAME) else {
        return;
    };
    // Forbidden in a user namespace of the test's own, in which everybody has a number.
    let forbid = "unshare -Um sleep 60 & pid=$!
        until echo 0 0 65535 2>/dev/null > /proc/$pid/uid_map; do sleep 0.05; done
        echo 0 0 65535 > /proc/$pid/gid_map
        status=0; nsenter -U -m -t $pid sh -c \"$3\" sh \"$1\" \"$2\" || status=$?
        kill $pid; exit $status";
    let enter = "set -e; echo 0 > /proc/sys/user/max_user_namespaces; eval \"$1\"
        exec setpriv --reuid=4321 --regid=4321 --clear-groups \"$2\" doctor --json";
    let forbidden = |more: &str| {
        let mut script = command("sh", ["-c", forbid, "sh", more, LIVEROOT, enter]);
        output(script.current_dir(dir.path()))
    };
    let done = forbidden("");
    if done.stdout.is_empty() {
        return skip(NAME, "no user namespace with its own limits here");
    }
    let report = judged(&done);
    assert_eq!(report["facts"]["max_user_namespaces"], 0);
    assert_eq!(
        remedy(&report, "run_one_id"),
        "sudo sysctl -w user.max_user_namespaces=15000"
    );
    // Debian's switch, on kernels that have none: a file in its place.
    let report = judged(&forbidden(
        "mount -t tmpfs none /proc/sys/kernel; echo 0 > /proc/sys/kernel/unprivileged_userns_clone",
    ));
    assert_eq!(
        remedy(&report, "run_all_ids"),
        "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    );
}

#[test]
fn a_root_without_the_right_to_mount_is_told() {
    const NAME: &str = "a_root_without_the_right_to_mount_is_told";
    if room(NAME).is_none() {
        return;
    }
    let bounded = ["--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"];
    let mut setpriv = command("setpriv", bounded);
    let report = judged(&output(setpriv.args([LIVEROOT, "doctor", "--json"])));
    assert_eq!(report["facts"]["can_mount"], false);
    assert!(!remedy(&report, "mount_as_root").is_empty());
}
