//! Whatever changes an inode changes what its user, group and project have.

use crate::image::{Image, NEEDS, QUOTA};
use lwext4::*;
use machine::requirements::can_run;

fn write(image: &Image, ino: Ino, at: u64, len: usize) {
    let data = vec![b'q'; len];
    let n = image.v().write(ino, at, &data, WriteMode::Plain).unwrap();
    assert_eq!(n, len);
}

/// Images of every shape that matters to the files: blocks of the file system as small as theirs and
/// larger, maps of both kinds, without a journal.
const SHAPES: &[&[&str]] = &[
    &["-O", "quota,project,orphan_file,metadata_csum_seed"],
    &["-b", "1024", "-O", QUOTA],
    &["-b", "65536", "-O", QUOTA],
    &["-O", "quota,project,^extent,^64bit"],
    &["-O", "quota,project,^has_journal"],
    &["-O", "quota,^metadata_csum", "-I", "128"],
    &["-O", QUOTA, "-E", "quotatype=prjquota"],
    &["-O", "quota,project,bigalloc", "-C", "16384"],
    &["-O", "quota,project,inline_data"],
];

#[test]
fn every_change_is_counted() {
    if !can_run("every_change_is_counted", &NEEDS) {
        return;
    }
    for shape in SHAPES {
        let mut image = Image::new(shape);
        let v = image.v();
        let dir = image.make(Ino::ROOT, "dir", FileType::Directory, (1000, 100));
        for i in 0..60 {
            let ino = image.file(dir, &format!("file{i}"), (1000 + i % 5, 100 + i % 3));
            write(&image, ino, 0, 3000 * i as usize);
        }
        let big = image.file(dir, "big", (77, 88));
        for i in 0..200 {
            write(&image, big, i * 20_000, 9000);
        }
        let target = vec![b't'; 900];
        v.symlink(dir, b"long link", &target, 5, 6).unwrap();
        let value = vec![b'v'; 700];
        for name in [&b"file1"[..], b"file2", b"file3"] {
            let ino = v.lookup(dir, name).unwrap().attr.ino;
            v.setxattr(ino, b"user.shared", &value, SetXattrMode::Any)
                .unwrap();
            v.forget(ino, 1);
        }
        image.judge();

        let v = image.v();
        v.setattr(
            big,
            &SetAttr {
                uid: Some(1003),
                gid: Some(9),
                ..SetAttr::default()
            },
        )
        .unwrap();
        v.setattr(
            big,
            &SetAttr {
                size: Some(100_001),
                ..SetAttr::default()
            },
        )
        .unwrap();
        let _ = v.fallocate(
            big,
            0,
            900_000,
            FallocateMode::Allocate { keep_size: true },
            WriteMode::Plain,
        );
        let _ = v.fallocate(
            big,
            8192,
            70_000,
            FallocateMode::PunchHole,
            WriteMode::Plain,
        );
        let ino = v.lookup(dir, b"file1").unwrap().attr.ino;
        v.removexattr(ino, b"user.shared").unwrap();
        for i in 0..30 {
            v.unlink(dir, format!("file{}", i * 2).as_bytes()).unwrap();
        }
        v.rename(dir, b"file3", dir, b"file5", RenameMode::Replace)
            .unwrap();
        v.rename(dir, b"file7", dir, b"whiteout", RenameMode::Whiteout)
            .unwrap();
        image.judge();

        // An orphan is its owner's until it is gone.
        let held = image.v().lookup(dir, b"big").unwrap().attr.ino;
        image.v().unlink(dir, b"big").unwrap();
        write(&image, held, 0, 50_000);
        image.judge();
    }
}

#[test]
fn the_numbers_are_those_of_the_files() {
    if !can_run("the_numbers_are_those_of_the_files", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-b", "4096", "-O", QUOTA]);
    let a = image.file(Ino::ROOT, "a", (1000, 100));
    write(&image, a, 0, 10_000);
    let b = image.file(Ino::ROOT, "b", (1000, 200));
    write(&image, b, 1 << 20, 1);
    image.v().set_project(b, 42).unwrap();
    image.close();
    let users = image.recorded("user");
    assert_eq!(users[&1000], (16_384, 2));
    let groups = image.recorded("group");
    assert_eq!((groups[&100], groups[&200]), ((12_288, 1), (4096, 1)));
    let projects = image.recorded("project");
    assert_eq!(projects[&42], (4096, 1));
    assert_eq!(projects[&0].1, 3);
}

#[test]
fn who_has_nothing_has_no_entry() {
    if !can_run("who_has_nothing_has_no_entry", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-O", QUOTA]);
    let before = (image.recorded("user"), image.recorded("group"));
    let dir = image.make(Ino::ROOT, "dir", FileType::Directory, (0, 0));
    for round in 0..3 {
        for i in 0..100 {
            image.file(dir, &format!("{i}"), (i * 40_503_021, i * 7 + round));
        }
        image.judge();
        for i in 0..100 {
            image.v().unlink(dir, format!("{i}").as_bytes()).unwrap();
        }
        image.judge();
    }
    image.v().rmdir(Ino::ROOT, b"dir").unwrap();
    image.close();
    assert_eq!((image.recorded("user"), image.recorded("group")), before);
}

/// Leaves fill and empty, in any order; blocks that the tree gave up are used again.
#[test]
fn thousands_of_ids_come_and_go() {
    if !can_run("thousands_of_ids_come_and_go", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-O", QUOTA, "-N", "20000"]);
    let mut random = fastrand::Rng::with_seed(4);
    let dir = image.make(Ino::ROOT, "dir", FileType::Directory, (0, 0));
    let mut files: Vec<(String, Ino)> = Vec::new();
    for round in 0..4 {
        for i in 0..900 {
            let name = format!("{round}-{i}");
            let ino = image.file(dir, &name, (random.u32(..), random.u32(..3000)));
            files.push((name, ino));
        }
        for (_, ino) in files.iter().step_by(3) {
            let set = SetAttr {
                uid: Some(random.u32(..)),
                ..SetAttr::default()
            };
            image.v().setattr(*ino, &set).unwrap();
            image.v().set_project(*ino, random.u32(..500)).unwrap();
        }
        random.shuffle(&mut files);
        for (name, _) in files.drain(..600) {
            image.v().unlink(dir, name.as_bytes()).unwrap();
        }
        image.judge();
    }
    for (name, _) in files {
        image.v().unlink(dir, name.as_bytes()).unwrap();
    }
    image.close();
    assert_eq!(image.recorded("user").len(), 1);
}

#[test]
fn a_full_image_counts_right() {
    if !can_run("a_full_image_counts_right", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-b", "1024", "-O", QUOTA]);
    let fill = image.file(Ino::ROOT, "fill", (1, 1));
    let data = vec![0; 1 << 20];
    let mut at = 0;
    while let Ok(n) = image.v().write(fill, at, &data, WriteMode::Plain) {
        at += n as u64;
    }
    // Ids that need a new leaf find no space, and nothing happens.
    let mut refused = 0;
    for i in 0..200 {
        let new = NewFile {
            file_type: FileType::Fifo,
            perm: 0o644,
            umask: 0,
            uid: i << 20,
            gid: i << 12,
            device: (0, 0),
        };
        let name = format!("pipe{i}");
        match image.v().create(Ino::ROOT, name.as_bytes(), &new) {
            Ok(_) => {}
            Err(Error::NoSpace) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 0);
    let chown = SetAttr {
        uid: Some(0x7F00_0000),
        gid: Some(0x7F00_0000),
        ..SetAttr::default()
    };
    assert!(matches!(
        image.v().setattr(fill, &chown),
        Err(Error::NoSpace)
    ));
    image.judge();
    image.v().unlink(Ino::ROOT, b"fill").unwrap();
    image.judge();
    image.close();
}

#[test]
fn projects_are_inherited_and_keep_to_themselves() {
    if !can_run("projects_are_inherited_and_keep_to_themselves", &NEEDS) {
        return;
    }
    const PROJINHERIT: u32 = 0x2000_0000;
    let mut image = Image::new(&["-b", "4096", "-O", QUOTA]);
    let v = image.v();
    let dir = image.make(Ino::ROOT, "project", FileType::Directory, (0, 0));
    v.set_project(dir, 7).unwrap();
    let flags = v.getattr(dir).unwrap().flags;
    v.set_flags(dir, flags | PROJINHERIT).unwrap();
    let sub = image.make(dir, "sub", FileType::Directory, (0, 0));
    let file = image.file(sub, "file", (0, 0));
    write(&image, file, 0, 5000);
    assert_eq!(v.getattr(file).unwrap().projid, 7);
    let other = image.file(Ino::ROOT, "other", (0, 0));
    let crossed = [
        v.link(other, dir, b"link").map(|_| ()),
        v.rename(Ino::ROOT, b"other", sub, b"moved", RenameMode::Replace),
    ];
    for result in crossed {
        assert_eq!(result.unwrap_err().errno(), 18, "EXDEV");
    }
    // Out of a project is no trouble: the root gives none to its children.
    v.rename(sub, b"file", Ino::ROOT, b"out", RenameMode::Replace)
        .unwrap();
    image.close();
    assert_eq!(image.recorded("project")[&7], (8192 + 8192, 3));
}
