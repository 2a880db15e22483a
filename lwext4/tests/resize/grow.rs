//! Growing, of file systems in use.

use crate::image::{Image, KINDS, available, fill, new_file, read_all, tool};
use bytes::Bytes;
use lwext4::*;
use machine::requirements::full;
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
    if !available("every_kind_grows_in_steps") {
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
    if !available("a_hundred_gibibytes_and_what_no_table_has_room_for") {
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
        // resize2fs wants that whenever the image was opened in another second than it was made.
        tool("e2fsck", &["-fp"], &image, &[]);
        let said = tool("resize2fs", &[], &image, &[]);
        assert!(said.contains("Nothing to do"), "{said}");
        assert!(before == image.read());
    }
}

#[test]
fn a_volume_grows_under_its_writers() {
    if !available("a_volume_grows_under_its_writers") {
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
    if !available("a_full_volume_grows_by_itself_up_to_its_limit") {
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

/// A file of a [`Bulk`].
fn node() -> Node {
    let time = Timestamp {
        secs: 1_000_000_000,
        nanos: 5,
    };
    Node {
        file_type: FileType::Regular,
        perm: 0o644,
        uid: 1,
        gid: 2,
        device: (0, 0),
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        target: Vec::new(),
        xattrs: Vec::new(),
    }
}

/// Makes a file of two pieces of a mebibyte each; what the second found no space for is `Err`.
fn put(bulk: &mut Bulk<'_>, name: &str, piece: &Bytes) -> Result<()> {
    let content = |at| Content {
        at,
        pieces: std::slice::from_ref(piece),
        size: 2 * MIB,
    };
    let touch = ParentTimes::Touch;
    let ino = bulk.create(Ino::ROOT, name.as_bytes(), &node(), touch, content(0))?;
    bulk.append(ino, content(MIB))?;
    bulk.complete(ino, 2 * MIB)
}

#[test]
fn a_bulk_has_a_full_volume_grow() {
    if !available("a_bulk_has_a_full_volume_grow") {
        return;
    }
    for writers in [0, 2] {
        let image = Image::new(&KINDS[0], 16 * MIB);
        let volume = image.open_with(OpenOptions {
            autogrow: Some(300 * MIB),
            ..OpenOptions::default()
        });
        let options = BulkOptions {
            writers,
            steady: writers == 0,
        };
        let mut bulk = volume.bulk(options).unwrap();
        // More inodes than there are, then more blocks.
        for i in 0..9000 {
            let name = format!("empty{i}");
            let touch = ParentTimes::Touch;
            bulk.create(Ino::ROOT, name.as_bytes(), &node(), touch, Content::EMPTY)
                .unwrap();
        }
        for i in 0..100u8 {
            let piece = Bytes::from(vec![i; MIB as usize]);
            put(&mut bulk, &format!("large{i}"), &piece).unwrap();
        }
        // The limit holds.
        let piece = Bytes::from(vec![0xAA; MIB as usize]);
        let full = (0..60).find_map(|i| put(&mut bulk, &format!("more{i}"), &piece).err());
        assert!(matches!(full, Some(Error::NoSpace)), "{full:?}");
        bulk.finish().unwrap();
        assert!(volume.superblock().blocks_count() <= 300 * MIB / 4096);
        let before = read_all(&volume);
        volume.close().unwrap();
        image.fsck("grown by a bulk");
        assert!(image.size() <= 300 * MIB && image.fs_size() > 250 * MIB);
        assert!(before == image.read());
        let volume = image.open();
        for i in 0..100u8 {
            let ino = volume.lookup(Ino::ROOT, format!("large{i}").as_bytes());
            let attr = ino.unwrap().attr;
            assert_eq!(attr.size, 2 * MIB);
            let mut found = vec![0; 2 * MIB as usize];
            let read = volume.read(attr.ino, 0, &mut found).unwrap();
            assert_eq!(read, found.len());
            assert!(found.iter().all(|&byte| byte == i), "large{i}");
        }
        volume.close().unwrap();
    }
}

#[test]
fn a_stage_that_is_full_does_not_grow_and_changes_nothing() {
    if !available("a_stage_that_is_full_does_not_grow_and_changes_nothing") {
        return;
    }
    let image = Image::new(&KINDS[0], 16 * MIB);
    let volume = image.open();
    fill(&volume, "a", 20, 10_000);
    volume.close().unwrap();
    let before = image.read();
    let options = OpenOptions {
        autogrow: Some(300 * MIB),
        ..OpenOptions::default()
    };
    let stage = Stage::open(image.device(), options.clone()).unwrap();
    let mut bulk = stage.bulk(BulkOptions {
        writers: 2,
        steady: false,
    });
    let bulk_ref = bulk.as_mut().unwrap();
    let piece = Bytes::from(vec![7; MIB as usize]);
    let full = (0..20).find_map(|i| put(bulk_ref, &format!("large{i}"), &piece).err());
    assert!(matches!(full, Some(Error::NoSpace)), "{full:?}");
    drop(bulk);
    assert!(matches!(stage.why(Error::NoSpace), Error::NoSpace));
    drop(stage);
    image.fsck("after a stage that was full");
    assert_eq!(image.size(), 16 * MIB);
    assert!(before == image.read());
    // What fits is done, with the option, too.
    let stage = Stage::open(image.device(), options).unwrap();
    let mut bulk = stage
        .bulk(BulkOptions {
            writers: 2,
            steady: false,
        })
        .unwrap();
    put(&mut bulk, "large", &piece).unwrap();
    bulk.finish().unwrap();
    stage.commit().unwrap();
    image.fsck("after a stage with room");
    assert_eq!(image.size(), 16 * MIB);
    assert_eq!(image.read().len(), before.len() + 1);
}

#[test]
fn limits_are_named() {
    if !available("limits_are_named") {
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
