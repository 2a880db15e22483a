//! What is in an upper directory of the files of the image that have several names.

use super::links::is_whiteout;
use super::nodes::marked;
use crate::fuse::rules::FILE_MARK;
use crate::import::names::join;
use lwext4::{Attr, Ino};
use rustix::fs::lgetxattr;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A mark is a number of 32 bits.
const LONGEST_MARK: usize = 10;

/// A name of a file that the overlay has copied.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The name, without a slash before it.
    pub path: Vec<u8>,
    /// Its file in the upper directory.
    pub ino: u64,
    /// Where that is.
    pub full: PathBuf,
    /// What it has.
    pub metadata: Metadata,
}

/// All of them, and what else may have been one.
#[derive(Debug, Default)]
pub struct Copies {
    marked: HashMap<Ino, Vec<Copy>>,
    /// Sizes and modification times, in seconds, of all other files.
    looks: HashSet<(u64, i64)>,
}

impl Copies {
    /// Looks through an upper directory.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn find(top: &Path) -> io::Result<Copies> {
        let mut found = Copies::default();
        let mut ahead = vec![(top.to_owned(), Vec::new())];
        while let Some((here, path)) = ahead.pop() {
            for entry in fs::read_dir(here)? {
                let entry = entry?;
                let metadata = entry.metadata()?;
                let path = join(&path, entry.file_name().as_bytes());
                if metadata.is_dir() {
                    ahead.push((entry.path(), path));
                } else if !is_whiteout(&metadata) {
                    found.note(path, entry.path(), metadata);
                }
            }
        }
        Ok(found)
    }

    fn note(&mut self, path: Vec<u8>, full: PathBuf, metadata: Metadata) {
        let mut value = [0; LONGEST_MARK];
        let name = OsStr::from_bytes(FILE_MARK);
        let len = lgetxattr(&full, name, &mut value).unwrap_or(0);
        let Some(original) = value.get(..len).and_then(marked) else {
            self.looks.insert((metadata.size(), metadata.mtime()));
            return;
        };
        self.marked.entry(original).or_default().push(Copy {
            path,
            ino: metadata.ino(),
            full,
            metadata,
        });
    }

    /// The copies of one file.
    pub fn of(&self, original: Ino) -> &[Copy] {
        self.marked.get(&original).map_or(&[], Vec::as_slice)
    }

    /// Whether a file without a mark looks as one of the image did.
    pub fn has_like(&self, attr: &Attr) -> bool {
        self.looks.contains(&(attr.size, attr.mtime.secs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_found_by_their_marks() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("plain"), "12345").unwrap();
        for name in ["one", "d/two"] {
            let path = dir.path().join(name);
            fs::write(&path, "same").unwrap();
            let mark = OsStr::from_bytes(FILE_MARK);
            rustix::fs::setxattr(&path, mark, b"4294967295", rustix::fs::XattrFlags::empty())
                .unwrap();
        }
        let found = Copies::find(dir.path()).unwrap();
        let mut copies = found.of(Ino(u32::MAX)).to_vec();
        copies.sort_by(|a, b| a.path.cmp(&b.path));
        let [two, one] = &copies[..] else { panic!() };
        assert_eq!((&two.path[..], &one.path[..]), (&b"d/two"[..], &b"one"[..]));
        assert_eq!((two.metadata.size(), one.ino == two.ino), (4, false));
        assert!(found.of(Ino(1)).is_empty());
        assert_eq!(found.looks.len(), 1);
    }
}
