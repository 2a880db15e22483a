//! Several copies of one file, each changed by another name: what all changes together make of it.
//!
//! Of each aspect (contents, owner, mode, attributes) the copies that differ from the file in the image
//! must agree; a time is that of the copy that was changed last.

use super::copies::Copy;
use super::upper::sort_out;
use crate::import::directory::{XATTR, time, xattrs};
use crate::import::entry::Attrs;
use lwext4::{Attr, Error, Timestamp, Volume};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};

/// Bytes that are compared at once.
const PIECE: usize = 64 << 10;

/// Extended attributes, sorted.
type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// What comes of it: the copy whose contents are right, and the attributes that are.
#[derive(Debug)]
pub struct Merged<'c> {
    /// The copy.
    pub copy: &'c Copy,
    /// Attributes; creation times are not among them.
    pub attrs: Attrs,
}

/// Merges `copies` of the file that is `original` in `volume`. `None` if they contradict each other, or
/// there are none.
///
/// # Errors
/// Something cannot be read.
pub fn merge<'c>(
    volume: &Volume,
    original: &Attr,
    copies: &[&'c Copy],
) -> io::Result<Option<Merged<'c>>> {
    let Some(first) = copies.first().copied() else {
        return Ok(None);
    };
    let mut changed: Option<&Copy> = None;
    for candidate in copies {
        if is_as_before(volume, original, candidate)? {
            continue;
        }
        match changed {
            Some(known) if !are_same(known, candidate)? => return Ok(None),
            _ => changed = Some(candidate),
        }
    }
    let copy = changed.unwrap_or(first);
    let all: io::Result<Vec<Xattrs>> = copies.iter().map(|copy| attributes(copy)).collect();
    let each = || copies.iter().map(|copy| &copy.metadata);
    let before = original_attributes(volume, original).map_err(io::Error::other)?;
    let owner = agreed(
        (original.uid, original.gid),
        each().map(|m| (m.uid(), m.gid())),
    );
    let perm = agreed(original.perm, each().map(|m| (m.mode() & 0o7777) as u16));
    let xattrs = agreed(before, all?);
    let (Some((uid, gid)), Some(perm), Some(xattrs)) = (owner, perm, xattrs) else {
        return Ok(None);
    };
    let changed = |copy: &Copy| time(copy.metadata.ctime(), copy.metadata.ctime_nsec());
    let last = |before: Timestamp, get: fn(&Metadata) -> Timestamp| {
        let times = copies
            .iter()
            .map(|copy| (changed(copy), get(&copy.metadata)));
        let (_, last) = times.filter(|(_, time)| *time != before).max()?;
        Some(last)
    };
    Ok(Some(Merged {
        copy,
        attrs: Attrs {
            perm,
            uid,
            gid,
            mtime: last(original.mtime, |m| time(m.mtime(), m.mtime_nsec()))
                .or(Some(original.mtime)),
            atime: last(original.atime, |m| time(m.atime(), m.atime_nsec()))
                .or(Some(original.atime)),
            ctime: copies.iter().copied().map(changed).max(),
            xattrs,
            ..Attrs::default()
        },
    }))
}

/// What was made of a value: whoever changed it must have changed it to the same.
fn agreed<T: PartialEq>(before: T, now: impl IntoIterator<Item = T>) -> Option<T> {
    let mut changed: Option<T> = None;
    for value in now {
        match &changed {
            _ if value == before => {}
            Some(known) if *known != value => return None,
            _ => changed = Some(value),
        }
    }
    Some(changed.unwrap_or(before))
}

fn attributes(copy: &Copy) -> io::Result<Xattrs> {
    let mut all = xattrs(&copy.full, &mut vec![0; XATTR])?;
    let (_, meant) = sort_out(&mut all);
    all.extend(meant.xattrs);
    all.sort();
    Ok(all)
}

fn original_attributes(volume: &Volume, attr: &Attr) -> Result<Xattrs, Error> {
    let names = volume.listxattr(attr.ino)?;
    let with_value = |name: Vec<u8>| {
        let value = volume.getxattr(attr.ino, &name)?;
        Ok((name, value))
    };
    let mut all: Xattrs = names
        .into_iter()
        .map(with_value)
        .collect::<Result<_, Error>>()?;
    all.sort();
    Ok(all)
}

/// Whether a copy has the contents that the file has in the image.
fn is_as_before(volume: &Volume, original: &Attr, copy: &Copy) -> io::Result<bool> {
    has_contents(copy, original.size, |bytes, at| {
        let read = volume.read(original.ino, at, bytes);
        read.map_err(io::Error::other)
    })
}

/// Whether two copies have the same contents.
fn are_same(one: &Copy, other: &Copy) -> io::Result<bool> {
    let file = File::open(&other.full)?;
    has_contents(one, other.metadata.size(), |bytes, at| {
        file.read_exact_at(bytes, at).map(|()| bytes.len())
    })
}

/// Whether a copy has `size` bytes, and those that `read` puts into a buffer for an offset: it gives how many
/// it has put there.
fn has_contents(
    copy: &Copy,
    size: u64,
    read: impl Fn(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<bool> {
    if copy.metadata.size() != size {
        return Ok(false);
    }
    let mut file = File::open(&copy.full)?;
    let (mut own, mut others) = (vec![0; PIECE], vec![0; PIECE]);
    let mut at = 0;
    loop {
        let len = file.read(&mut own)?;
        let (Some(own), Some(others)) = (own.get(..len), others.get_mut(..len)) else {
            return Ok(false);
        };
        if own.is_empty() {
            return Ok(true);
        }
        if read(others, at)? != len || own != others {
            return Ok(false);
        }
        at += len as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_changed_a_value_must_agree() {
        assert_eq!(agreed(1, []), Some(1));
        assert_eq!(agreed(1, [1, 1]), Some(1));
        assert_eq!(agreed(1, [1, 2, 1, 2]), Some(2));
        assert_eq!(agreed(1, [2, 3]), None);
    }
}
