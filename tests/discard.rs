//! Free space goes back to the host: `-o discard`, `fstrim`, `liveroot trim`.

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use support::command::{command, run};
use support::image::{Image, LIVEROOT, Spec};
use support::mount::{How, Mounted};
use support::requirements::{Need, can_run, skip};

const MIB: u64 = 1 << 20;

/// Bytes that the file takes on the host.
fn taken(image: &Image) -> u64 {
    let file = fs::File::open(&image.path).unwrap();
    file.sync_all().unwrap();
    file.metadata().unwrap().blocks() * 512
}

/// Whether files here can have holes punched: else nothing can be shown.
fn punches(test: &str) -> bool {
    let file = tempfile::NamedTempFile::with_prefix("liveroot-test-").unwrap();
    file.as_file().set_len(MIB).unwrap();
    let able = Command::new("fallocate")
        .args(["--punch-hole", "--length", "4096"])
        .arg(file.path())
        .status()
        .is_ok_and(|status| status.success());
    if !able {
        skip(test, "the host's file system cannot punch holes");
    }
    able
}

fn fill(dir: &Path, mib: u64) {
    let block: Vec<u8> = (0..MIB).map(|i| (i % 251) as u8).collect();
    for i in 0..mib {
        fs::write(dir.join(format!("file-{i}")), &block).unwrap();
    }
}

fn empty(dir: &Path, mib: u64) {
    for i in 0..mib {
        fs::remove_file(dir.join(format!("file-{i}"))).unwrap();
    }
}

fn image() -> Image {
    let spec = Spec {
        mib: 128,
        ..Spec::default()
    };
    Image::make(&spec).unwrap()
}

/// An image that was filled, and emptied without discarding.
fn worn() -> Image {
    let image = image();
    let mount = Mounted::new(How::Liveroot, &image);
    fill(mount.path(), 40);
    empty(mount.path(), 39);
    mount.umount();
    assert!(taken(&image) > 40 * MIB);
    image
}

#[test]
fn deleted_files_leave_holes_with_discard() {
    let name = "deleted_files_leave_holes_with_discard";
    if !can_run(name, &[Need::Fuse]) || !punches(name) {
        return;
    }
    let image = image();
    let fresh = taken(&image);
    let mount = Mounted::with_options(How::Liveroot, &image, "discard");
    for _ in 0..3 {
        fill(mount.path(), 40);
        empty(mount.path(), 39);
    }
    let kept = fs::read(mount.join("file-39")).unwrap();
    mount.umount();
    assert!(
        taken(&image) < fresh + 8 * MIB,
        "{} bytes were taken fresh, {} now",
        fresh,
        taken(&image)
    );
    image.fsck();
    let mount = Mounted::new(How::Liveroot, &image);
    assert_eq!(fs::read(mount.join("file-39")).unwrap(), kept);
    mount.umount();
}

#[test]
fn trim_gives_back_what_an_earlier_mount_freed() {
    let name = "trim_gives_back_what_an_earlier_mount_freed";
    if !can_run(name, &[Need::Fuse]) || !punches(name) {
        return;
    }
    let image = worn();
    let before = taken(&image);
    let said = run(command(LIVEROOT, ["trim"]).arg(&image.path));
    assert!(said.contains("are free"), "{said}");
    assert!(taken(&image) + 35 * MIB < before);
    image.fsck();
    let mount = Mounted::new(How::Liveroot, &image);
    let wanted: Vec<u8> = (0..MIB).map(|i| (i % 251) as u8).collect();
    assert_eq!(fs::read(mount.join("file-39")).unwrap(), wanted);
    mount.umount();
}

#[test]
fn fstrim_trims_a_mount() {
    let name = "fstrim_trims_a_mount";
    let needs = [Need::Fuse, Need::Program("fstrim")];
    if !can_run(name, &needs) || !punches(name) {
        return;
    }
    let image = worn();
    let before = taken(&image);
    let mount = Mounted::new(How::Liveroot, &image);
    run(command("fstrim", ["-v"]).arg(mount.path()));
    assert!(taken(&image) + 35 * MIB < before);
    mount.umount();
    image.fsck();
}
