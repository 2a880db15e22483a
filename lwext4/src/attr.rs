//! What callers see of an inode, and what they may ask to change.

use crate::types::{FileType, Ino, Timestamp};

/// A file's attributes, as `stat(2)` shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr {
    /// Inode number.
    pub ino: Ino,
    /// Generation: a number that changes when an inode number is used again.
    pub generation: u32,
    /// What kind of file it is.
    pub file_type: FileType,
    /// Permission bits, with setuid, setgid and sticky (07777).
    pub perm: u16,
    /// Hard links. A directory with more than the format can count shows 1.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes.
    pub size: u64,
    /// Space taken, in units of 512 bytes.
    pub sectors: u64,
    /// Device (major, minor) of a character or block device, else (0, 0).
    pub device: (u32, u32),
    /// Last access.
    pub atime: Timestamp,
    /// Last change of the data.
    pub mtime: Timestamp,
    /// Last change of the inode.
    pub ctime: Timestamp,
    /// Creation, where the inode has room for it.
    pub crtime: Option<Timestamp>,
    /// Inode flags as `lsattr(1)` shows them.
    pub flags: u32,
    /// Project id.
    pub projid: u32,
}

/// A directory entry that an operation found or made: the inode's attributes.
///
/// Every operation that returns an `Entry` takes one *hold* on the inode, which the caller gives back
/// with [`Volume::forget`](crate::Volume::forget). A held inode outlives its last name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Attributes of the inode behind the name.
    pub attr: Attr,
}

/// Which attributes to change, and to what. `None` leaves an attribute alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttr {
    /// Permission bits (07777).
    pub perm: Option<u16>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Last access.
    pub atime: Option<Timestamp>,
    /// Last change of the data.
    pub mtime: Option<Timestamp>,
    /// Last change of the inode; `None`: now, when anything else changes.
    pub ctime: Option<Timestamp>,
    /// Clear setuid, and setgid of a group-executable file, as a change of owner or size by an
    /// ordinary user does. Directories keep theirs; a mode that comes along wins.
    pub kill_suid: bool,
    /// With `kill_suid`: clear setgid also where the group may not execute, as it is cleared for
    /// callers outside of the file's group.
    pub kill_sgid: bool,
}

/// What a new file starts with.
#[derive(Clone, Copy, Debug)]
pub struct NewFile {
    /// What kind of file; not [`FileType::Symlink`], which [`Volume::symlink`](crate::Volume::symlink) makes.
    pub file_type: FileType,
    /// Permission bits (07777).
    pub perm: u16,
    /// Permissions that it does not get, unless the directory has a default ACL, which replaces this.
    pub umask: u16,
    /// Owner.
    pub uid: u32,
    /// Group; a setgid directory gives its own instead.
    pub gid: u32,
    /// Device (major, minor) for devices.
    pub device: (u32, u32),
}

impl NewFile {
    /// A file of the superuser with the permission bits `perm`, all of which it gets, and no device: what
    /// differs is set with `..NewFile::new(…)`.
    pub const fn new(file_type: FileType, perm: u16) -> NewFile {
        NewFile {
            file_type,
            perm,
            umask: 0,
            uid: 0,
            gid: 0,
            device: (0, 0),
        }
    }
}

/// What rename does when the target exists (`renameat2(2)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RenameMode {
    /// Replace it.
    #[default]
    Replace,
    /// Fail (`RENAME_NOREPLACE`).
    NoReplace,
    /// Swap the two (`RENAME_EXCHANGE`).
    Exchange,
    /// Replace it, and leave a whiteout (character device 0:0) at the source (`RENAME_WHITEOUT`).
    Whiteout,
}

/// What fallocate does to its range (`fallocate(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallocateMode {
    /// Allocate space; grow the file unless `keep_size`.
    Allocate {
        /// Leave the size alone (`FALLOC_FL_KEEP_SIZE`).
        keep_size: bool,
    },
    /// Make a hole (`FALLOC_FL_PUNCH_HOLE`).
    PunchHole,
    /// Make the range read as zeroes but keep it allocated (`FALLOC_FL_ZERO_RANGE`).
    ZeroRange {
        /// Leave the size alone (`FALLOC_FL_KEEP_SIZE`).
        keep_size: bool,
    },
}

/// Whether a new attribute value may replace or must replace an old one (`setxattr(2)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SetXattrMode {
    /// Create or replace.
    #[default]
    Any,
    /// Fail if it exists (`XATTR_CREATE`).
    Create,
    /// Fail unless it exists (`XATTR_REPLACE`).
    Replace,
}

/// One entry as a directory is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// Inode number.
    pub ino: Ino,
    /// The file's type, where the directory tells it.
    pub file_type: Option<FileType>,
    /// The name's bytes.
    pub name: &'a [u8],
    /// Where reading goes on after this entry.
    pub next: u64,
}

/// Sizes and counts of the whole file system, as `statvfs(3)` shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatFs {
    /// Block size in bytes.
    pub block_size: u32,
    /// Blocks for files in all.
    pub blocks: u64,
    /// Free blocks.
    pub free_blocks: u64,
    /// Free blocks for ordinary users.
    pub available_blocks: u64,
    /// Inodes in all.
    pub inodes: u64,
    /// Free inodes.
    pub free_inodes: u64,
    /// Longest name in bytes.
    pub name_max: u32,
}
