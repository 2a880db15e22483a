//! What a machine, a mount point or a user that does not fit is answered with.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::bench::{Bench, as_user, e2fsck, mount_works, one_line};
use crate::support::command::{command, output, said};
use crate::support::image::LIVEROOT;
use crate::support::requirements::{Need, can_run};

#[test]
fn a_mount_point_that_is_none_is_said_to_be() {
    let bench = Bench::with_image();
    assert_eq!(
        bench.fails(&["mount", "image.ext4", "missing"]),
        "missing: there is no such directory; make it: mkdir -p missing"
    );
    assert!(
        bench
            .fails(&["mount", "image.ext4", "image.ext4"])
            .contains("not a directory")
    );
}

#[test]
fn a_machine_without_fuse_is_told_how_to_get_it() {
    const NAME: &str = "a_machine_without_fuse_is_told_how_to_get_it";
    if !can_run(NAME, &[Need::Root, Need::Program("unshare")]) {
        return;
    }
    let bench = Bench::with_image();
    // An empty /dev, in a mount namespace of its own.
    let script = "mount -t tmpfs none /dev && exec \"$1\" mount image.ext4 mnt";
    let mut unshare = command("unshare", ["-m", "sh", "-c", script, "sh", LIVEROOT]);
    let line = one_line(&output(unshare.current_dir(bench.dir.path())), 1);
    assert!(line.starts_with("/dev/fuse: no such device"), "{line}");
    assert!(line.contains("modprobe fuse"), "{line}");
}

#[test]
fn a_user_without_fusermount3_is_told_the_package() {
    const NAME: &str = "a_user_without_fusermount3_is_told_the_package";
    if !mount_works(NAME) {
        return;
    }
    let bench = Bench::with_image();
    fs::set_permissions(bench.path("image.ext4"), Permissions::from_mode(0o666)).unwrap();
    let script = "PATH=/nowhere \"$1\" mount image.ext4 mnt";
    let Some(refused) = as_user(NAME, &bench, script) else {
        return;
    };
    let line = one_line(&refused, 1);
    assert!(line.contains("fusermount3 is not installed"), "{line}");
    assert!(line.contains("install the package fuse3"), "{line}");
}

#[test]
fn a_user_mounts_and_unmounts_alone() {
    const NAME: &str = "a_user_mounts_and_unmounts_alone";
    if !can_run(NAME, &[Need::Fuse, Need::Program("fusermount3")]) {
        return;
    }
    let bench = Bench::new();
    fs::set_permissions(bench.dir.path(), Permissions::from_mode(0o777)).unwrap();
    let script = "set -e; mkdir own; \"$1\" create own.ext4 -s 64M -q; \"$1\" mount own.ext4 own
        echo hello > own/file; \"$1\" umount own; test ! -e own/file
        \"$1\" mount own.ext4 own; cat own/file; kill -TERM $(\"$1\" info own.ext4 --json |
        sed -n 's/.*\"pid\": //p'); while \"$1\" info own.ext4 | grep -q 'State: *mounted'; do sleep 0.1; done";
    let Some(done) = as_user(NAME, &bench, script) else {
        return;
    };
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(done.stdout, b"hello\n");
    e2fsck(&bench.path("own.ext4"));
}
