//! Where a command's changes are kept until it is known how it ends: in memory or on a disk.

use super::{Wish, overlay};
use crate::failure::{Failure, Result};
use crate::run::temporary::Temporary;
use crate::session::image::human_size;
use crate::session::options::MountFlags;
use rustix::fs::{XattrFlags, setxattr, statvfs};
use rustix::io::Errno;
use rustix::mount::{MountFlags as Ms, UnmountFlags};
use std::ffi::CString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The least that is worth mounting, in bytes.
const LEAST: u64 = 16 << 20;

/// A directory with the parts of an overlay; it goes with all that is in it when dropped.
#[derive(Debug)]
pub struct Scratch {
    directory: Temporary,
    in_memory: bool,
}

impl Scratch {
    /// Makes one that can hold the changes of an image of `image` bytes, which may grow to `most`. The
    /// inner error says why there is no overlay here.
    ///
    /// # Errors
    /// The directory that the user named cannot be used, or lacks the room that the user named.
    pub fn make(wish: &Wish, image: u64, most: Option<u64>) -> Result<Result<Scratch, String>> {
        if let Some(base) = &wish.scratch {
            if let Some(size) = wish.size {
                let found = statvfs(base).map_err(|e| Failure::of(base, io::Error::from(e)))?;
                let free = found.f_bavail.saturating_mul(found.f_frsize);
                if free < size {
                    let what = format!("only {} are free there", human_size(free));
                    return Err(Failure::of(base, what)
                        .remedy("give --scratch another directory, or --scratch-size less"));
                }
            }
            return Ok(Scratch::on_disk(base)?.tried());
        }
        let available = available_memory();
        let wanted = wish.size.unwrap_or(image).max(LEAST);
        if wanted > available / 2 {
            let base = std::env::temp_dir();
            if has_room(&base, wanted)
                && let Ok(scratch) = Scratch::on_disk(&base)?.tried()
            {
                return Ok(Ok(scratch));
            }
        }
        let most = most.map_or(wanted, |most| most.max(wanted));
        let size = wish.size.unwrap_or(most.min(available / 2).max(LEAST));
        Ok(match Scratch::in_memory(size) {
            Ok(scratch) => scratch.tried(),
            Err(failure) => Err(failure.to_string()),
        })
    }

    fn in_memory(size: u64) -> Result<Scratch> {
        let directory = Temporary::new()?;
        let options = CString::new(format!("mode=700,size={size}")).unwrap_or_default();
        let flags = Ms::NOSUID | Ms::NODEV;
        rustix::mount::mount("tmpfs", directory.path(), "tmpfs", flags, &*options)
            .map_err(|e| Failure::new(format!("mounting a tmpfs: {}", io::Error::from(e))))?;
        let scratch = Scratch {
            directory,
            in_memory: true,
        };
        scratch.furnish().map(|()| scratch)
    }

    fn on_disk(base: &Path) -> Result<Scratch> {
        let directory = Temporary::within(base)?;
        fs::set_permissions(directory.path(), Permissions::from_mode(0o700))
            .map_err(|e| Failure::of(directory.path(), e))?;
        let scratch = Scratch {
            directory,
            in_memory: false,
        };
        scratch.furnish().map(|()| scratch)
    }

    fn furnish(&self) -> Result<()> {
        for part in [self.lower(), self.upper(), self.work()] {
            fs::create_dir(&part).map_err(|e| Failure::of(&part, e))?;
        }
        Ok(())
    }

    /// Tries an overlay with nothing below it; says what does not work.
    fn tried(self) -> Result<Scratch, String> {
        let point = self.directory.path().join("try");
        let works = || -> io::Result<()> {
            fs::create_dir(&point)?;
            overlay::mount(&self, &point, &MountFlags::default())?;
            let file = point.join("file");
            let set = fs::write(&file, "").and_then(|()| {
                setxattr(&file, "user.liveroot", b"y", XattrFlags::empty())?;
                fs::remove_file(&file)
            });
            overlay::unmount(&point);
            set?;
            fs::remove_dir(&point)?;
            for part in [self.upper(), self.work()] {
                fs::remove_dir_all(&part)?;
                fs::create_dir(&part)?;
            }
            Ok(())
        };
        match works() {
            Ok(()) => Ok(self),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether it is a file system of its own.
    pub fn is_in_memory(&self) -> bool {
        self.in_memory
    }

    /// Where the image is shown.
    pub fn lower(&self) -> PathBuf {
        self.directory.path().join("lower")
    }

    /// Where changes are.
    pub fn upper(&self) -> PathBuf {
        self.directory.path().join("upper")
    }

    /// Gives back what the changes take. What is not there any more need not be given back again.
    pub fn discard(&self) {
        let path = self.directory.path();
        if self.in_memory {
            let _ = rustix::mount::unmount(path, UnmountFlags::DETACH);
            return;
        }
        for part in [self.upper(), self.work(), self.lower()] {
            if let Err(error) = fs::remove_dir_all(&part)
                && error.kind() != io::ErrorKind::NotFound
            {
                log::warn!("{}: left behind: {error}", part.display());
            }
        }
    }

    /// What the overlay needs for itself.
    pub fn work(&self) -> PathBuf {
        self.directory.path().join("work")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.discard();
    }
}

fn has_room(base: &Path, wanted: u64) -> bool {
    let found: Result<_, Errno> = statvfs(base);
    found.is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) >= wanted)
}

/// Bytes of memory that programs can have without swapping.
fn available_memory() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|l| l.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
    kib.unwrap_or(0u64).saturating_mul(1024)
}
