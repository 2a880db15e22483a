//! What chattr(1), lsattr(1), e2label(8), fstrim(8) and their like ask by ioctl.
//!
//! The kernel has checked who asks for other flags or another project (`vfs_fileattr_set`); who may
//! set the label is checked here. Numbers and structures: `linux/fs.h`.

use super::caller::Caller;
use super::face::Face;
use super::translate::{errno, ino_to_kernel};
use fuser::{Errno, Notifier, ReplyIoctl};
use lwext4::{Attr, Error, FileType, Ino, Volume};
use std::sync::OnceLock;

const GETFLAGS: u32 = 0x8008_6601;
pub(crate) const SETFLAGS: u32 = 0x4008_6602;
const GETVERSION: u32 = 0x8008_7601;
const FSGETXATTR: u32 = 0x801C_581F;
pub(crate) const FSSETXATTR: u32 = 0x401C_5820;
const GETFSLABEL: u32 = 0x8100_9431;
const SETFSLABEL: u32 = 0x4100_9432;
const FITRIM: u32 = 0xC018_5879;
/// The first three are the same for callers whose `long` has 32 bits, but for the size.
const GETFLAGS_32: u32 = 0x8004_6601;
pub(crate) const SETFLAGS_32: u32 = 0x4004_6602;
const GETVERSION_32: u32 = 0x8004_7601;

const SYNC: u32 = 0x8;
const IMMUTABLE: u32 = 0x10;
const APPEND: u32 = 0x20;
const NODUMP: u32 = 0x40;
const NOATIME: u32 = 0x80;
const JOURNAL_DATA: u32 = 0x4000;
const ENCRYPT: u32 = 0x800;
const VERITY: u32 = 0x10_0000;
const DAX: u32 = 0x0200_0000;
const PROJINHERIT: u32 = 0x2000_0000;

/// Inode flags, and what `struct fsxattr` calls them.
const XFLAGS: [(u32, u32); 7] = [
    (SYNC, 0x20),
    (IMMUTABLE, 0x8),
    (APPEND, 0x10),
    (NODUMP, 0x80),
    (NOATIME, 0x40),
    (DAX, 0x8000),
    (PROJINHERIT, 0x200),
];

/// The size of `struct fsxattr`, in bytes.
pub(crate) const FSXATTR_LEN: usize = 28;
/// The size of a label for the label ioctls, in bytes.
const LABEL_LEN: usize = 256;

/// Whether a file may only grow.
pub(super) fn is_append_only(attr: &Attr) -> bool {
    attr.flags & APPEND != 0
}

/// Whether a file's flags let it be opened with those of `open(2)`.
pub(super) fn may_open(attr: &Attr, flags: i32) -> bool {
    let writes = flags & libc::O_ACCMODE != libc::O_RDONLY || flags & libc::O_TRUNC != 0;
    let appends = flags & libc::O_APPEND != 0 && flags & libc::O_TRUNC == 0;
    let frozen = attr.flags & (IMMUTABLE | VERITY) != 0 || (is_append_only(attr) && !appends);
    !(writes && frozen && attr.file_type == FileType::Regular)
}

/// Whether a file's data is encrypted.
pub(super) fn needs_key(attr: &Attr) -> bool {
    attr.flags & ENCRYPT != 0 && attr.file_type == FileType::Regular
}

/// The 32-bit word `index` of what a caller gave.
fn word(data: &[u8], index: usize) -> Result<u32, Error> {
    data.chunks_exact(4)
        .nth(index)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_ne_bytes)
        .ok_or(Error::InvalidArgument("too little data for the ioctl"))
}

fn to_xflags(flags: u32) -> u32 {
    let set = XFLAGS.iter().filter(|(flag, _)| flags & flag != 0);
    set.fold(0, |all, (_, xflag)| all | xflag)
}

/// The inode flags after `xflags` were set on a file with `flags`. Those that ext4 does not have are
/// passed over, as by the kernel.
fn from_xflags(xflags: u32, flags: u32) -> u32 {
    let kept = XFLAGS.iter().fold(flags, |all, (flag, _)| all & !flag);
    let set = XFLAGS.iter().filter(|(_, xflag)| xflags & xflag != 0);
    set.fold(kept, |all, (flag, _)| all | flag)
}

/// `struct fsxattr` of a file.
fn fsxattr(attr: &Attr) -> Vec<u8> {
    let mut bytes = vec![0; FSXATTR_LEN];
    bytes[..4].copy_from_slice(&to_xflags(attr.flags).to_ne_bytes());
    bytes[12..16].copy_from_slice(&attr.projid.to_ne_bytes());
    bytes
}

fn set_fsxattr(volume: &Volume, ino: Ino, data: &[u8]) -> Result<(), Error> {
    let attr = volume.getattr(ino)?;
    let (project, flags) = (word(data, 3)?, from_xflags(word(data, 0)?, attr.flags));
    volume.set_project(ino, project)?;
    volume.set_flags(ino, flags)
}

/// The 64-bit word `index` of what a caller gave.
fn long(data: &[u8], index: usize) -> Result<u64, Error> {
    let low = word(data, index * 2)?.to_ne_bytes();
    let high = word(data, index * 2 + 1)?.to_ne_bytes();
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&low);
    bytes[4..].copy_from_slice(&high);
    Ok(u64::from_ne_bytes(bytes))
}

/// `struct fstrim_range`: start, length, least run; the length becomes what was given back.
fn trim(volume: &Volume, data: &[u8]) -> Result<Vec<u8>, Error> {
    let (start, len, least) = (long(data, 0)?, long(data, 1)?, long(data, 2)?);
    let given = volume.trim(start, len, least)?;
    Ok([start, given, least].map(u64::to_ne_bytes).concat())
}

/// The flags that a request sets, if it sets flags.
fn flags_set(old: &Attr, command: u32, data: &[u8]) -> Result<Option<u32>, Error> {
    match command {
        SETFLAGS | SETFLAGS_32 => word(data, 0).map(Some),
        FSSETXATTR => Ok(Some(from_xflags(word(data, 0)?, old.flags))),
        _ => Ok(None),
    }
}

/// Does what a request asks: what it gives back, `None` for one that nobody here knows.
fn answer(
    volume: &Volume,
    ino: Ino,
    command: u32,
    data: &[u8],
    caller: Caller,
) -> Result<Option<Vec<u8>>, Error> {
    let nothing = |()| Some(Vec::new());
    match command {
        GETFLAGS | GETFLAGS_32 => {
            let attr = volume.getattr(ino)?;
            Ok(Some(attr.flags.to_ne_bytes().to_vec()))
        }
        SETFLAGS | SETFLAGS_32 => volume.set_flags(ino, word(data, 0)?).map(nothing),
        GETVERSION | GETVERSION_32 => {
            let attr = volume.getattr(ino)?;
            Ok(Some(attr.generation.to_ne_bytes().to_vec()))
        }
        FSGETXATTR => Ok(Some(fsxattr(&volume.getattr(ino)?))),
        FSSETXATTR => set_fsxattr(volume, ino, data).map(nothing),
        GETFSLABEL => {
            let mut label = volume.superblock().label().to_vec();
            label.resize(LABEL_LEN, 0);
            Ok(Some(label))
        }
        SETFSLABEL if !caller.is_root => Err(Error::NotPermitted("setting the label")),
        SETFSLABEL => volume.set_label(data).map(nothing),
        FITRIM if !caller.is_root && !caller.is_mounter => Err(Error::NotPermitted("trimming")),
        FITRIM => trim(volume, data).map(Some),
        _ => Ok(None),
    }
}

fn respond(reply: ReplyIoctl, answer: Result<Option<Vec<u8>>, Error>) {
    match answer {
        Ok(Some(data)) => reply.ioctl(0, &data),
        Ok(None) => reply.error(Errno::ENOTTY),
        Err(error) => reply.error(errno(&error)),
    }
}

/// Has the kernel write what it holds of a file. Not to be called by a thread that takes requests.
fn bring_content(kernel: &OnceLock<Notifier>, ino: Ino) {
    if let Some(kernel) = kernel.get() {
        // Fails when the kernel has nothing of the file.
        let _ = kernel.inval_inode(ino_to_kernel(ino), 0, 0);
    }
}

/// Whether the ioctl would change what only a caller with CAP_LINUX_IMMUTABLE may.
pub(super) fn thaws_or_freezes(
    volume: &Volume,
    ino: Ino,
    command: u32,
    data: &[u8],
) -> Result<bool, Error> {
    let old = volume.getattr(ino)?;
    let new = flags_set(&old, command, data)?.unwrap_or(old.flags);
    Ok((old.flags ^ new) & (IMMUTABLE | APPEND) != 0)
}

/// Sets flags for a caller who is root, as [`Face::control`] does on request.
pub(super) fn set_as_root(
    volume: &Volume,
    kernel: &OnceLock<Notifier>,
    ino: Ino,
    command: u32,
    data: &[u8],
) -> Result<(), Error> {
    bring_content(kernel, ino);
    match command {
        SETFLAGS | SETFLAGS_32 => volume.set_flags(ino, word(data, 0)?),
        _ => set_fsxattr(volume, ino, data),
    }
}

impl Face {
    /// Answers an ioctl.
    pub(super) fn control(
        &self,
        ino: Ino,
        command: u32,
        data: &[u8],
        caller: Caller,
        reply: ReplyIoctl,
    ) {
        let flags = self.volume.getattr(ino).and_then(|old| {
            let new = flags_set(&old, command, data)?;
            Ok((old, new.unwrap_or(old.flags)))
        });
        let (old, new) = match flags {
            Ok(flags) => flags,
            Err(error) => return reply.error(errno(&error)),
        };
        if (old.flags ^ new) & JOURNAL_DATA != 0 && !caller.is_root {
            return reply.error(Errno::EPERM);
        }
        let freezes =
            old.file_type == FileType::Regular && new & !old.flags & (IMMUTABLE | APPEND) != 0;
        if !freezes {
            return respond(reply, answer(&self.volume, ino, command, data, caller));
        }
        // What programs wrote before this must reach the file. The kernel sends it while the
        // notification waits, so this thread must be free to take it.
        let (volume, notifier) = (self.volume.clone(), self.notifier.clone());
        let data = data.to_vec();
        std::thread::spawn(move || {
            bring_content(&notifier, ino);
            let answer = answer(&volume, ino, command, &data, caller);
            // Whoever gets the answer may unmount at once.
            drop(volume);
            respond(reply, answer);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_two_names() {
        assert_eq!(to_xflags(IMMUTABLE | NODUMP | 0x8_0000), 0x88);
        assert_eq!(
            from_xflags(0x88, 0x8_0000 | APPEND),
            0x8_0000 | IMMUTABLE | NODUMP
        );
        assert_eq!(from_xflags(0x1, NOATIME), 0);
    }

    #[test]
    fn data_may_be_short() {
        assert!(word(&[1, 0, 0], 0).is_err());
        assert_eq!(word(&7u32.to_ne_bytes(), 0).ok(), Some(7));
        assert!(long(&[1; 15], 1).is_err());
        assert_eq!(long(&(7u64 << 33).to_ne_bytes(), 0).ok(), Some(7 << 33));
    }
}
