//! `liveroot check` as a command: its exit codes, its words, its JSON.

mod support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use support::command::{command, output, run};
use support::image::{Features, Image, LIVEROOT, Maker, Spec};

fn check(path: &Path, options: &[&str]) -> Output {
    output(command(LIVEROOT, ["check"]).args(options).arg(path))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn small(maker: Maker, features: Features) -> Image {
    let spec = Spec {
        maker,
        features,
        mib: 64,
        ..Spec::default()
    };
    Image::make(&spec).expect("an image")
}

#[test]
fn a_clean_image_is_clean_to_both_readers() {
    for maker in [Maker::Create, Maker::Mke2fs] {
        for features in [
            Features::Debian12,
            Features::E2fsprogs1_47_1,
            Features::NoMetadataCsum,
        ] {
            let image = small(maker, features);
            let before = fs::read(&image.path).unwrap();
            let said = check(&image.path, &["--json"]);
            assert_eq!(said.status.code(), Some(0), "{said:?}");
            let json: Value = serde_json::from_slice(&said.stdout).unwrap();
            assert_eq!(json["clean"], true);
            assert_eq!(json["problem_count"], 0);
            assert_eq!(json["problems"], Value::Array(Vec::new()));
            assert_eq!(json["remedy"], Value::Null);
            assert!(
                json["second_reader"]["compared"].as_u64() >= Some(1),
                "{json}"
            );
            assert!(before == fs::read(&image.path).unwrap(), "check wrote");
        }
    }
}

#[test]
fn damage_is_told_with_its_place_and_the_way_to_mend_it() {
    let image = small(Maker::Mke2fs, Features::Debian12);
    run(command("debugfs", ["-w", "-R", "sif lost+found links_count 9"]).arg(&image.path));
    let said = check(&image.path, &[]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let found = text(&said.stdout);
    assert!(found.contains("inode 11: counts 9 links, has 2"), "{found}");
    assert!(found.contains("damaged"), "{found}");
    let last = text(&said.stderr);
    let remedy = format!("e2fsck -fy {}", image.path.display());
    assert!(
        last.contains("1 problem") && last.contains(&remedy),
        "{last}"
    );

    let json: Value = serde_json::from_slice(&check(&image.path, &["--json"]).stdout).unwrap();
    assert_eq!(json["clean"], false);
    let problem = &json["problems"][0];
    assert_eq!(problem["kind"], "link-count");
    assert_eq!(problem["inode"], 11);
    assert_eq!(json["remedy"], remedy.as_str());
    let mended = output(command("e2fsck", ["-fy"]).arg(&image.path));
    assert_eq!(mended.status.code(), Some(1), "{mended:?}");
    assert_eq!(check(&image.path, &[]).status.code(), Some(0));
}

#[test]
fn what_cannot_be_checked_exits_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let junk = dir.path().join("junk");
    fs::write(&junk, vec![b'x'; 100_000]).unwrap();
    for path in [junk.as_path(), &dir.path().join("missing"), dir.path()] {
        let said = check(path, &[]);
        assert_eq!(said.status.code(), Some(2), "{said:?}");
        assert!(text(&said.stderr).starts_with("liveroot: "), "{said:?}");
    }
    let image = small(Maker::Mke2fs, Features::NoMetadataCsum);
    // A feature that nobody has defined.
    let file = File::options().write(true).open(&image.path).unwrap();
    file.write_all_at(&[0x80], 1024 + 0x63).unwrap();
    let said = check(&image.path, &[]);
    assert_eq!(said.status.code(), Some(2), "{said:?}");
    assert!(text(&said.stderr).contains("FEATURE_I31"), "{said:?}");
}

#[test]
fn a_file_system_inside_a_disk_is_found() {
    let image = small(Maker::Create, Features::Debian12);
    let disk = image.path.with_extension("disk");
    let bytes = fs::read(&image.path).unwrap();
    fs::write(&disk, [vec![0; 1 << 20], bytes].concat()).unwrap();
    assert_eq!(check(&disk, &["--offset", "1M"]).status.code(), Some(0));
    assert_eq!(check(&disk, &[]).status.code(), Some(2));
}

#[test]
fn a_huge_empty_image_is_checked_quickly() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("huge");
    run(command(LIVEROOT, ["create", "--size", "1T", "--quiet"]).arg(&path));
    let start = std::time::Instant::now();
    let said = check(&path, &[]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}
