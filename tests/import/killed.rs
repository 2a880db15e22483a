//! An import that is killed leaves an image whose journal makes it whole: files with all of their data so far,
//! and nothing that was on the disk before.

use std::path::Path;
use std::time::Duration;

use crate::archive::Archive;
use crate::support::command::{command, run};
use crate::support::requirements::{Need, can_run};
use crate::work::{Work, fsck, liveroot};

/// Files, and bytes in each: of its number, over and over.
const FILES: u32 = 4000;
const LEN: usize = 20_000;

fn content(n: u32) -> Vec<u8> {
    let line = format!("{n:07}\n");
    line.as_bytes().iter().copied().cycle().take(LEN).collect()
}

/// Whether a file is what it should be so far; and whether it is all of it.
fn is_right(path: &Path, n: u32) -> bool {
    let found = std::fs::read(path).expect("the kernel reads it");
    assert!(
        content(n).starts_with(&found),
        "{}: old or foreign data",
        path.display()
    );
    found.len() == LEN
}

#[test]
fn what_is_there_is_right() {
    let needs = [Need::Root, Need::Loop, Need::Program("mke2fs")];
    if !can_run("what_is_there_is_right", &needs) {
        return;
    }
    let work = Work::new();
    let mut tar = Archive::default();
    for n in 0..FILES {
        tar.add(&format!("d{}/f{n:04}", n / 100), b'0', "", &content(n));
    }
    let source = work.path("files.tar");
    std::fs::write(&source, tar.end()).unwrap();
    let mut cut = 0;
    for millis in [100, 150, 200, 250, 300, 350] {
        let image = work.path("image.ext4");
        // What was there before must not show: a disk full of something else.
        run(command("sh", ["-c", r#"yes OLD | head -c 134217728 >"$0""#]).arg(&image));
        run(command(
            "mke2fs",
            [
                "-q",
                "-F",
                "-t",
                "ext4",
                "-b",
                "4096",
                "-N",
                "10000",
                "-J",
                "size=4",
                "-E",
                "nodiscard,lazy_itable_init=0",
            ],
        )
        .arg(&image));
        let mut child = liveroot(["import", "-q"])
            .arg(&image)
            .arg(&source)
            .spawn()
            .expect("liveroot runs");
        std::thread::sleep(Duration::from_millis(millis));
        let _ = child.kill();
        let killed = !child.wait().expect("it ends").success();
        let (mut whole, mut partial) = (0, 0);
        work.mounted(&image, |root| {
            for n in 0..FILES {
                let path = root.join(format!("d{}/f{n:04}", n / 100));
                match path.exists() {
                    true if is_right(&path, n) => whole += 1,
                    true => partial += 1,
                    false => {}
                }
            }
        });
        fsck(&image);
        cut += u32::from(killed && whole > 0);
        println!("after {millis} ms: {whole} files, {partial} of them in part");
        assert!(partial <= 1, "{partial} files in part");
        assert!(killed || whole == FILES);
    }
    println!("{cut} imports were cut off in their midst");
}
