//! Images with something in them, and the two that judge them.

use lwext4::{
    CheckOptions, Durability, FallocateMode, FileDevice, FileType, FormatOptions, Ino, NewFile,
    OpenOptions, Problem, SetAttr, SetXattrMode, Summary, Volume, WriteMode,
};
use machine::command::{command, output, said};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// An image in a directory of its own, removed with it.
pub struct Image {
    _dir: TempDir,
    pub path: PathBuf,
}

/// Asks `check`: the problems (notes left out), and the summary.
pub fn check(path: &Path) -> (Vec<Problem>, Summary) {
    let device = FileDevice::new(File::open(path).unwrap()).unwrap();
    let mut problems = Vec::new();
    let summary = lwext4::check(Arc::new(device), &CheckOptions::default(), &mut |problem| {
        problems.push(problem)
    });
    problems.retain(|problem| problem.serious);
    match summary {
        Ok(summary) => {
            assert_eq!(summary.problems, problems.len() as u64);
            (problems, summary)
        }
        // Nothing that a check can judge: not clean.
        Err(error) => {
            let mut summary = Summary::default();
            summary.problems = 1;
            let _ = error.to_string();
            (problems, summary)
        }
    }
}

impl Image {
    fn empty(mib: u64) -> Image {
        let dir = TempDir::new().expect("a directory");
        let path = dir.path().join("image");
        File::create(&path).unwrap().set_len(mib << 20).unwrap();
        Image { _dir: dir, path }
    }

    /// A new image that mke2fs makes with `options`; an error with its words where it cannot.
    pub fn mke2fs(options: &str, mib: u64) -> Result<Image, String> {
        let image = Image::empty(mib);
        let mut mke2fs = command("mke2fs", ["-q", "-F"]);
        let made = output(mke2fs.args(options.split_whitespace()).arg(&image.path));
        if made.status.success() {
            Ok(image)
        } else {
            Err(said(&made))
        }
    }

    /// A new image that the engine makes.
    pub fn format(options: &FormatOptions, mib: u64) -> Image {
        let image = Image::empty(mib);
        let file = File::options().read(true).write(true).open(&image.path);
        let device = FileDevice::new(file.unwrap()).unwrap();
        lwext4::format(&device, options).expect("formatted");
        image
    }

    pub fn open(&self) -> lwext4::Result<Volume> {
        let file = File::options().read(true).write(true).open(&self.path);
        let device = FileDevice::new(file.expect("the image")).expect("a device");
        Volume::open(
            Arc::new(device),
            OpenOptions {
                durability: Durability::Process,
                ..OpenOptions::default()
            },
        )
    }

    /// Puts some of everything into the image.
    pub fn fill(&self) {
        let volume = self.open().expect("a volume");
        fill(&volume, Ino::ROOT, 400);
        volume.close().expect("closed");
    }
}

fn new(file_type: FileType, perm: u16) -> NewFile {
    NewFile {
        file_type,
        perm,
        umask: 0,
        uid: 1000,
        gid: 100,
        device: (0, 0),
    }
}

fn write(volume: &Volume, ino: Ino, at: u64, data: &[u8]) {
    let n = volume.write(ino, at, data, WriteMode::default()).unwrap();
    assert_eq!(n, data.len());
}

/// Fills a directory: a large directory, long and fragmented and sparse files, preallocated ones,
/// links, devices, attributes.
pub fn fill(volume: &Volume, at: Ino, names: u32) {
    let dir = |parent, name: &[u8]| {
        let new = new(FileType::Directory, 0o755);
        volume.create(parent, name, &new).unwrap().attr.ino
    };
    let file = |parent, name: &[u8]| {
        let new = new(FileType::Regular, 0o644);
        volume.create(parent, name, &new).unwrap().attr.ino
    };
    let many = dir(at, b"many");
    for i in 0..names {
        let name = format!("a file with a rather long name, number {i:06}");
        let ino = file(many, name.as_bytes());
        if i % 10 == 0 {
            write(volume, ino, 0, name.as_bytes());
        }
    }
    for i in (0..names).step_by(7) {
        let name = format!("a file with a rather long name, number {i:06}");
        volume.unlink(many, name.as_bytes()).unwrap();
    }
    let mut below = at;
    for i in 0..8 {
        below = dir(below, format!("level {i}").as_bytes());
        write(volume, file(below, b"f"), 0, &[i; 3000]);
    }
    let long = file(at, b"long");
    for i in 0..200u64 {
        write(volume, long, i * 4096, &[i as u8; 4096]);
    }
    let fragments = file(at, b"fragments");
    for i in 0..300u64 {
        write(volume, fragments, i * 8192, &[i as u8; 1000]);
    }
    let sparse = file(at, b"sparse");
    write(volume, sparse, 40_000_000, b"the end");
    let cut = SetAttr {
        size: Some(20_000_000),
        ..SetAttr::default()
    };
    volume.setattr(sparse, &cut).unwrap();
    let mode = FallocateMode::Allocate { keep_size: true };
    // Maps of blocks know no unwritten extents.
    let _ = volume.fallocate(
        file(at, b"preallocated"),
        0,
        300_000,
        mode,
        WriteMode::Plain,
    );
    for (name, kind) in [
        (&b"pipe"[..], FileType::Fifo),
        (b"socket", FileType::Socket),
        (b"device", FileType::CharDevice),
    ] {
        let mut new = new(kind, 0o600);
        new.device = (300, 5);
        volume.create(at, name, &new).unwrap();
    }
    for len in [1, 30, 59, 60, 61, 500] {
        let name = format!("symlink{len}");
        volume
            .symlink(at, name.as_bytes(), &vec![b't'; len], 0, 0)
            .unwrap();
    }
    for i in 0..12u8 {
        let ino = file(at, format!("attributes{i}").as_bytes());
        let any = SetXattrMode::Any;
        let size = if i % 2 == 0 { 30 } else { 400 };
        volume
            .setxattr(ino, b"user.first", &vec![b'x'; size], any)
            .unwrap();
        volume
            .setxattr(ino, "user.zwölf".as_bytes(), &[i / 4; 20], any)
            .unwrap();
    }
    volume.link(long, at, b"second name of long").unwrap();
}
