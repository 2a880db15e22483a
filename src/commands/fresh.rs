//! A file that gets its name when it is complete.

use crate::failure::{Failure, Result};
use rustix::fs::{AtFlags, CWD, OFlags, RenameFlags, linkat, renameat_with};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that has no name yet, or where the host's file system needs one, one that is removed if it
/// is not published.
pub struct Fresh {
    /// Its content.
    pub file: File,
    temporary: Option<PathBuf>,
}

impl Fresh {
    /// A new file in the directory of `path`.
    pub fn beside(path: &Path) -> Result<Fresh> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let unnamed = OFlags::TMPFILE.bits() as i32;
        let opened = File::options()
            .read(true)
            .write(true)
            .custom_flags(unnamed)
            .open(directory);
        match opened {
            Ok(file) => Ok(Fresh {
                file,
                temporary: None,
            }),
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EOPNOTSUPP | libc::EISDIR | libc::EINVAL)
                ) =>
            {
                let temporary = temporary_name(path);
                let file = File::options()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .open(&temporary)
                    .map_err(|e| Failure::of(&temporary, e))?;
                Ok(Fresh {
                    file,
                    temporary: Some(temporary),
                })
            }
            Err(error) => Err(match error.kind() {
                io::ErrorKind::NotFound => Failure::of(directory, "no such directory")
                    .remedy(format!("make it: mkdir -p {}", directory.display())),
                _ => Failure::of(directory, error),
            }),
        }
    }

    /// Gives it the name `path`.
    pub fn publish(mut self, path: &Path, replace: bool) -> io::Result<()> {
        if self.temporary.is_none() {
            let link = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            if !replace {
                linkat(CWD, link, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
                return Ok(());
            }
            // A link replaces nothing, a rename does.
            let temporary = temporary_name(path);
            linkat(CWD, link, CWD, &temporary, AtFlags::SYMLINK_FOLLOW)?;
            self.temporary = Some(temporary);
        }
        if let Some(temporary) = &self.temporary {
            let flags = if replace {
                RenameFlags::empty()
            } else {
                RenameFlags::NOREPLACE
            };
            renameat_with(CWD, temporary, CWD, path, flags)?;
            self.temporary = None;
        }
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}
