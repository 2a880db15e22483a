//! Finding paths inside an image. Symbolic links stay inside: an absolute one starts at the image's
//! root, and `..` never leaves it.

use lwext4::{Attr, Error, FileType, Ino, Result, Volume};

/// Symbolic links that one path may lead through, as in the kernel.
const LINKS: u32 = 40;

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The path means what the link leads to.
    Yes,
    /// The path means the link.
    No,
}

/// Where a path leads.
#[derive(Clone, Debug)]
pub struct Found {
    /// The directory that has the name; the root's is itself.
    pub parent: Ino,
    /// The name in it; empty where the path ends in no name (`/`, `..`).
    pub name: Vec<u8>,
    /// What is there; `None`: nothing, but it could be made.
    pub attr: Option<Attr>,
}

/// The attributes behind a name of a directory.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NotADirectory`], and what reading the image gives.
pub fn child(volume: &Volume, dir: Ino, name: &[u8]) -> Result<Attr> {
    let entry = volume.lookup(dir, name)?;
    volume.forget(entry.attr.ino, 1);
    Ok(entry.attr)
}

/// Whether a name exists: its attributes.
///
/// # Errors
/// As [`child`], but for [`Error::NotFound`].
pub fn maybe_child(volume: &Volume, dir: Ino, name: &[u8]) -> Result<Option<Attr>> {
    match child(volume, dir, name) {
        Ok(attr) => Ok(Some(attr)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Follows `path` from the root. Everything but its last name must exist.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NotADirectory`]; [`Error::InvalidArgument`] for too many links.
pub fn find(volume: &Volume, path: &[u8], follow: Follow) -> Result<Found> {
    // Names still to go, the next one last.
    let mut todo: Vec<Vec<u8>> = components(path);
    // Directories on the way, from the root.
    let mut dirs = vec![Ino::ROOT];
    let must_be_dir = path.ends_with(b"/") || path.ends_with(b"/.");
    let mut links = 0;
    let mut last: Option<(Vec<u8>, Option<Attr>)> = None;
    while let Some(name) = todo.pop() {
        let dir = dirs.last().copied().unwrap_or(Ino::ROOT);
        if name == b"." {
            continue;
        }
        if name == b".." {
            if dirs.len() > 1 {
                dirs.pop();
            }
            last = None;
            continue;
        }
        let at_end = todo.is_empty();
        let Some(attr) = maybe_child(volume, dir, &name)? else {
            if !at_end {
                return Err(Error::NotFound);
            }
            last = Some((name, None));
            break;
        };
        let follows = !at_end || follow == Follow::Yes || must_be_dir;
        if attr.file_type == FileType::Symlink && follows {
            links += 1;
            if links > LINKS {
                return Err(Error::InvalidArgument("too many levels of symbolic links"));
            }
            let target = volume.readlink(attr.ino)?;
            if target.starts_with(b"/") {
                dirs.truncate(1);
            }
            todo.extend(components(&target));
            last = None;
            continue;
        }
        if at_end {
            last = Some((name, Some(attr)));
        } else if attr.file_type == FileType::Directory {
            dirs.push(attr.ino);
        } else {
            return Err(Error::NotADirectory);
        }
    }
    let parent = dirs.last().copied().unwrap_or(Ino::ROOT);
    let Some((name, attr)) = last else {
        return Ok(Found {
            parent,
            name: Vec::new(),
            attr: Some(volume.getattr(parent)?),
        });
    };
    if must_be_dir && attr.is_some_and(|attr| attr.file_type != FileType::Directory) {
        return Err(Error::NotADirectory);
    }
    Ok(Found { parent, name, attr })
}

/// The attributes of what `path` leads to.
///
/// # Errors
/// As [`find`], and [`Error::NotFound`] where its last name does not exist.
pub fn attr(volume: &Volume, path: &[u8], follow: Follow) -> Result<Attr> {
    find(volume, path, follow)?.attr.ok_or(Error::NotFound)
}

/// The names of a path, the first one last.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|&b| b == b'/')
        .filter(|name| !name.is_empty())
        .rev()
        .map(<[u8]>::to_vec)
        .collect()
}
