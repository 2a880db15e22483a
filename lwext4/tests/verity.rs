//! Files that fs-verity protects, with e2fsck as judge: their content stays, the rest may change.

use lwext4::*;
use machine::command::{command, output, said, tool};
use machine::e2fsprogs::{DEBUGFS, E2FSCK, MKE2FS, assert_clean, mke2fs};
use machine::kernel::Mounted;
use machine::requirements::{Need, can_run, skip};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

const VERITY: u32 = 0x10_0000;

struct Image {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Image {
    /// An image with a file `sealed` of 5000 bytes, whose hash tree begins at 64 KiB.
    fn new() -> Image {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image");
        mke2fs(&path, 32 << 20, ["-t", "ext4", "-O", "verity"]);
        let image = Image { _dir: dir, path };
        let volume = image.open();
        let new = NewFile::new(FileType::Regular, 0o644);
        let ino = volume.create(Ino::ROOT, b"sealed", &new).unwrap().attr.ino;
        volume
            .write(ino, 0, &[b's'; 5000], WriteMode::Plain)
            .unwrap();
        volume
            .write(ino, 65_536, &[b'h'; 4096], WriteMode::Plain)
            .unwrap();
        volume.close().unwrap();
        // What the kernel does when it has built the tree.
        for command in ["sif sealed size 5000", "sif sealed flags 0x180000"] {
            let path = image.path.to_str().unwrap();
            tool("debugfs", ["-w", "-R", command, path]);
        }
        assert_clean(&image.path);
        image
    }

    fn open(&self) -> Volume {
        let file = File::options().read(true).write(true).open(&self.path);
        let device = FileDevice::new(file.unwrap()).unwrap();
        Volume::open(Arc::new(device), OpenOptions::default()).unwrap()
    }
}

#[test]
fn verity_files_keep_their_content() {
    if !can_run(
        "verity_files_keep_their_content",
        &[MKE2FS, E2FSCK, DEBUGFS],
    ) {
        return;
    }
    let image = Image::new();
    let v = image.open();
    let free = v.statfs().free_blocks;
    let attr = v.lookup(Ino::ROOT, b"sealed").unwrap().attr;
    let ino = attr.ino;
    assert_eq!((attr.size, attr.flags & VERITY), (5000, VERITY));
    let size = |size| {
        v.setattr(
            ino,
            &SetAttr {
                size: Some(size),
                ..SetAttr::default()
            },
        )
        .map(|_| ())
    };
    let refused = [
        v.write(ino, 0, b"x", WriteMode::Plain).map(|_| ()),
        v.write(ino, 0, b"x", WriteMode::Writeback).map(|_| ()),
        v.write(ino, 5000, b"x", WriteMode::Plain).map(|_| ()),
        size(0),
        size(100_000),
        v.fallocate(ino, 0, 4096, FallocateMode::PunchHole, WriteMode::Plain),
        v.fallocate(
            ino,
            0,
            1 << 20,
            FallocateMode::Allocate { keep_size: true },
            WriteMode::Plain,
        ),
        v.fallocate(
            ino,
            0,
            4096,
            FallocateMode::ZeroRange { keep_size: true },
            WriteMode::Plain,
        ),
    ];
    for result in refused {
        assert_eq!(result.unwrap_err().errno(), 1, "EPERM");
    }
    // Everything but the content may change, and the flag stays.
    let set = SetAttr {
        perm: Some(0o600),
        uid: Some(7),
        mtime: Some(Timestamp { secs: 1, nanos: 0 }),
        ..SetAttr::default()
    };
    v.setattr(ino, &set).unwrap();
    v.set_flags(ino, 0x8_0000 | 0x40).unwrap();
    v.setxattr(ino, b"user.x", b"y", SetXattrMode::Any).unwrap();
    v.link(ino, Ino::ROOT, b"link").unwrap();
    v.rename(Ino::ROOT, b"link", Ino::ROOT, b"other", RenameMode::Replace)
        .unwrap();
    v.close().unwrap();
    assert_clean(&image.path);

    let v = image.open();
    let attr = v.lookup(Ino::ROOT, b"other").unwrap().attr;
    assert_eq!((attr.size, attr.flags & VERITY), (5000, VERITY));
    let mut data = vec![0; 100_000];
    let n = v.read(ino, 0, &mut data).unwrap();
    assert_eq!(&data[..n], [b's'; 5000]);
    assert_eq!(v.read(ino, 65_536, &mut data).unwrap(), 0);
    assert_eq!(v.statfs().free_blocks, free);

    // Deleted, it gives everything back, the tree too.
    let taken = attr.sectors * 512 / u64::from(v.statfs().block_size);
    assert!(taken >= 9);
    v.unlink(Ino::ROOT, b"sealed").unwrap();
    v.unlink(Ino::ROOT, b"other").unwrap();
    v.forget(ino, 1);
    assert_eq!(v.statfs().free_blocks, free + taken);
    v.close().unwrap();
    assert_clean(&image.path);
}

#[test]
fn the_check_knows_verity_files() {
    if !can_run("the_check_knows_verity_files", &[MKE2FS, E2FSCK, DEBUGFS]) {
        return;
    }
    let image = Image::new();
    let device = FileDevice::new(File::open(&image.path).unwrap()).unwrap();
    let mut found = Vec::new();
    check(Arc::new(device), &CheckOptions::default(), &mut |problem| {
        found.push(problem.to_string())
    })
    .unwrap();
    assert_eq!(found, Vec::<String>::new());
}

/// The kernel seals a file; we read and refuse, and the kernel finds it whole afterwards. Needs root,
/// loop devices, a kernel with fs-verity, and the program `fsverity`.
#[test]
fn files_that_the_kernel_sealed_stay_whole() {
    let name = "files_that_the_kernel_sealed_stay_whole";
    let fsverity = Need::Program("fsverity");
    if !can_run(name, &[MKE2FS, E2FSCK, Need::Loop, fsverity]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let image = Image {
        path: dir.path().join("image"),
        _dir: dir,
    };
    let options = ["-t", "ext4", "-b", "4096", "-O", "verity"];
    mke2fs(&image.path, 64 << 20, options);
    let content: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
    let mounted = match Mounted::new(&image.path, "") {
        Ok(mounted) => mounted,
        Err(why) => return skip(name, &format!("no fs-verity: {why}")),
    };
    let file = mounted.join("file");
    std::fs::write(&file, &content).unwrap();
    let enable = output(command("fsverity", ["enable"]).arg(&file));
    drop(mounted);
    if !enable.status.success() {
        return skip(name, &format!("no fs-verity: {}", said(&enable)));
    }
    let v = image.open();
    let attr = v.lookup(Ino::ROOT, b"file").unwrap().attr;
    assert_eq!(attr.flags & VERITY, VERITY);
    let mut data = vec![0; content.len() + 1];
    assert_eq!(v.read(attr.ino, 0, &mut data).unwrap(), content.len());
    assert!(data[..content.len()] == content);
    assert!(v.write(attr.ino, 0, b"x", WriteMode::Plain).is_err());
    v.rename(Ino::ROOT, b"file", Ino::ROOT, b"moved", RenameMode::Replace)
        .unwrap();
    v.forget(attr.ino, 1);
    v.close().unwrap();
    assert_clean(&image.path);
    // Reading makes the kernel compare the data with the hash tree.
    let mounted = Mounted::new(&image.path, "").unwrap();
    assert!(std::fs::read(mounted.join("moved")).unwrap() == content);
    drop(mounted);
    let v = image.open();
    v.unlink(Ino::ROOT, b"moved").unwrap();
    v.close().unwrap();
    assert_clean(&image.path);
}
