//! Opening a volume (recovery of the journal, orphans) and closing it.

use crate::alloc::Allocator;
use crate::bulk::DataQueue;
use crate::cache::Cache;
use crate::damage::Damage;
use crate::device::BlockDevice;
use crate::error::{Corrupt, Error, Result};
use crate::fs::{Fs, Geometry};
use crate::inode::{Generations, Inodes};
use crate::journal::file::{JournalFile, Run, journal_inode};
use crate::journal::log::Log;
use crate::journal::overlay::RecoveredDevice;
use crate::journal::recovery::recover;
use crate::journal::{Journal, commit, commit_loop, write_home};
use crate::map;
use crate::mmp::{self, Claim};
use crate::ondisk::features::{Compat, Features, Incompat, RoCompat};
use crate::ondisk::superblock::{self, STATE_ERROR, STATE_VALID, Superblock};
use crate::options::{Durability, OpenOptions};
use crate::orphan::Orphans;
use crate::quota::Quotas;
use crate::types::{FileBlock, Ino, TxnId};
use crate::volume::Volume;
use crate::xattr::{SharedBlocks, SharedValues};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The most blocks a transaction may have, whatever the journal's size: bounds memory, and the time a
/// commit takes.
const MAX_BLOCKS: u32 = 4096;

/// Reads and checks the superblock.
pub(crate) fn read_superblock(dev: &dyn BlockDevice) -> Result<(Superblock, Geometry)> {
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
    // The rest of an external journal's superblock means nothing.
    if features.incompat.contains(Incompat::JOURNAL_DEV) {
        check_features(&features, true)?;
    }
    let geo = Geometry::new(&sb, dev.size())?;
    Ok((sb, geo))
}

/// Fails when a feature is refused, or allows reading only and writing is wanted.
fn check_features(features: &Features, read_only: bool) -> Result<()> {
    let mut obstacles = features.obstacles().into_iter();
    match obstacles.find(|obstacle| !(obstacle.readable && read_only)) {
        Some(obstacle) => Err(Error::Unsupported(obstacle.text)),
        None => Ok(()),
    }
}

/// Writes a superblock with a record of errors to its place.
fn keep_record(dev: &dyn BlockDevice, sb: &mut Superblock, geo: &Geometry) -> Result<()> {
    if geo.has_csum() {
        sb.seal();
    }
    dev.write_at(sb.as_bytes(), superblock::OFFSET)
        .and_then(|()| dev.flush())
        .map_err(|e| Error::io("writing the superblock", e))
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
        alloc: Allocator::new(sb.free_blocks_count(), sb.free_inodes_count()),
        inodes: Inodes::new(),
        orphans: Orphans::default(),
        quotas: Quotas::default(),
        damage: Damage::default(),
        xattrs: SharedBlocks::default(),
        values: SharedValues::default(),
        renames: Mutex::new(()),
        data: DataQueue::default(),
        generations: Generations::new(options.clock, &geo.uuid, sb.mnt_count()),
        sb: Mutex::new(sb),
        new_overhead: Mutex::new(None),
        aborted: AtomicBool::new(false),
        resizing: Mutex::new(()),
        keeps_size: AtomicBool::new(false),
        keeps_space: AtomicBool::new(false),
        keep_freed: false,
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

/// What a volume is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Nobody else writes the image.
    Own,
    /// A part of a [`Stage`](crate::Stage), which has the claim on the image: blocks that are freed are not
    /// used again while the volume is open.
    Stage,
}

impl Volume {
    /// Opens the file system on `device`. A journal that a crash left behind is replayed first; on a
    /// volume opened read-only, in memory.
    ///
    /// # Errors
    /// [`Error::NotExt4`]; [`Error::Unsupported`] names the feature; [`Error::Corrupt`].
    pub fn open(device: Arc<dyn BlockDevice>, options: OpenOptions) -> Result<Volume> {
        Volume::open_as(device, options, Purpose::Own)
    }

    /// [`Volume::open`] for a purpose.
    pub(crate) fn open_as(
        device: Arc<dyn BlockDevice>,
        options: OpenOptions,
        purpose: Purpose,
    ) -> Result<Volume> {
        let staged = purpose == Purpose::Stage;
        if options.norecovery && !options.read_only {
            return Err(Error::InvalidArgument("norecovery is for reading only"));
        }
        let mut dev = device;
        let (mut sb, mut geo) = read_superblock(&*dev)?;
        check_features(&geo.features, options.read_only)?;
        // Before anything is written.
        let claim = if staged {
            None
        } else if options.read_only {
            mmp::warn_reader(&dev, &sb, &geo);
            None
        } else {
            Claim::take(&dev, &sb, &geo, &options.device_name)?
        };
        let mut log = None;
        let recovered = geo.features.incompat.contains(Incompat::RECOVER);
        // What a journal elsewhere holds matters only to who writes, or if it must be replayed.
        let elsewhere = sb.journal_inum() == 0 && sb.journal_dev() != 0;
        let needless = options.norecovery || (elsewhere && options.read_only && !recovered);
        if geo.features.compat.contains(Compat::HAS_JOURNAL) && !needless {
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
                let before = sb;
                (sb, geo) = read_superblock(&*dev)?;
                if before.error_count() > sb.error_count() {
                    // Recorded after the last commit: the journal had an older superblock.
                    sb.copy_errors(&before);
                    if !options.read_only {
                        keep_record(&*dev, &mut sb, &geo)?;
                    }
                }
            }
            if !options.read_only && options.durability != Durability::None {
                let opened = Log::open(file)?.with_clock(options.clock);
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
        let fs = Arc::new(Fs {
            keep_freed: staged,
            ..new_fs(dev, options, sb, geo, log)
        });
        if let Some(claim) = &claim {
            claim.guard(&fs);
        }
        let volume = Volume {
            fs,
            committer: None,
            claim,
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
        fs.open_quotas()?;
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
            let now = fs.now().secs;
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
            self.fs.witness(self.fs.evict(ino))?;
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
            if let Err(error) = fs.witness(fs.evict(ino)) {
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
        fs.write_second_half()?;
        fs.flush()?;
        match &mut self.claim {
            Some(claim) => claim.release(),
            None => Ok(()),
        }
    }

    /// Ends the commit thread, after a last commit.
    pub(crate) fn stop(&mut self) {
        self.fs.journal.progress.lock().stop = true;
        self.fs.journal.wanted.notify_all();
        if let Some(thread) = self.committer.take() {
            // After a panic, too, the thread has said that writing ended.
            let _ = thread.join();
        }
    }
}
