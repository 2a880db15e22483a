//! How sessions end: unmounts, signals, deaths.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::bench::{Bench, daemon_of, e2fsck, end, eventually, is_clean, mount_works, sleeper_in};
use crate::support::command::{command, output, run, said, shell};
use crate::support::requirements::{Need, can_run};

#[test]
fn a_busy_mount_stays_and_its_users_are_listed() {
    if !mount_works("a_busy_mount_stays_and_its_users_are_listed") {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    let mut sleeper = sleeper_in(&bench.path("mnt"));
    let line = bench.fails(&["umount", "mnt"]);
    let name = format!("sleep (process {}, working directory)", sleeper.id());
    assert!(line.contains(&name), "{line}");
    assert!(line.contains("--lazy"), "{line}");
    assert!(bench.is_mounted());
    end(&mut sleeper);
    bench.ok(&["umount", "mnt"]);
}

#[test]
fn a_loop_device_that_keeps_a_mount_busy_is_named() {
    const NAME: &str = "a_loop_device_that_keeps_a_mount_busy_is_named";
    let needs = [Need::Fuse, Need::Loop, Need::Program("losetup")];
    if !can_run(NAME, &needs) {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    let script = "truncate -s 1M \"$1/disk\"; losetup --find --show \"$1/disk\"";
    let device = shell(script, [bench.path("mnt")]);
    let line = bench.fails(&["umount", "mnt"]);
    assert!(
        line.contains(&format!("loop device {}", device.trim())),
        "{line}"
    );
    shell("losetup -d $1", [device.trim()]);
    bench.ok(&["umount", "mnt"]);
}

#[test]
fn who_is_just_leaving_a_mount_is_waited_for() {
    if !mount_works("who_is_just_leaving_a_mount_is_waited_for") {
        return;
    }
    let bench = Bench::with_image();
    for target in ["mnt", "image.ext4"] {
        bench.ok(&["mount", "image.ext4", "mnt"]);
        let mut leaving = command("sleep", ["0.4"]);
        let mut leaving = leaving.current_dir(bench.path("mnt")).spawn().unwrap();
        bench.ok(&["umount", target]);
        assert!(!bench.is_mounted());
        leaving.wait().unwrap();
        e2fsck(&bench.path("image.ext4"));
    }
}

#[test]
fn a_lazy_unmount_returns_when_the_last_user_lets_go() {
    if !mount_works("a_lazy_unmount_returns_when_the_last_user_lets_go") {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    let mut sleeper = sleeper_in(&bench.path("mnt"));
    let mut lazy = bench.liveroot(&["umount", "--lazy", "mnt"]);
    let lazy = lazy.stderr(Stdio::piped()).spawn().unwrap();
    eventually("the directory is free", || !bench.is_mounted());
    let line = bench.fails(&["mount", "image.ext4", "mnt"]);
    assert!(line.contains("in use by another liveroot"), "{line}");
    std::thread::sleep(Duration::from_millis(600));
    end(&mut sleeper);
    let lazy = lazy.wait_with_output().unwrap();
    assert!(lazy.status.success());
    let said = String::from_utf8_lossy(&lazy.stderr).into_owned();
    assert!(said.contains("waiting for sleep"), "{said}");
    e2fsck(&bench.path("image.ext4"));
}

#[test]
fn signals_to_the_daemon_unmount_and_close() {
    if !mount_works("signals_to_the_daemon_unmount_and_close") {
        return;
    }
    let bench = Bench::with_image();
    for signal in ["TERM", "INT", "HUP"] {
        bench.ok(&["mount", "image.ext4", "mnt"]);
        fs::write(bench.path("mnt").join(signal), signal).unwrap();
        shell("kill -$1 $2", [signal, &daemon_of(&bench)]);
        eventually("the image is clean", || is_clean(&bench));
        assert!(!bench.is_mounted());
        e2fsck(&bench.path("image.ext4"));
    }
}

#[test]
fn a_signal_while_busy_detaches_and_another_cuts_off() {
    const NAME: &str = "a_signal_while_busy_detaches_and_another_cuts_off";
    if !can_run(NAME, &[Need::Root, Need::Fuse]) {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    let mut sleeper = sleeper_in(&bench.path("mnt"));
    let pid = daemon_of(&bench);
    shell("kill -TERM $1", [&pid]);
    eventually("the directory is free", || !bench.is_mounted());
    assert!(!is_clean(&bench));
    shell("kill -TERM $1", [&pid]);
    eventually("the image is clean", || is_clean(&bench));
    end(&mut sleeper);
    e2fsck(&bench.path("image.ext4"));
}

#[test]
fn an_unmount_by_others_closes_the_image_too() {
    const NAME: &str = "an_unmount_by_others_closes_the_image_too";
    if !can_run(NAME, &[Need::Root, Need::Fuse]) {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    fs::write(bench.path("mnt/file"), "x").unwrap();
    run(command("umount", [bench.path("mnt")]).env("LC_ALL", "C"));
    eventually("the image is clean", || is_clean(&bench));
    e2fsck(&bench.path("image.ext4"));
}

#[test]
fn a_killed_daemon_leaves_a_mount_that_the_next_one_replaces() {
    const NAME: &str = "a_killed_daemon_leaves_a_mount_that_the_next_one_replaces";
    if !mount_works(NAME) {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    shell("kill -KILL $1", [daemon_of(&bench)]);
    eventually("the mount is dead", || {
        fs::metadata(bench.path("mnt")).is_err()
    });
    let again = output(&mut bench.liveroot(&["mount", "image.ext4", "mnt"]));
    assert!(again.status.success(), "{}", said(&again));
    fs::write(bench.path("mnt/file"), "x").unwrap();
    shell("kill -KILL $1", [daemon_of(&bench)]);
    eventually("the mount is dead", || {
        fs::metadata(bench.path("mnt")).is_err()
    });
    let line = bench.fails(&["umount", "mnt"]);
    assert!(line.contains("its daemon had been killed"), "{line}");
    assert!(!bench.is_mounted());
}

#[test]
fn what_is_not_mounted_is_said_not_to_be() {
    let bench = Bench::with_image();
    for target in ["mnt", "image.ext4"] {
        let line = bench.fails(&["umount", target]);
        assert!(
            line.starts_with(&format!("{target}: not mounted by liveroot")),
            "{line}"
        );
    }
    assert!(
        bench
            .fails(&["umount", "/proc"])
            .contains("not by liveroot (proc)")
    );
    assert!(
        bench
            .fails(&["umount", "missing"])
            .contains("no such mount point or image")
    );
}
