//! Places to mount on that are in the image only as long as something is mounted there.

use crate::failure::{Failure, Result};
use rustix::fs::{
    AtFlags, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, fstat, futimens, mkdirat,
    openat, openat2, statat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// Somewhere to mount on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// An absolute path in the image, without `..`.
    pub path: PathBuf,
    /// What has to be there.
    pub is_dir: bool,
}

/// What was made; it goes when dropped, and the directories get their old modification times back.
#[derive(Debug, Default)]
pub struct Placeholders {
    made: Vec<Made>,
}

#[derive(Debug)]
struct Made {
    parent: OwnedFd,
    parent_before: Stat,
    name: OsString,
    is_dir: bool,
    ino: u64,
}

impl Placeholders {
    /// Makes those of `places` that are missing in the tree at `root`. Symlinks on the way are
    /// followed inside it; one at the end that leads nowhere counts as being there.
    ///
    /// # Errors
    /// Something else is there, or the image is read-only or full.
    pub fn make(root: &Path, places: &[Place]) -> Result<Placeholders> {
        let mut placeholders = Placeholders::default();
        for place in places {
            let Place { path, is_dir } = place;
            placeholders
                .make_one(root, path, *is_dir)
                .map_err(|errno| match errno {
                    Errno::ROFS => Failure::of(path, "not in the image, which is read-only"),
                    Errno::NOTDIR => Failure::of(path, "something on the way is not a directory"),
                    _ => Failure::of(
                        path,
                        format!("making something to mount on: {}", io::Error::from(errno)),
                    ),
                })?;
        }
        Ok(placeholders)
    }

    fn make_one(&mut self, root: &Path, path: &Path, is_dir: bool) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(rustix::fs::CWD, root, flags, Mode::empty())?;
        let mut at = PathBuf::from("/");
        let mut parent = openat2(&root, ".", flags, Mode::empty(), ResolveFlags::IN_ROOT)?;
        let mut names = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        let mut next = names.next();
        while let Some(name) = next {
            next = names.next();
            at.push(name);
            let wants_dir = is_dir || next.is_some();
            let found = openat2(
                &root,
                &at,
                OFlags::PATH | OFlags::CLOEXEC,
                Mode::empty(),
                ResolveFlags::IN_ROOT,
            );
            match found {
                Err(Errno::NOENT) => {
                    if next.is_none() && statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                        return Ok(());
                    }
                    self.add(parent.as_fd(), name, wants_dir)?;
                }
                Err(errno) => return Err(errno),
                Ok(_) => {}
            }
            if next.is_some() {
                parent = openat2(&root, &at, flags, Mode::empty(), ResolveFlags::IN_ROOT)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, parent: BorrowedFd<'_>, name: &OsStr, is_dir: bool) -> Result<(), Errno> {
        let parent_before = fstat(parent)?;
        if is_dir {
            mkdirat(parent, name, Mode::from_raw_mode(0o755))?;
        } else {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            openat(parent, name, flags, Mode::from_raw_mode(0o644))?;
        }
        let ino = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?.st_ino;
        self.made.push(Made {
            parent: rustix::io::dup(parent)?,
            parent_before,
            name: name.to_owned(),
            is_dir,
            ino,
        });
        Ok(())
    }
}

impl Drop for Placeholders {
    fn drop(&mut self) {
        // What was made last may be in what was made before.
        while let Some(made) = self.made.pop() {
            if made.remove().is_ok() {
                made.restore_time();
            }
        }
    }
}

impl Made {
    /// Removes it, unless the command has put something else into its place, or into it.
    fn remove(&self) -> Result<(), Errno> {
        let now = statat(&self.parent, &self.name, AtFlags::SYMLINK_NOFOLLOW)?;
        let untouched = now.st_ino == self.ino && (self.is_dir || now.st_size == 0);
        if !untouched {
            return Err(Errno::EXIST);
        }
        let flags = if self.is_dir {
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        };
        unlinkat(&self.parent, &self.name, flags)
    }

    fn restore_time(&self) {
        let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
        let before = &self.parent_before;
        let _ = futimens(
            &self.parent,
            &Timestamps {
                last_access: time(0, rustix::fs::UTIME_OMIT),
                last_modification: time(before.st_mtime, before.st_mtime_nsec as _),
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    fn place(path: &str, is_dir: bool) -> Place {
        Place {
            path: path.into(),
            is_dir,
        }
    }

    #[test]
    fn what_was_missing_goes_again() {
        let dir = tempfile::tempdir().unwrap();
        let etc = dir.path().join("etc");
        std::fs::create_dir(&etc).unwrap();
        let before = std::fs::metadata(&etc).unwrap();
        let places = [
            place("/proc", true),
            place("/etc/a/b", true),
            place("/etc/resolv.conf", false),
        ];
        let placeholders = Placeholders::make(dir.path(), &places).unwrap();
        assert!(dir.path().join("proc").is_dir() && etc.join("a/b").is_dir());
        assert!(etc.join("resolv.conf").is_file());
        drop(placeholders);
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
        let after = std::fs::metadata(&etc).unwrap();
        assert_eq!(after.nlink(), 2);
        assert_eq!(
            (after.mtime(), after.mtime_nsec()),
            (before.mtime(), before.mtime_nsec())
        );
    }

    #[test]
    fn what_is_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("proc")).unwrap();
        symlink("/run/nowhere", dir.path().join("link")).unwrap();
        drop(
            Placeholders::make(dir.path(), &[place("/proc", true), place("/link", false)]).unwrap(),
        );
        assert!(dir.path().join("proc").is_dir());
        assert!(dir.path().join("link").is_symlink());
    }

    #[test]
    fn what_the_command_used_stays() {
        let dir = tempfile::tempdir().unwrap();
        let made =
            Placeholders::make(dir.path(), &[place("/a/b", true), place("/f", false)]).unwrap();
        std::fs::write(dir.path().join("a/b/c"), "x").unwrap();
        std::fs::write(dir.path().join("f"), "x").unwrap();
        drop(made);
        assert!(dir.path().join("a/b/c").exists() && dir.path().join("f").exists());
    }

    #[test]
    fn links_do_not_lead_out() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), dir.path().join("etc")).unwrap();
        assert!(Placeholders::make(dir.path(), &[place("/etc/resolv.conf", false)]).is_err());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
