//! Reading all that an image shows.

use lwext4::*;
use std::collections::{HashSet, VecDeque};

/// Inodes that one walk visits.
const INODES: usize = 700;
/// Groups whose layout is looked at.
const GROUPS: u32 = 40;
/// Names that are read of one directory.
const NAMES: usize = 2_000;

/// Something in the tree: where it was found.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory.
    pub parent: Ino,
    /// The name in it.
    pub name: Vec<u8>,
    /// The inode that the directory names.
    pub ino: Ino,
    /// What the directory, or the inode, says it is.
    pub file_type: Option<FileType>,
}

/// Walks the tree from the root, then looks at every inode by its number: what was found on the way.
pub fn walk(volume: &Volume) -> Vec<Place> {
    let mut places = Vec::new();
    let mut seen = HashSet::from([Ino::ROOT]);
    let mut waiting = VecDeque::from([Ino::ROOT]);
    while let Some(dir) = waiting.pop_front() {
        look_at(volume, dir);
        for place in names(volume, dir) {
            if seen.len() >= INODES {
                break;
            }
            if let Ok(entry) = volume.lookup(dir, &place.name) {
                let attr = entry.attr;
                if seen.insert(attr.ino) {
                    if attr.file_type == FileType::Directory {
                        waiting.push_back(attr.ino);
                    } else {
                        look_at(volume, attr.ino);
                    }
                }
                volume.forget(attr.ino, 1);
            }
            places.push(place);
        }
    }
    for group in 0..volume.group_count().min(GROUPS) {
        let _ = volume.group_layout(group);
    }
    let inodes = volume.statfs().inodes.min(600) as u32;
    for ino in 0..inodes + 2 {
        if !seen.contains(&Ino(ino)) {
            look_at(volume, Ino(ino));
            names(volume, Ino(ino));
        }
    }
    places
}

/// The names in a directory, read twice: with attributes, and in pieces without.
fn names(volume: &Volume, dir: Ino) -> Vec<Place> {
    let mut places = Vec::new();
    let mut held = Vec::new();
    let _ = volume.read_dir_plus(dir, 0, &mut |entry, attr| {
        if let Some(attr) = attr {
            held.push(attr.ino);
        }
        if entry.name != b"." && entry.name != b".." {
            places.push(Place {
                parent: dir,
                name: entry.name.to_vec(),
                ino: entry.ino,
                file_type: attr.map(|attr| attr.file_type).or(entry.file_type),
            });
        }
        places.len() < NAMES
    });
    for ino in held {
        volume.forget(ino, 1);
    }
    let mut from = 0;
    for _ in 0..NAMES / 16 {
        let before = from;
        let mut left = 16;
        let read = volume.read_dir(dir, from, &mut |entry| {
            if left == 0 {
                return false;
            }
            left -= 1;
            from = entry.next;
            true
        });
        if read.is_err() || from == before {
            break;
        }
    }
    places
}

/// Reads what an inode has.
pub fn look_at(volume: &Volume, ino: Ino) {
    let attr = volume.getattr(ino);
    let _ = volume.readlink(ino);
    for name in volume.listxattr(ino).unwrap_or_default() {
        let _ = volume.getxattr(ino, &name);
    }
    let _ = volume.getxattr(ino, b"user.none");
    let size = attr.as_ref().map_or(0, |attr| attr.size);
    let mut buf = vec![0; 20_000];
    for at in [0, size / 2, size.saturating_sub(5_000)] {
        let _ = volume.read(ino, at, &mut buf);
    }
    let _ = volume.file_runs(ino, &mut |_| ());
    let mut at = 0;
    for _ in 0..20 {
        let Ok(Some(data)) = volume.seek_data(ino, at) else {
            break;
        };
        match volume.seek_hole(ino, data) {
            Ok(Some(hole)) if hole > at => at = hole,
            _ => break,
        }
    }
    let _ = volume
        .lookup(ino, b"file")
        .map(|entry| volume.forget(entry.attr.ino, 1));
    let _ = volume
        .lookup(ino, b"..")
        .map(|entry| volume.forget(entry.attr.ino, 1));
}
