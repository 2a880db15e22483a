//! The operations on names and inodes, each in a transaction of its own.

mod attr;
mod create;
mod evict;
mod fallocate;
mod flags;
mod lookup;
mod rename;
mod seek;
mod unlink;

pub(crate) use create::check_symlink_target;
pub(crate) use flags::VISIBLE;

use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::inode::{InodeData, LINK_MAX};
use crate::ondisk::features::RoCompat;
use crate::ondisk::inode::InodeFlags;
use crate::resize::Tries;

/// The longest name, in bytes.
pub(crate) const NAME_MAX: usize = 255;

/// Fails unless `name` can be an entry's name.
pub(crate) fn check_name(name: &[u8]) -> Result<()> {
    if name.len() > NAME_MAX {
        return Err(Error::NameTooLong);
    }
    if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
        return Err(Error::InvalidArgument("a file name"));
    }
    Ok(())
}

/// Fails for the two names that every directory has.
pub(crate) fn check_not_dots(name: &[u8]) -> Result<()> {
    if name == b"." || name == b".." {
        Err(Error::InvalidArgument("a name of dots"))
    } else {
        Ok(())
    }
}

/// Fails unless entries may be added to the directory.
pub(crate) fn check_may_add(dir: &InodeData) -> Result<()> {
    dir.check_dir()?;
    if dir.raw.flags().contains(InodeFlags::IMMUTABLE) {
        return Err(Error::NotPermitted("the directory is immutable"));
    }
    Ok(())
}

/// Fails unless `child` may be taken out of `dir`.
fn check_may_remove(dir: &InodeData, child: &InodeData) -> Result<()> {
    let fixed = InodeFlags::IMMUTABLE | InodeFlags::APPEND;
    if dir.raw.flags().intersects(fixed) || child.raw.flags().intersects(fixed) {
        return Err(Error::NotPermitted(
            "the file or its directory is immutable or append-only",
        ));
    }
    Ok(())
}

/// Fails when `dir` gives its project to what it contains and `child` has another.
fn check_project(dir: &InodeData, child: &InodeData) -> Result<()> {
    let inherits = dir.raw.flags().contains(InodeFlags::PROJINHERIT);
    if inherits && dir.raw.projid() != child.raw.projid() {
        return Err(Error::OtherProject);
    }
    Ok(())
}

impl Fs {
    /// Runs an operation, and again if it found no space but there is some now: a commit made blocks
    /// free, or the volume grew.
    pub fn retry_on_full<R>(&self, mut operation: impl FnMut() -> Result<R>) -> Result<R> {
        let mut tries = Tries::new(self);
        loop {
            match operation() {
                Err(Error::NoSpace) if self.wait_for_space(&mut tries)? => {}
                result => return result,
            }
        }
    }

    /// One more subdirectory. A count that does not fit becomes 1 for good (feature dir_nlink).
    pub(crate) fn add_subdir_link(&self, dir: &mut InodeData) -> Result<()> {
        let links = dir.raw.links_count();
        let many = self.geo.features.ro_compat.contains(RoCompat::DIR_NLINK);
        if links == 1 && many {
            return Ok(());
        }
        if !many && links >= LINK_MAX {
            return Err(Error::TooManyLinks);
        }
        if many && links >= LINK_MAX - 1 {
            dir.raw.set_links_count(1);
        } else {
            dir.raw.set_links_count(links + 1);
        }
        Ok(())
    }

    /// Fails when one more subdirectory cannot be counted.
    pub(crate) fn check_subdir_link(&self, dir: &InodeData) -> Result<()> {
        let many = self.geo.features.ro_compat.contains(RoCompat::DIR_NLINK);
        if !many && dir.raw.links_count() >= LINK_MAX {
            Err(Error::TooManyLinks)
        } else {
            Ok(())
        }
    }
}

/// One subdirectory less.
fn drop_subdir_link(dir: &mut InodeData) {
    let links = dir.raw.links_count();
    if links > 2 {
        dir.raw.set_links_count(links - 1);
    }
}
