//! Images that are as large as what they hold.

use crate::support::command::{command, run};
use crate::support::requirements::{Need, can_run};
use crate::support::tree;
use crate::work::{Work, fsck, liveroot};

/// Free blocks and blocks.
fn use_of(image: &std::path::Path) -> (u64, u64) {
    let report = run(command("dumpe2fs", ["-h"]).arg(image));
    let field = |name: &str| -> u64 {
        let line = report.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok())
            .expect("a field of dumpe2fs")
    };
    (field("Free blocks:"), field("Block count:"))
}

#[test]
fn a_source_tells_the_size_of_a_new_image() {
    let work = Work::new();
    let source = work.path("source");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("file"), vec![1; 3 << 20]).unwrap();
    let create = |name: &str, options: &[&str]| {
        let image = work.path(name);
        let mut create = liveroot(["create", "-q", "--reproducible"]);
        run(create.args(options).arg("--from").args([&source, &image]));
        fsck(&image);
        std::fs::read(&image).unwrap()
    };
    let wanted = create("auto", &["--size", "auto"]);
    assert!(create("new", &[]) == wanted);
    // What is replaced keeps its size.
    create("kept", &["--size", "32M"]);
    assert_eq!(create("kept", &["--force"]).len(), 32 << 20);
}

#[test]
fn what_fits_exactly_fits() {
    if !can_run("what_fits_exactly_fits", &[Need::Program("dumpe2fs")]) {
        return;
    }
    let work = Work::new();
    let tar = tree::rootfs().unwrap_or_else(|| tree::small_tar().to_owned());
    for (headroom, most) in [("0", 1.0), ("1%", 2.0), ("10%", 10.0)] {
        let image = work.path("image.ext4");
        run(liveroot([
            "create",
            "-q",
            "--force",
            "--size",
            "auto",
            "--headroom",
            headroom,
            "--from",
        ])
        .arg(&tar)
        .arg(&image));
        fsck(&image);
        let (free, all) = use_of(&image);
        let percent = free as f64 * 100.0 / all as f64;
        println!("headroom {headroom}: {free} of {all} blocks are free, {percent:.2} %");
        assert!(percent <= most, "{percent} % free");
    }
}
