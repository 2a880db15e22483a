//! Images in files, what is in them, and what e2fsprogs says of them.

use lwext4::*;
use machine::command::{command, output, run};
use machine::e2fsprogs::{DEBUGFS, DUMPE2FS, E2FSCK, MKE2FS, TUNE2FS, e2fsck, mke2fs};
use machine::requirements::{Need, can_run};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// A kind of file system: a name, and what mke2fs is given.
pub type Kind = (&'static str, &'static [&'static str]);

/// The kinds that are resized.
pub const KINDS: &[Kind] = &[
    ("4k", &["-b", "4096"]),
    ("1k", &["-b", "1024"]),
    ("4k ^resize_inode", &["-b", "4096", "-O", "^resize_inode"]),
    ("1k ^resize_inode", &["-b", "1024", "-O", "^resize_inode"]),
    ("1k meta_bg", &["-b", "1024", "-O", "meta_bg,^resize_inode"]),
    ("4k ^flex_bg", &["-b", "4096", "-O", "^flex_bg"]),
    // Each group's bitmaps are somewhere else in it.
    (
        "1k ^flex_bg stride",
        &["-b", "1024", "-O", "^flex_bg", "-E", "stride=2700"],
    ),
    (
        "1k ^64bit ^metadata_csum uninit_bg",
        &["-b", "1024", "-O", "^64bit,^metadata_csum,uninit_bg"],
    ),
    (
        "4k ^metadata_csum ^uninit_bg",
        &["-b", "4096", "-O", "^metadata_csum,^uninit_bg"],
    ),
    ("4k ^has_journal", &["-b", "4096", "-O", "^has_journal"]),
    ("1k sparse_super2", &["-b", "1024", "-O", "sparse_super2"]),
    (
        "4k orphan_file seed",
        &["-b", "4096", "-O", "orphan_file,metadata_csum_seed"],
    ),
    (
        "4k quota project casefold",
        &["-b", "4096", "-O", "quota,project,casefold"],
    ),
    ("1k ext3", &["-t", "ext3", "-b", "1024", "-I", "128"]),
    ("4k ext2", &["-t", "ext2", "-b", "4096"]),
];

/// An image file in a directory of its own.
pub struct Image {
    _dir: tempfile::TempDir,
    pub path: PathBuf,
}

/// Whether a test has the programs that it takes; says so if not.
pub fn available(test: &str) -> bool {
    let resize2fs = Need::Program("resize2fs");
    can_run(
        test,
        &[MKE2FS, E2FSCK, DEBUGFS, DUMPE2FS, TUNE2FS, resize2fs],
    )
}

/// Runs a tool that must end with exit code 0: what it wrote.
pub fn tool(name: &str, args: &[&str], image: &Image, more: &[&str]) -> String {
    let mut tool = command(name, args);
    let out = output(tool.arg(&image.path).args(more).env("LC_ALL", "C"));
    let text = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(
        out.status.success(),
        "{name} {args:?}: {}\n{text}",
        out.status
    );
    text
}

impl Image {
    /// A copy, holes where the image is zero.
    pub fn copy(other: &Image) -> Image {
        let dir = tempfile::tempdir_in(other.path.parent().unwrap()).unwrap();
        let path = dir.path().join("image");
        run(command("cp", ["--sparse=always"]).args([&other.path, &path]));
        Image { _dir: dir, path }
    }

    pub fn new(kind: &Kind, size: u64) -> Image {
        let dir = match std::path::Path::new("/dev/shm") {
            memory if memory.is_dir() => tempfile::tempdir_in(memory),
            _ => tempfile::tempdir(),
        }
        .unwrap();
        let path = dir.path().join("image");
        let mut args = vec!["-E", "lazy_itable_init=1"];
        if !kind.1.contains(&"-t") {
            args.extend(["-t", "ext4"]);
        }
        args.extend(kind.1);
        mke2fs(&path, size, args);
        Image { _dir: dir, path }
    }

    pub fn device(&self) -> Arc<FileDevice> {
        let file = File::options()
            .read(true)
            .write(true)
            .open(&self.path)
            .unwrap();
        Arc::new(FileDevice::new(file).unwrap())
    }

    pub fn open(&self) -> Volume {
        self.open_with(OpenOptions::default())
    }

    pub fn open_with(&self, options: OpenOptions) -> Volume {
        Volume::open(self.device(), options).unwrap()
    }

    /// Everything in it.
    pub fn read(&self) -> BTreeMap<Vec<u8>, Found> {
        read_all(&self.open_with(OpenOptions {
            read_only: true,
            ..OpenOptions::default()
        }))
    }

    pub fn size(&self) -> u64 {
        std::fs::metadata(&self.path).unwrap().len()
    }

    /// What e2fsck must not complain of.
    pub fn fsck(&self, what: &str) {
        e2fsck(&self.path).assert_clean(what);
    }

    /// Fields of dumpe2fs's header.
    pub fn field(&self, name: &str) -> String {
        let text = tool("dumpe2fs", &["-h"], self, &[]);
        let found = text.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_default().trim().to_owned()
    }

    /// The size of the file system, in bytes.
    pub fn fs_size(&self) -> u64 {
        let number = |name| self.field(name).parse::<u64>().unwrap();
        number("Block count:") * number("Block size:")
    }
}

pub fn new_file(file_type: FileType) -> NewFile {
    NewFile {
        file_type,
        perm: 0o755,
        umask: 0,
        uid: 1000,
        gid: 1000,
        device: (0, 0),
    }
}

/// Bytes that are different for every file.
pub fn content(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Makes directories with files of `len` bytes, until there are `count`. With holes, links, attributes.
pub fn fill(volume: &Volume, prefix: &str, count: u64, len: usize) {
    let mut dir = Ino::ROOT;
    for i in 0..count {
        if i % 20 == 0 {
            let name = format!("{prefix}-dir-{i}");
            let parent = if i % 60 == 40 { dir } else { Ino::ROOT };
            dir = volume
                .create(parent, name.as_bytes(), &new_file(FileType::Directory))
                .unwrap()
                .attr
                .ino;
        }
        let name = format!("{prefix}-{i}-{}", "n".repeat((i % 40) as usize));
        let ino = volume
            .create(dir, name.as_bytes(), &new_file(FileType::Regular))
            .unwrap()
            .attr
            .ino;
        let at = if i % 5 == 0 { 100_000 * (i % 7) } else { 0 };
        let bytes = content(i, len);
        let mut done = 0;
        while done < len {
            done += volume
                .write(ino, at + done as u64, &bytes[done..], WriteMode::Plain)
                .unwrap();
        }
        match i % 6 {
            1 => volume
                .setxattr(ino, b"user.long", &content(i % 3, 700), SetXattrMode::Any)
                .unwrap(),
            2 => drop(
                volume
                    .link(ino, Ino::ROOT, format!("{prefix}-link-{i}").as_bytes())
                    .unwrap(),
            ),
            3 => {
                let target = format!("{}/{i}", "long".repeat(30));
                let name = format!("{prefix}-symlink-{i}");
                volume
                    .symlink(dir, name.as_bytes(), target.as_bytes(), 0, 0)
                    .unwrap();
            }
            _ => {}
        }
    }
}

/// What a name leads to.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    mode: (FileType, u16),
    nlink: u32,
    owner: (u32, u32),
    size: u64,
    sectors: u64,
    mtime: Timestamp,
    content: Vec<u8>,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Everything in a volume, by path; files' contents as a digest of two words.
pub fn read_all(volume: &Volume) -> BTreeMap<Vec<u8>, Found> {
    let mut all = BTreeMap::new();
    let mut todo = vec![(Vec::new(), Ino::ROOT)];
    while let Some((path, dir)) = todo.pop() {
        let mut entries = Vec::new();
        volume
            .read_dir(dir, 0, &mut |entry| {
                if entry.name != b"." && entry.name != b".." {
                    entries.push((entry.name.to_vec(), entry.ino));
                }
                true
            })
            .unwrap();
        for (name, ino) in entries {
            let path = [&path[..], b"/", &name].concat();
            let attr = volume.getattr(ino).unwrap();
            let content = match attr.file_type {
                FileType::Regular => digest(volume, ino, attr.size),
                FileType::Symlink => volume.readlink(ino).unwrap(),
                _ => Vec::new(),
            };
            let names = volume.listxattr(ino).unwrap();
            let value = |name: Vec<u8>| (name.clone(), volume.getxattr(ino, &name).unwrap());
            let found = Found {
                mode: (attr.file_type, attr.perm),
                nlink: attr.nlink,
                owner: (attr.uid, attr.gid),
                size: attr.size,
                // A tree of extents may need another node.
                sectors: if attr.file_type == FileType::Directory {
                    attr.sectors
                } else {
                    0
                },
                mtime: attr.mtime,
                content,
                xattrs: names.into_iter().map(value).collect(),
            };
            if attr.file_type == FileType::Directory {
                todo.push((path.clone(), ino));
            }
            assert!(all.insert(path, found).is_none());
        }
    }
    all
}

fn digest(volume: &Volume, ino: Ino, size: u64) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    let (mut a, mut b) = (0u64, 0u64);
    while at < size {
        let n = volume.read(ino, at, &mut buffer).unwrap();
        assert!(n > 0);
        for chunk in buffer[..n].chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            a = a.rotate_left(5) ^ u64::from_le_bytes(word);
            b = b.wrapping_mul(0x100_0000_01B3).wrapping_add(a);
        }
        at += n as u64;
    }
    [a.to_le_bytes(), b.to_le_bytes()].concat()
}
