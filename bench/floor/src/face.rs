//! The tree as a `fuser::Filesystem`: requests in, replies out.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyData, ReplyDirectory,
    ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr,
    Request, TimeOrNow, WriteFlags,
};

use crate::change::Change;
use crate::config::Protocol;
use crate::node::{Body, NewNode};
use crate::stats::{Kind, Stats};
use crate::tree::Tree;
use crate::wire;

/// Nobody else changes the tree, so what the kernel was told stays true: a ttl without end.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);
const GENERATION: Generation = Generation(0);

/// The in-memory filesystem.
#[derive(Debug)]
pub struct Floor {
    tree: Tree,
    stats: Arc<Stats>,
    protocol: Protocol,
}

impl Floor {
    /// An empty filesystem that speaks `protocol` and counts in `stats`.
    pub fn new(protocol: Protocol, stats: Arc<Stats>) -> Self {
        Self {
            tree: Tree::default(),
            stats,
            protocol,
        }
    }

    fn create_node(
        &self,
        req: &Request,
        parent: INodeNo,
        name: &OsStr,
        (kind, mode, rdev): (FileType, u32, u32),
        target: &[u8],
        reply: ReplyEntry,
    ) {
        let new = NewNode {
            kind,
            perm: (mode & 0o7777) as u16,
            uid: req.uid(),
            gid: req.gid(),
            rdev,
        };
        let made = self.tree.create(parent.0, name.as_bytes(), new, target);
        reply_entry(reply, made);
    }

    /// Sends a value whose length the kernel either asks for (`size` 0) or bounds.
    fn reply_sized(reply: ReplyXattr, size: u32, value: &[u8]) {
        if size == 0 {
            reply.size(value.len() as u32);
        } else if value.len() > size as usize {
            reply.error(Errno::ERANGE);
        } else {
            reply.data(value);
        }
    }
}

fn reply_entry(reply: ReplyEntry, result: Result<FileAttr, Errno>) {
    match result {
        Ok(attr) => reply.entry(&FOREVER, &attr, GENERATION),
        Err(errno) => reply.error(errno),
    }
}

fn reply_empty(reply: ReplyEmpty, result: Result<(), Errno>) {
    match result {
        Ok(()) => reply.ok(),
        Err(errno) => reply.error(errno),
    }
}

impl Filesystem for Floor {
    fn init(&mut self, _req: &Request, config: &mut KernelConfig) -> io::Result<()> {
        self.protocol.apply(config);
        Ok(())
    }

    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.stats.count(Kind::Lookup);
        let found = self.tree.lookup(parent.0, name.as_bytes());
        if matches!(found, Err(errno) if errno == Errno::ENOENT) && self.protocol.negative_entries {
            // Node id 0 with a ttl: the kernel remembers that the name is absent.
            reply.entry(&FOREVER, &wire::absent(), GENERATION);
        } else {
            reply_entry(reply, found);
        }
    }

    fn forget(&self, _req: &Request, ino: INodeNo, nlookup: u64) {
        self.stats.count(Kind::Forget);
        self.tree.forget(ino.0, nlookup);
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        self.stats.count(Kind::Getattr);
        match self.tree.node(ino.0) {
            Ok(node) => {
                let mut state = node.state.write();
                if let Body::File(data) = &state.body {
                    state.attr.blocks = data.blocks();
                }
                reply.attr(&FOREVER, &state.attr);
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        self.stats.count(Kind::Setattr);
        let node = match self.tree.node(ino.0) {
            Ok(node) => node,
            Err(errno) => return reply.error(errno),
        };
        let change = Change {
            mode,
            uid,
            gid,
            size,
            atime,
            mtime,
            ctime,
        };
        reply.attr(&FOREVER, &node.state.write().change(&change));
    }

    fn readlink(&self, _req: &Request, ino: INodeNo, reply: ReplyData) {
        self.stats.count(Kind::Readlink);
        match self.tree.node(ino.0) {
            Ok(node) => match &node.state.read().body {
                Body::Symlink(target) => reply.data(target),
                _ => reply.error(Errno::EINVAL),
            },
            Err(errno) => reply.error(errno),
        }
    }

    fn mknod(
        &self,
        req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        rdev: u32,
        reply: ReplyEntry,
    ) {
        self.stats.count(Kind::Mknod);
        let Some(kind) = wire::kind(mode) else {
            return reply.error(Errno::EINVAL);
        };
        self.create_node(req, parent, name, (kind, mode, rdev), &[], reply);
    }

    fn mkdir(
        &self,
        req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        self.stats.count(Kind::Mkdir);
        let what = (FileType::Directory, mode, 0);
        self.create_node(req, parent, name, what, &[], reply);
    }

    fn symlink(
        &self,
        req: &Request,
        parent: INodeNo,
        link_name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        self.stats.count(Kind::Symlink);
        let what = (FileType::Symlink, 0o777, 0);
        let target = target.as_os_str().as_bytes();
        self.create_node(req, parent, link_name, what, target, reply);
    }

    fn link(
        &self,
        _req: &Request,
        ino: INodeNo,
        newparent: INodeNo,
        newname: &OsStr,
        reply: ReplyEntry,
    ) {
        self.stats.count(Kind::Link);
        let linked = self.tree.link(ino.0, newparent.0, newname.as_bytes());
        reply_entry(reply, linked);
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.stats.count(Kind::Unlink);
        reply_empty(reply, self.tree.remove(parent.0, name.as_bytes(), false));
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.stats.count(Kind::Rmdir);
        reply_empty(reply, self.tree.remove(parent.0, name.as_bytes(), true));
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        self.stats.count(Kind::Rename);
        let (name, newname) = (name.as_bytes(), newname.as_bytes());
        let renamed = self
            .tree
            .rename(parent.0, name, newparent.0, newname, flags);
        reply_empty(reply, renamed);
    }

    fn open(&self, _req: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        self.stats.count(Kind::Open);
        if self.protocol.zero_message_open {
            reply.error(Errno::ENOSYS);
        } else {
            reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
        }
    }

    fn opendir(&self, _req: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        self.stats.count(Kind::Opendir);
        if self.protocol.zero_message_open {
            reply.error(Errno::ENOSYS);
        } else {
            let flags = FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR;
            reply.opened(FileHandle(0), flags);
        }
    }

    fn read(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.stats.count(Kind::Read);
        let node = match self.tree.node(ino.0) {
            Ok(node) => node,
            Err(errno) => return reply.error(errno),
        };
        let state = node.state.read();
        let Body::File(data) = &state.body else {
            return reply.error(Errno::EISDIR);
        };
        let len = state.attr.size.saturating_sub(offset).min(size.into()) as usize;
        self.stats.add_read(len);
        match data.slice(offset, len) {
            Some(slice) => reply.data(slice),
            None => reply.data(&data.read(offset, len)),
        }
    }

    fn write(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        self.stats.count(Kind::Write);
        self.stats.add_written(data.len());
        let node = match self.tree.node(ino.0) {
            Ok(node) => node,
            Err(errno) => return reply.error(errno),
        };
        match node.state.write().write(offset, data, write_flags) {
            Ok(()) => reply.written(data.len() as u32),
            Err(errno) => reply.error(errno),
        }
    }

    fn fsync(&self, _req: &Request, _i: INodeNo, _f: FileHandle, _data: bool, reply: ReplyEmpty) {
        self.stats.count(Kind::Fsync);
        reply.ok();
    }

    fn readdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        self.stats.count(Kind::Readdir);
        let add = |cookie, name: &[u8], ino, _: &FileAttr| {
            let kind = match self.tree.node(ino) {
                Ok(node) => node.state.read().attr.kind,
                Err(_) => FileType::Directory,
            };
            reply.add(INodeNo(ino), cookie, kind, OsStr::from_bytes(name))
        };
        match self.list(ino.0, offset, add) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn readdirplus(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        self.stats.count(Kind::Readdirplus);
        let add = |cookie, name: &[u8], ino, dir_attr: &FileAttr| {
            let os_name = OsStr::from_bytes(name);
            if cookie <= 2 {
                let attr = FileAttr {
                    ino: INodeNo(ino),
                    ..*dir_attr
                };
                return reply.add(INodeNo(ino), cookie, os_name, &FOREVER, &attr, GENERATION);
            }
            let Ok(node) = self.tree.node(ino) else {
                return false;
            };
            let attr = node.told();
            let full = reply.add(INodeNo(ino), cookie, os_name, &FOREVER, &attr, GENERATION);
            if full {
                self.tree.forget(ino, 1);
            }
            full
        };
        match self.list(ino.0, offset, add) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        self.stats.count(Kind::Statfs);
        reply.statfs(1 << 30, 1 << 30, 1 << 30, 1 << 30, 1 << 30, 4096, 255, 4096);
    }

    fn setxattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        self.stats.count(Kind::Setxattr);
        let set = self.tree.node(ino.0).and_then(|node| {
            let mut state = node.state.write();
            state.set_xattr(name.as_bytes(), value, flags)
        });
        reply_empty(reply, set);
    }

    fn getxattr(&self, _req: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        self.stats.count(Kind::Getxattr);
        match self.tree.node(ino.0) {
            Ok(node) => match node.state.read().xattrs.get(name.as_bytes()) {
                Some(value) => Self::reply_sized(reply, size, value),
                None => reply.error(Errno::NO_XATTR),
            },
            Err(errno) => reply.error(errno),
        }
    }

    fn listxattr(&self, _req: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        self.stats.count(Kind::Listxattr);
        match self.tree.node(ino.0) {
            Ok(node) => {
                let mut names = Vec::new();
                for name in node.state.read().xattrs.keys() {
                    names.extend_from_slice(name);
                    names.push(0);
                }
                Self::reply_sized(reply, size, &names);
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn removexattr(&self, _req: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.stats.count(Kind::Removexattr);
        let removed = self.tree.node(ino.0).and_then(|node| {
            let gone = node.state.write().xattrs.remove(name.as_bytes());
            gone.map(|_| ()).ok_or(Errno::NO_XATTR)
        });
        reply_empty(reply, removed);
    }

    fn fallocate(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        self.stats.count(Kind::Fallocate);
        let result = self.tree.node(ino.0).and_then(|node| {
            let mut state = node.state.write();
            state.fallocate(offset, length, mode)
        });
        reply_empty(reply, result);
    }
}

impl Floor {
    /// Offers `.`, `..` and the entries after cookie `offset` to `add` until it says that the reply is full.
    fn list(
        &self,
        ino: u64,
        offset: u64,
        mut add: impl FnMut(u64, &[u8], u64, &FileAttr) -> bool,
    ) -> Result<(), Errno> {
        let node = self.tree.node(ino)?;
        let state = node.state.read();
        let Body::Dir(dir) = &state.body else {
            return Err(Errno::ENOTDIR);
        };
        for (cookie, name, ino) in [(1, &b"."[..], ino), (2, b"..", dir.parent)] {
            if offset < cookie && add(cookie, name, ino, &state.attr) {
                return Ok(());
            }
        }
        for (cookie, name, ino) in dir.after(offset.max(2)) {
            if add(cookie, name, ino, &state.attr) {
                break;
            }
        }
        Ok(())
    }
}
