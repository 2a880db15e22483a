//! Doing something to files of an image and, if wanted, to everything below them.

use super::address::Address;
use super::resolve::{self, Follow};
use super::walk::{Trail, children};
use crate::failure::Result;
use crate::import::names::join;
use lwext4::{Attr, FileType, Volume};

/// Which files.
#[derive(Clone, Copy, Debug)]
pub struct Each {
    /// What is below directories, too. Symbolic links found there are not followed.
    pub recursive: bool,
    /// Whether an operand that is a symbolic link stands for what it leads to.
    pub follow: Follow,
}

/// What is done to each file: it gets the path, for output, and the attributes.
pub type Change<'a> = dyn FnMut(&[u8], &Attr) -> lwext4::Result<()> + 'a;

/// Calls `change` for each operand, and what is below: a directory before what is in it.
///
/// # Errors
/// The first that `change` gives, or reading the image.
pub fn each(
    volume: &Volume,
    addresses: &[Address],
    rule: Each,
    change: &mut Change<'_>,
) -> Result<()> {
    for address in addresses {
        let failure = |error: lwext4::Error| address.failure(error);
        let attr = resolve::attr(volume, &address.path, rule.follow).map_err(failure)?;
        go(
            volume,
            &address.given,
            &attr,
            rule,
            change,
            &mut Trail::default(),
        )
        .map_err(|(path, error)| {
            let mut at = address.clone();
            at.given = path;
            at.failure(error)
        })?;
    }
    Ok(())
}

fn go(
    volume: &Volume,
    path: &[u8],
    attr: &Attr,
    rule: Each,
    change: &mut Change<'_>,
    trail: &mut Trail,
) -> Result<(), (Vec<u8>, lwext4::Error)> {
    let failure = |error| (path.to_vec(), error);
    change(path, attr).map_err(failure)?;
    if rule.recursive && attr.file_type == FileType::Directory {
        trail.enter(attr).map_err(failure)?;
        for child in children(volume, attr.ino).map_err(failure)? {
            go(
                volume,
                &join(path, &child.name),
                &child.attr,
                rule,
                change,
                trail,
            )?;
        }
        trail.leave();
    }
    Ok(())
}
