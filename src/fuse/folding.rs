//! Directories that fold names (feature casefold): there, one name has many spellings, and the kernel,
//! which knows names by their bytes, must not remember any of them.
//!
//! An entry of such a directory is good for the call that asked for it, and no more. An image with the
//! feature has no negative entries at all: a directory that is empty may come to fold names.

use super::face::Face;
use super::translate::ino_from_kernel;
use fuser::INodeNo;
use lwext4::Volume;
use lwext4::ondisk::features::Incompat;
use lwext4::ondisk::inode::InodeFlags;
use std::ffi::OsStr;
use std::time::Duration;

/// Whether directories of the volume may fold names.
pub(super) fn may_fold(volume: &Volume) -> bool {
    let features = volume.superblock().features();
    features.incompat.contains(Incompat::CASEFOLD)
}

impl Face {
    /// Whether a directory folds names. One that cannot be read does not matter.
    fn folds(&self, dir: INodeNo) -> bool {
        let fold = InodeFlags::CASEFOLD.bits();
        self.may_fold
            && ino_from_kernel(dir)
                .and_then(|dir| self.volume.getattr(dir).ok())
                .is_some_and(|attr| attr.flags & fold != 0)
    }

    /// How long the kernel may remember the entries of a directory.
    pub(super) fn life_in(&self, dir: INodeNo) -> Duration {
        if self.folds(dir) {
            Duration::ZERO
        } else {
            self.names_last()
        }
    }

    /// The kernel moves what it remembers of an entry along with a rename: what must not be remembered
    /// in the new place has to go. `places` are the directories, each with the name that is there now,
    /// the one it came from first.
    pub(super) fn forget_moved(&self, places: [(INodeNo, &OsStr); 2]) {
        let [(from, name), (to, new_name)] = places;
        let folds = [self.folds(from), self.folds(to)];
        let (dir, name) = match folds {
            [false, true] => (to, new_name.to_owned()),
            // Exchanged.
            [true, false] => (from, name.to_owned()),
            _ => return,
        };
        let notifier = self.notifier.clone();
        // The kernel has both directories locked until it has the answer, and for a moment more.
        std::thread::spawn(move || {
            if let Some(kernel) = notifier.get() {
                // Fails when the kernel has forgotten the entry by itself.
                let _ = kernel.inval_entry(dir, &name);
            }
        });
    }
}
