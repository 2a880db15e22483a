//! Files of the image with several names. A change through one of them is a change of all; an overlay
//! copies the file for one name and leaves the others.
//!
//! The server marks such files ([`FILE_MARK`](crate::fuse::rules::FILE_MARK)), so that each copy tells
//! which file it is, wherever it was moved. [`plan`] finds the names that have to become names of the
//! copy; several copies are [merged](merge). Files of other types cannot be marked, and copies may contradict
//! each other: what cannot be joined is refused.

use super::copies::{Copies, Copy};
use super::merge::{Merged, merge};
use crate::failure::{Failure, Result};
use crate::import::entry::Attrs;
use crate::import::names::join;
use lwext4::{Attr, DirEntry, Error, FileType, Ino, Timestamp, Volume};
use rustix::fs::lgetxattr;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What an overlay has torn apart, and what joins it again. Paths have no slash before them.
#[derive(Debug, Default)]
pub struct Plan {
    /// Names of copies that are as good as another copy of the same file.
    pub left_out: HashSet<Vec<u8>>,
    /// The attributes of copies that stand for others, too, by all their names.
    pub merged: HashMap<Vec<u8>, Attrs>,
    /// When all else is in the image: names, and the name of the file that they are to have.
    pub joins: Vec<(Vec<u8>, Vec<u8>)>,
    /// When the files were created that copies are of.
    pub created: HashMap<Ino, Timestamp>,
}

/// What became of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is as it was.
    Untouched,
    /// It leads nowhere, or to a directory.
    Gone,
    /// It leads to the file with this number in the upper directory.
    Another(u64),
}

/// A file with several names.
struct Linked {
    attr: Attr,
    names: Vec<Vec<u8>>,
}

/// Finds what the upper directory `upper` tears apart of the files of `volume` that have several names.
///
/// # Errors
/// It cannot be joined, or something cannot be read.
pub fn plan(volume: &Volume, upper: &Path, image: &Path) -> Result<Plan> {
    let mut plan = Plan::default();
    let mut copies = None;
    let linked = several_names(volume).map_err(|error| Failure::of(image, error))?;
    for file in linked {
        let fates: io::Result<Vec<Fate>> =
            file.names.iter().map(|name| fate(upper, name)).collect();
        let fates = fates.map_err(|error| Failure::of(upper, error))?;
        // Whatever was copied was copied to its own name first.
        if fates.iter().all(|fate| *fate == Fate::Untouched) {
            continue;
        }
        let known = match copies.take() {
            Some(known) => known,
            None => Copies::find(upper).map_err(|error| Failure::of(upper, error))?,
        };
        let known = copies.insert(known);
        let joined = match file.attr.file_type {
            FileType::Regular => plan.join(volume, &file, &fates, known),
            _ => Ok(!is_torn(&file, &fates, known)),
        };
        if !joined.map_err(|error| Failure::of(upper, error))? {
            return Err(torn(&file, image));
        }
    }
    Ok(plan)
}

impl Plan {
    /// Joins what is left of a regular file. False where that cannot be done.
    fn join(
        &mut self,
        volume: &Volume,
        file: &Linked,
        fates: &[Fate],
        known: &Copies,
    ) -> io::Result<bool> {
        let names = file.names.iter().zip(fates);
        let untouched: Vec<_> = names
            .filter_map(|(name, fate)| (*fate == Fate::Untouched).then_some(name))
            .collect();
        let named = known.of(file.attr.ino);
        if named.is_empty() {
            // Names were taken away or given to other files. Or a directory went elsewhere, which is a
            // copy without marks.
            let gone = fates.contains(&Fate::Gone);
            return Ok(!gone || untouched.is_empty() || !known.has_like(&file.attr));
        }
        let mut copies: Vec<&Copy> = named.iter().collect();
        copies.sort_unstable_by_key(|copy| copy.ino);
        copies.dedup_by_key(|copy| copy.ino);
        let Some(Merged { copy, attrs }) = merge(volume, &file.attr, &copies)? else {
            return Ok(false);
        };
        self.created
            .extend(file.attr.crtime.map(|crtime| (file.attr.ino, crtime)));
        let (kept, others): (Vec<_>, Vec<_>) = named.iter().partition(|name| name.ino == copy.ino);
        if !others.is_empty() {
            let kept = kept.iter().map(|name| (name.path.clone(), attrs.clone()));
            self.merged.extend(kept);
        }
        let others = others.into_iter().map(|name| &name.path);
        self.left_out.extend(others.clone().cloned());
        let joins = others.chain(untouched);
        self.joins
            .extend(joins.map(|name| (name.clone(), copy.path.clone())));
        Ok(true)
    }
}

/// Whether names of a file that cannot be marked have not all met one fate.
fn is_torn(file: &Linked, fates: &[Fate], known: &Copies) -> bool {
    let others: HashSet<u64> = fates
        .iter()
        .filter_map(|fate| match fate {
            Fate::Another(ino) => Some(*ino),
            _ => None,
        })
        .collect();
    match (fates.contains(&Fate::Untouched), others.len()) {
        (false, 0 | 1) => false,
        // Names went: were they moved?
        (true, 0) => known.has_like(&file.attr),
        _ => true,
    }
}

fn torn(file: &Linked, image: &Path) -> Failure {
    let names: Vec<_> = file
        .names
        .iter()
        .map(|name| String::from_utf8_lossy(name))
        .collect();
    let what = format!(
        "the command changed a file with several names ({}) in a way that an overlay cannot tell; the image \
         is as it was",
        names.join(", ")
    );
    Failure::of(image, what).remedy("run it with --direct")
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
            let below = join(&path, entry.name);
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
            (false, false) => return Ok(Fate::Another(metadata.ino())),
            _ => return Ok(Fate::Gone),
        }
    }
    Ok(Fate::Untouched)
}

/// Whether a file of the upper directory says that nothing is there.
pub fn is_whiteout(metadata: &Metadata) -> bool {
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
