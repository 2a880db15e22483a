//! Owners on their way between the image and the kernel.

use super::caller::Caller;
use super::face::Face;
use super::ids::{IdMap, Kind};
use super::makers::Made;
use fuser::{FileAttr, Request};
use lwext4::{Attr, Entry, Error, FileType, Ino, NewFile, SetAttr};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Who is who, and who checks what they may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    /// The owners in the image and on the host.
    pub map: IdMap,
    /// Who checks permissions.
    pub checks: Checks,
}

/// Who checks permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checks {
    /// The kernel; its root is root.
    #[default]
    Kernel,
    /// Nobody needs to: only the image's root gets in.
    Nobody,
    /// `checks`: the kernel does not know who is the image's root.
    Here,
}

/// Who is not in the map: nobody has this number.
const STRANGER: u32 = u32::MAX;

impl Face {
    /// The sender of `request`.
    pub(super) fn caller(&self, request: &Request) -> Caller {
        let map = &self.owners.map;
        let host_root = request.uid() == 0;
        let uid = map.to_image(Kind::User, request.uid()).unwrap_or(STRANGER);
        let in_disguise = !host_root
            && match self.owners.checks {
                Checks::Kernel => false,
                Checks::Nobody => true,
                Checks::Here => uid == 0,
            };
        Caller {
            uid,
            gid: map.to_image(Kind::Group, request.gid()).unwrap_or(STRANGER),
            tid: request.pid(),
            is_root: host_root || in_disguise,
            in_disguise,
            is_mounter: request.uid() == rustix::process::geteuid().as_raw(),
        }
    }

    /// Whether a caller belongs to a group of the image. FUSE names only a caller's first group: the
    /// others are asked for. Whoever cannot be found belongs to none.
    pub(super) fn is_in_group(&self, caller: Caller, gid: u32) -> bool {
        let map = &self.owners.map;
        let holds = |groups: &[u32]| {
            let mut known = groups.iter().filter_map(|&g| map.to_image(Kind::Group, g));
            known.any(|group| group == gid)
        };
        caller.gid == gid
            || self
                .processes
                .status(caller.tid)
                .is_some_and(|status| holds(&status.groups))
    }

    /// The owner of what the sender of `request` makes: user and group.
    pub(super) fn new_owner(&self, request: &Request) -> Result<(u32, u32), Error> {
        if let IdMap::Caller { uid, .. } = self.owners.map
            && request.uid() == uid
        {
            return Ok((0, 0));
        }
        let image = |kind, id| {
            let mapped = self.owners.map.to_image(kind, id);
            mapped.ok_or(Error::InvalidArgument("an owner that is not in the map"))
        };
        Ok((
            image(Kind::User, request.uid())?,
            image(Kind::Group, request.gid())?,
        ))
    }

    /// Makes a file, of a type with a device number, with a mode under a umask.
    pub(super) fn make(
        &self,
        request: &Request,
        parent: Ino,
        name: &OsStr,
        (file_type, device): (FileType, (u32, u32)),
        (mode, umask): (u32, u32),
    ) -> Result<Entry, Error> {
        let (uid, gid) = self.new_owner(request)?;
        let new = NewFile {
            file_type,
            perm: (mode & 0o7777) as u16,
            umask: (umask & 0o777) as u16,
            uid,
            gid,
            device,
        };
        let made = self.volume.create(parent, name.as_bytes(), &new)?;
        self.note_maker(parent, &made.attr, request);
        Ok(made)
    }

    /// Remembers who made a file, if that can matter.
    pub(super) fn note_maker(&self, parent: Ino, attr: &Attr, request: &Request) {
        if let IdMap::Caller { uid, gid } = self.owners.map
            && request.uid() == uid
            && let Ok(above) = self.volume.getattr(parent)
        {
            let is_file = attr.file_type == FileType::Regular;
            let made = Made {
                tid: request.pid(),
                is_dir: attr.file_type == FileType::Directory,
                in_own_dir: is_file && above.uid == uid,
                in_own_group: is_file && above.gid == gid,
            };
            self.makers.record(attr.ino, made);
        }
    }

    /// Turns the owners that a request sets into the image's.
    pub(super) fn owners_to_image(
        &self,
        ino: Ino,
        set: &mut SetAttr,
        caller: Caller,
    ) -> Result<(), Error> {
        let IdMap::Caller { uid, gid } = self.owners.map else {
            for (kind, id) in [(Kind::User, &mut set.uid), (Kind::Group, &mut set.gid)] {
                if let Some(id) = id {
                    *id = (self.owners.map.to_image(kind, *id))
                        .ok_or(Error::InvalidArgument("an owner that is not in the map"))?;
                }
            }
            return Ok(());
        };
        // Only the caller's own numbers mean two owners, and only to it.
        if !caller.in_disguise {
            return Ok(());
        }
        if set.uid != Some(uid) && set.gid != Some(gid) {
            return Ok(());
        }
        let old = self.volume.getattr(ino)?;
        let Some(made) = self.makers.made_by(ino, caller.tid, &*self.processes) else {
            return Ok(());
        };
        if set.uid == Some(uid) && !made.in_own_dir {
            set.uid = Some(old.uid);
        }
        if set.gid == Some(gid) && !made.in_own_group {
            set.gid = Some(old.gid);
        }
        Ok(())
    }

    /// Attributes as the kernel is to show them.
    pub(super) fn show(&self, attr: &Attr) -> FileAttr {
        let mut shown = super::translate::attr_to_kernel(attr, self.block_size);
        shown.uid = self.owners.map.to_host(Kind::User, attr.uid);
        shown.gid = self.owners.map.to_host(Kind::Group, attr.gid);
        shown
    }
}
