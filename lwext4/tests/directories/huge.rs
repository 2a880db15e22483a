//! A directory of very many entries.
//!
//! `LIVEROOT_TEST_FULL=1` makes it ten million, which takes minutes, most of them e2fsck's.

use crate::image::new_file;
use lwext4::{Durability, FileDevice, FileType, FormatOptions, Ino, OpenOptions, Volume, format};
use machine::e2fsprogs::{E2FSCK, assert_clean};
use machine::requirements::{can_run, full};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Names of one file: fewer than a link count can tell.
const LINKS: u32 = 60_000;

fn open(path: &Path) -> Volume {
    let file = File::options().read(true).write(true).open(path);
    let device = Arc::new(FileDevice::new(file.expect("the image")).expect("the image"));
    let options = OpenOptions {
        durability: Durability::Process,
        ..OpenOptions::default()
    };
    Volume::open(device, options).expect("the image opens")
}

fn name(number: u32) -> Vec<u8> {
    format!("entry-{number}").into_bytes()
}

#[test]
fn a_directory_of_very_many_entries() {
    if !can_run("a_directory_of_very_many_entries", &[E2FSCK]) {
        return;
    }
    let count: u32 = if full() { 10_000_000 } else { 150_000 };
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join("image");
    let file = File::create_new(&path).expect("a new file");
    file.set_len(2 << 30).expect("a sparse file");
    let device = FileDevice::new(file).expect("the image");
    format(&device, &FormatOptions::default()).expect("it can be formatted");

    let start = Instant::now();
    let volume = open(&path);
    let directory = new_file(FileType::Directory);
    let dir = volume.create(Ino::ROOT, b"dir", &directory).unwrap();
    let dir = dir.attr.ino;
    let mut target = dir;
    for number in 0..count {
        if number % LINKS == 0 {
            let file = volume.create(dir, &name(number), &new_file(FileType::Regular));
            target = file.unwrap().attr.ino;
        } else {
            volume.link(target, dir, &name(number)).unwrap();
        }
    }
    volume.close().unwrap();
    println!(
        "{count} entries made in {:.1} s",
        start.elapsed().as_secs_f64()
    );

    let start = Instant::now();
    assert_clean(&path);
    println!(
        "e2fsck content after {:.1} s",
        start.elapsed().as_secs_f64()
    );

    let start = Instant::now();
    let volume = open(&path);
    for number in (0..count).step_by(997) {
        assert!(volume.lookup(dir, &name(number)).is_ok(), "{number}");
    }
    assert!(volume.lookup(dir, &name(count)).is_err());
    let mut seen = 0u32;
    let mut from = 0;
    loop {
        let before = seen;
        volume
            .read_dir(dir, from, &mut |entry| {
                if seen - before == 10_000 {
                    return false;
                }
                seen += 1;
                from = entry.next;
                true
            })
            .unwrap();
        if seen == before {
            break;
        }
    }
    assert_eq!(seen, count + 2, "with . and ..");
    println!("read in {:.1} s", start.elapsed().as_secs_f64());

    let start = Instant::now();
    for number in 0..count {
        volume.unlink(dir, &name(number)).unwrap();
    }
    volume.rmdir(Ino::ROOT, b"dir").unwrap();
    volume.close().unwrap();
    println!("all deleted in {:.1} s", start.elapsed().as_secs_f64());
    assert_clean(&path);
}
