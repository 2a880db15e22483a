//! Images that change their size: `resize`, `shrink`, `-o autogrow`.

mod support;

use std::fs;
use support::command::{command, output, run, said};
use support::image::{Image, LIVEROOT, Spec};
use support::mount::{How, Mounted};
use support::oracle::{assert_same, manifest};
use support::requirements::{Need, can_run};
use support::tree::{self, untar};

const MIB: u64 = 1 << 20;

fn image(mib: u64) -> Image {
    Image::make(&Spec {
        mib,
        ..Spec::default()
    })
    .unwrap()
}

fn size(image: &Image) -> u64 {
    fs::metadata(&image.path).unwrap().len()
}

#[test]
fn sizes_are_absolute_or_relative() {
    let image = image(100);
    let resize = |size: &str| run(command(LIVEROOT, ["resize"]).arg(&image.path).arg(size));
    let said_first = resize("300M");
    assert!(said_first.contains("300 MiB"), "{said_first}");
    assert_eq!(size(&image), 300 * MIB);
    resize("+1G");
    assert_eq!(size(&image), 1324 * MIB);
    image.fsck();
    resize("-1G");
    assert_eq!(size(&image), 300 * MIB);
    image.fsck();
    resize("min");
    assert!(size(&image) < 30 * MIB, "{}", size(&image));
    image.fsck();
    let refused = output(command(LIVEROOT, ["resize"]).arg(&image.path).arg("1M"));
    assert!(
        said(&refused).contains("does not fit"),
        "{}",
        said(&refused)
    );
    assert_eq!(refused.status.code(), Some(1));
    image.fsck();
    let refused = output(command(LIVEROOT, ["resize"]).arg(&image.path).arg("lots"));
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_mounted_image_grows_by_command() {
    if !can_run("a_mounted_image_grows_by_command", &[Need::Fuse]) {
        return;
    }
    let image = image(64);
    let mount = Mounted::new(How::Liveroot, &image);
    fs::write(mount.join("file"), vec![7; 1 << 20]).unwrap();
    run(command(LIVEROOT, ["resize"]).arg(&image.path).arg("1G"));
    fs::write(mount.join("large"), vec![8; 200 << 20]).unwrap();
    let refused = output(command(LIVEROOT, ["resize"]).arg(&image.path).arg("100M"));
    assert!(
        said(&refused).contains("unmount it first"),
        "{}",
        said(&refused)
    );
    mount.umount();
    assert_eq!(size(&image), 1024 * MIB);
    image.fsck();
}

/// The reference root file system, or files of this machine, into an image far too small.
#[test]
fn autogrow_takes_an_untar_into_sixteen_mebibytes() {
    let needs = [Need::Root, Need::Fuse, Need::Program("python3")];
    if !can_run("autogrow_takes_an_untar_into_sixteen_mebibytes", &needs) {
        return;
    }
    let kept = tree::rootfs().filter(|_| support::full());
    let tar = kept.as_deref().unwrap_or_else(|| tree::small_tar());
    let dir = tempfile::tempdir().unwrap();
    untar(tar, dir.path());
    let image = Image::make(&Spec {
        mib: 16,
        block_size: 1024,
        ..Spec::default()
    })
    .unwrap();
    let mount = Mounted::with_options(How::Liveroot, &image, "autogrow");
    let into = mount.join("tree");
    fs::create_dir(&into).unwrap();
    untar(tar, &into);
    // The times of the top are the test's own.
    run(command("touch", ["-r"]).arg(dir.path()).arg(&into));
    let (wanted, found) = (manifest(dir.path()), manifest(&into));
    assert_same(&wanted, &found, "grown while it was filled");
    mount.umount();
    image.fsck();
    assert!(size(&image) > 16 * MIB);
    let mount = Mounted::new(How::Liveroot, &image);
    assert_same(&wanted, &manifest(&mount.join("tree")), "mounted again");
    mount.umount();
}

#[test]
fn shrinking_leaves_the_headroom_that_is_wanted() {
    if !can_run(
        "shrinking_leaves_the_headroom_that_is_wanted",
        &[Need::Fuse],
    ) {
        return;
    }
    let image = image(2000);
    let mount = Mounted::new(How::Liveroot, &image);
    for i in 0..100 {
        fs::write(mount.join(&format!("file-{i}")), vec![i; 1 << 20]).unwrap();
    }
    mount.umount();
    run(command(LIVEROOT, ["shrink", "--headroom", "50%"]).arg(&image.path));
    let roomy = size(&image);
    image.fsck();
    run(command(LIVEROOT, ["shrink"]).arg(&image.path));
    let tight = size(&image);
    image.fsck();
    assert!(tight > 100 * MIB && tight < 200 * MIB, "{tight}");
    assert!(
        roomy > tight + tight / 3 && roomy < tight * 2,
        "{roomy} {tight}"
    );
    let mount = Mounted::new(How::Liveroot, &image);
    for i in 0..100 {
        let bytes = fs::read(mount.join(&format!("file-{i}"))).unwrap();
        assert!(bytes == vec![i; 1 << 20]);
    }
    mount.umount();
}

#[test]
fn autogrow_stops_at_its_limit() {
    if !can_run("autogrow_stops_at_its_limit", &[Need::Fuse]) {
        return;
    }
    let image = image(16);
    let mount = Mounted::with_options(How::Liveroot, &image, "autogrow=100M");
    let filled = fs::write(mount.join("file"), vec![7; 300 << 20])
        .and_then(|()| fs::File::open(mount.join("file"))?.sync_all());
    assert!(filled.is_err());
    // What did not fit is reported there, too.
    let _ = output(command(LIVEROOT, ["umount"]).arg(mount.path()));
    drop(mount);
    assert!(size(&image) <= 100 * MIB && size(&image) > 90 * MIB);
    image.fsck();
}
