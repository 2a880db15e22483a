//! The same input gives the same bytes.

use std::path::Path;

use crate::support::command::{command, run};
use crate::support::requirements::{Need, can_run};
use crate::support::tree;
use crate::work::Work;

fn sha256(path: &Path) -> String {
    let line = run(command("sha256sum", ["--"]).arg(path));
    line.split(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn any_number_of_threads_makes_the_same_image() {
    if !can_run(
        "any_number_of_threads_makes_the_same_image",
        &[Need::Program("sha256sum")],
    ) {
        return;
    }
    let work = Work::new();
    let tar = tree::rootfs().unwrap_or_else(|| tree::small_tar().to_owned());
    for size in ["512M", "auto"] {
        let sums: Vec<String> = ["1", "2", "8"]
            .map(|threads| {
                let more = [
                    "--reproducible",
                    "--label",
                    "root",
                    "--force",
                    "--size",
                    size,
                    "--threads",
                    threads,
                ];
                sha256(&work.create("image.ext4", &tar, &more))
            })
            .to_vec();
        assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
        println!("{size}: {}", sums[0]);
    }
}

#[test]
fn source_date_epoch_is_the_latest_time() {
    if !can_run(
        "source_date_epoch_is_the_latest_time",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let work = Work::new();
    let dir = work.path("dir");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("new"), "x").unwrap();
    run(command("touch", ["-d", "@5000"])
        .arg(dir.join("new"))
        .arg(&dir));
    let make = |name: &str, epoch: &str| {
        let image = work.path(name);
        run(command(
            crate::support::image::LIVEROOT,
            ["create", "-q", "--size", "16M"],
        )
        .env("SOURCE_DATE_EPOCH", epoch)
        .arg(&image)
        .arg("--from")
        .arg(&dir));
        image
    };
    let first = make("1.ext4", "1000");
    // Nothing of the host's times is in the image.
    run(command("touch", ["-d", "@7000"])
        .arg(dir.join("new"))
        .arg(&dir));
    let second = make("2.ext4", "1000");
    assert_eq!(sha256(&first), sha256(&second));
    assert!(
        work.manifest(&first)
            .contains("new file 0644 0 0 1 1 - 1000000000000 ")
    );
    assert!(
        work.manifest(&make("3.ext4", "6000"))
            .contains(" 6000000000000 ")
    );
}
