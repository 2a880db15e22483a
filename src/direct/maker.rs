//! Who makes files, when a command makes some: the caller, as on a mount.

use lwext4::{FileType, NewFile};
use rustix::fs::Mode;

/// Owner and umask of new files.
#[derive(Clone, Copy, Debug)]
pub struct Maker {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permissions that new files do not get.
    pub umask: u16,
}

impl Maker {
    /// The process: its effective ids, or `owner` instead, and its umask.
    pub fn new(owner: Option<(u32, u32)>) -> Maker {
        // The umask can only be read by setting it. Nothing else makes files meanwhile.
        let old = rustix::process::umask(Mode::from_raw_mode(0o022));
        rustix::process::umask(old);
        let (uid, gid) = owner.unwrap_or_else(|| {
            let uid = rustix::process::geteuid().as_raw();
            (uid, rustix::process::getegid().as_raw())
        });
        Maker {
            uid,
            gid,
            umask: u16::try_from(old.bits() & 0o777).unwrap_or(0o022),
        }
    }

    /// A new file with the permissions `perm`, from which the engine takes the umask, unless a default ACL
    /// says what it gets.
    pub fn file(&self, file_type: FileType, perm: u16) -> NewFile {
        NewFile {
            file_type,
            perm,
            umask: self.umask,
            uid: self.uid,
            gid: self.gid,
            device: (0, 0),
        }
    }
}
