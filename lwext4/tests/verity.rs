//! Files that fs-verity protects, with e2fsck as judge: their content stays, the rest may change.

use lwext4::*;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

const VERITY: u32 = 0x10_0000;

struct Image {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

#[track_caller]
fn run(program: &str, args: &[&str]) {
    let out = Command::new(program).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{program} {args:?}: {said}");
}

impl Image {
    /// An image with a file `sealed` of 5000 bytes, whose hash tree begins at 64 KiB.
    fn new() -> Image {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image");
        File::create(&path).unwrap().set_len(32 << 20).unwrap();
        let image = Image { _dir: dir, path };
        let path = image.path.to_str().unwrap();
        run("mke2fs", &["-qF", "-t", "ext4", "-O", "verity", path]);
        let volume = image.open();
        let new = NewFile {
            file_type: FileType::Regular,
            perm: 0o644,
            umask: 0,
            uid: 0,
            gid: 0,
            device: (0, 0),
        };
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
            run("debugfs", &["-w", "-R", command, path]);
        }
        run("e2fsck", &["-fn", path]);
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
    run("e2fsck", &["-fn", image.path.to_str().unwrap()]);

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
    run("e2fsck", &["-fn", image.path.to_str().unwrap()]);
}

#[test]
fn the_check_knows_verity_files() {
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
    let dir = tempfile::tempdir().unwrap();
    let image = Image {
        path: dir.path().join("image"),
        _dir: dir,
    };
    File::create(&image.path)
        .unwrap()
        .set_len(64 << 20)
        .unwrap();
    let path = image.path.to_str().unwrap();
    run(
        "mke2fs",
        &["-qF", "-t", "ext4", "-b", "4096", "-O", "verity", path],
    );
    let content: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
    let on_kernel = |work: &dyn Fn(&std::path::Path) -> bool| {
        let at = tempfile::tempdir().unwrap();
        let at_path = at.path().to_str().unwrap();
        let mounted = Command::new("mount")
            .args(["-o", "loop", path, at_path])
            .output();
        if !mounted.is_ok_and(|out| out.status.success()) {
            return false;
        }
        let done = work(at.path());
        run("umount", &[at_path]);
        done
    };
    let sealed = on_kernel(&|at| {
        std::fs::write(at.join("file"), &content).unwrap();
        let enable = Command::new("fsverity")
            .arg("enable")
            .arg(at.join("file"))
            .output();
        enable.is_ok_and(|out| out.status.success())
    });
    if !sealed {
        eprintln!("skipped: fs-verity by the kernel: no root, no such kernel, or no fsverity");
        return;
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
    run("e2fsck", &["-fn", path]);
    // Reading makes the kernel compare the data with the hash tree.
    assert!(on_kernel(
        &|at| std::fs::read(at.join("moved")).unwrap() == content
    ));
    let v = image.open();
    v.unlink(Ino::ROOT, b"moved").unwrap();
    v.close().unwrap();
    run("e2fsck", &["-fn", path]);
}
