//! The kernel's requests, one method each: translate, call the engine, reply.
//!
//! Those without a method are answered ENOSYS by fuser, after which the kernel does them itself
//! (locks) or tells its callers that they cannot be done (bmap).

use super::checks::{CHANGE, EXEC, READ, WRITE, wanted_by_open};
use super::face::{Face, done, value, with_buffer, written};
use super::owners::Checks;
use super::translate::{device_from_kernel, errno, generation_to_kernel, ino_from_kernel};
use super::translate::{no_such_file, time_from_setattr, time_or_now, type_to_kernel};
use super::xattrs::for_xattr;
use super::{Kind, ioctl, negotiate, rules};
use fuser::{
    AccessFlags, BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, Filesystem, FopenFlags,
    Generation, INodeNo, IoctlFlags, KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyIoctl,
    ReplyLseek, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use lwext4::{Error, FileType, Ino, SetAttr, WriteMode};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

impl Filesystem for Face {
    fn init(&mut self, _req: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        negotiate::ask_for(config, self.owners.checks == Checks::Kernel)
    }

    fn lookup(&self, req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self
            .node_for(req, Kind::Lookup, parent, EXEC)
            .and_then(|parent| self.volume.lookup(parent, name.as_bytes()));
        match found {
            Err(Error::NotFound) if !self.may_fold => {
                reply.entry(&self.names_last(), &no_such_file(), Generation(0));
            }
            found => self.entry(reply, parent, found),
        }
    }

    fn forget(&self, _req: &Request, ino: INodeNo, nlookup: u64) {
        if let Ok(ino) = self.node(Kind::Forget, ino)
            && ino != Ino::ROOT
        {
            self.volume.forget(ino, nlookup);
        }
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        let attr = self
            .node(Kind::Getattr, ino)
            .and_then(|ino| self.volume.getattr(ino));
        self.attr(reply, attr);
    }

    fn setattr(
        &self,
        req: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        ctime: Option<SystemTime>,
        fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let explicit = matches!(atime, Some(TimeOrNow::SpecificTime(_)));
        let set = SetAttr {
            perm: mode.map(|mode| (mode & 0o7777) as u16),
            uid,
            gid,
            size,
            atime: atime.map(time_or_now),
            mtime: mtime.map(time_or_now),
            ctime: ctime.map(time_from_setattr),
            kill_suid: false,
            kill_sgid: false,
        };
        let attr = self.node(Kind::Setattr, ino).and_then(|ino| {
            if explicit && ioctl::is_append_only(&self.volume.getattr(ino)?) {
                return Err(Error::NotPermitted("the file is append-only"));
            }
            let (mut set, caller) = (set, self.caller(req));
            self.owners_to_image(ino, &mut set, caller)?;
            self.may_set(ino, req, &mut set, (fh.is_some(), explicit))?;
            let attr = self.set_attr(ino, set, caller)?;
            if let Some(size) = size {
                self.losses.cut(ino, size);
            }
            Ok(attr)
        });
        self.attr(reply, attr);
    }

    fn readlink(&self, _req: &Request, ino: INodeNo, reply: ReplyData) {
        let target = self.node(Kind::Readlink, ino).and_then(|ino| {
            self.accessed(ino);
            self.volume.readlink(ino)
        });
        match target {
            Ok(target) => reply.data(&target),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn mknod(
        &self,
        req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        rdev: u32,
        reply: ReplyEntry,
    ) {
        let dir = self.node_for(req, Kind::Mknod, parent, CHANGE);
        let Some(file_type) = FileType::from_mode((mode & 0xF000) as u16) else {
            return reply.error(Errno::EINVAL);
        };
        let device = match file_type {
            FileType::CharDevice | FileType::BlockDevice => device_from_kernel(rdev),
            _ => (0, 0),
        };
        let what = (file_type, device);
        let made = dir.and_then(|dir| self.make(req, dir, name, what, (mode, umask)));
        self.entry(reply, parent, made);
    }

    fn mkdir(
        &self,
        req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let dir = self.node_for(req, Kind::Mkdir, parent, CHANGE);
        let what = (FileType::Directory, (0, 0));
        let made = dir.and_then(|dir| self.make(req, dir, name, what, (mode, umask)));
        self.entry(reply, parent, made);
    }

    fn unlink(&self, req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let result = self.node(Kind::Unlink, parent).and_then(|parent| {
            self.may_remove(parent, name.as_bytes(), req)?;
            self.volume.unlink(parent, name.as_bytes())
        });
        done(reply, result);
    }

    fn rmdir(&self, req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let result = self.node(Kind::Rmdir, parent).and_then(|parent| {
            self.may_remove(parent, name.as_bytes(), req)?;
            self.volume.rmdir(parent, name.as_bytes())
        });
        done(reply, result);
    }

    fn symlink(
        &self,
        req: &Request,
        parent: INodeNo,
        link_name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let entry = self
            .node_for(req, Kind::Symlink, parent, CHANGE)
            .and_then(|parent| {
                let (name, target) = (link_name.as_bytes(), target.as_os_str().as_bytes());
                let (uid, gid) = self.new_owner(req)?;
                let made = self.volume.symlink(parent, name, target, uid, gid)?;
                self.note_maker(parent, &made.attr, req);
                Ok(made)
            });
        self.entry(reply, parent, entry);
    }

    fn rename(
        &self,
        req: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let result = self
            .node_for(req, Kind::Rename, parent, CHANGE)
            .and_then(|from| {
                let to = ino_from_kernel(newparent).ok_or(Error::NotFound)?;
                let (name, newname) = (name.as_bytes(), newname.as_bytes());
                self.may_move((from, name), (to, newname), req)?;
                let mode = rules::rename_mode(flags.bits())
                    .ok_or(Error::InvalidArgument("flags of rename"))?;
                self.volume.rename(from, name, to, newname, mode)
            });
        let moved = result.is_ok();
        done(reply, result);
        if moved && self.may_fold {
            self.forget_moved([(parent, name), (newparent, newname)]);
        }
    }

    fn link(
        &self,
        req: &Request,
        ino: INodeNo,
        newparent: INodeNo,
        newname: &OsStr,
        reply: ReplyEntry,
    ) {
        let entry = self.node(Kind::Link, ino).and_then(|ino| {
            let parent = ino_from_kernel(newparent).ok_or(Error::NotFound)?;
            self.may_link(ino, parent, req)?;
            self.volume.link(ino, parent, newname.as_bytes())
        });
        self.entry(reply, newparent, entry);
    }

    // The kernel takes ENOSYS as "open without asking" from then on.
    fn open(&self, req: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let ino = self.node_for(req, Kind::Open, ino, wanted_by_open(flags.0));
        if !self.policy.asks_open && self.owners.checks != Checks::Here {
            return reply.error(Errno::ENOSYS);
        }
        match ino.and_then(|ino| self.volume.getattr(ino)) {
            Ok(attr) if ioctl::needs_key(&attr) => reply.error(errno(&Error::NoKey)),
            Ok(attr) if ioctl::may_open(&attr, flags.0) => {
                reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
            }
            Ok(_) => reply.error(Errno::EPERM),
            Err(error) => reply.error(errno(&error)),
        }
    }

    // The kernel takes ENOSYS as "use mknod, then open" from then on. Where opening is checked, that
    // would keep a file's maker from one that others may not write.
    fn create(
        &self,
        req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let parent = self.node_for(req, Kind::Create, parent, CHANGE);
        if self.owners.checks != Checks::Here {
            return reply.error(Errno::ENOSYS);
        }
        let what = (FileType::Regular, (0, 0));
        match parent.and_then(|parent| self.make(req, parent, name, what, (mode, umask))) {
            Ok(made) => reply.created(
                &self.names_last(),
                &self.show(&made.attr),
                generation_to_kernel(&made.attr),
                FileHandle(0),
                FopenFlags::FOPEN_KEEP_CACHE,
            ),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn opendir(&self, req: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let ino = self.node_for(req, Kind::Opendir, ino, READ);
        if self.owners.checks != Checks::Here {
            return reply.error(Errno::ENOSYS);
        }
        match ino {
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE),
            Err(error) => reply.error(errno(&error)),
        }
    }

    // The kernel takes ENOSYS as "everything is allowed, or I check myself".
    fn access(&self, req: &Request, ino: INodeNo, mask: AccessFlags, reply: ReplyEmpty) {
        let allowed = self.node_for(req, Kind::Access, ino, (mask.bits() & 7) as u16);
        if self.owners.checks != Checks::Here {
            return reply.error(Errno::ENOSYS);
        }
        done(reply, allowed.map(drop));
    }

    // The kernel writes its cache back at close whether or not flush is implemented.
    fn flush(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        self.counters.count(Kind::Flush);
        reply.error(Errno::ENOSYS);
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
        let ino = self.node(Kind::Read, ino);
        with_buffer(size as usize, |buffer| {
            let read = ino.and_then(|ino| {
                let n = self.volume.read(ino, offset, buffer)?;
                self.accessed(ino);
                Ok(n)
            });
            match read {
                Ok(n) => reply.data(buffer.get(..n).unwrap_or(buffer)),
                Err(error) => reply.error(errno(&error)),
            }
        });
    }

    fn write(
        &self,
        req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let result = self.node(Kind::Write, ino).and_then(|ino| {
            if write_flags.contains(WriteFlags::FUSE_WRITE_CACHE) {
                self.write_back(ino, offset, data)
            } else {
                let clear_setuid = write_flags
                    .contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID)
                    .then(|| self.caller(req))
                    .filter(|caller| !caller.in_disguise);
                self.write_through(ino, offset, data, clear_setuid)
            }
        });
        written(reply, result);
    }

    fn fsync(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        datasync: bool,
        reply: ReplyEmpty,
    ) {
        let ino = self.node(Kind::Fsync, ino);
        self.sync(ino, datasync, reply);
    }

    fn fsyncdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        datasync: bool,
        reply: ReplyEmpty,
    ) {
        let ino = self.node(Kind::Fsyncdir, ino);
        self.sync(ino, datasync, reply);
    }

    fn readdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let result = self.node(Kind::Readdir, ino).and_then(|ino| {
            self.accessed(ino);
            self.volume.read_dir(ino, offset, &mut |entry| {
                let file_type = entry
                    .file_type
                    .or_else(|| self.volume.getattr(entry.ino).ok().map(|a| a.file_type))
                    .unwrap_or(FileType::Regular);
                let number = INodeNo(u64::from(entry.ino.0));
                let name = OsStr::from_bytes(entry.name);
                !reply.add(number, entry.next, type_to_kernel(file_type), name)
            })
        });
        match result {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(errno(&error)),
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
        let life = self.life_in(ino);
        let result = self.node(Kind::Readdirplus, ino).and_then(|ino| {
            self.accessed(ino);
            self.volume.read_dir_plus(ino, offset, &mut |entry, attr| {
                let (attr, generation) = self.entry_attr(entry.ino, attr.as_ref());
                let name = OsStr::from_bytes(entry.name);
                !reply.add(attr.ino, entry.next, name, &life, &attr, generation)
            })
        });
        match result {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        self.counters.count(Kind::Statfs);
        let s = self.volume.statfs();
        reply.statfs(
            s.blocks,
            s.free_blocks,
            s.available_blocks,
            s.inodes,
            s.free_inodes,
            s.block_size,
            s.name_max,
            s.block_size,
        );
    }

    fn setxattr(
        &self,
        req: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        let result = self
            .node(Kind::Setxattr, ino)
            .and_then(|ino| self.set_xattr(ino, req, name.as_bytes(), value, flags));
        done(reply, result);
    }

    fn getxattr(&self, req: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let found = self
            .node_for(req, Kind::Getxattr, ino, for_xattr(name, READ))
            .and_then(|ino| self.xattr(ino, name.as_bytes()));
        value(reply, size, found);
    }

    fn listxattr(&self, req: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let list = self
            .node(Kind::Listxattr, ino)
            .and_then(|ino| self.xattr_list(ino, req));
        value(reply, size, list);
    }

    fn removexattr(&self, req: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let result = self
            .node_for(req, Kind::Removexattr, ino, for_xattr(name, WRITE))
            .and_then(|ino| self.volume.removexattr(ino, name.as_bytes()));
        done(reply, result);
    }

    fn ioctl(
        &self,
        req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _flags: IoctlFlags,
        cmd: u32,
        in_data: &[u8],
        _out_size: u32,
        reply: ReplyIoctl,
    ) {
        match self.node(Kind::Ioctl, ino) {
            Ok(ino) => self.control(ino, cmd, in_data, self.caller(req), reply),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn fallocate(
        &self,
        req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let result = self.node(Kind::Fallocate, ino).and_then(|ino| {
            let mode =
                rules::fallocate_mode(mode).ok_or(Error::NotSupported("this kind of fallocate"))?;
            self.volume
                .fallocate(ino, offset, length, mode, WriteMode::Writeback)?;
            self.content_changed(ino, self.caller(req))
        });
        done(reply, result);
    }

    fn lseek(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        let found = self.node(Kind::Lseek, ino).and_then(|ino| {
            let Ok(offset) = u64::try_from(offset) else {
                return Ok(None);
            };
            match whence {
                libc::SEEK_DATA => self.volume.seek_data(ino, offset),
                libc::SEEK_HOLE => self.volume.seek_hole(ino, offset),
                _ => Err(Error::InvalidArgument("whence of lseek")),
            }
        });
        match found.map(|at| at.and_then(|at| i64::try_from(at).ok())) {
            Ok(Some(at)) => reply.offset(at),
            Ok(None) => reply.error(Errno::ENXIO),
            Err(error) => reply.error(errno(&error)),
        }
    }

    fn copy_file_range(
        &self,
        req: &Request,
        ino_in: INodeNo,
        _fh_in: FileHandle,
        offset_in: u64,
        ino_out: INodeNo,
        _fh_out: FileHandle,
        offset_out: u64,
        len: u64,
        _flags: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        let result = self.node(Kind::CopyFileRange, ino_in).and_then(|from| {
            let to = ino_from_kernel(ino_out).ok_or(Error::NotFound)?;
            let copied = self.copy((from, offset_in), (to, offset_out), len)?;
            self.content_changed(to, self.caller(req))?;
            Ok(copied)
        });
        written(reply, result);
    }
}
