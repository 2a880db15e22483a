//! Trees of files to be written by one side and read back by the other.

use crate::image::find;
use lwext4::{FileType, Ino, NewFile, SetAttr, SetXattrMode, Volume, WriteMode};
use rustix::fs::{XattrFlags, getxattr, listxattr, setxattr};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    File(Vec<u8>),
    Dir,
    Symlink(Vec<u8>),
}

/// A file's content and attributes, for each path; directories before what is in them.
pub type Tree = BTreeMap<String, (Content, BTreeMap<String, Vec<u8>>)>;

/// Who writes and reads.
pub trait Side {
    fn mkdir(&self, path: &str);
    fn write(&self, path: &str, at: u64, bytes: &[u8]);
    fn truncate(&self, path: &str, size: u64);
    fn symlink(&self, path: &str, target: &[u8]);
    fn unlink(&self, path: &str);
    fn rename(&self, path: &str, to: &str);
    fn setxattr(&self, path: &str, name: &str, value: &[u8]);
    fn tree(&self) -> Tree;
}

/// The kernel, in a directory where the image is mounted.
pub struct Kernel(pub PathBuf);

impl Kernel {
    fn walk(&self, prefix: &str, tree: &mut Tree) {
        for entry in std::fs::read_dir(self.0.join(prefix)).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name");
            if name == "lost+found" {
                continue;
            }
            let path = format!("{prefix}{name}");
            let at = entry.path();
            let kind = entry.file_type().expect("a type");
            let content = if kind.is_dir() {
                Content::Dir
            } else if kind.is_symlink() {
                let target = std::fs::read_link(&at).expect("a target");
                Content::Symlink(target.into_os_string().into_encoded_bytes())
            } else {
                Content::File(std::fs::read(&at).expect("a file"))
            };
            let attributes = match content {
                Content::Symlink(_) => BTreeMap::new(),
                _ => attributes(&at),
            };
            tree.insert(path.clone(), (content, attributes));
            if kind.is_dir() {
                self.walk(&format!("{path}/"), tree);
            }
        }
    }
}

fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 65_536];
    let len = listxattr(path, &mut names[..]).expect("names");
    let names = names[..len]
        .split(|&b| b == 0)
        .filter(|name| !name.is_empty());
    names
        .map(|name| {
            let mut value = vec![0; 65_536];
            let len = getxattr(path, name, &mut value[..]).expect("a value");
            value.truncate(len);
            (String::from_utf8(name.to_vec()).expect("a name"), value)
        })
        .collect()
}

impl Side for Kernel {
    fn mkdir(&self, path: &str) {
        std::fs::create_dir(self.0.join(path)).expect(path);
    }

    fn write(&self, path: &str, at: u64, bytes: &[u8]) {
        let file = std::fs::File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.0.join(path))
            .expect(path);
        file.write_all_at(bytes, at).expect(path);
    }

    fn truncate(&self, path: &str, size: u64) {
        let file = std::fs::File::options().write(true).open(self.0.join(path));
        file.expect(path).set_len(size).expect(path);
    }

    fn symlink(&self, path: &str, target: &[u8]) {
        let target = std::str::from_utf8(target).expect("a target");
        std::os::unix::fs::symlink(target, self.0.join(path)).expect(path);
    }

    fn unlink(&self, path: &str) {
        std::fs::remove_file(self.0.join(path)).expect(path);
    }

    fn rename(&self, path: &str, to: &str) {
        std::fs::rename(self.0.join(path), self.0.join(to)).expect(path);
    }

    fn setxattr(&self, path: &str, name: &str, value: &[u8]) {
        setxattr(self.0.join(path), name, value, XattrFlags::empty()).expect(path);
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        self.walk("", &mut tree);
        tree
    }
}

/// Splits a path into its directory's inode and its name.
pub fn place<'p>(volume: &Volume, path: &'p str) -> (Ino, &'p [u8]) {
    match path.rsplit_once('/') {
        Some((dir, name)) => (walk(volume, dir), name.as_bytes()),
        None => (Ino::ROOT, path.as_bytes()),
    }
}

/// The inode at a path.
pub fn walk(volume: &Volume, path: &str) -> Ino {
    let mut at = Ino::ROOT;
    for name in path.split('/') {
        at = if at == Ino::ROOT {
            find(volume, name)
        } else {
            let entry = volume.lookup(at, name.as_bytes()).expect(path);
            volume.forget(entry.attr.ino, 1);
            entry.attr.ino
        };
    }
    at
}

fn make(volume: &Volume, path: &str, file_type: FileType) -> Ino {
    let (parent, name) = place(volume, path);
    let new = NewFile::new(file_type, 0o755);
    let ino = volume.create(parent, name, &new).expect(path).attr.ino;
    volume.forget(ino, 1);
    ino
}

fn walk_volume(volume: &Volume, dir: Ino, prefix: &str, tree: &mut Tree) {
    let mut found = Vec::new();
    volume
        .read_dir(dir, 0, &mut |entry| {
            if entry.name != b"." && entry.name != b".." {
                let name = String::from_utf8(entry.name.to_vec()).expect("a name");
                found.push((name, entry.ino));
            }
            true
        })
        .expect("a directory");
    for (name, ino) in found.into_iter().filter(|(name, _)| name != "lost+found") {
        let path = format!("{prefix}{name}");
        let attr = volume.getattr(ino).expect("attributes");
        let content = match attr.file_type {
            FileType::Directory => Content::Dir,
            FileType::Symlink => Content::Symlink(volume.readlink(ino).expect("a target")),
            _ => {
                let mut bytes = vec![0xAA; attr.size as usize + 1];
                let n = volume.read(ino, 0, &mut bytes).expect("a file");
                bytes.truncate(n);
                Content::File(bytes)
            }
        };
        let names = volume.listxattr(ino).expect("names").into_iter();
        let attributes = names
            .map(|name| {
                let value = volume.getxattr(ino, &name).expect("a value");
                (String::from_utf8(name).expect("a name"), value)
            })
            .collect();
        let is_dir = content == Content::Dir;
        tree.insert(path.clone(), (content, attributes));
        if is_dir {
            walk_volume(volume, ino, &format!("{path}/"), tree);
        }
    }
}

impl Side for Volume {
    fn mkdir(&self, path: &str) {
        make(self, path, FileType::Directory);
    }

    fn write(&self, path: &str, at: u64, bytes: &[u8]) {
        let (parent, name) = place(self, path);
        let ino = match self.lookup(parent, name) {
            Ok(entry) => {
                self.forget(entry.attr.ino, 1);
                entry.attr.ino
            }
            Err(_) => make(self, path, FileType::Regular),
        };
        let written = Volume::write(self, ino, at, bytes, WriteMode::Plain);
        assert_eq!(written.expect(path), bytes.len());
    }

    fn truncate(&self, path: &str, size: u64) {
        let set = SetAttr {
            size: Some(size),
            ..SetAttr::default()
        };
        self.setattr(walk(self, path), &set).expect(path);
    }

    fn symlink(&self, path: &str, target: &[u8]) {
        let (parent, name) = place(self, path);
        let entry = Volume::symlink(self, parent, name, target, 0, 0).expect(path);
        self.forget(entry.attr.ino, 1);
    }

    fn unlink(&self, path: &str) {
        let (parent, name) = place(self, path);
        Volume::unlink(self, parent, name).expect(path);
    }

    fn rename(&self, path: &str, to: &str) {
        let (from, name) = place(self, path);
        let (into, new_name) = place(self, to);
        Volume::rename(self, from, name, into, new_name, Default::default()).expect(path);
    }

    fn setxattr(&self, path: &str, name: &str, value: &[u8]) {
        let ino = walk(self, path);
        Volume::setxattr(self, ino, name.as_bytes(), value, SetXattrMode::Any).expect(path);
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        walk_volume(self, Ino::ROOT, "", &mut tree);
        tree
    }
}

/// The same bytes every time, different for every `n`.
pub fn bytes(n: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + n * 13 + i / 251) as u8).collect()
}

/// Compares two trees without printing all of them.
#[track_caller]
pub fn assert_same(found: &Tree, wanted: &Tree, what: &str) {
    for path in found.keys().chain(wanted.keys()) {
        let (found, wanted) = (found.get(path), wanted.get(path));
        if found != wanted {
            let text = |side| format!("{side:?}").chars().take(400).collect::<String>();
            let (found, wanted) = (text(found), text(wanted));
            panic!("{what}: {path}:\n found {found}\nwanted {wanted}");
        }
    }
}
