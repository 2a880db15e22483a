//! What is exported comes back as it was.

use crate::support::command::{command, output, run};
use crate::support::oracle::{assert_same, manifest};
use crate::support::requirements::{Need, can_run};
use crate::work::{Work, assert_refused, liveroot};

#[test]
fn there_and_back() {
    let needs = [Need::Root, Need::Loop, Need::Program("python3")];
    if !can_run("there_and_back", &needs) {
        return;
    }
    let work = Work::new();
    let dir = work.path("nasty");
    work.nasty(&dir);
    let image = work.create("image.ext4", &dir, &[]);
    let tar = work.path("out.tar");
    run(liveroot(["export", "-q"]).arg(&image).arg("-o").arg(&tar));
    let wanted: String = work
        .manifest(&image)
        .lines()
        .filter(|line| !line.contains(" socket "))
        .map(|line| format!("{line}\n"))
        .collect();
    let again = work.create("again.ext4", &tar, &[]);
    assert_same(&wanted, &work.manifest(&again), "an export, imported");
    // And GNU tar reads it.
    let reference = work.mke2fs("reference.ext4");
    let found = work.mounted(&reference, |root| {
        output(
            command(
                "tar",
                [
                    "--numeric-owner",
                    "--xattrs",
                    "--xattrs-include=*",
                    "--acls",
                    "-xf",
                ],
            )
            .arg(&tar)
            .arg("-C")
            .arg(root),
        );
        manifest(root)
    });
    assert_same(&wanted, &found, "an export, extracted by GNU tar");
    // The same image gives the same tar.
    let second = run(command(
        "sh",
        [
            "-c",
            r#""$0" export "$1" | cmp - "$2""#,
            crate::support::image::LIVEROOT,
        ],
    )
    .arg(&image)
    .arg(&tar));
    assert_eq!(second, "");
}

#[test]
fn a_part_of_an_image() {
    let work = Work::new();
    let tar = work.path("a.tar");
    let mut archive = crate::archive::Archive::default();
    archive
        .add("d/e/f", b'0', "", b"data")
        .add("x", b'0', "", b"");
    std::fs::write(&tar, archive.end()).unwrap();
    let image = work.create("image.ext4", &tar, &[]);
    let out = work.path("out.tar");
    run(liveroot(["export", "-q"])
        .arg(&image)
        .arg("/d")
        .arg("-o")
        .arg(&out));
    assert_eq!(run(command("tar", ["-tf"]).arg(&out)), "./\n./e/\n./e/f\n");
    assert_refused(
        liveroot(["export", "-q"])
            .arg(&image)
            .arg("/none")
            .arg("-o")
            .arg(&out),
        "none",
    );
}
