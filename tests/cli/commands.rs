//! The other commands, and the command line itself.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::bench::{Bench, e2fsck, one_line};
use crate::support::command::{output, said, shell};

#[test]
fn create_replaces_only_when_told_and_leaves_nothing_when_it_fails() {
    let bench = Bench::with_image();
    let image = bench.path("image.ext4");
    let before = fs::metadata(&image).unwrap().ino();
    let line = bench.fails(&["create", "image.ext4", "--size", "64M"]);
    assert!(
        line.contains("exists already") && line.contains("--force"),
        "{line}"
    );
    assert_eq!(fs::metadata(&image).unwrap().ino(), before);
    bench.ok(&["create", "image.ext4", "--size", "32M", "--force"]);
    assert_eq!(fs::metadata(&image).unwrap().len(), 32 << 20);
    e2fsck(&image);
    for (args, code) in [
        (&["create", "new.ext4"][..], 2),
        (&["create", "new.ext4", "--size", "10K"], 2),
        (
            &[
                "create",
                "new.ext4",
                "--size",
                "1G",
                "--features",
                "nonsense",
            ],
            2,
        ),
        (
            &["create", "new.ext4", "--size", "1G", "--block-size", "3000"],
            2,
        ),
        (&["create", "missing/new.ext4", "--size", "1G"], 1),
    ] {
        one_line(&output(&mut bench.liveroot(args)), code);
    }
    let mut left: Vec<_> = fs::read_dir(bench.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["image.ext4", "mnt"]);
}

#[test]
fn info_tells_people_and_programs() {
    let bench = Bench::new();
    let uuid = "01234567-89ab-cdef-0123-456789abcdef";
    let made = [
        "create", "i.ext4", "--size", "64M", "--label", "root", "--uuid", uuid,
    ];
    bench.ok(&made);
    let text = bench.ok(&["info", "i.ext4"]);
    assert!(
        text.contains("Label:        root") && text.contains(uuid),
        "{text}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&bench.ok(&["info", "i.ext4", "--json"])).unwrap();
    assert_eq!(json["label"], "root");
    assert_eq!(json["state"], "clean");
    assert_eq!(json["size"], 64 << 20);
    assert_eq!(json["mounted"], serde_json::Value::Null);
    assert!(
        json["features"]
            .as_array()
            .unwrap()
            .contains(&"has_journal".into())
    );
}

#[test]
fn a_command_line_that_makes_no_sense_exits_with_2() {
    let bench = Bench::with_image();
    for args in [
        &["mount", "image.ext4"][..],
        &["mount", "image.ext4", "mnt", "-o", "nonsense"],
        &["mount", "image.ext4", "mnt", "-o", "durability=maybe"],
        &["moutn", "image.ext4", "mnt"],
        &["create", "x", "--size", "many"],
    ] {
        let refused = output(&mut bench.liveroot(args));
        assert_eq!(
            refused.status.code(),
            Some(2),
            "{args:?}: {}",
            said(&refused)
        );
    }
    let help = bench.ok(&["--help"]);
    assert!(help.contains("Exit codes:"), "{help}");
}

#[test]
fn the_manual_pages_are_those_of_this_program() {
    let bench = Bench::new();
    bench.ok(&["generate", "."]);
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let compare = "diff -r \"$1/man\" \"$2/man\" && diff -r \"$1/completions\" \"$2/completions\"";
    shell(compare, [bench.dir.path(), &committed]);
}
