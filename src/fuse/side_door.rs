//! Changes of the volume that the kernel has not asked for: what it forbids its callers, though a
//! supervisor allows them. The kernel, which remembers everything, is told afterwards.

use super::ioctl;
use super::translate::ino_to_kernel;
use fuser::Notifier;
use lwext4::{Error, Ino, NewFile, SetXattrMode, Volume};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, OnceLock, Weak};

/// The way past the kernel. Once the volume is closed it leads nowhere ([`Error::NotFound`]).
#[derive(Clone)]
pub struct SideDoor {
    volume: Weak<Volume>,
    kernel: Arc<OnceLock<Notifier>>,
}

impl SideDoor {
    /// Leads to `volume`; `kernel` is [`Face::notifier`](super::Face::notifier)'s.
    pub fn new(volume: &Arc<Volume>, kernel: Arc<OnceLock<Notifier>>) -> SideDoor {
        SideDoor {
            volume: Arc::downgrade(volume),
            kernel,
        }
    }

    fn volume(&self) -> Result<Arc<Volume>, Error> {
        self.volume.upgrade().ok_or(Error::NotFound)
    }

    /// Makes the node `name` in the directory `parent`.
    ///
    /// Not to be called where the kernel waits for the caller to answer a request: it locks the
    /// directory to forget that the name did not exist, which also waits for look-ups under way.
    ///
    /// # Errors
    /// The engine's.
    pub fn make_node(&self, parent: Ino, name: &[u8], new: &NewFile) -> Result<(), Error> {
        let volume = self.volume()?;
        let entry = volume.create(parent, name, new)?;
        // The kernel will look it up and take a hold of its own.
        volume.forget(entry.attr.ino, 1);
        if let Some(kernel) = self.kernel.get() {
            // A kernel that does not know the directory has nothing to forget.
            let _ = kernel.inval_entry(ino_to_kernel(parent), OsStr::from_bytes(name));
        }
        Ok(())
    }

    /// Sets an extended attribute, which the kernel does not remember, and so the change time.
    ///
    /// # Errors
    /// The engine's.
    pub fn set_xattr(
        &self,
        ino: Ino,
        name: &[u8],
        value: &[u8],
        mode: SetXattrMode,
    ) -> Result<(), Error> {
        self.volume()?.setxattr(ino, name, value, mode)?;
        self.attributes_changed(ino);
        Ok(())
    }

    /// Removes an extended attribute.
    ///
    /// # Errors
    /// The engine's.
    pub fn remove_xattr(&self, ino: Ino, name: &[u8]) -> Result<(), Error> {
        self.volume()?.removexattr(ino, name)?;
        self.attributes_changed(ino);
        Ok(())
    }

    /// Sets inode flags by an ioctl's number and data, if that freezes or thaws the file (immutable,
    /// append-only); else returns `false`, and has done nothing: that is the kernel's to allow.
    ///
    /// # Errors
    /// The engine's.
    pub fn freeze_or_thaw(&self, ino: Ino, command: u32, data: &[u8]) -> Result<bool, Error> {
        let volume = self.volume()?;
        if !ioctl::thaws_or_freezes(&volume, ino, command, data)? {
            return Ok(false);
        }
        ioctl::set_as_root(&volume, &self.kernel, ino, command, data)?;
        self.attributes_changed(ino);
        Ok(true)
    }

    fn attributes_changed(&self, ino: Ino) {
        if let Some(kernel) = self.kernel.get() {
            // The negative offset leaves the pages alone.
            let _ = kernel.inval_inode(ino_to_kernel(ino), -1, 0);
        }
    }
}

impl std::fmt::Debug for SideDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SideDoor").finish_non_exhaustive()
    }
}
