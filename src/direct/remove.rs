//! Deleting files and trees inside an image.

use super::walk::{Trail, children};
use crate::import::names::join;
use lwext4::{Attr, FileType, Ino, Result, Volume};

/// Deletes a name with everything below it. `each` hears of every path that is gone, and whether it was
/// a directory.
///
/// # Errors
/// What the engine says: files that are immutable, damage.
pub fn tree(
    volume: &Volume,
    (dir, name): (Ino, &[u8]),
    attr: &Attr,
    path: &[u8],
    each: &mut dyn FnMut(&[u8], bool),
) -> Result<()> {
    go(volume, (dir, name), attr, path, each, &mut Trail::default())
}

fn go(
    volume: &Volume,
    (dir, name): (Ino, &[u8]),
    attr: &Attr,
    path: &[u8],
    each: &mut dyn FnMut(&[u8], bool),
    trail: &mut Trail,
) -> Result<()> {
    let is_dir = attr.file_type == FileType::Directory;
    if is_dir {
        trail.enter(attr)?;
        for child in children(volume, attr.ino)? {
            let below = join(path, &child.name);
            go(
                volume,
                (attr.ino, &child.name),
                &child.attr,
                &below,
                each,
                trail,
            )?;
        }
        trail.leave();
        volume.rmdir(dir, name)?;
    } else {
        volume.unlink(dir, name)?;
    }
    each(path, is_dir);
    Ok(())
}
