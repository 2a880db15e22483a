//! A directory to mount on that is there only as long as it is needed.

use crate::failure::{Failure, Result};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// An empty directory that goes when dropped.
#[derive(Debug)]
pub struct Temporary(PathBuf);

impl Temporary {
    /// Makes one where temporary files are. Everybody may enter it: the mount has its own permissions,
    /// and other users of the command's namespace must get there. A name that exists, be it a symlink,
    /// is passed over.
    ///
    /// # Errors
    /// The directory for temporary files is missing, full or not writable.
    pub fn new() -> Result<Temporary> {
        Temporary::within(&std::env::temp_dir())
    }

    /// Likewise, in the directory `base`.
    ///
    /// # Errors
    /// That is missing, full or not writable.
    pub fn within(base: &Path) -> Result<Temporary> {
        let base = base.canonicalize().map_err(|e| explain(base, &e))?;
        let pid = std::process::id();
        for attempt in 0..1000 {
            let path = base.join(format!("liveroot.{pid}.{attempt}"));
            match DirBuilder::new().mode(0o755).create(&path) {
                Ok(()) => return Ok(Temporary(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(explain(&base, &error)),
            }
        }
        Err(explain(&base, &io::ErrorKind::AlreadyExists.into()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn explain(base: &Path, error: &io::Error) -> Failure {
    Failure::of(base, format!("making a directory: {error}"))
        .remedy("name a directory that is yours: with TMPDIR, --at or --scratch")
}
