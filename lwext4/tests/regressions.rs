//! What random operations found, each as the few calls that show it.

use lwext4::*;
use machine::e2fsprogs::{E2FSCK, assert_clean};
use machine::requirements::can_do;
use std::sync::Arc;

fn new(file_type: FileType) -> NewFile {
    NewFile::new(file_type, 0o755)
}

fn volume(options: FormatOptions) -> Volume {
    let device = Arc::new(MemDevice::new(16 << 20));
    format(&*device, &options).unwrap();
    Volume::open(device, OpenOptions::default()).unwrap()
}

#[test]
fn a_directory_that_was_removed_while_held_has_nothing_in_it() {
    let v = volume(FormatOptions::default());
    let dir = v
        .create(Ino::ROOT, b"dir", &new(FileType::Directory))
        .unwrap()
        .attr
        .ino;
    v.rmdir(Ino::ROOT, b"dir").unwrap();
    assert_eq!(v.getattr(dir).unwrap().nlink, 0);
    assert!(matches!(v.lookup(dir, b"name"), Err(Error::NotFound)));
    assert!(matches!(
        v.read_dir(dir, 0, &mut |_| true),
        Err(Error::NotFound)
    ));
    assert!(matches!(v.unlink(dir, b"name"), Err(Error::NotFound)));
    assert!(matches!(
        v.create(dir, b"name", &new(FileType::Fifo)),
        Err(Error::NotFound)
    ));
    let there = v.rename(Ino::ROOT, b"lost+found", dir, b"name", RenameMode::Replace);
    assert!(matches!(there, Err(Error::NotFound)));
    v.forget(dir, 1);
    assert!(matches!(v.getattr(dir), Err(Error::NotFound)));
}

/// A file `name` of 1 KiB blocks, of which those in `written` are written. More than four pieces need a
/// block for the extent tree.
fn pieces(v: &Volume, name: &[u8], pieces: &[(u64, u64)], mode: Option<FallocateMode>) -> Ino {
    let ino = v
        .create(Ino::ROOT, name, &new(FileType::Regular))
        .unwrap()
        .attr
        .ino;
    for &(block, count) in pieces {
        let (offset, len) = (block * 1024, count * 1024);
        match mode {
            Some(mode) => v
                .fallocate(ino, offset, len, mode, WriteMode::Plain)
                .unwrap(),
            None => {
                let data = vec![b'x'; len as usize];
                v.write(ino, offset, &data, WriteMode::Writeback).unwrap();
            }
        }
    }
    ino
}

/// Leaves no block free.
fn fill(v: &Volume) {
    v.sync().unwrap();
    let ino = v
        .create(Ino::ROOT, b"filler", &new(FileType::Regular))
        .unwrap()
        .attr
        .ino;
    let mode = FallocateMode::Allocate { keep_size: false };
    let full = v.fallocate(ino, 0, 1 << 40, mode, WriteMode::Plain);
    assert!(matches!(full, Err(Error::NoSpace)), "{full:?}");
    assert_eq!(v.statfs().free_blocks, 0);
}

/// e2fsck must find nothing, where there is an e2fsck.
fn judge(test: &str, device: &MemDevice) {
    if can_do(test, "e2fsck's verdict", &[E2FSCK]) {
        let image = tempfile::NamedTempFile::new().unwrap();
        device.write_to(image.as_file()).unwrap();
        assert_clean(image.path());
    }
}

#[test]
fn punching_that_finds_no_space_leaves_memory_and_disk_the_same() {
    let device = Arc::new(MemDevice::new(16 << 20));
    format(&*device, &FormatOptions::default()).unwrap();
    let v = Volume::open(device.clone(), OpenOptions::default()).unwrap();
    let ino = pieces(
        &v,
        b"full root",
        &[(0, 10), (20, 10), (40, 10), (60, 10)],
        None,
    );
    fill(&v);
    let punched = v.fallocate(
        ino,
        22 * 1024,
        2048,
        FallocateMode::PunchHole,
        WriteMode::Plain,
    );
    assert!(matches!(punched, Err(Error::NoSpace)), "{punched:?}");
    let before = v.getattr(ino).unwrap();
    v.close().unwrap();
    judge(
        "punching_that_finds_no_space_leaves_memory_and_disk_the_same",
        &device,
    );
    let v = Volume::open(device, OpenOptions::default()).unwrap();
    assert_eq!(v.getattr(ino).unwrap(), before);
}

#[test]
fn writing_behind_the_end_of_a_full_image_leaves_nothing_behind_the_end() {
    let device = Arc::new(MemDevice::new(16 << 20));
    format(&*device, &FormatOptions::default()).unwrap();
    let v = Volume::open(device.clone(), OpenOptions::default()).unwrap();
    let ahead = FallocateMode::Allocate { keep_size: true };
    let ino = pieces(
        &v,
        b"full root",
        &[(0, 10), (20, 10), (40, 10), (60, 10)],
        Some(ahead),
    );
    fill(&v);
    let data = [b'y'; 1024];
    assert_eq!(
        v.write(ino, 22 * 1024, &data, WriteMode::Plain).unwrap(),
        1024
    );
    let mut found = [b'?'; 24 * 1024];
    assert_eq!(v.read(ino, 0, &mut found).unwrap(), 23 * 1024);
    assert!(found[..22 * 1024].iter().all(|&b| b == 0));
    assert_eq!(found[22 * 1024..23 * 1024], data);
    v.close().unwrap();
    judge(
        "writing_behind_the_end_of_a_full_image_leaves_nothing_behind_the_end",
        &device,
    );
}

#[test]
fn a_file_without_a_name_survives_a_truncate_in_several_transactions_and_is_deleted_after_it() {
    let device = Arc::new(MemDevice::new(64 << 20));
    let options = FormatOptions {
        journal: JournalSize::Blocks(1024),
        ..FormatOptions::default()
    };
    format(&*device, &options).unwrap();
    let v = Volume::open(device.clone(), OpenOptions::default()).unwrap();
    let before = v.statfs();
    let ino = v
        .create(Ino::ROOT, b"comb", &new(FileType::Regular))
        .unwrap()
        .attr
        .ino;
    // From the end to the start, so that the nodes of the map are half full: there are more of them than
    // a transaction may change.
    for block in (0..12_000).rev() {
        v.write(ino, block * 2048, b"tooth", WriteMode::Writeback)
            .unwrap();
    }
    v.unlink(Ino::ROOT, b"comb").unwrap();
    let set = SetAttr {
        size: Some(0),
        ..SetAttr::default()
    };
    assert_eq!(v.setattr(ino, &set).unwrap().nlink, 0);
    v.forget(ino, 1);
    assert!(matches!(v.getattr(ino), Err(Error::NotFound)));
    assert_eq!(v.statfs(), before);
    v.close().unwrap();
    judge(
        "a_file_without_a_name_survives_a_truncate_in_several_transactions_and_is_deleted_after_it",
        &device,
    );
}

/// Runs `work` in two threads; fails when they are not done after a minute.
fn two_threads(work: [Box<dyn FnOnce() + Send>; 2]) {
    let (done, wait) = std::sync::mpsc::channel();
    for work in work {
        let done = done.clone();
        std::thread::spawn(move || {
            work();
            done.send(()).unwrap();
        });
    }
    for _ in 0..2 {
        let result = wait.recv_timeout(std::time::Duration::from_secs(60));
        result.expect("no deadlock");
    }
}

#[test]
fn exchanging_a_file_and_a_directory_that_has_the_file_too_cannot_deadlock() {
    let v = Arc::new(volume(FormatOptions::default()));
    let file = v
        .create(Ino::ROOT, b"file", &new(FileType::Regular))
        .unwrap()
        .attr
        .ino;
    let dir = v
        .create(Ino::ROOT, b"dir", &new(FileType::Directory))
        .unwrap()
        .attr
        .ino;
    assert!(file < dir);
    let (a, b) = (v.clone(), v.clone());
    two_threads([
        Box::new(move || {
            for _ in 0..20_000 {
                a.rename(Ino::ROOT, b"dir", Ino::ROOT, b"file", RenameMode::Exchange)
                    .unwrap();
            }
        }),
        Box::new(move || {
            for _ in 0..20_000 {
                b.link(file, dir, b"too").unwrap();
                b.unlink(dir, b"too").unwrap();
            }
        }),
    ]);
}

#[test]
fn what_is_written_after_a_truncate_began_is_not_lost() {
    let device = Arc::new(MemDevice::new(64 << 20));
    let options = FormatOptions {
        journal: JournalSize::Blocks(1024),
        ..FormatOptions::default()
    };
    format(&*device, &options).unwrap();
    let v = Arc::new(Volume::open(device, OpenOptions::default()).unwrap());
    let ino = v
        .create(Ino::ROOT, b"comb", &new(FileType::Regular))
        .unwrap()
        .attr
        .ino;
    for block in (0..28_000).rev() {
        v.write(ino, block * 2048, b"tooth", WriteMode::Writeback)
            .unwrap();
    }
    let (a, b) = (v.clone(), v.clone());
    two_threads([
        Box::new(move || {
            let set = SetAttr {
                size: Some(0),
                ..SetAttr::default()
            };
            a.setattr(ino, &set).unwrap();
        }),
        Box::new(move || {
            while b.getattr(ino).unwrap().size > 0 {
                std::hint::spin_loop();
            }
            let n = b.write(ino, 4096, b"after it", WriteMode::Plain).unwrap();
            assert_eq!(n, 8);
        }),
    ]);
    let mut found = [0; 100];
    assert_eq!(v.read(ino, 4096, &mut found).unwrap(), 8);
    assert_eq!(&found[..8], b"after it");
}

#[test]
fn a_file_among_clusters_that_finds_no_room_for_its_acl_is_not_made() {
    let device = Arc::new(MemDevice::new(16 << 20));
    let options = FormatOptions {
        cluster_size: Some(16384),
        features: "bigalloc".parse().unwrap(),
        ..FormatOptions::default()
    };
    format(&*device, &options).unwrap();
    let v = Volume::open(device.clone(), OpenOptions::default()).unwrap();
    let dir = v
        .create(Ino::ROOT, b"dir", &new(FileType::Directory))
        .unwrap();
    // Too many named users for the inode.
    let mut acl = 2u32.to_le_bytes().to_vec();
    let named = (0..40u32).map(|id| (2u16, id));
    let entries = [(1u16, u32::MAX)].into_iter().chain(named);
    for (tag, id) in entries.chain([(4, u32::MAX), (16, u32::MAX), (32, u32::MAX)]) {
        acl.extend(tag.to_le_bytes());
        acl.extend(5u16.to_le_bytes());
        acl.extend(id.to_le_bytes());
    }
    let name = b"system.posix_acl_default";
    v.setxattr(dir.attr.ino, name, &acl, SetXattrMode::Any)
        .unwrap();
    fill(&v);
    for file_type in [FileType::Regular, FileType::Directory, FileType::Fifo] {
        let made = v.create(dir.attr.ino, b"new", &new(file_type));
        assert!(matches!(made, Err(Error::NoSpace)), "{made:?}");
    }
    v.forget(dir.attr.ino, 1);
    v.close().unwrap();
    judge(
        "a_file_among_clusters_that_finds_no_room_for_its_acl_is_not_made",
        &device,
    );
}
