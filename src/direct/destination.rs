//! Where in an image something goes: into a directory, or under a name of its own.

use super::address::{Address, base_name};
use super::resolve::{self, Follow, Found};
use crate::failure::{Failure, Result};
use crate::import::names::join;
use lwext4::{Error, FileType, Ino, Volume};

/// How the last operand is to be taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rule {
    /// It is the name itself, never a directory to go into (`-T`).
    pub no_directory: bool,
    /// It must be a directory (`-t`, or several sources).
    pub directory: bool,
    /// A symbolic link to a directory is a name, not a directory (`ln -n`).
    pub no_follow: bool,
}

/// A place for a name.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The directory.
    pub dir: Ino,
    /// The name in it; empty: the directory itself is meant.
    pub name: Vec<u8>,
    /// The path, for output and for looking up.
    pub address: Address,
}

/// What the last operand turned out to be.
#[derive(Debug)]
pub enum Destination {
    /// A directory to go into.
    Into(Address, Ino),
    /// A name.
    At(Slot),
}

impl Destination {
    /// Looks the operand up.
    ///
    /// # Errors
    /// Its directory is not there; it is no directory but must be one.
    pub fn find(volume: &Volume, address: &Address, rule: Rule) -> Result<Destination> {
        let failure = |error: Error| address.failure(error);
        let follow = if rule.no_follow {
            Follow::No
        } else {
            Follow::Yes
        };
        let found = resolve::find(volume, &address.path, follow);
        let is_dir = |found: &Found| {
            found
                .attr
                .filter(|attr| attr.file_type == FileType::Directory)
        };
        match &found {
            Ok(found) if !rule.no_directory => {
                if let Some(attr) = is_dir(found) {
                    return Ok(Destination::Into(address.clone(), attr.ino));
                }
            }
            _ => {}
        }
        if rule.directory {
            found.map_err(failure)?;
            return Err(address.failure("not a directory"));
        }
        let found = resolve::find(volume, &address.path, Follow::No).map_err(failure)?;
        Ok(Destination::At(Slot {
            dir: found.parent,
            name: found.name,
            address: address.clone(),
        }))
    }

    /// Where a source called `source` goes. One that ends in no name (`/`, `.`) is the directory itself.
    pub fn slot(&self, source: &[u8]) -> Slot {
        match self {
            Destination::At(slot) => slot.clone(),
            Destination::Into(address, dir) => {
                let name = match base_name(source) {
                    b"." | b".." => &[],
                    name => name,
                };
                if name.is_empty() {
                    return Slot {
                        dir: *dir,
                        name: Vec::new(),
                        address: address.clone(),
                    };
                }
                let mut inside = address.with_path(join(&address.path, name));
                inside.given = join(&address.given, name);
                Slot {
                    dir: *dir,
                    name: name.to_vec(),
                    address: inside,
                }
            }
        }
    }
}

/// Splits operands into sources and the last one, the destination, unless `-t` gave that.
///
/// # Errors
/// There are too few.
pub fn split<'a, T>(operands: &'a [T], target: Option<&'a T>) -> Result<(&'a [T], &'a T)> {
    let too_few = || Failure::usage("a destination is missing after the source");
    match target {
        Some(target) => Ok((operands, target)),
        None => match operands.split_last() {
            Some((last, sources)) if !sources.is_empty() => Ok((sources, last)),
            _ => Err(too_few()),
        },
    }
}
