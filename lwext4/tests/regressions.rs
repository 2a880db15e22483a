//! What random operations found, each as the few calls that show it.

use lwext4::*;
use std::sync::Arc;

fn new(file_type: FileType) -> NewFile {
    NewFile {
        file_type,
        perm: 0o755,
        umask: 0,
        uid: 0,
        gid: 0,
        device: (0, 0),
    }
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
            Some(mode) => v.fallocate(ino, offset, len, mode).unwrap(),
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
    let full = v.fallocate(ino, 0, 1 << 40, mode);
    assert!(matches!(full, Err(Error::NoSpace)), "{full:?}");
    assert_eq!(v.statfs().free_blocks, 0);
}

fn e2fsck(device: &MemDevice) {
    let image = tempfile::NamedTempFile::new().unwrap();
    device.write_to(image.as_file()).unwrap();
    let Ok(out) = std::process::Command::new("e2fsck")
        .arg("-fn")
        .arg(image.path())
        .output()
    else {
        eprintln!("skipped: e2fsck is not installed");
        return;
    };
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stdout)
    );
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
    let punched = v.fallocate(ino, 22 * 1024, 2048, FallocateMode::PunchHole);
    assert!(matches!(punched, Err(Error::NoSpace)), "{punched:?}");
    let before = v.getattr(ino).unwrap();
    v.close().unwrap();
    e2fsck(&device);
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
    e2fsck(&device);
}
