//! Images and hosts that are full.

use std::fs::{self, File};

use crate::bench::{ArgPath, Bench, e2fsck, mount_works};
use crate::support::command::{command, output, said, shell};
use crate::support::requirements::{Need, can_run};

#[test]
fn a_full_image_says_so_keeps_what_it_has_and_takes_more_after_a_deletion() {
    if !mount_works("a_full_image_says_so_keeps_what_it_has_and_takes_more_after_a_deletion") {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    fs::write(bench.path("mnt/before"), "kept").unwrap();
    let fill = "head -c 100M /dev/zero > \"$1\"";
    let filled = output(&mut command("sh", ["-c", fill, "sh"]).arg_path(&bench.path("mnt/large")));
    // head writes into the cache, and the shell does not look at close: syncing tells.
    let synced = File::open(bench.path("mnt/large")).unwrap().sync_all();
    assert!(!filled.status.success() || synced.is_err());
    assert_eq!(fs::read(bench.path("mnt/before")).unwrap(), b"kept");
    fs::remove_file(bench.path("mnt/large")).unwrap();
    fs::write(bench.path("mnt/after"), vec![7; 8 << 20]).unwrap();
    bench.ok(&["umount", "mnt"]);
    e2fsck(&bench.path("image.ext4"));
    bench.ok(&["mount", "image.ext4", "mnt", "-r"]);
    assert_eq!(
        fs::metadata(bench.path("mnt/after")).unwrap().len(),
        8 << 20
    );
    bench.ok(&["umount", "mnt"]);
}

#[test]
fn a_full_host_is_reported_by_umount() {
    const NAME: &str = "a_full_host_is_reported_by_umount";
    if !can_run(NAME, &[Need::Root, Need::Fuse]) {
        return;
    }
    let bench = Bench::new();
    let host = bench.path("host");
    fs::create_dir(&host).unwrap();
    shell("mount -t tmpfs -o size=24M none \"$1\"", [&host]);
    let unmount_host = || shell("umount \"$1\"", [&host]);
    bench.ok(&["create", "host/image.ext4", "--size", "256M", "--quiet"]);
    bench.ok(&["mount", "host/image.ext4", "mnt"]);
    fs::write(bench.path("mnt/early"), "kept").unwrap();
    shell("sync -f \"$1\"", [bench.path("mnt/early")]);
    let fill = "head -c 60M /dev/urandom > \"$1\"";
    let _ = output(&mut command("sh", ["-c", fill, "sh"]).arg_path(&bench.path("mnt/large")));
    let synced = File::open(bench.path("mnt/large")).unwrap().sync_all();
    let refused = output(&mut bench.liveroot(&["umount", "mnt"]));
    let line = String::from_utf8_lossy(&refused.stderr).into_owned();
    let check = output(command("e2fsck", ["-fy"]).arg(bench.path("host/image.ext4")));
    unmount_host();
    assert!(synced.is_err());
    assert_eq!(refused.status.code(), Some(1), "{line}");
    assert!(line.contains("host/image.ext4: "), "{line}");
    assert!(
        check.status.code().is_some_and(|code| code <= 1),
        "{}",
        said(&check)
    );
}
