//! The volume as the kernel is shown it: what several kinds of requests share.

use super::caller::Caller;
use super::makers::Makers;
use super::owners::{Checks, Owners};
use super::processes::Processes;
use super::rules::{self, Setuid};
use super::translate::{FOREVER, can_be_child, errno, generation_to_kernel};
use super::translate::{ino_from_kernel, ino_to_kernel, no_such_file};
use super::{Counters, Kind, Losses, folding};
use fuser::{Errno, FileAttr, Generation, INodeNo, Notifier, ReplyAttr, ReplyEmpty, ReplyEntry};
use fuser::{ReplyWrite, ReplyXattr};
use lwext4::{Attr, Entry, Error, FileType, Ino, SetAttr, Timestamp, Volume, WriteMode};
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

thread_local! {
    /// Where a thread puts what it reads from files, kept from request to request.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The longest piece that one request copies.
const LONGEST_COPY: u64 = 16 << 20;

/// A volume as a file system of `fuser`.
pub struct Face {
    pub(super) volume: Arc<Volume>,
    pub(super) counters: Arc<Counters>,
    pub(super) losses: Arc<Losses>,
    pub(super) policy: Policy,
    pub(super) notifier: Arc<OnceLock<Notifier>>,
    pub(super) owners: Owners,
    pub(super) makers: Makers,
    pub(super) processes: Arc<dyn Processes>,
    pub(super) block_size: u32,
    /// Directories may fold names.
    pub(super) may_fold: bool,
}

/// What a mount is asked to do beyond what it must.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Keep access times as relatime does, for what the kernel does not have in its cache.
    pub access_times: bool,
    /// Be asked at every open, so that immutable and append-only files refuse to be opened. Else
    /// the kernel opens by itself, and such files refuse what is written to them.
    pub asks_open: bool,
    /// Tell the kernel that there is no fsync: it then brings what it has cached, as before, and asks no
    /// more.
    pub no_fsync: bool,
    /// Show `trusted.` attributes of regular files and directories behind
    /// [`rules::STAND_IN`](super::rules::STAND_IN), and others not at all: an overlay in a user namespace
    /// fails to copy files that have any.
    pub trusted_stand_in: bool,
    /// Show regular files with several names with the attribute
    /// [`rules::FILE_MARK`](super::rules::FILE_MARK), so that an overlay's copies tell what they are copies
    /// of; and show none of the image's own that are called like it.
    pub marks_files: bool,
}

impl Face {
    /// Serves `volume`, counts into `counters`, and notes failed delayed writes in `losses`. What
    /// requests do not say of their senders, `processes` knows.
    pub fn new(
        volume: Arc<Volume>,
        counters: Arc<Counters>,
        losses: Arc<Losses>,
        policy: Policy,
        owners: Owners,
        processes: Arc<dyn Processes>,
    ) -> Face {
        let block_size = volume.statfs().block_size;
        let may_fold = folding::may_fold(&volume);
        Face {
            volume,
            counters,
            losses,
            policy,
            notifier: Arc::default(),
            owners,
            makers: Makers::default(),
            processes,
            block_size,
            may_fold,
        }
    }

    /// Where the session puts what tells the kernel to drop what it remembers, once there is one.
    pub fn notifier(&self) -> Arc<OnceLock<Notifier>> {
        self.notifier.clone()
    }

    /// Notes that a file was read, if the mount is to keep access times.
    pub(super) fn accessed(&self, ino: Ino) {
        if self.policy.access_times
            && let Err(error) = self.volume.accessed(ino, Timestamp::now())
        {
            log::warn!("access time of inode {ino}: {error}");
        }
    }

    /// Counts a request, and gives the engine's number for the node that it is about.
    pub(super) fn node(&self, kind: Kind, node: INodeNo) -> Result<Ino, Error> {
        self.counters.count(kind);
        ino_from_kernel(node).ok_or(Error::NotFound)
    }

    /// Answers with the inode behind a name of directory `dir`.
    pub(super) fn entry(&self, reply: ReplyEntry, dir: INodeNo, result: Result<Entry, Error>) {
        match result {
            Ok(Entry { attr }) if can_be_child(attr.ino) => reply.entry(
                &self.life_in(dir),
                &self.show(&attr),
                generation_to_kernel(&attr),
            ),
            Ok(Entry { attr }) => {
                self.volume.forget(attr.ino, 1);
                reply.error(Errno::from_i32(libc::EUCLEAN));
            }
            Err(error) => reply.error(errno(&error)),
        }
    }

    /// How long the kernel may remember names, and attributes that come with them: where permissions are checked here, it
    /// must ask at every step.
    pub(super) fn names_last(&self) -> Duration {
        if self.owners.checks == Checks::Here {
            Duration::ZERO
        } else {
            FOREVER
        }
    }

    /// Answers with attributes.
    pub(super) fn attr(&self, reply: ReplyAttr, result: Result<Attr, Error>) {
        match result {
            Ok(attr) => reply.attr(&FOREVER, &self.show(&attr)),
            Err(error) => reply.error(errno(&error)),
        }
    }

    /// Attributes and generation for an entry of a directory. The kernel takes no node from `.` and
    /// `..`, which come without attributes: number and type are enough there.
    pub(super) fn entry_attr(&self, ino: Ino, attr: Option<&Attr>) -> (FileAttr, Generation) {
        match attr {
            Some(attr) => (self.show(attr), generation_to_kernel(attr)),
            None => {
                let mut attr = no_such_file();
                attr.ino = INodeNo(u64::from(ino.0));
                attr.kind = fuser::FileType::Directory;
                (attr, Generation(0))
            }
        }
    }

    /// Stores what a program writes past the kernel's cache. The kernel keeps the times all the same.
    pub(super) fn write_through(
        &self,
        ino: Ino,
        offset: u64,
        data: &[u8],
        clear_setuid: Option<Caller>,
    ) -> Result<usize, Error> {
        let n = self.volume.write(ino, offset, data, WriteMode::Writeback)?;
        self.losses.stored(ino, offset, n);
        if let Some(caller) = clear_setuid {
            self.set_attr(ino, SetAttr::default(), caller)?;
        }
        Ok(n)
    }

    /// Changes attributes, and clears setuid and setgid as [`rules::setuid_after`] says.
    pub(super) fn set_attr(
        &self,
        ino: Ino,
        mut set: SetAttr,
        caller: Caller,
    ) -> Result<Attr, Error> {
        if caller.in_disguise && set == SetAttr::default() {
            // The kernel asks to clear setuid, which root keeps.
            return self.volume.getattr(ino);
        }
        let setuid = rules::setuid_after(&set, caller.is_root);
        if setuid != Setuid::Keeps {
            let attr = self.volume.getattr(ino)?;
            let has_any = attr.perm & 0o6000 != 0 && attr.file_type != FileType::Directory;
            let may = caller.is_root || caller.uid == attr.uid;
            if has_any && setuid == Setuid::ClearsForOwner && !may {
                return Err(Error::NotPermitted("only the owner may clear setuid"));
            }
            set.kill_suid = has_any;
            set.kill_sgid = self.loses_setgid(&attr, caller);
        }
        self.volume.setattr(ino, &set)
    }

    /// Clears setuid and setgid after a change of content that the kernel leaves to the server
    /// entirely, and tells the kernel, which does not expect the mode to change.
    pub(super) fn content_changed(&self, ino: Ino, caller: Caller) -> Result<(), Error> {
        let attr = self.volume.getattr(ino)?;
        if caller.is_root || attr.perm & 0o6000 == 0 {
            return Ok(());
        }
        let clear = SetAttr {
            kill_suid: true,
            kill_sgid: self.loses_setgid(&attr, caller),
            ..SetAttr::default()
        };
        self.volume.setattr(ino, &clear)?;
        self.mode_changed(ino);
        Ok(())
    }

    /// After a change of the access list: clears setgid, as a change of mode by such a caller does.
    /// A kernel that checks no permissions does not expect the mode to change with the list.
    pub(super) fn acl_changed(&self, ino: Ino, caller: Caller) -> Result<(), Error> {
        self.clear_setgid(ino, caller)?;
        if self.owners.checks != Checks::Kernel {
            self.mode_changed(ino);
        }
        Ok(())
    }

    /// Has the kernel ask for the attributes anew.
    fn mode_changed(&self, ino: Ino) {
        if let Some(kernel) = self.notifier.get() {
            // The negative offset leaves the kernel's pages alone. A kernel that has forgotten the
            // inode needs no telling.
            let _ = kernel.inval_inode(ino_to_kernel(ino), -1, 0);
        }
    }

    fn clear_setgid(&self, ino: Ino, caller: Caller) -> Result<(), Error> {
        let attr = self.volume.getattr(ino)?;
        if self.loses_setgid(&attr, caller) {
            let set = SetAttr {
                perm: Some(attr.perm & !0o2000),
                ..SetAttr::default()
            };
            self.volume.setattr(ino, &set)?;
        }
        Ok(())
    }

    /// Whether a file that `caller` changes loses setgid even where its group may not execute it.
    pub(super) fn loses_setgid(&self, attr: &Attr, caller: Caller) -> bool {
        attr.perm & 0o2000 != 0 && !caller.is_root && !self.is_in_group(caller, attr.gid)
    }

    /// Stores what the kernel hands over from its cache: all of it, or the caller is told.
    pub(super) fn write_back(&self, ino: Ino, offset: u64, data: &[u8]) -> Result<usize, Error> {
        let mut done = 0;
        while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(done as u64);
            match self.volume.write(ino, at, rest, WriteMode::Writeback) {
                Ok(n) if n > 0 => done += n,
                outcome => {
                    let error = outcome.err().unwrap_or(Error::NoSpace);
                    let generation = self.volume.getattr(ino).map_or(0, |attr| attr.generation);
                    self.losses.record(ino, generation, at, rest.len(), &error);
                    return Err(error);
                }
            }
        }
        self.losses.stored(ino, offset, data.len());
        Ok(done)
    }

    /// Answers a request to sync. The kernel takes ENOSYS as "done, and no need to ask" from then on.
    pub(super) fn sync(&self, ino: Result<Ino, Error>, data_only: bool, reply: ReplyEmpty) {
        match ino.and_then(|ino| self.volume.sync_inode(ino, data_only)) {
            Ok(()) if self.policy.no_fsync => reply.error(Errno::ENOSYS),
            result => done(reply, result),
        }
    }

    /// Copies a range, or a first part of it: callers ask again for the rest.
    pub(super) fn copy(&self, from: (Ino, u64), to: (Ino, u64), len: u64) -> Result<usize, Error> {
        with_buffer(1 << 20, |buffer| {
            let mut done = 0;
            let len = usize::try_from(len.min(LONGEST_COPY)).unwrap_or(0);
            while done < len {
                let want = buffer.len().min(len - done);
                let (at, into) = (
                    from.1.saturating_add(done as u64),
                    to.1.saturating_add(done as u64),
                );
                let got = self.volume.read(from.0, at, &mut buffer[..want])?;
                if got == 0 {
                    break;
                }
                match self
                    .volume
                    .write(to.0, into, &buffer[..got], WriteMode::Writeback)
                {
                    Ok(n) if n > 0 => {
                        self.losses.stored(to.0, into, n);
                        done += n;
                    }
                    Ok(_) => break,
                    Err(error) if done == 0 => return Err(error),
                    Err(_) => break,
                }
            }
            Ok(done)
        })
    }
}

impl std::fmt::Debug for Face {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Face").finish_non_exhaustive()
    }
}

/// Runs `work` on `len` bytes of this thread's buffer.
pub(super) fn with_buffer<T>(len: usize, work: impl FnOnce(&mut [u8]) -> T) -> T {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        work(&mut buffer[..len])
    })
}

/// Answers with success or an error.
pub(super) fn done(reply: ReplyEmpty, result: Result<(), Error>) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(&error)),
    }
}

/// Answers with a number of bytes.
pub(super) fn written(reply: ReplyWrite, result: Result<usize, Error>) {
    match result {
        // A request is at most 16 MiB long.
        Ok(n) => reply.written(u32::try_from(n).unwrap_or(u32::MAX)),
        Err(error) => reply.error(errno(&error)),
    }
}

/// Answers a request for a value: its size when the caller's buffer has none, else all of it.
pub(super) fn value(reply: ReplyXattr, size: u32, result: Result<Vec<u8>, Error>) {
    match result {
        Ok(value) => match u32::try_from(value.len()) {
            Ok(len) if size == 0 => reply.size(len),
            Ok(len) if len <= size => reply.data(&value),
            _ => reply.error(Errno::ERANGE),
        },
        Err(error) => reply.error(errno(&error)),
    }
}
