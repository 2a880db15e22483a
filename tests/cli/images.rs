//! What each image that cannot be mounted is answered with.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};

use crate::bench::{Bench, as_user, mount_works, one_line};
use crate::support::command::shell;
use crate::support::requirements::{Need, can_run};

#[test]
fn an_image_that_is_no_image_is_named_for_what_it_is() {
    let bench = Bench::new();
    fs::write(bench.path("zeroes"), vec![0; 1 << 20]).unwrap();
    let line = bench.fails(&["mount", "zeroes", "mnt"]);
    assert!(
        line.starts_with("zeroes: not an ext4 file system"),
        "{line}"
    );
    fs::write(bench.path("packed"), b"\x1f\x8b and so on".repeat(1000)).unwrap();
    let line = bench.fails(&["mount", "packed", "mnt"]);
    assert!(
        line.contains("compressed with gzip (unpack it: gunzip)"),
        "{line}"
    );
    fs::write(bench.path("empty"), "").unwrap();
    assert!(
        bench
            .fails(&["mount", "empty", "mnt"])
            .contains("the file is empty")
    );
    assert!(bench.fails(&["info", "zeroes"]).contains("not an ext4"));
}

#[test]
fn an_image_that_is_cut_short_is_refused() {
    let bench = Bench::with_image();
    let file = File::options().write(true).open(bench.path("image.ext4"));
    file.unwrap().set_len(10 << 20).unwrap();
    let line = bench.fails(&["mount", "image.ext4", "mnt"]);
    assert!(line.contains("cut short"), "{line}");
    assert!(bench.ok(&["info", "image.ext4"]).contains("cut short"));
}

#[test]
fn a_feature_that_nobody_knows_is_named() {
    let bench = Bench::new();
    for args in [
        &["create", "image.ext4", "--size", "64M"][..],
        &[
            "create",
            "nosum.ext4",
            "--size",
            "64M",
            "--features",
            "^metadata_csum",
        ],
    ] {
        bench.ok(args);
    }
    // s_feature_incompat, at byte 0x60 of the superblock: bit 30 means nothing so far.
    let file = File::options()
        .read(true)
        .write(true)
        .open(bench.path("nosum.ext4"))
        .unwrap();
    let mut word = [0; 4];
    file.read_exact_at(&mut word, 1024 + 0x60).unwrap();
    let word = u32::from_le_bytes(word) | 1 << 30;
    file.write_all_at(&word.to_le_bytes(), 1024 + 0x60).unwrap();
    let line = bench.fails(&["mount", "nosum.ext4", "mnt"]);
    assert!(line.contains("FEATURE_I30"), "{line}");
    let report = bench.ok(&["info", "nosum.ext4"]);
    assert!(
        report.contains("unknown feature FEATURE_I30: the image was made by a newer tool"),
        "{report}"
    );
}

#[test]
fn an_image_that_is_missing_is_said_to_be() {
    let bench = Bench::new();
    let line = bench.fails(&["mount", "missing.ext4", "mnt"]);
    assert_eq!(
        line,
        "missing.ext4: no such file; make one: liveroot create missing.ext4 --size 1G"
    );
    assert!(
        bench
            .fails(&["info", "missing.ext4"])
            .contains("no such file")
    );
    assert!(
        bench
            .fails(&["mount", "mnt", "mnt"])
            .contains("a directory, not an image")
    );
}

#[test]
fn an_image_that_is_unreadable_or_read_only_is_said_to_be() {
    const NAME: &str = "an_image_that_is_unreadable_or_read_only_is_said_to_be";
    let bench = Bench::with_image();
    let image = bench.path("image.ext4");
    fs::set_permissions(&image, Permissions::from_mode(0o000)).unwrap();
    let Some(refused) = as_user(NAME, &bench, "\"$1\" mount image.ext4 mnt") else {
        return;
    };
    assert_eq!(
        one_line(&refused, 1),
        "image.ext4: not readable: permission denied; see its mode with ls -l"
    );
    fs::set_permissions(&image, Permissions::from_mode(0o444)).unwrap();
    let refused = as_user(NAME, &bench, "\"$1\" mount image.ext4 mnt").unwrap();
    let line = one_line(&refused, 1);
    assert!(line.contains("not writable"), "{line}");
    assert!(line.contains("--read-only"), "{line}");
}

#[test]
fn an_image_in_use_by_another_liveroot_is_refused() {
    if !mount_works("an_image_in_use_by_another_liveroot_is_refused") {
        return;
    }
    let bench = Bench::with_image();
    fs::create_dir(bench.path("second")).unwrap();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    for args in [
        &["mount", "image.ext4", "second"][..],
        &["mount", "image.ext4", "second", "--read-only"],
        &["create", "image.ext4", "--size", "8M", "--force"],
    ] {
        let line = bench.fails(args);
        assert!(
            line.contains("in use by another liveroot, process"),
            "{line}"
        );
        assert!(line.contains("liveroot umount"), "{line}");
    }
    let line = bench.fails(&["mount", "image.ext4", "mnt"]);
    assert!(line.contains("already mounted here"), "{line}");
    bench.ok(&["umount", "mnt"]);
}

#[test]
fn readers_share_an_image() {
    if !mount_works("readers_share_an_image") {
        return;
    }
    let bench = Bench::with_image();
    fs::create_dir(bench.path("second")).unwrap();
    bench.ok(&["mount", "image.ext4", "mnt", "--read-only"]);
    bench.ok(&["mount", "image.ext4", "second", "--read-only"]);
    bench.ok(&["umount", "second"]);
    assert!(bench.is_mounted());
    bench.ok(&["umount", "image.ext4"]);
    assert!(!bench.is_mounted());
}

#[test]
fn an_image_that_the_kernel_has_is_refused() {
    const NAME: &str = "an_image_that_the_kernel_has_is_refused";
    if !can_run(NAME, &[Need::Loop, Need::Program("losetup")]) {
        return;
    }
    let bench = Bench::with_image();
    let device = shell("losetup -f --show \"$1\"", [bench.path("image.ext4")]);
    let device = device.trim();
    let line = bench.fails(&["mount", "image.ext4", "mnt"]);
    shell("losetup -d \"$1\"", [device]);
    assert!(
        line.contains(&format!("in use by the kernel as {device}")),
        "{line}"
    );
}
