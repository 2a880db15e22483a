//! An image with one directory under test, a model of what should be in it, and the oracles that
//! compare the two.

use lwext4::{
    Durability, FileDevice, FileType, Ino, NewFile, OpenOptions, RenameMode, Result, Volume,
};
use machine::command::tool;
use machine::e2fsprogs::{DEBUGFS, E2FSCK, MKE2FS, TUNE2FS, assert_clean};
use machine::requirements::Need;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// Who makes the images, judges them and looks at their trees.
pub const NEEDS: [Need; 4] = [MKE2FS, TUNE2FS, E2FSCK, DEBUGFS];

/// Files that the names refer to: links to few inodes make names cheap.
const TARGETS: usize = 8;

pub struct Image {
    pub path: PathBuf,
    volume: Option<Volume>,
    pub dir: Ino,
    targets: Vec<Ino>,
    /// Every name of the directory, and the inode behind it.
    pub model: BTreeMap<Vec<u8>, Ino>,
    /// Whether ext4-view can read the image.
    pub viewable: bool,
    _home: tempfile::TempDir,
}

/// A file for the superuser.
pub fn new_file(file_type: FileType) -> NewFile {
    NewFile::new(file_type, 0o755)
}

impl Image {
    /// An image made by `mke2fs ARGS`, changed by `tune2fs TUNE`, of `size` (with unit).
    pub fn new(args: &[&str], tune: &[&str], size: &str) -> Image {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("image");
        let file = path.to_str().unwrap();
        let args = [&["-q", "-F", "-t", "ext4"], args, &[file, size]].concat();
        tool("mke2fs", &args);
        if !tune.is_empty() {
            tool("tune2fs", [tune, &[file]].concat());
        }
        let mut image = Image {
            path,
            volume: None,
            dir: Ino::ROOT,
            targets: Vec::new(),
            model: BTreeMap::new(),
            viewable: true,
            _home: home,
        };
        image.open();
        let create = |name: &str, file_type| {
            let entry = image
                .volume()
                .create(Ino::ROOT, name.as_bytes(), &new_file(file_type));
            entry.unwrap().attr.ino
        };
        let dir = create("dir", FileType::Directory);
        let targets = (0..TARGETS)
            .map(|i| create(&format!("target{i}"), FileType::Regular))
            .collect();
        image.dir = dir;
        image.targets = targets;
        image
    }

    pub fn open(&mut self) {
        let file = File::options()
            .read(true)
            .write(true)
            .open(&self.path)
            .unwrap();
        let options = OpenOptions {
            durability: Durability::Process,
            ..OpenOptions::default()
        };
        let device = Arc::new(FileDevice::new(file).unwrap());
        self.volume = Some(Volume::open(device, options).unwrap());
    }

    pub fn close(&mut self) {
        self.volume.take().unwrap().close().unwrap();
    }

    pub fn volume(&self) -> &Volume {
        self.volume.as_ref().unwrap()
    }

    /// The inode of the file `targetN` in the root.
    pub fn target(&self, n: usize) -> Ino {
        self.targets[n]
    }

    pub fn try_add(&mut self, name: &[u8]) -> Result<()> {
        let target = self.targets[name.iter().map(|&b| usize::from(b)).sum::<usize>() % TARGETS];
        self.volume().link(target, self.dir, name)?;
        self.model.insert(name.to_vec(), target);
        Ok(())
    }

    pub fn add(&mut self, name: &[u8]) {
        self.try_add(name).unwrap();
    }

    pub fn remove(&mut self, name: &[u8]) {
        self.volume().unlink(self.dir, name).unwrap();
        self.model.remove(name).unwrap();
    }

    pub fn rename(&mut self, from: &[u8], to: &[u8]) {
        let volume = self.volume();
        volume
            .rename(self.dir, from, self.dir, to, RenameMode::Replace)
            .unwrap();
        let ino = self.model.remove(from).unwrap();
        // Two names of one inode: rename(2) does nothing.
        if self.model.get(to) == Some(&ino) {
            self.model.insert(from.to_vec(), ino);
        } else {
            self.model.insert(to.to_vec(), ino);
        }
    }

    /// Entries from `from` on, at most `room` of them: name and next offset.
    pub fn read(&self, from: u64, room: usize) -> Vec<(Vec<u8>, u64)> {
        let mut entries = Vec::new();
        let each = &mut |e: lwext4::DirEntry<'_>| {
            if entries.len() == room {
                return false;
            }
            entries.push((e.name.to_vec(), e.next));
            true
        };
        self.volume().read_dir(self.dir, from, each).unwrap();
        entries
    }

    /// All names, read `room` at a time, with `.` and `..` checked and left out.
    pub fn names(&self, room: usize) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        let mut at = 0;
        loop {
            let part = self.read(at, room);
            let Some(last) = part.last() else { break };
            at = last.1;
            names.extend(part.into_iter().map(|(name, _)| name));
        }
        assert_eq!(names[..2], [b".".to_vec(), b"..".to_vec()]);
        names.split_off(2)
    }

    /// Whether the directory has an htree.
    pub fn is_indexed(&self) -> bool {
        self.volume().getattr(self.dir).unwrap().flags & 0x1000 != 0
    }

    /// Compares the open volume with the model.
    pub fn check_open(&self) {
        let mut names = self.names(1000);
        names.sort();
        assert!(names.iter().eq(self.model.keys()), "names differ");
        for (name, &ino) in &self.model {
            let entry = self.volume().lookup(self.dir, name).unwrap();
            assert_eq!(entry.attr.ino, ino);
            self.volume().forget(ino, 1);
        }
    }

    /// Closes the volume, lets e2fsck, debugfs and ext4-view look at the image, and opens it again.
    pub fn check(&mut self) {
        self.check_open();
        let indexed = self.is_indexed();
        self.close();
        self.check_closed(indexed);
        self.open();
        self.check_open();
    }

    pub fn check_closed(&self, indexed: bool) {
        assert_clean(&self.path);
        if indexed {
            let file = self.path.to_str().unwrap();
            let dump = tool("debugfs", ["-R", "htree /dir", file]);
            assert!(dump.contains("Root node dump"), "{dump}");
        }
        if !self.viewable {
            return;
        }
        let other = ext4_view::Ext4::load_from_path(&self.path).unwrap();
        let mut names = BTreeSet::new();
        for entry in other.read_dir("/dir").unwrap() {
            let name = entry.unwrap().file_name().as_ref().to_vec();
            assert!(names.insert(name));
        }
        names.remove(&b"."[..]);
        names.remove(&b".."[..]);
        assert!(
            names.iter().eq(self.model.keys()),
            "ext4-view sees other names"
        );
    }
}

/// Pseudo-random numbers from a seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n
    }

    /// A name of `min..=max` bytes of any value that names may have.
    pub fn name(&mut self, min: usize, max: usize) -> Vec<u8> {
        loop {
            let len = min + self.below(max - min + 1);
            let name: Vec<u8> = (0..len)
                .map(|_| {
                    loop {
                        match self.next() as u8 {
                            0 | b'/' => {}
                            byte => break byte,
                        }
                    }
                })
                .collect();
            if name != b"." && name != b".." {
                return name;
            }
        }
    }
}
