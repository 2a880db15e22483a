//! Shrinking, of file systems that nobody uses.

use crate::image::{Image, KINDS, Kind, available, fill, new_file, tool};
use lwext4::*;
use machine::requirements::full;
use std::sync::Arc;

const MIB: u64 = 1 << 20;

fn shrink_to(image: &Image, bytes: u64) -> Result<u64> {
    let device: Arc<dyn BlockDevice> = image.device();
    shrink(&device, bytes, &OpenOptions::default())
}

fn least(image: &Image) -> u64 {
    let device: Arc<dyn BlockDevice> = image.device();
    minimum_size(&device).unwrap()
}

/// Has resize2fs make a copy of the image as small as it can: its size.
fn least_by_resize2fs(image: &Image) -> u64 {
    let copy = Image::copy(image);
    tool("e2fsck", &["-fp"], &copy, &[]);
    tool("resize2fs", &["-M"], &copy, &[]);
    copy.fs_size()
}

fn remove(volume: &Volume, names: impl Iterator<Item = String>) {
    for name in names {
        volume.unlink(Ino::ROOT, name.as_bytes()).unwrap();
    }
}

/// Fills an image so that what stays is at its end, and many inodes are in its last groups.
fn worn(kind: &Kind, mib: u64) -> Image {
    let image = Image::new(kind, mib * MIB);
    let volume = image.open();
    let file = |i: u64| format!("big-{i}");
    let bytes = vec![0x5A; 1 << 20];
    for i in 0..mib / 2 {
        let name = file(i);
        let new = volume
            .create(Ino::ROOT, name.as_bytes(), &new_file(FileType::Regular))
            .unwrap();
        volume
            .write(new.attr.ino, 0, &bytes, WriteMode::Plain)
            .unwrap();
    }
    fill(&volume, "a", 200, 30_000);
    fill(&volume, "b", 3, 3_000_000);
    fill(&volume, "c", 600, 100);
    remove(&volume, (0..mib / 2).map(file));
    volume.close().unwrap();
    image
}

#[test]
fn every_kind_shrinks_and_keeps_everything() {
    if !available("every_kind_shrinks_and_keeps_everything") {
        return;
    }
    for kind in KINDS {
        let name = kind.0;
        let image = worn(kind, 160);
        image.fsck(name);
        let before = image.read();
        for mib in [150, 90, 60] {
            let size =
                shrink_to(&image, mib * MIB).unwrap_or_else(|e| panic!("{name} to {mib} MiB: {e}"));
            let what = format!("{name}, {mib} MiB");
            image.fsck(&what);
            assert_eq!(image.size(), mib * MIB, "{what}");
            assert_eq!(image.fs_size(), size, "{what}");
            assert!(before == image.read(), "{what}: contents");
        }
        let journal = image.field("Journal inode:");
        let volume = image.open();
        fill(&volume, "later", 30, 5_000);
        volume.grow(200 * MIB).unwrap();
        fill(&volume, "last", 30, 50_000);
        volume.close().unwrap();
        image.fsck(&format!("{name}, grown again"));
        assert_eq!(image.field("Journal inode:"), journal);
        tool("e2fsck", &["-fp"], &image, &[]);
        tool("resize2fs", &[], &image, &["70M"]);
        image.fsck(&format!("{name}, shrunk by resize2fs"));
    }
}

/// Each group's bitmaps are somewhere else in it.
const STRIDES: [&[&str]; 2] = [
    &["-b", "1024", "-O", "^flex_bg", "-E", "stride=2000"],
    &["-b", "1024", "-O", "^flex_bg", "-E", "stride=2900"],
];

/// Without flex_bg they stay in their group, with it they may be anywhere.
#[test]
fn bitmaps_behind_the_cut_move_to_where_they_may_be() {
    if !available("bitmaps_behind_the_cut_move_to_where_they_may_be") {
        return;
    }
    for options in STRIDES {
        for flexible in [false, true] {
            let image = worn(&("", options), 64);
            if flexible {
                tool("tune2fs", &["-O", "flex_bg"], &image, &[]);
            }
            let before = image.read();
            for kib in [63_000, 58_200, 50_000, 42_100, 33_400, 28_000, 25_300] {
                let what = format!("{options:?}, flex_bg: {flexible}, {kib} KiB");
                let copy = Image::copy(&image);
                let size = shrink_to(&copy, kib << 10).unwrap_or_else(|e| panic!("{what}: {e}"));
                copy.fsck(&what);
                // A group that is too short for its own metadata goes.
                assert!(
                    size <= kib << 10 && size > (kib - 1000) << 10,
                    "{what}: {size}"
                );
                assert!(before == copy.read(), "{what}: contents");
            }
        }
    }
}

/// ext3's is mapped by indirect blocks; tune2fs puts it where there is room.
#[test]
fn a_journal_behind_the_cut_moves() {
    if !available("a_journal_behind_the_cut_moves") {
        return;
    }
    const EXT2: [&[&str]; 2] = [&["-t", "ext2", "-b", "1024"], &["-t", "ext2", "-b", "4096"]];
    for options in EXT2 {
        let image = Image::new(&("", options), 160 * MIB);
        let files = || (0..90).map(|i| format!("big-{i}"));
        let volume = image.open();
        for name in files() {
            let new = new_file(FileType::Regular);
            let file = volume.create(Ino::ROOT, name.as_bytes(), &new).unwrap();
            let bytes = vec![0x5A; 1 << 20];
            volume
                .write(file.attr.ino, 0, &bytes, WriteMode::Plain)
                .unwrap();
        }
        volume.close().unwrap();
        tool("tune2fs", &["-j", "-J", "size=16"], &image, &[]);
        let blocks = tool("debugfs", &["-R", "blocks <8>"], &image, &[]);
        let blocks = blocks.split_whitespace().filter_map(|no| no.parse().ok());
        let last: u64 = blocks.max().unwrap();
        let size: u64 = image.field("Block size:").parse().unwrap();
        assert!(last * size > 100 * MIB, "{last}");
        let volume = image.open();
        fill(&volume, "a", 50, 30_000);
        remove(&volume, files());
        volume.close().unwrap();
        let before = image.read();
        for mib in [100, 60, 30] {
            let what = format!("{options:?}, {mib} MiB");
            shrink_to(&image, mib * MIB).unwrap_or_else(|e| panic!("{what}: {e}"));
            image.fsck(&what);
            assert!(before == image.read(), "{what}: contents");
        }
        let volume = image.open();
        fill(&volume, "later", 30, 5_000);
        volume.close().unwrap();
        image.fsck(&format!("{options:?}, used again"));
    }
}

#[test]
fn the_least_size_is_that_of_resize2fs_or_less() {
    if !available("the_least_size_is_that_of_resize2fs_or_less") {
        return;
    }
    let some = [KINDS[0], KINDS[1], KINDS[5], KINDS[12]];
    let kinds = if full() { KINDS } else { &some };
    for &kind in kinds {
        let image = worn(&kind, 300);
        let before = image.read();
        let theirs = least_by_resize2fs(&image);
        let mut bytes = least(&image);
        let ours = loop {
            match shrink_to(&image, bytes) {
                Ok(size) => break size,
                Err(Error::NoSpace) => bytes += bytes / 100,
                Err(error) => panic!("{}: {error}", kind.0),
            }
        };
        println!("{}: {ours} bytes, resize2fs {theirs}", kind.0);
        image.fsck(kind.0);
        assert!(before == image.read(), "{}", kind.0);
        assert!(ours <= theirs + theirs / 20, "{}: {ours}, {theirs}", kind.0);
    }
}

#[test]
fn a_hundred_gibibytes_and_back() {
    if !available("a_hundred_gibibytes_and_back") {
        return;
    }
    // With blocks of 1 KiB, the descriptors outgrow what is reserved for them on the way.
    for (kind, gib, filled) in [
        (KINDS[0], 100, false),
        (KINDS[0], 100, true),
        (KINDS[1], 36, true),
    ] {
        let image = Image::new(&kind, 100 * MIB);
        let volume = image.open();
        if filled {
            fill(&volume, "a", 40, 1_000_000);
        }
        volume.grow(gib << 30).unwrap();
        if filled {
            fill(&volume, "b", 60, 200_000);
            fill(&volume, "c", 2000, 200);
        }
        volume.close().unwrap();
        image.fsck("grown");
        let before = image.read();
        assert_eq!(shrink_to(&image, 100 * MIB).unwrap(), 100 * MIB);
        image.fsck("shrunk");
        assert_eq!(image.size(), 100 * MIB);
        assert!(before == image.read());
        let groups: u32 = image.field("First meta block group:").parse().unwrap_or(0);
        assert!(groups <= 1, "more than the descriptors have blocks");
    }
}

#[test]
fn what_does_not_fit_changes_nothing_that_counts() {
    if !available("what_does_not_fit_changes_nothing_that_counts") {
        return;
    }
    let image = worn(&KINDS[1], 100);
    let before = image.read();
    assert!(matches!(shrink_to(&image, 3 * MIB), Err(Error::NoSpace)));
    image.fsck("refused");
    assert!(before == image.read());
    let stable = Image::new(&("stable", &["-O", "stable_inodes"]), 100 * MIB);
    let error = shrink_to(&stable, 50 * MIB).unwrap_err().to_string();
    assert!(error.contains("stable_inodes"), "{error}");
}

/// Quota files that lie where the image is cut off move with everything else, and count on.
#[test]
fn quota_files_move_and_stay_right() {
    if !available("quota_files_move_and_stay_right") {
        return;
    }
    let image = Image::new(&("quota", &["-b", "1024"]), 64 * MIB);
    let name = |i: u64| format!("small-{i}");
    let make = |volume: &Volume, name: &str, len: usize| {
        let new = volume
            .create(Ino::ROOT, name.as_bytes(), &new_file(FileType::Regular))
            .unwrap();
        let bytes = vec![0xA5; len];
        volume
            .write(new.attr.ino, 0, &bytes, WriteMode::Plain)
            .unwrap();
    };
    let volume = image.open();
    for i in 0..10_000 {
        make(&volume, &name(i), 1024);
    }
    for i in 0..20 {
        make(&volume, &format!("big-{i}"), 1 << 20);
    }
    volume.close().unwrap();
    tool("tune2fs", &["-O", "quota"], &image, &[]);
    let volume = image.open();
    make(&volume, "late", 4 << 20);
    // Holes of one block each: what moves into them falls into pieces, and its map grows.
    remove(&volume, (0..10_000).step_by(2).map(name));
    remove(&volume, (0..20).map(|i| format!("big-{i}")));
    volume.close().unwrap();
    image.fsck("with quota");
    let before = image.read();
    let mut bytes = least(&image);
    while let Err(error) = shrink_to(&image, bytes) {
        assert!(matches!(error, Error::NoSpace), "{error}");
        image.fsck("too small");
        bytes += bytes / 50;
    }
    image.fsck("shrunk");
    assert!(before == image.read());
}
