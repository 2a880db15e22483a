//! Growing, of file systems in use.

use crate::full;
use crate::image::{Image, KINDS, available, fill, new_file, read_all, tool};
use lwext4::*;
use std::sync::atomic::{AtomicBool, Ordering};

const MIB: u64 = 1 << 20;

/// What resize2fs thinks of an image that we resized: it has nothing to do, and can resize it itself.
fn resize2fs_agrees(image: &Image, name: &str) {
    // It wants a check that is younger than the last mount.
    tool("e2fsck", &["-fp"], image, &[]);
    let said = tool("resize2fs", &[], image, &[]);
    assert!(said.contains("Nothing to do"), "{name}: {said}");
    tool("resize2fs", &["-P"], image, &[]);
    if name.contains("sparse_super2") {
        // Of mke2fs's own images with it, too, resize2fs 1.47.0 makes damaged ones.
        return;
    }
    let before = image.read();
    let more = format!("{}K", image.size() / 1024 + 200 * 1024);
    tool("resize2fs", &["-f"], image, &[&more]);
    image.fsck(&format!("{name}, after resize2fs"));
    assert!(before == image.read(), "{name}: after resize2fs");
}

#[test]
fn every_kind_grows_in_steps() {
    if !available() {
        return;
    }
    for kind in KINDS {
        let name = kind.0;
        let image = Image::new(kind, 20 * MIB);
        let volume = image.open();
        fill(&volume, "a", 120, 20_000);
        let before = read_all(&volume);
        let steps: &[u64] = &[21, 70, 300, 900];
        for (i, &mib) in steps.iter().enumerate() {
            volume
                .grow(mib * MIB)
                .unwrap_or_else(|e| panic!("{name} to {mib} MiB: {e}"));
            if i == 2 {
                fill(&volume, "b", 60, 100_000);
            }
        }
        volume.close().unwrap();
        image.fsck(name);
        let size = image.fs_size();
        assert!(size <= 900 * MIB && size > 890 * MIB, "{name}: {size}");
        let volume = image.open();
        let after = read_all(&volume);
        for (path, found) in &before {
            // The root got more entries.
            assert_eq!(after.get(path), Some(found), "{name}");
        }
        // What is new can be used.
        let ino = volume
            .create(Ino::ROOT, b"large", &new_file(FileType::Regular))
            .unwrap()
            .attr
            .ino;
        let unwritten = kind.1.contains(&"ext3") || kind.1.contains(&"ext2");
        if !unwritten {
            let mode = FallocateMode::Allocate { keep_size: false };
            volume
                .fallocate(ino, 0, 700 * MIB, mode, WriteMode::Plain)
                .unwrap();
        }
        volume.close().unwrap();
        image.fsck(&format!("{name}, filled"));
        resize2fs_agrees(&image, name);
    }
}

#[test]
fn a_hundred_gibibytes_and_what_no_table_has_room_for() {
    if !available() {
        return;
    }
    let largest = if full() { 20_000 << 10 } else { 100 << 10 };
    for kind in [KINDS[0], KINDS[2]] {
        let image = Image::new(&kind, 100 * MIB);
        let volume = image.open();
        fill(&volume, "a", 100, 50_000);
        let before = read_all(&volume);
        volume.grow(largest * MIB).unwrap();
        assert!(before == read_all(&volume));
        volume.close().unwrap();
        image.fsck(kind.0);
        assert_eq!(image.fs_size(), largest * MIB, "{}", kind.0);
        let said = tool("resize2fs", &[], &image, &[]);
        assert!(said.contains("Nothing to do"), "{said}");
        assert!(before == image.read());
    }
}

#[test]
fn a_volume_grows_under_its_writers() {
    if !available() {
        return;
    }
    let image = Image::new(&KINDS[1], 32 * MIB);
    let volume = image.open();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (volume, done) = (&volume, &done);
            scope.spawn(move || {
                let mut round = 0;
                while !done.load(Ordering::Relaxed) || round < 2 {
                    fill(volume, &format!("t{thread}-{round}"), 20, 9_000);
                    round += 1;
                    if round > 40 {
                        break;
                    }
                }
            });
        }
        for mib in (40..400).step_by(13) {
            volume.grow(mib * MIB).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let before = read_all(&volume);
    volume.close().unwrap();
    image.fsck("grown under writers");
    assert!(before == image.read());
}

#[test]
fn a_full_volume_grows_by_itself_up_to_its_limit() {
    if !available() {
        return;
    }
    let image = Image::new(&KINDS[0], 16 * MIB);
    let options = OpenOptions {
        autogrow: Some(300 * MIB),
        ..OpenOptions::default()
    };
    let volume = image.open_with(options);
    // More inodes and more blocks than there are.
    fill(&volume, "a", 9000, 1);
    fill(&volume, "b", 80, 2_000_000);
    // An attribute that does not fit is no reason to grow.
    let before = volume.superblock().blocks_count();
    let value = vec![1; 8000];
    let refused = volume.setxattr(Ino::ROOT, b"user.large", &value, SetXattrMode::Any);
    assert!(refused.is_err());
    assert_eq!(volume.superblock().blocks_count(), before);
    let ino = volume
        .create(Ino::ROOT, b"all", &new_file(FileType::Regular))
        .unwrap()
        .attr
        .ino;
    let mode = FallocateMode::Allocate { keep_size: false };
    let refused = volume.fallocate(ino, 0, 1 << 30, mode, WriteMode::Plain);
    assert!(matches!(refused, Err(Error::NoSpace)));
    assert!(volume.superblock().blocks_count() <= 300 * MIB / 4096);
    let before = read_all(&volume);
    volume.close().unwrap();
    image.fsck("grown by itself");
    assert!(image.size() <= 300 * MIB && image.fs_size() > 250 * MIB);
    assert!(before == image.read());
}

#[test]
fn limits_are_named() {
    if !available() {
        return;
    }
    let small = Image::new(&("^64bit", &["-b", "1024", "-O", "^64bit"]), 20 * MIB);
    let volume = small.open();
    let error = volume.grow(5 << 40).unwrap_err().to_string();
    assert!(error.contains("64bit"), "{error}");
    let error = volume.grow(10 * MIB).unwrap_err().to_string();
    assert!(error.contains("smaller"), "{error}");
    volume.close().unwrap();
    assert_eq!(small.size(), 20 * MIB);
    let many = Image::new(&("inodes", &["-b", "4096", "-i", "4096"]), 20 * MIB);
    let volume = many.open();
    let error = volume.grow(200 << 40).unwrap_err().to_string();
    assert!(error.contains("inodes"), "{error}");
    volume.close().unwrap();
}
