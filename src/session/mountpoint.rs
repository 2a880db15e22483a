//! Whether a directory can take a mount.

use super::{control, detach, mounts};
use crate::failure::{Failure, Result};
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// Checks the directory `path`, and returns it as the mount table will show it. A liveroot mount
/// whose daemon is gone is taken away first; a live one is an error.
///
/// # Errors
/// No such directory, not a directory, no way to it, or already in use.
pub fn check(path: &Path) -> Result<PathBuf> {
    if let Ok(point) = mounts::absolute(path)
        && let Some(mount) = mounts::at(&point)?
        && mount.is_liveroot()
    {
        if control::find(|hello| hello.mount_device == mount.device).is_empty() && is_dead(&point) {
            detach::detach(&point, true)?;
            log::warn!(
                "{}: took away the mount of a liveroot that has ended",
                path.display()
            );
        } else {
            let source = mount.source.to_string_lossy().into_owned();
            return Err(
                Failure::of(path, format!("{source} is already mounted here")).remedy(format!(
                    "unmount it first: liveroot umount {}",
                    path.display()
                )),
            );
        }
    }
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::of(path, "there is no such directory")
            .remedy(format!("make it: mkdir -p {}", path.display())),
        _ if error.raw_os_error() == Some(libc::ENOTCONN) => {
            Failure::of(path, "a FUSE mount whose server has ended is in the way")
                .remedy(format!("take it away: fusermount3 -u {}", path.display()))
        }
        io::ErrorKind::PermissionDenied => {
            Failure::of(path, "permission denied").remedy("choose a directory that you can enter")
        }
        _ => Failure::of(path, error),
    })?;
    if !metadata.is_dir() {
        return Err(Failure::of(path, "not a directory").remedy("give a directory to mount on"));
    }
    path.canonicalize().map_err(|e| Failure::of(path, e))
}

/// Whether the FUSE file system at `point` has lost its server. Attributes would not tell: the kernel
/// may have them in its cache. It never has this.
pub fn is_dead(point: &Path) -> bool {
    matches!(
        rustix::fs::statfs(point),
        Err(Errno::NOTCONN | Errno::CONNABORTED)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_taken_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(check(dir.path()), Ok(dir.path().canonicalize().unwrap()));
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(
            check(&file)
                .unwrap_err()
                .to_string()
                .contains("not a directory")
        );
        let missing = dir.path().join("missing");
        let error = check(&missing).unwrap_err().to_string();
        assert!(error.contains("no such directory; make it"), "{error}");
    }
}
