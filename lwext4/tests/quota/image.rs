//! Images with quota, and who judges them.

use lwext4::*;
use machine::command::{command, run};
use machine::e2fsprogs::{DEBUGFS, E2FSCK, MKE2FS, assert_clean, mke2fs};
use machine::requirements::Need;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Who makes the images, judges them and shows their quota files.
pub const NEEDS: [Need; 3] = [MKE2FS, E2FSCK, DEBUGFS];

pub const QUOTA: &str = "quota,project";

/// An image with quota, open.
pub struct Image {
    _dir: tempfile::TempDir,
    pub path: PathBuf,
    volume: Option<Volume>,
}

impl Image {
    /// An image of 64 MiB that mke2fs makes with `options`.
    pub fn new(options: &[&str]) -> Image {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image");
        mke2fs(&path, 64 << 20, [&["-t", "ext4"], options].concat());
        let mut image = Image {
            _dir: dir,
            path,
            volume: None,
        };
        image.open();
        image
    }

    pub fn open(&mut self) {
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&self.path)
            .unwrap();
        let device = Arc::new(FileDevice::new(file).unwrap());
        let options = OpenOptions {
            durability: Durability::Process,
            ..OpenOptions::default()
        };
        self.volume = Some(Volume::open(device, options).unwrap());
    }

    pub fn v(&self) -> &Volume {
        self.volume.as_ref().unwrap()
    }

    /// Closes the image, which all judges must like.
    #[track_caller]
    pub fn close(&mut self) {
        self.volume.take().unwrap().close().unwrap();
        assert_clean(&self.path);
        let device = FileDevice::new(std::fs::File::open(&self.path).unwrap()).unwrap();
        let mut found = Vec::new();
        check(Arc::new(device), &CheckOptions::default(), &mut |problem| {
            found.push(problem.to_string())
        })
        .unwrap();
        assert_eq!(found, Vec::<String>::new());
    }

    /// Closes the image, asks the judges, and opens it again.
    #[track_caller]
    pub fn judge(&mut self) {
        self.close();
        self.open();
    }

    pub fn make(&self, parent: Ino, name: &str, file_type: FileType, owner: (u32, u32)) -> Ino {
        let new = NewFile {
            file_type,
            perm: 0o755,
            umask: 0,
            uid: owner.0,
            gid: owner.1,
            device: (0, 0),
        };
        let made = self.v().create(parent, name.as_bytes(), &new);
        self.v().forget(made.as_ref().unwrap().attr.ino, 1);
        made.unwrap().attr.ino
    }

    pub fn file(&self, parent: Ino, name: &str, owner: (u32, u32)) -> Ino {
        self.make(parent, name, FileType::Regular, owner)
    }

    /// What a quota file of the closed image records: id → (bytes, inodes).
    pub fn recorded(&self, kind: &str) -> BTreeMap<u32, (u64, u64)> {
        let mut debugfs = command("debugfs", ["-R", &format!("list_quota {kind}")]);
        let said = run(debugfs.arg(&self.path));
        let rows = said.lines().filter_map(|line| {
            let words: Vec<u64> = line
                .split_whitespace()
                .map_while(|word| word.parse().ok())
                .collect();
            match words[..] {
                [id, bytes, _, _, inodes, ..] => Some((id as u32, (bytes, inodes))),
                _ => None,
            }
        });
        rows.collect()
    }
}
