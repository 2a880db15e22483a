//! An open volume: what programs that embed the engine use.

use crate::alloc::Allocator;
use crate::attr::*;
use crate::cache::Cache;
use crate::device::BlockDevice;
use crate::error::{Corrupt, Error, Result};
use crate::file::WriteMode;
use crate::fs::{Fs, Geometry};
use crate::inode::Inodes;
use crate::journal::file::{JournalFile, Run, journal_inode};
use crate::journal::log::Log;
use crate::journal::overlay::RecoveredDevice;
use crate::journal::recovery::recover;
use crate::journal::{Journal, commit, commit_loop, write_home};
use crate::ondisk::features::{Compat, Features, Incompat, RoCompat, Support};
use crate::ondisk::superblock::{self, STATE_ERROR, STATE_VALID, Superblock};
use crate::options::{Durability, FsyncMode, OpenOptions};
use crate::orphan::Orphans;
use crate::types::{FileBlock, Ino, Timestamp, TxnId};
use crate::xattr::SharedBlocks;
use crate::{map, xattr};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

/// The most blocks a transaction may have, whatever the journal's size: bounds memory, and the time a
/// commit takes.
const MAX_BLOCKS: u32 = 4096;

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
    fs: Arc<Fs>,
    committer: Option<JoinHandle<()>>,
}

/// Reads and checks the superblock.
fn read_superblock(dev: &dyn BlockDevice) -> Result<(Superblock, Geometry)> {
    if dev.size() < superblock::OFFSET + superblock::SIZE as u64 {
        return Err(Error::NotExt4(format!("only {} bytes long", dev.size())));
    }
    let mut bytes = [0; superblock::SIZE];
    dev.read_at(&mut bytes, superblock::OFFSET)
        .map_err(|e| Error::io("reading the superblock", e))?;
    let sb = Superblock::from_bytes(&bytes).ok_or_else(|| Corrupt::new("superblock"))?;
    if sb.magic() != superblock::MAGIC {
        return Err(Error::NotExt4("no ext4 superblock at byte 1024".into()));
    }
    let features = sb.features();
    if features.ro_compat.contains(RoCompat::METADATA_CSUM)
        && sb.checksum() != sb.computed_checksum()
    {
        return Err(Corrupt::new("superblock checksum").into());
    }
    let geo = Geometry::new(&sb, dev.size())?;
    Ok((sb, geo))
}

/// Fails when a feature is refused, or allows reading only and writing is wanted.
fn check_features(features: &Features, read_only: bool) -> Result<()> {
    for feature in features.known() {
        match feature.support {
            Support::ReadWrite => {}
            Support::ReadOnly(_) if read_only => {}
            Support::ReadOnly(why) => {
                return Err(Error::Unsupported(format!(
                    "feature {} allows reading only ({why}): open it read-only",
                    feature.name
                )));
            }
            Support::Refused(why) => {
                return Err(Error::Unsupported(format!(
                    "feature {} is not supported: {why}",
                    feature.name
                )));
            }
        }
    }
    for name in features.names() {
        let unknown =
            name.starts_with("FEATURE_I") || (name.starts_with("FEATURE_R") && !read_only);
        if unknown {
            return Err(Error::Unsupported(format!(
                "unknown feature {name}: the image was made by a newer tool"
            )));
        }
    }
    Ok(())
}

fn new_fs(
    dev: Arc<dyn BlockDevice>,
    options: OpenOptions,
    sb: Superblock,
    geo: Geometry,
    log: Option<Log>,
) -> Fs {
    let first = log.as_ref().map_or(TxnId(1), Log::next_tid);
    let most = log
        .as_ref()
        .map_or(MAX_BLOCKS, |log| (log.capacity() / 4).clamp(32, MAX_BLOCKS));
    Fs {
        cache: Cache::new(options.cache_bytes, geo.block_size),
        journal: Journal::new(log, first, most),
        alloc: Allocator::new(geo.groups, sb.free_blocks_count(), sb.free_inodes_count()),
        inodes: Inodes::new(),
        orphans: Orphans::default(),
        xattrs: SharedBlocks::default(),
        renames: Mutex::new(()),
        sb: Mutex::new(sb),
        aborted: AtomicBool::new(false),
        dev,
        options,
        geo,
    }
}

/// Finds the journal's blocks.
pub(crate) fn open_journal(
    dev: &Arc<dyn BlockDevice>,
    sb: &Superblock,
    geo: &Geometry,
) -> Result<Arc<JournalFile>> {
    let ino = journal_inode(sb)?;
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let fs = new_fs(dev.clone(), options, sb.clone(), geo.clone(), None);
    let inode = fs.load_inode(ino)?;
    if inode.raw.file_type() != Some(crate::FileType::Regular) || inode.raw.links_count() == 0 {
        return Err(Corrupt::new("the journal inode is not a file")
            .ino(ino)
            .into());
    }
    let blocks = u32::try_from(geo.blocks_for(inode.raw.size())).unwrap_or(u32::MAX);
    let mut runs = Vec::new();
    let mut at = 0;
    while at < blocks {
        let run = map::lookup(&fs, &inode, FileBlock(at))?;
        let Some(block) = run.phys else {
            return Err(Corrupt::new("the journal has a hole").ino(ino).into());
        };
        let len = run.len.min(blocks - at);
        runs.push(Run {
            first: at,
            block,
            len,
        });
        at += len;
    }
    JournalFile::new(dev.clone(), sb, runs).map(Arc::new)
}

impl Volume {
    /// Opens the file system on `device`. A journal that a crash left behind is replayed first; on a
    /// volume opened read-only, in memory.
    ///
    /// # Errors
    /// [`Error::NotExt4`]; [`Error::Unsupported`] names the feature; [`Error::Corrupt`].
    pub fn open(device: Arc<dyn BlockDevice>, options: OpenOptions) -> Result<Volume> {
        if options.norecovery && !options.read_only {
            return Err(Error::InvalidArgument("norecovery is for reading only"));
        }
        let mut dev = device;
        let (mut sb, mut geo) = read_superblock(&*dev)?;
        check_features(&geo.features, options.read_only)?;
        let mut log = None;
        let recovered = geo.features.incompat.contains(Incompat::RECOVER);
        if geo.features.compat.contains(Compat::HAS_JOURNAL) && !options.norecovery {
            let file = open_journal(&dev, &sb, &geo)?;
            let recovery = recover(&file)?;
            if !recovery.is_clean() && !recovered {
                // A log that the superblock does not ask to replay is old: the kernel drops it too.
                if !options.read_only {
                    recovery.discard()?;
                }
            } else if !recovery.is_clean() {
                log::info!(
                    "replaying {} transactions of the journal",
                    recovery.transactions()
                );
                if options.read_only {
                    dev = Arc::new(RecoveredDevice::new(recovery));
                } else {
                    recovery.write_home()?;
                }
                (sb, geo) = read_superblock(&*dev)?;
            }
            if !options.read_only && options.durability != Durability::None {
                let opened = Log::open(file)?;
                if opened.errno() != 0 {
                    // A kernel gave up this journal: what made it do so is in the file system.
                    let state = sb.state() | STATE_ERROR;
                    sb.set_state(state);
                }
                log = Some(opened);
            }
        }
        if !options.read_only {
            // A journal changes nothing about that: the last session may have written without it.
            let clean = sb.state() & STATE_VALID != 0;
            if !clean || sb.state() & STATE_ERROR != 0 {
                let why = if clean {
                    "has recorded errors"
                } else {
                    "was not closed cleanly"
                };
                return Err(Error::Unsupported(format!(
                    "the file system {why}: run `e2fsck -p` on it first, or open it read-only"
                )));
            }
        }
        let volume = Volume {
            fs: Arc::new(new_fs(dev, options, sb, geo, log)),
            committer: None,
        };
        volume.start(recovered)
    }

    /// Marks the image as in use, finishes with orphans, and starts the commit thread.
    fn start(mut self, recovered: bool) -> Result<Volume> {
        let fs = &self.fs;
        let root = fs.inode(Ino::ROOT)?;
        root.data
            .read()
            .check_dir()
            .map_err(|_| Corrupt::new("the root is not a directory").ino(Ino::ROOT))?;
        if fs.options.read_only {
            return Ok(self);
        }
        if recovered {
            fs.alloc.recount(fs)?;
        }
        let orphans = fs.load_orphans()?;
        {
            let mut sb = fs.sb.lock();
            let mut features = sb.features();
            let logged = fs.journal.log.is_some();
            features.incompat.set(Incompat::RECOVER, logged);
            sb.set_features(features);
            if !logged {
                let state = sb.state() & !STATE_VALID;
                sb.set_state(state);
            }
            let now = Timestamp::now().secs;
            sb.set_mtime(now as u32);
            sb.set_mtime_hi((now >> 32) as u8);
            let mounts = sb.mnt_count().saturating_add(1);
            sb.set_mnt_count(mounts);
        }
        fs.write_superblock()?;
        let thread_fs = self.fs.clone();
        let committer = std::thread::Builder::new()
            .name("lwext4-commit".into())
            .spawn(move || commit_loop(&thread_fs))
            .map_err(|e| Error::io("starting the commit thread", e))?;
        self.committer = Some(committer);
        for ino in orphans {
            self.fs.evict(ino)?;
        }
        Ok(self)
    }

    /// Finishes with orphans, writes everything, marks the image clean, and closes it.
    ///
    /// # Errors
    /// What was lost. The image is then as the last successful commit left it, its journal to be
    /// replayed by the next who opens it.
    pub fn close(mut self) -> Result<()> {
        let fs = self.fs.clone();
        if fs.options.read_only {
            return Ok(());
        }
        let mut result = Ok(());
        for ino in fs.orphans.all() {
            if let Err(error) = fs.evict(ino) {
                result = result.and(Err(error));
            }
        }
        self.stop();
        if let Some(failure) = fs.journal.progress.lock().failed.clone() {
            return Err(failure.to_error("the last changes were not written"));
        }
        result?;
        // Evicting may have raced with the thread's last commit.
        commit(&fs)?;
        write_home(&fs)?;
        // Whatever was promised until now: an image that says it is clean is clean after a power cut.
        fs.flush()?;
        if let Some(log) = &fs.journal.log {
            log.close(true)?;
        }
        {
            let mut sb = fs.sb.lock();
            let mut features = sb.features();
            features.incompat.remove(Incompat::RECOVER);
            sb.set_features(features);
            let state = sb.state() | STATE_VALID;
            sb.set_state(state);
        }
        fs.write_superblock()?;
        fs.flush()
    }

    /// Ends the commit thread, after a last commit.
    fn stop(&mut self) {
        self.fs.journal.progress.lock().stop = true;
        self.fs.journal.wanted.notify_all();
        if let Some(thread) = self.committer.take() {
            // After a panic, too, the thread has said that writing ended.
            let _ = thread.join();
        }
    }

    /// The superblock as it is now.
    pub fn superblock(&self) -> Superblock {
        self.fs.sb.lock().clone()
    }

    /// The inode behind a name. Takes a hold.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotADirectory`], [`Error::NameTooLong`].
    pub fn lookup(&self, parent: Ino, name: &[u8]) -> Result<Entry> {
        self.fs.lookup(parent, name)
    }

    /// Gives back `count` holds on an inode. One without a name that nobody holds is deleted.
    pub fn forget(&self, ino: Ino, count: u64) {
        if let Err(error) = self.fs.forget(ino, count) {
            // The inode stays on the orphan list: it is deleted at close, or by who opens next.
            log::warn!("deleting inode {ino}: {error}");
        }
    }

    /// The attributes of an inode.
    pub fn getattr(&self, ino: Ino) -> Result<Attr> {
        self.fs.getattr(ino)
    }

    /// Changes attributes: what they are then.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for immutable and append-only files, [`Error::FileTooBig`].
    pub fn setattr(&self, ino: Ino, set: &SetAttr) -> Result<Attr> {
        self.fs.setattr(ino, set)
    }

    /// Sets an inode's flags (`FS_IOC_SETFLAGS`, chattr(1)), given as [`Attr::flags`] shows them. Flags
    /// that only the file system itself may change stay as they are.
    ///
    /// # Errors
    /// [`Error::NotSupported`] for flags that ext4 does not have, or not for this type of file, and
    /// for changing [how a file maps its blocks](crate::ondisk::inode::InodeFlags::EXTENTS).
    pub fn set_flags(&self, ino: Ino, flags: u32) -> Result<()> {
        self.fs.set_flags(ino, flags)
    }

    /// Puts an inode into a project (`FS_IOC_FSSETXATTR`).
    ///
    /// # Errors
    /// [`Error::NotSupported`] unless the image has the feature `project`, or it is the inode's project
    /// already.
    pub fn set_project(&self, ino: Ino, project: u32) -> Result<()> {
        self.fs.set_project(ino, project)
    }

    /// Notes that a file was read at `now`, as the mount option relatime does it: only if the access
    /// time is not younger than the last change, or a day old. Nothing happens on a read-only volume,
    /// and for inodes whose flags say so.
    pub fn accessed(&self, ino: Ino, now: Timestamp) -> Result<()> {
        self.fs.accessed(ino, now)
    }

    /// Sets the file system's label: at most 16 bytes, the first NUL ends it.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a longer one.
    pub fn set_label(&self, label: &[u8]) -> Result<()> {
        self.fs.set_label(label)
    }

    /// Makes a file of any type but symlink. Takes a hold. See `mknod(2)`, `mkdir(2)`.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NotADirectory`], [`Error::TooManyLinks`], [`Error::NameTooLong`].
    pub fn create(&self, parent: Ino, name: &[u8], new: &NewFile) -> Result<Entry> {
        self.fs.create(parent, name, new)
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
        self.fs.symlink(parent, name, target, uid, gid)
    }

    /// The target of a symbolic link.
    pub fn readlink(&self, ino: Ino) -> Result<Vec<u8>> {
        self.fs.readlink(ino)
    }

    /// Gives a file one more name. Takes a hold. See `link(2)`.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::TooManyLinks`], [`Error::NotPermitted`] for directories.
    pub fn link(&self, ino: Ino, parent: Ino, name: &[u8]) -> Result<Entry> {
        self.fs.link(ino, parent, name)
    }

    /// Removes a name of anything but a directory. See `unlink(2)`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::IsADirectory`], [`Error::NotPermitted`].
    pub fn unlink(&self, parent: Ino, name: &[u8]) -> Result<()> {
        self.fs.unlink(parent, name)
    }

    /// Removes an empty directory. See `rmdir(2)`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotADirectory`], [`Error::NotEmpty`], [`Error::NotPermitted`].
    pub fn rmdir(&self, parent: Ino, name: &[u8]) -> Result<()> {
        self.fs.rmdir(parent, name)
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
        self.fs.rename(from, name, to, new_name, mode)
    }

    /// Reads up to `buf.len()` bytes from byte `offset`: how many; fewer only at the end.
    pub fn read(&self, ino: Ino, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.fs.read_file(ino, offset, buf)
    }

    /// Writes `data` at byte `offset`: how many bytes, fewer only when the image is full.
    pub fn write(&self, ino: Ino, offset: u64, data: &[u8], mode: WriteMode) -> Result<usize> {
        self.fs.write_file(ino, offset, data, mode)
    }

    /// Allocates space, punches holes, zeroes ranges. See `fallocate(2)`.
    pub fn fallocate(&self, ino: Ino, offset: u64, len: u64, mode: FallocateMode) -> Result<()> {
        self.fs.fallocate(ino, offset, len, mode)
    }

    /// Where data is, at or behind `offset` (`SEEK_DATA`); `None` for ENXIO.
    pub fn seek_data(&self, ino: Ino, offset: u64) -> Result<Option<u64>> {
        self.fs.seek_data(ino, offset)
    }

    /// Where a hole is, at or behind `offset` (`SEEK_HOLE`); `None` for ENXIO.
    pub fn seek_hole(&self, ino: Ino, offset: u64) -> Result<Option<u64>> {
        self.fs.seek_hole(ino, offset)
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
        self.fs.read_dir(ino, from, each)
    }

    /// [`Self::read_dir`] with attributes. Takes a hold for each entry that is taken with attributes;
    /// `.`, `..` and damaged inodes have none.
    pub fn read_dir_plus(
        &self,
        ino: Ino,
        from: u64,
        each: &mut dyn FnMut(DirEntry<'_>, Option<Attr>) -> bool,
    ) -> Result<()> {
        self.fs.read_dir_plus(ino, from, each)
    }

    /// The value of an extended attribute, by its full name (`user.x`). ACLs are in the kernel's form.
    ///
    /// # Errors
    /// [`Error::NoAttribute`], [`Error::NotSupported`] for an unknown prefix.
    pub fn getxattr(&self, ino: Ino, name: &[u8]) -> Result<Vec<u8>> {
        let inode = self.fs.inode(ino)?;
        let data = inode.data.read();
        xattr::get(&self.fs, &data, name)
    }

    /// Sets an extended attribute.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NoAttribute`] as `mode` says; [`Error::NoSpace`] when the value does
    /// not fit the inode and a block.
    pub fn setxattr(&self, ino: Ino, name: &[u8], value: &[u8], mode: SetXattrMode) -> Result<()> {
        self.fs.setxattr(ino, name, value, mode)
    }

    /// The full names of all extended attributes.
    pub fn listxattr(&self, ino: Ino) -> Result<Vec<Vec<u8>>> {
        let inode = self.fs.inode(ino)?;
        let data = inode.data.read();
        xattr::list(&self.fs, &data)
    }

    /// Removes an extended attribute.
    ///
    /// # Errors
    /// [`Error::NoAttribute`].
    pub fn removexattr(&self, ino: Ino, name: &[u8]) -> Result<()> {
        self.fs.removexattr(ino, name)
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
        let overhead = match u64::from(self.sb.lock().overhead_clusters()) {
            0 => self.overhead(),
            known => known,
        };
        let free = self.alloc.free_blocks_count();
        StatFs {
            block_size: self.geo.block_size,
            blocks: self.geo.blocks.saturating_sub(overhead),
            free_blocks: free,
            available_blocks: free.saturating_sub(self.sb.lock().r_blocks_count()),
            inodes: u64::from(self.geo.inodes),
            free_inodes: u64::from(self.alloc.free_inodes_count()),
            name_max: crate::ops::NAME_MAX as u32,
        }
    }

    fn overhead(&self) -> u64 {
        let table = u64::from(self.geo.inodes_per_group) * u64::from(self.geo.inode_size)
            / u64::from(self.geo.block_size);
        let groups: u64 = (0..self.geo.groups)
            .map(|no| {
                u64::from(crate::alloc::base_blocks(&self.geo, crate::GroupNo(no))) + 2 + table
            })
            .sum();
        groups + self.geo.first_data_block
    }
}
