//! Inode flags, projects, labels and access times, with debugfs and e2fsck as judges.

use lwext4::*;
use machine::command::tool;
use machine::e2fsprogs::{DEBUGFS, E2FSCK, assert_clean};
use machine::requirements::{Need, can_run};
use std::path::Path;
use std::sync::Arc;

const SYNC: u32 = 0x8;
const IMMUTABLE: u32 = 0x10;
const APPEND: u32 = 0x20;
const NODUMP: u32 = 0x40;
const NOATIME: u32 = 0x80;
const DIRSYNC: u32 = 0x10000;
const EXTENTS: u32 = 0x80000;

/// An image with a file and a directory.
struct Case {
    file: tempfile::NamedTempFile,
    volume: Option<Volume>,
    ino: Ino,
    dir: Ino,
}

impl Case {
    fn new() -> Case {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(64 << 20).unwrap();
        let device = Arc::new(FileDevice::new(file.reopen().unwrap()).unwrap());
        format(&*device, &FormatOptions::default()).unwrap();
        let volume = Volume::open(device, OpenOptions::default()).unwrap();
        let make = |name: &[u8], file_type| {
            let new = NewFile::new(file_type, 0o644);
            volume.create(Ino::ROOT, name, &new).unwrap().attr.ino
        };
        Case {
            ino: make(b"file", FileType::Regular),
            dir: make(b"dir", FileType::Directory),
            volume: Some(volume),
            file,
        }
    }

    fn v(&self) -> &Volume {
        self.volume.as_ref().unwrap()
    }

    fn flags(&self, ino: Ino) -> u32 {
        self.v().getattr(ino).unwrap().flags
    }

    /// Closes the image, which e2fsck must like.
    fn close(&mut self) -> &Path {
        self.volume.take().unwrap().close().unwrap();
        assert_clean(self.file.path());
        self.file.path()
    }
}

#[test]
fn flags_reach_the_disk() {
    if !can_run("flags_reach_the_disk", &[E2FSCK, DEBUGFS]) {
        return;
    }
    let mut case = Case::new();
    let wanted = EXTENTS | SYNC | NODUMP | NOATIME | IMMUTABLE;
    case.v().set_flags(case.ino, wanted).unwrap();
    case.v().set_flags(case.dir, EXTENTS | DIRSYNC).unwrap();
    assert_eq!(case.flags(case.ino), wanted);
    let image = case.close().to_str().unwrap().to_owned();
    let stat = tool("debugfs", ["-R", "stat /file", &image]);
    assert!(stat.contains("Flags: 0x800d8"), "{stat}");
    let stat = tool("debugfs", ["-R", "stat /dir", &image]);
    assert!(stat.contains("Flags: 0x90000"), "{stat}");
}

#[test]
fn flags_that_ext4_keeps_for_itself_do_not_change() {
    let case = Case::new();
    // Inline data and encryption are seen, and passed over.
    let seen = EXTENTS | 0x1000_0000 | 0x800;
    case.v().set_flags(case.ino, seen).unwrap();
    assert_eq!(case.flags(case.ino), EXTENTS);
    for refused in [0x4_0000, 0x20_0000, DIRSYNC, 0x4000_0000] {
        let result = case.v().set_flags(case.ino, EXTENTS | refused);
        assert!(
            matches!(result, Err(Error::NotSupported(_))),
            "{refused:#x}"
        );
    }
    // Maps stay as they are.
    assert!(case.v().set_flags(case.ino, 0).is_err());
    assert_eq!(case.flags(case.ino), EXTENTS);
}

#[test]
fn immutable_files_stay_as_they_are() {
    if !can_run("immutable_files_stay_as_they_are", &[E2FSCK]) {
        return;
    }
    let mut case = Case::new();
    let (v, ino) = (case.v(), case.ino);
    v.write(ino, 0, b"kept", WriteMode::Plain).unwrap();
    v.set_flags(ino, EXTENTS | IMMUTABLE).unwrap();
    let set = |set: SetAttr| v.setattr(ino, &set).map(|_| ());
    let now = Some(Timestamp::now());
    let refused = [
        v.write(ino, 0, b"lost", WriteMode::Plain).map(|_| ()),
        v.write(ino, 9, b"lost", WriteMode::Writeback).map(|_| ()),
        v.write(ino, 0, b"lost", WriteMode::Writeback).map(|_| ()),
        set(SetAttr {
            size: Some(0),
            ..SetAttr::default()
        }),
        set(SetAttr {
            perm: Some(0),
            ..SetAttr::default()
        }),
        set(SetAttr {
            uid: Some(1),
            ..SetAttr::default()
        }),
        set(SetAttr {
            atime: now,
            mtime: now,
            ..SetAttr::default()
        }),
        v.setxattr(ino, b"user.a", b"1", SetXattrMode::Any),
        v.link(ino, Ino::ROOT, b"second").map(|_| ()),
        v.rename(Ino::ROOT, b"file", Ino::ROOT, b"moved", RenameMode::Replace),
        v.unlink(Ino::ROOT, b"file"),
        v.fallocate(ino, 0, 9, FallocateMode::PunchHole, WriteMode::Plain),
    ];
    for (i, result) in refused.into_iter().enumerate() {
        assert!(
            matches!(result, Err(Error::NotPermitted(_))),
            "{i}: {result:?}"
        );
    }
    // What a kernel's cache brings of earlier times is let in.
    set(SetAttr {
        mtime: now,
        ctime: now,
        ..SetAttr::default()
    })
    .unwrap();
    let mut found = [0; 4];
    v.read(ino, 0, &mut found).unwrap();
    assert_eq!(&found, b"kept");
    v.set_flags(ino, EXTENTS).unwrap();
    v.unlink(Ino::ROOT, b"file").unwrap();
    v.forget(ino, 1);
    case.close();
}

#[test]
fn append_only_files_only_grow() {
    if !can_run("append_only_files_only_grow", &[E2FSCK]) {
        return;
    }
    let mut case = Case::new();
    let (v, ino) = (case.v(), case.ino);
    v.write(ino, 0, b"one ", WriteMode::Plain).unwrap();
    v.set_flags(ino, EXTENTS | APPEND).unwrap();
    v.write(ino, 4, b"two", WriteMode::Plain).unwrap();
    let over = v.write(ino, 0, b"lost", WriteMode::Plain);
    assert!(matches!(over, Err(Error::NotPermitted(_))));
    let cut = SetAttr {
        size: Some(0),
        ..SetAttr::default()
    };
    assert!(matches!(v.setattr(ino, &cut), Err(Error::NotPermitted(_))));
    let mut found = [0; 8];
    assert_eq!(v.read(ino, 0, &mut found).unwrap(), 7);
    assert_eq!(&found[..7], b"one two");
    case.close();
}

#[test]
fn append_only_directories_only_grow() {
    if !can_run("append_only_directories_only_grow", &[E2FSCK]) {
        return;
    }
    let mut case = Case::new();
    let v = case.v();
    v.set_flags(case.dir, EXTENTS | APPEND).unwrap();
    v.link(case.ino, case.dir, b"in").unwrap();
    let out = v.rename(case.dir, b"in", Ino::ROOT, b"out", RenameMode::Replace);
    assert!(matches!(out, Err(Error::NotPermitted(_))));
    assert!(matches!(
        v.unlink(case.dir, b"in"),
        Err(Error::NotPermitted(_))
    ));
    case.close();
}

#[test]
fn projects_need_their_feature() {
    let case = Case::new();
    case.v().set_project(case.ino, 0).unwrap();
    let result = case.v().set_project(case.ino, 7);
    assert!(matches!(result, Err(Error::NotSupported(_))));
    assert_eq!(case.v().getattr(case.ino).unwrap().projid, 0);
}

#[test]
fn labels_reach_the_disk() {
    if !can_run("labels_reach_the_disk", &[E2FSCK, Need::Program("e2label")]) {
        return;
    }
    let mut case = Case::new();
    assert!(case.v().set_label(b"seventeen bytes!!").is_err());
    case.v().set_label(b"sixteen bytes ok\0 and more").unwrap();
    case.v().set_label(b"short\0").unwrap();
    assert_eq!(case.v().superblock().label(), b"short");
    let image = case.close().to_str().unwrap().to_owned();
    assert_eq!(tool("e2label", [&image]), "short\n");
}

#[test]
fn access_times_follow_relatime() {
    let case = Case::new();
    let at = |secs| Timestamp { secs, nanos: 5 };
    let set = |atime, mtime| {
        let set = SetAttr {
            atime: Some(at(atime)),
            mtime: Some(at(mtime)),
            ctime: Some(at(mtime)),
            ..SetAttr::default()
        };
        case.v().setattr(case.ino, &set).unwrap();
    };
    let read = |now| {
        case.v().accessed(case.ino, at(now)).unwrap();
        case.v().getattr(case.ino).unwrap().atime.secs
    };
    set(100, 200);
    assert_eq!(read(300), 300, "older than the change");
    assert_eq!(read(400), 300, "younger than the change");
    assert_eq!(read(300 + 86_400), 86_700, "a day old");
    set(100, 200);
    case.v().set_flags(case.ino, EXTENTS | NOATIME).unwrap();
    assert_eq!(read(300), 100, "flag noatime");
}

#[test]
fn times_beyond_the_format_become_its_last_second() {
    let case = Case::new();
    for (given, kept) in [(1 << 40, 15_032_385_535), (-(1 << 40), -2_147_483_648)] {
        let time = Timestamp {
            secs: given,
            nanos: 5,
        };
        let set = SetAttr {
            mtime: Some(time),
            ..SetAttr::default()
        };
        let attr = case.v().setattr(case.ino, &set).unwrap();
        assert_eq!(
            attr.mtime,
            Timestamp {
                secs: kept,
                nanos: 0
            }
        );
    }
}

#[test]
fn setgid_without_group_execution_goes_on_demand() {
    let case = Case::new();
    for (perm, kill_sgid, left) in [
        (0o6755, false, 0o755),
        (0o6745, false, 0o2745),
        (0o6745, true, 0o745),
    ] {
        let mode = SetAttr {
            perm: Some(perm),
            ..SetAttr::default()
        };
        case.v().setattr(case.ino, &mode).unwrap();
        let kill = SetAttr {
            kill_suid: true,
            kill_sgid,
            ..SetAttr::default()
        };
        assert_eq!(case.v().setattr(case.ino, &kill).unwrap().perm, left);
    }
}
