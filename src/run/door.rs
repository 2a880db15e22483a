//! Between the keeper, which may look at the command, and the server, which has the image: changes that
//! the kernel does not let the command make.

use crate::fuse::{SideDoor, rules, translate};
use crate::session::monitor::message;
use lwext4::{Error, FileType, Ino, NewFile};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::OwnedFd;

/// What is to be changed; inodes by their numbers.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Change {
    /// A device node is to be made.
    MakeNode {
        /// The directory.
        parent: u32,
        /// The name in it.
        name: Vec<u8>,
        /// Type and permissions.
        mode: u32,
        /// What the maker takes from the permissions.
        umask: u16,
        /// The maker.
        uid: u32,
        /// The maker's group.
        gid: u32,
        /// In the kernel's 32-bit form.
        device: u32,
    },
    /// An extended attribute is to be set.
    SetXattr {
        /// The file.
        ino: u32,
        /// The attribute.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
        /// Those of `setxattr(2)`.
        flags: i32,
    },
    /// An extended attribute is to be removed.
    RemoveXattr {
        /// The file.
        ino: u32,
        /// The attribute.
        name: Vec<u8>,
    },
    /// Flags are to be set, if that freezes or thaws the file.
    FreezeOrThaw {
        /// The file.
        ino: u32,
        /// The ioctl's number.
        command: u32,
        /// Its data.
        data: Vec<u8>,
    },
}

/// What came of it.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Changed {
    /// It is done.
    Done,
    /// It is nothing that the kernel would forbid.
    NotNeeded,
    /// It failed with this error number.
    Failed(i32),
}

/// The keeper's end.
#[derive(Debug)]
pub struct Door(Mutex<OwnedFd>);

impl Door {
    /// `channel` leads to [`answer`].
    pub fn new(channel: OwnedFd) -> Door {
        Door(Mutex::new(channel))
    }

    /// Asks, and waits until it is done.
    ///
    /// # Errors
    /// The server has ended.
    pub fn ask(&self, change: &Change) -> io::Result<Changed> {
        let channel = self.0.lock();
        message::send(&channel, change, None)?;
        match message::receive(&channel)? {
            Some((changed, _)) => Ok(changed),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The server's end: makes changes until the other end is closed.
pub fn answer(channel: &OwnedFd, door: &SideDoor) {
    while let Ok(Some((change, _))) = message::receive(channel) {
        let changed = match carry_out(&change, door) {
            Ok(true) => Changed::Done,
            Ok(false) => Changed::NotNeeded,
            Err(error) => Changed::Failed(error.errno()),
        };
        if message::send(channel, &changed, None).is_err() {
            break;
        }
    }
}

fn carry_out(change: &Change, door: &SideDoor) -> Result<bool, Error> {
    match change {
        Change::MakeNode {
            parent,
            name,
            mode,
            umask,
            uid,
            gid,
            device,
        } => {
            let Some(file_type) = FileType::from_mode((mode & 0xF000) as u16) else {
                return Ok(false);
            };
            let new = NewFile {
                file_type,
                perm: (mode & 0o7777) as u16,
                umask: *umask,
                uid: *uid,
                gid: *gid,
                device: translate::device_from_kernel(*device),
            };
            door.make_node(Ino(*parent), name, &new).map(|()| true)
        }
        Change::SetXattr {
            ino,
            name,
            value,
            flags,
        } => match rules::setxattr_mode(*flags) {
            Some(mode) => door.set_xattr(Ino(*ino), name, value, mode).map(|()| true),
            None => Ok(false),
        },
        Change::RemoveXattr { ino, name } => door.remove_xattr(Ino(*ino), name).map(|()| true),
        Change::FreezeOrThaw { ino, command, data } => {
            door.freeze_or_thaw(Ino(*ino), *command, data)
        }
    }
}
