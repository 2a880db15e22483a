//! What copies on the host keep of the files that they are copies of.

use super::super::copy::kept;
use super::super::tree::{Meta, Tree, set_host_xattr};
use super::{CopyOut, HostSlot, Open, os, refused};
use crate::failure::Result;
use lwext4::{FileType, Timestamp};
use rustix::fs::{
    AtFlags, Gid, Mode, Timespec, Timestamps, Uid, chownat, fchmod, fchown, fstat, futimens,
    utimensat,
};
use rustix::io::Errno;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// What could not be kept, for one line at the end.
#[derive(Default)]
pub(super) struct Notes {
    pub owners: u64,
    pub xattrs: u64,
    pub modes: u64,
}

fn spec(time: Timestamp) -> Timespec {
    Timespec {
        tv_sec: time.secs,
        tv_nsec: time.nanos.into(),
    }
}

impl CopyOut<'_> {
    /// Attributes of an open file or directory.
    pub(super) fn finish_open<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        meta: &Meta,
        open: Open<'_>,
    ) -> Result<()> {
        let Open { fd, path, old } = open;
        let failure = |error: Errno| refused(path, error);
        let preserve = self.options.preserve;
        let mut given = true;
        if preserve.ownership {
            given = self.give(
                fchown(
                    fd,
                    Some(Uid::from_raw(meta.uid)),
                    Some(Gid::from_raw(meta.gid)),
                ),
                path,
            )?;
        }
        // The descriptor, not the path: whoever renames meanwhile changes nothing.
        let itself = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        self.keep_xattrs(tree, node, &itself, true)?;
        if preserve.mode {
            let mut perm = meta.perm;
            if !given && perm & 0o6000 != 0 {
                perm &= !0o6000;
                self.notes.modes += 1;
            }
            fchmod(fd, Mode::from_raw_mode(perm.into())).map_err(failure)?;
        } else if !old {
            let wanted = meta.perm & 0o1777 & !self.umask;
            let now = fstat(fd).map_err(failure)?.st_mode & 0o7777;
            let is_dir = meta.kind == FileType::Directory;
            // Files were made with their mode; directories could be entered until now.
            if preserve.ownership || is_dir && meta.perm & 0o700 != 0o700 {
                let perm = u32::from(wanted) | now & 0o2000;
                fchmod(fd, Mode::from_raw_mode(perm)).map_err(failure)?;
            }
        }
        if preserve.timestamps {
            futimens(fd, &times(meta)).map_err(failure)?;
        }
        Ok(())
    }

    /// Attributes of a link or a special file, by its name.
    pub(super) fn finish_named<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        meta: &Meta,
        slot: &HostSlot<'_>,
    ) -> Result<()> {
        let failure = |error: Errno| refused(&slot.path, error);
        let preserve = self.options.preserve;
        let nofollow = AtFlags::SYMLINK_NOFOLLOW;
        let is_link = meta.kind == FileType::Symlink;
        let mut given = true;
        if preserve.ownership {
            let (uid, gid) = (Uid::from_raw(meta.uid), Gid::from_raw(meta.gid));
            given = self.give(
                chownat(slot.dir, os(slot.name), Some(uid), Some(gid), nofollow),
                &slot.path,
            )?;
        }
        let itself =
            PathBuf::from(format!("/proc/self/fd/{}", slot.dir.as_raw_fd())).join(os(slot.name));
        self.keep_xattrs(tree, node, &itself, !is_link)?;
        if preserve.mode && !is_link {
            let perm = if given { meta.perm } else { meta.perm & 0o1777 };
            // What was just made is no link.
            rustix::fs::chmodat(
                slot.dir,
                os(slot.name),
                Mode::from_raw_mode(perm.into()),
                AtFlags::empty(),
            )
            .map_err(failure)?;
        }
        if preserve.timestamps {
            utimensat(slot.dir, os(slot.name), &times(meta), nofollow).map_err(failure)?;
        }
        Ok(())
    }

    /// Whether a file went to its owner.
    fn give(&mut self, result: rustix::io::Result<()>, path: &Path) -> Result<bool> {
        match result {
            Ok(()) => Ok(true),
            Err(Errno::PERM | Errno::INVAL) => {
                self.notes.owners += 1;
                Ok(false)
            }
            Err(error) => Err(refused(path, error)),
        }
    }

    fn keep_xattrs<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        itself: &Path,
        follow: bool,
    ) -> Result<()> {
        let preserve = self.options.preserve;
        if !preserve.xattr && !preserve.mode {
            return Ok(());
        }
        for (name, value) in tree.xattrs(node)? {
            if !kept(&name, preserve) {
                continue;
            }
            let set = if follow {
                rustix::fs::setxattr(itself, os(&name), &value, rustix::fs::XattrFlags::empty())
            } else {
                set_host_xattr(itself, &name, &value)
            };
            if set.is_err() {
                self.notes.xattrs += 1;
            }
        }
        Ok(())
    }
}

fn times(meta: &Meta) -> Timestamps {
    Timestamps {
        last_access: spec(meta.atime),
        last_modification: spec(meta.mtime),
    }
}
