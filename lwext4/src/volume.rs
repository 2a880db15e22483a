//! An open volume: what programs that embed the engine use.

use crate::attr::*;
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::file::WriteMode;
use crate::fs::Fs;
use crate::mmp::Claim;
use crate::ondisk::superblock::Superblock;
use crate::options::FsyncMode;
use crate::types::{Ino, Timestamp};
use crate::xattr;
use std::sync::Arc;
use std::thread::JoinHandle;

/// An open ext4 file system.
///
/// All methods may be called from several threads at once. Inode numbers are ext4's: the root
/// directory is [`Ino::ROOT`]. Every change is part of a transaction: it is on disk entirely or not
/// at all after a crash, and on disk for certain after [`Volume::sync`], [`Volume::sync_inode`] of the
/// inode, or [`Volume::close`].
///
/// Errors common to all methods: [`Error::Io`] when the device fails, [`Error::Corrupt`] when the
/// image contradicts itself, [`Error::ReadOnly`] for changes to a volume that is read-only or was
/// made so by an earlier error, [`Error::NoSpace`].
pub struct Volume {
    pub(crate) fs: Arc<Fs>,
    pub(crate) committer: Option<JoinHandle<()>>,
    /// Dropped after the last write.
    pub(crate) claim: Option<Claim>,
}
impl Volume {
    /// The superblock as it is now.
    pub fn superblock(&self) -> Superblock {
        self.fs.sb.lock().clone()
    }

    /// How often an operation found that the image contradicts itself, since it was opened, and recorded
    /// that in the superblock. A volume opened read-only records nothing.
    pub fn errors_recorded(&self) -> u32 {
        self.fs.damage.recorded()
    }

    /// The inode behind a name. Takes a hold.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotADirectory`], [`Error::NameTooLong`].
    pub fn lookup(&self, parent: Ino, name: &[u8]) -> Result<Entry> {
        self.fs.witness(self.fs.lookup(parent, name))
    }

    /// Gives back `count` holds on an inode. One without a name that nobody holds is deleted.
    pub fn forget(&self, ino: Ino, count: u64) {
        if let Err(error) = self.fs.witness(self.fs.forget(ino, count)) {
            // The inode stays on the orphan list: it is deleted at close, or by who opens next.
            log::warn!("deleting inode {ino}: {error}");
        }
    }

    /// The attributes of an inode.
    pub fn getattr(&self, ino: Ino) -> Result<Attr> {
        self.fs.witness(self.fs.getattr(ino))
    }

    /// Changes attributes: what they are then.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for immutable and append-only files, [`Error::FileTooBig`].
    pub fn setattr(&self, ino: Ino, set: &SetAttr) -> Result<Attr> {
        self.fs.witness(self.fs.setattr(ino, set))
    }

    /// Sets an inode's flags (`FS_IOC_SETFLAGS`, chattr(1)), given as [`Attr::flags`] shows them. Flags
    /// that only the file system itself may change stay as they are.
    ///
    /// # Errors
    /// [`Error::NotSupported`] for flags that ext4 does not have, or not for this type of file, and
    /// for changing [how a file maps its blocks](crate::ondisk::inode::InodeFlags::EXTENTS);
    /// [`Error::NotEmpty`] for the flag casefold of a directory with entries.
    pub fn set_flags(&self, ino: Ino, flags: u32) -> Result<()> {
        self.fs.witness(self.fs.set_flags(ino, flags))
    }

    /// Puts an inode into a project (`FS_IOC_FSSETXATTR`).
    ///
    /// # Errors
    /// [`Error::NotSupported`] unless the image has the feature `project`, or it is the inode's project
    /// already.
    pub fn set_project(&self, ino: Ino, project: u32) -> Result<()> {
        self.fs.witness(self.fs.set_project(ino, project))
    }

    /// Notes that a file was read at `now`, as the mount option relatime does it: only if the access
    /// time is not younger than the last change, or a day old. Nothing happens on a read-only volume,
    /// and for inodes whose flags say so.
    pub fn accessed(&self, ino: Ino, now: Timestamp) -> Result<()> {
        self.fs.witness(self.fs.accessed(ino, now))
    }

    /// Sets the file system's label: at most 16 bytes, the first NUL ends it.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a longer one.
    pub fn set_label(&self, label: &[u8]) -> Result<()> {
        self.fs.witness(self.fs.set_label(label))
    }

    /// Makes a file of any type but symlink. Takes a hold. See `mknod(2)`, `mkdir(2)`.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NotADirectory`], [`Error::TooManyLinks`], [`Error::NameTooLong`].
    pub fn create(&self, parent: Ino, name: &[u8], new: &NewFile) -> Result<Entry> {
        self.fs.witness(self.fs.create(parent, name, new))
    }

    /// Makes a symbolic link. Takes a hold. See `symlink(2)`.
    ///
    /// # Errors
    /// As [`Self::create`]; [`Error::NameTooLong`] for a target that does not fit a block.
    pub fn symlink(
        &self,
        parent: Ino,
        name: &[u8],
        target: &[u8],
        uid: u32,
        gid: u32,
    ) -> Result<Entry> {
        self.fs
            .witness(self.fs.symlink(parent, name, target, uid, gid))
    }

    /// The target of a symbolic link.
    pub fn readlink(&self, ino: Ino) -> Result<Vec<u8>> {
        self.fs.witness(self.fs.readlink(ino))
    }

    /// Gives a file one more name. Takes a hold. See `link(2)`.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::TooManyLinks`], [`Error::NotPermitted`] for directories.
    pub fn link(&self, ino: Ino, parent: Ino, name: &[u8]) -> Result<Entry> {
        self.fs.witness(self.fs.link(ino, parent, name))
    }

    /// Removes a name of anything but a directory. See `unlink(2)`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::IsADirectory`], [`Error::NotPermitted`].
    pub fn unlink(&self, parent: Ino, name: &[u8]) -> Result<()> {
        self.fs.witness(self.fs.unlink(parent, name))
    }

    /// Removes an empty directory. See `rmdir(2)`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotADirectory`], [`Error::NotEmpty`], [`Error::NotPermitted`].
    pub fn rmdir(&self, parent: Ino, name: &[u8]) -> Result<()> {
        self.fs.witness(self.fs.rmdir(parent, name))
    }

    /// Moves an entry. See `renameat2(2)`.
    ///
    /// # Errors
    /// As there.
    pub fn rename(
        &self,
        from: Ino,
        name: &[u8],
        to: Ino,
        new_name: &[u8],
        mode: RenameMode,
    ) -> Result<()> {
        self.fs
            .witness(self.fs.rename(from, name, to, new_name, mode))
    }

    /// Reads up to `buf.len()` bytes from byte `offset`: how many; fewer only at the end.
    pub fn read(&self, ino: Ino, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.fs.witness(self.fs.read_file(ino, offset, buf))
    }

    /// Writes `data` at byte `offset`: how many bytes, fewer only when the image is full.
    pub fn write(&self, ino: Ino, offset: u64, data: &[u8], mode: WriteMode) -> Result<usize> {
        self.fs.witness(self.fs.write_file(ino, offset, data, mode))
    }

    /// Allocates space, punches holes, zeroes ranges. See `fallocate(2)`. `times`: who keeps them, as with
    /// [`Self::write`].
    pub fn fallocate(
        &self,
        ino: Ino,
        offset: u64,
        len: u64,
        mode: FallocateMode,
        times: WriteMode,
    ) -> Result<()> {
        let range = offset..offset.saturating_add(len);
        self.fs.witness(self.fs.fallocate(ino, range, mode, times))
    }

    /// Where data is, at or behind `offset` (`SEEK_DATA`); `None` for ENXIO.
    pub fn seek_data(&self, ino: Ino, offset: u64) -> Result<Option<u64>> {
        self.fs.witness(self.fs.seek_data(ino, offset))
    }

    /// Where a hole is, at or behind `offset` (`SEEK_HOLE`); `None` for ENXIO.
    pub fn seek_hole(&self, ino: Ino, offset: u64) -> Result<Option<u64>> {
        self.fs.witness(self.fs.seek_hole(ino, offset))
    }

    /// Entries of a directory from position `from` on (0: the start), `.` and `..` included, until
    /// `each` returns false for one that it does not take. Positions stay right while the directory
    /// changes.
    pub fn read_dir(
        &self,
        ino: Ino,
        from: u64,
        each: &mut dyn FnMut(DirEntry<'_>) -> bool,
    ) -> Result<()> {
        self.fs.witness(self.fs.read_dir(ino, from, each))
    }

    /// [`Self::read_dir`] with attributes. Takes a hold for each entry that is taken with attributes;
    /// `.`, `..` and damaged inodes have none.
    pub fn read_dir_plus(
        &self,
        ino: Ino,
        from: u64,
        each: &mut dyn FnMut(DirEntry<'_>, Option<Attr>) -> bool,
    ) -> Result<()> {
        self.fs.witness(self.fs.read_dir_plus(ino, from, each))
    }

    /// The value of an extended attribute, by its full name (`user.x`). ACLs are in the kernel's form.
    ///
    /// # Errors
    /// [`Error::NoAttribute`], [`Error::NotSupported`] for an unknown prefix.
    pub fn getxattr(&self, ino: Ino, name: &[u8]) -> Result<Vec<u8>> {
        let value = self.fs.inode(ino).and_then(|inode| {
            let data = inode.data.read();
            xattr::get(&self.fs, &data, name)
        });
        self.fs.witness(value)
    }

    /// Sets an extended attribute.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NoAttribute`] as `mode` says; [`Error::NoSpace`] when the value does
    /// not fit the inode and a block.
    pub fn setxattr(&self, ino: Ino, name: &[u8], value: &[u8], mode: SetXattrMode) -> Result<()> {
        self.fs.witness(self.fs.setxattr(ino, name, value, mode))
    }

    /// The full names of all extended attributes.
    pub fn listxattr(&self, ino: Ino) -> Result<Vec<Vec<u8>>> {
        let names = self.fs.inode(ino).and_then(|inode| {
            let data = inode.data.read();
            xattr::list(&self.fs, &data)
        });
        self.fs.witness(names)
    }

    /// Removes an extended attribute.
    ///
    /// # Errors
    /// [`Error::NoAttribute`].
    pub fn removexattr(&self, ino: Ino, name: &[u8]) -> Result<()> {
        self.fs.witness(self.fs.removexattr(ino, name))
    }

    /// Gives free space in the `len` bytes from byte `start` of the image on back to the host, in runs
    /// of at least `least` bytes: how many bytes. See `fstrim(8)`, `FITRIM`.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) of the kind [`Unsupported`](std::io::ErrorKind::Unsupported) when
    /// the device cannot take space back.
    pub fn trim(&self, start: u64, len: u64, least: u64) -> Result<u64> {
        self.fs.trim(start, len, least)
    }

    /// Makes the file system as large as fits `bytes`, and the device with it, while both are in use: the
    /// size reached, in bytes. What was added before a failure stays. See `resize2fs(8)`.
    ///
    /// # Errors
    /// [`Error::InvalidOption`](crate::Error::InvalidOption) when it would be smaller than it is, or larger
    /// than its features allow; [`Error::Unsupported`](crate::Error::Unsupported) when the device cannot
    /// grow so far, or the engine cannot resize such a file system.
    pub fn grow(&self, bytes: u64) -> Result<u64> {
        self.fs.grow(bytes)
    }

    /// Grows a full file system as [`OpenOptions::autogrow`](crate::OpenOptions::autogrow) allows, by
    /// `missing` bytes at least where that is not too much: whether it is larger now.
    ///
    /// # Errors
    /// What went wrong on the device. Being unable to grow is no error.
    pub fn make_room(&self, missing: u64) -> Result<bool> {
        self.fs.witness(self.fs.make_room(missing))
    }

    /// Sizes and counts of the whole file system.
    pub fn statfs(&self) -> StatFs {
        self.fs.statfs()
    }

    /// Returns when the inode's changes are on disk. `data_only`: times may be missing. See
    /// `fsync(2)`, `fdatasync(2)`.
    pub fn sync_inode(&self, ino: Ino, data_only: bool) -> Result<()> {
        let fs = &self.fs;
        if fs.options.read_only {
            return Ok(());
        }
        fs.journal.check()?;
        if fs.options.fsync == FsyncMode::Ignore {
            return Ok(());
        }
        let inode = fs.inode(ino)?;
        let last = if data_only {
            inode.datasync_tid.get()
        } else {
            inode.sync_tid.get()
        };
        if let Some(tid) = last.filter(|tid| tid.is_after(fs.journal.committed())) {
            let running = fs.journal.running.lock().tid;
            fs.journal.wait_for(tid)?;
            if tid == running {
                return Ok(());
            }
            // That commit was under way: it may have flushed before the last data was written.
        }
        fs.barrier()
    }

    /// Returns when everything done before the call is on disk. See `syncfs(2)`.
    pub fn sync(&self) -> Result<()> {
        if self.fs.options.read_only {
            return Ok(());
        }
        self.fs.journal.check()?;
        self.fs.journal.commit_all()?;
        self.fs.barrier()
    }
}

#[cfg(test)]
impl Volume {
    /// What the volume works on.
    pub(crate) fn fs(&self) -> &Arc<Fs> {
        &self.fs
    }
}

impl Drop for Volume {
    /// Commits what was done and leaves the journal to whoever opens the image next, unless the
    /// volume was closed.
    fn drop(&mut self) {
        if self.committer.is_some() {
            self.stop();
        }
    }
}

impl Fs {
    /// Sizes and counts. Blocks that metadata takes for good are left out, as the kernel does.
    pub fn statfs(&self) -> StatFs {
        let changed = *self.new_overhead.lock();
        let overhead = changed.unwrap_or_else(|| self.sb.lock().overhead_clusters());
        let overhead = match u64::from(overhead) {
            0 => self.geo.overhead(),
            known => known << self.geo.cluster_bits,
        };
        let free = self.alloc.free_blocks_count();
        StatFs {
            block_size: self.geo.block_size,
            blocks: self.geo.blocks().saturating_sub(overhead),
            free_blocks: free,
            available_blocks: free.saturating_sub(self.sb.lock().r_blocks_count()),
            inodes: u64::from(self.geo.inodes()),
            free_inodes: u64::from(self.alloc.free_inodes_count()),
            name_max: crate::ops::NAME_MAX as u32,
        }
    }
}
