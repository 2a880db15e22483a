//! What a new file is, as a whole.

use crate::types::{FileType, Timestamp};
use bytes::Bytes;

/// Everything about a new file but its name and its data. Nothing is taken over from the directory
/// but what `chattr(1)` has inherited there: neither its group nor its default ACL.
#[derive(Clone, Debug)]
pub struct Node {
    /// What kind of file.
    pub file_type: FileType,
    /// Permission bits (07777).
    pub perm: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device (major, minor) for devices.
    pub device: (u32, u32),
    /// Last access.
    pub atime: Timestamp,
    /// Last change of the data.
    pub mtime: Timestamp,
    /// Last change of the inode.
    pub ctime: Timestamp,
    /// Creation.
    pub crtime: Timestamp,
    /// Target of a symbolic link.
    pub target: Vec<u8>,
    /// Extended attributes by their full names; ACLs in the kernel's form, after which the permission
    /// bits are those of the ACL.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Data of a regular file, in the order of the file.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// Byte in the file where `pieces` start: a multiple of the block size.
    pub at: u64,
    /// The data. Unless the file ends with it, its length is a multiple of the block size.
    pub pieces: &'a [Bytes],
    /// How many bytes the file will have at most in all; what is known helps to keep it in one piece.
    pub size: u64,
}

impl Content<'_> {
    /// A file without data.
    pub const EMPTY: Content<'static> = Content {
        at: 0,
        pieces: &[],
        size: 0,
    };

    /// Bytes in `pieces`.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Whether there is no data.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
