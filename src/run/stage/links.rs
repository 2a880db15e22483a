//! Files of the image with several names. A change through one of them is a change of all; an overlay
//! copies the file for one name and leaves the others. Where that has happened the result would not be
//! what the command meant, so it is refused.

use crate::failure::{Failure, Result};
use lwext4::{Attr, DirEntry, Error, FileType, Ino, Volume};
use rustix::fs::lgetxattr;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What became of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is as it was.
    Untouched,
    /// It leads nowhere, or to something else than a file.
    Gone,
    /// It leads to the file with this number in the upper directory.
    Changed(u64),
}

/// A file with several names.
struct Linked {
    attr: Attr,
    names: Vec<Vec<u8>>,
}

/// Fails if what is in the upper directory `upper` tears files of `volume` apart that have several
/// names.
///
/// # Errors
/// It does, or something cannot be read.
pub fn check(volume: &Volume, upper: &Path, image: &Path) -> Result<()> {
    let linked = several_names(volume).map_err(|error| Failure::of(image, error))?;
    let mut alike = None;
    for file in linked {
        let fates: io::Result<Vec<Fate>> =
            file.names.iter().map(|name| fate(upper, name)).collect();
        let fates = fates.map_err(|error| Failure::of(upper, error))?;
        let untouched = fates.iter().filter(|f| **f == Fate::Untouched).count();
        let changed: HashSet<u64> = fates
            .iter()
            .filter_map(|fate| match fate {
                Fate::Changed(ino) => Some(*ino),
                _ => None,
            })
            .collect();
        let torn = match (untouched, changed.len()) {
            (0, 0 | 1) => false,
            (0, _) => true,
            // Either nothing happened, or names went: were they moved?
            (n, 0) if n == fates.len() => false,
            (_, 0) => {
                let known = match alike.take() {
                    Some(known) => known,
                    None => looks(upper).map_err(|error| Failure::of(upper, error))?,
                };
                let moved = known.contains(&(file.attr.size, file.attr.mtime.secs));
                alike = Some(known);
                moved
            }
            _ => true,
        };
        if torn {
            let names: Vec<_> = file
                .names
                .iter()
                .map(|n| String::from_utf8_lossy(n))
                .collect();
            return Err(Failure::of(
                image,
                format!(
                    "the command changed a file with several names ({}) by some of them, which an overlay \
                     cannot; the image is as it was",
                    names.join(", ")
                ),
            )
            .remedy("run it without --stage"));
        }
    }
    Ok(())
}

/// All files of an image that have several names and are no directories.
fn several_names(volume: &Volume) -> Result<Vec<Linked>, Error> {
    let mut found: HashMap<Ino, Linked> = HashMap::new();
    // A damaged image may have directories in a circle.
    let mut seen = HashSet::from([Ino::ROOT]);
    let mut ahead = vec![(Ino::ROOT, Vec::new())];
    while let Some((here, path)) = ahead.pop() {
        let mut each = |entry: DirEntry<'_>, attr: Option<Attr>| {
            let Some(attr) = attr else { return true };
            volume.forget(attr.ino, 1);
            let mut below: Vec<u8> = path.clone();
            below.push(b'/');
            below.extend_from_slice(entry.name);
            if attr.file_type == FileType::Directory {
                if seen.insert(attr.ino) {
                    ahead.push((attr.ino, below));
                }
            } else if attr.nlink > 1 {
                let names = Vec::new();
                let linked = found.entry(attr.ino).or_insert(Linked { attr, names });
                linked.names.push(below);
            }
            true
        };
        volume.read_dir_plus(here, 0, &mut each)?;
    }
    Ok(found.into_values().collect())
}

/// What became of the name at `path`.
fn fate(upper: &Path, path: &[u8]) -> io::Result<Fate> {
    let mut parts = path.split(|&b| b == b'/').filter(|part| !part.is_empty());
    let mut here = upper.to_owned();
    let mut opaque = false;
    let mut next = parts.next();
    while let Some(part) = next {
        next = parts.next();
        here.push(OsStr::from_bytes(part));
        let metadata = match std::fs::symlink_metadata(&here) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(if opaque { Fate::Gone } else { Fate::Untouched });
            }
            Err(error) => return Err(error),
        };
        if is_whiteout(&metadata) {
            return Ok(Fate::Gone);
        }
        match (next.is_some(), metadata.is_dir()) {
            (true, true) => opaque |= is_opaque(&here),
            (false, false) => return Ok(Fate::Changed(metadata.ino())),
            _ => return Ok(Fate::Gone),
        }
    }
    Ok(Fate::Untouched)
}

fn is_whiteout(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}

fn is_opaque(directory: &Path) -> bool {
    ["user.overlay.opaque", "trusted.overlay.opaque"]
        .iter()
        .any(|name| {
            let mut value = [0; 2];
            lgetxattr(directory, *name, &mut value) == Ok(1) && value[0] == b'y'
        })
}

/// Sizes and modification times, in seconds, of all files below a directory.
fn looks(top: &Path) -> io::Result<HashSet<(u64, i64)>> {
    let mut looks = HashSet::new();
    let mut ahead = vec![top.to_owned()];
    while let Some(here) = ahead.pop() {
        for entry in std::fs::read_dir(here)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                ahead.push(entry.path());
            } else if !is_whiteout(&metadata) {
                looks.insert((metadata.size(), metadata.mtime()));
            }
        }
    }
    Ok(looks)
}
