//! The kernel's mounts end with the value that stands for them.

use machine::e2fsprogs::{DEBUGFS, E2FSCK, MKE2FS, assert_clean, mke2fs};
use machine::kernel::Mounted;
use machine::requirements::{Need, can_run};

#[test]
fn an_image_that_was_mounted_is_whole_and_leaves_nothing_behind() {
    if !can_run(
        "an_image_that_was_mounted_is_whole_and_leaves_nothing_behind",
        &[MKE2FS, E2FSCK, DEBUGFS, Need::Loop],
    ) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let image = dir.path().join("image");
    mke2fs(&image, 8 << 20, ["-t", "ext4"]);
    for options in ["", "ro", "noatime,commit=300"] {
        let mounted = Mounted::new(&image, options).expect("mounted");
        let written = std::fs::write(mounted.join("file"), "content");
        assert_eq!(written.is_err(), options == "ro", "{options}: {written:?}");
        let at = mounted.path().to_owned();
        drop(mounted);
        assert!(!at.exists());
        assert_clean(&image);
    }
    let refused = Mounted::new(&image, "no_such_option");
    assert!(refused.expect_err("no such option").contains("mount"));
    assert_eq!(
        std::fs::read_dir(dir.path()).expect("a directory").count(),
        1
    );
}
