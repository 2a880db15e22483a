//! Changes of one inode: attributes, contents, extended attributes.

use std::time::SystemTime;

use fuser::{Errno, FileAttr, FileType, TimeOrNow, WriteFlags};

use crate::node::{Body, State};
use crate::wire;

/// The longest extended attribute that the kernel passes on.
const XATTR_SIZE_MAX: usize = 65536;

/// What a SETATTR asks for; `None` leaves a field as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    /// File mode, of which the permission bits count.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Length in bytes.
    pub size: Option<u64>,
    /// Time of last access.
    pub atime: Option<TimeOrNow>,
    /// Time of last change of contents.
    pub mtime: Option<TimeOrNow>,
    /// Time of last change of attributes: the kernel knows better under its writeback cache.
    pub ctime: Option<SystemTime>,
}

impl State {
    /// Makes the change; gives the attributes after it.
    pub fn change(&mut self, change: &Change) -> FileAttr {
        let now = SystemTime::now();
        let attr = &mut self.attr;
        let chown = change.uid.is_some() || change.gid.is_some();
        if chown && attr.kind == FileType::RegularFile {
            attr.perm = wire::without_setid(attr.perm);
        }
        if let Some(mode) = change.mode {
            attr.perm = (mode & 0o7777) as u16;
        }
        attr.uid = change.uid.unwrap_or(attr.uid);
        attr.gid = change.gid.unwrap_or(attr.gid);
        if let Some(time) = change.atime {
            attr.atime = wire::time(time, now);
        }
        if let Some(size) = change.size {
            attr.size = size;
            attr.mtime = now;
            if let Body::File(data) = &mut self.body {
                data.truncate(size);
            }
        }
        if let Some(time) = change.mtime {
            attr.mtime = wire::time(time, now);
        }
        attr.ctime = change.ctime.map_or(now, wire::system_time);
        self.attr
    }

    /// Stores contents. Under the kernel's writeback cache the times are the kernel's to set.
    pub fn write(&mut self, offset: u64, data: &[u8], flags: WriteFlags) -> Result<(), Errno> {
        let Body::File(contents) = &mut self.body else {
            return Err(Errno::EISDIR);
        };
        contents.write(offset, data);
        self.attr.size = self.attr.size.max(offset + data.len() as u64);
        if flags.contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID) {
            self.attr.perm = wire::without_setid(self.attr.perm);
        }
        if !flags.contains(WriteFlags::FUSE_WRITE_CACHE) {
            self.touch();
        }
        Ok(())
    }

    /// Lengthens a file or zeroes a range of it; preallocation means nothing in memory.
    pub fn fallocate(&mut self, offset: u64, length: u64, mode: i32) -> Result<(), Errno> {
        let zeroes = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_ZERO_RANGE;
        if mode & !(zeroes | libc::FALLOC_FL_KEEP_SIZE) != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let Body::File(contents) = &mut self.body else {
            return Err(Errno::ENODEV);
        };
        if mode & zeroes != 0 {
            contents.punch(offset, length);
        }
        if mode & libc::FALLOC_FL_KEEP_SIZE == 0 {
            self.attr.size = self.attr.size.max(offset.saturating_add(length));
        }
        self.touch();
        Ok(())
    }

    /// Sets an extended attribute; `flags` as in setxattr(2).
    pub fn set_xattr(&mut self, name: &[u8], value: &[u8], flags: i32) -> Result<(), Errno> {
        let there = self.xattrs.contains_key(name);
        if flags & libc::XATTR_CREATE != 0 && there {
            return Err(Errno::EEXIST);
        }
        if flags & libc::XATTR_REPLACE != 0 && !there {
            return Err(Errno::NO_XATTR);
        }
        if value.len() > XATTR_SIZE_MAX {
            return Err(Errno::E2BIG);
        }
        self.xattrs.insert(name.to_vec(), value.to_vec());
        self.attr.ctime = SystemTime::now();
        Ok(())
    }
}
