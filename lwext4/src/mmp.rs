//! Multiple-mount protection: a block of the image says who has it open, and a number in it changes as
//! long as they do. So machines that share the image do not write it at once.
//!
//! The rules are the kernel's: an image that was closed properly is taken at once; else its number must
//! stay as it is for some time, or somebody has it.

use crate::device::BlockDevice;
use crate::error::{Corrupt, Error, Result};
use crate::fs::{Fs, Geometry};
use crate::journal::abort;
use crate::ondisk::features::Incompat;
use crate::ondisk::mmp::{Mmp, SEQ_CLEAN, SEQ_FSCK, SEQ_MAX, SIZE};
use crate::ondisk::superblock::Superblock;
use crate::types::{BlockNo, Timestamp};
use parking_lot::{Condvar, Mutex};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Seconds between changes of the number, where the superblock does not say.
const UPDATE: u16 = 5;
/// The least and the most seconds after which others may take the image.
const CHECK: std::ops::RangeInclusive<u16> = 5..=300;
/// How often a waiting one looks.
const LOOK: Duration = Duration::from_millis(500);
/// Waiting that is worth a word, in seconds.
const LONG: u64 = 2;

/// The block, and what it takes to read and write it.
struct Place {
    dev: Arc<dyn BlockDevice>,
    no: BlockNo,
    at: u64,
    seed: Option<u32>,
}

impl Place {
    fn new(dev: &Arc<dyn BlockDevice>, sb: &Superblock, geo: &Geometry) -> Result<Place> {
        let no = BlockNo(sb.mmp_block());
        geo.check_blocks(no, 1)?;
        Ok(Place {
            dev: dev.clone(),
            no,
            at: geo.offset(no),
            seed: geo.has_csum().then_some(geo.seed),
        })
    }

    fn read(&self) -> Result<Mmp> {
        let mut bytes = [0; SIZE];
        self.dev
            .read_at(&mut bytes, self.at)
            .map_err(|e| Error::io("reading the multiple-mount protection", e))?;
        let bad = |what| Corrupt::new(what).block(self.no);
        let what = "multiple-mount protection: no block";
        let mmp = Mmp::from_bytes(&bytes).ok_or_else(|| bad(what))?;
        mmp.verify(self.seed).map_err(bad)?;
        Ok(mmp)
    }

    /// Writes the block, where others see it at once.
    fn write(&self, mmp: &mut Mmp) -> Result<()> {
        let now = Timestamp::now().secs;
        mmp.set_time(now.max(0).unsigned_abs());
        mmp.seal(self.seed);
        self.dev
            .write_at(mmp.as_bytes(), self.at)
            .and_then(|()| self.dev.flush())
            .map_err(|e| Error::io("writing the multiple-mount protection", e))
    }

    /// Waits until it is certain that nobody changes the number.
    fn wait_for_silence(&self, mmp: &Mmp, seconds: u64) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(seconds);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(LOOK));
            let now = self.read()?;
            if now.seq() != mmp.seq() {
                return Err(in_use(&now));
            }
            if left.is_zero() {
                return Ok(());
            }
        }
    }
}

fn in_use(mmp: &Mmp) -> Error {
    let whom = format!("by node \"{}\", as device \"{}\"", mmp.node(), mmp.device());
    Error::InUse(match mmp.seq() {
        SEQ_FSCK => format!("e2fsck is at work on it, started {whom}"),
        _ => format!("it is mounted {whom} (multiple-mount protection)"),
    })
}

/// A random number that is none of the special ones.
fn new_seq() -> u32 {
    let random = RandomState::new().hash_one(std::process::id());
    (random % u64::from(SEQ_MAX)) as u32 + 1
}

/// Seconds that others wait before they take over from one that changes the number every `update`.
fn check_interval(update: u16) -> u16 {
    update.saturating_mul(2).clamp(*CHECK.start(), *CHECK.end())
}

/// What the thread that changes the number shares with the volume.
struct Shared {
    place: Place,
    mmp: Mutex<Mmp>,
    stop: Mutex<bool>,
    stopped: Condvar,
    /// Whom to stop when somebody else takes the image.
    volume: OnceLock<Weak<Fs>>,
}

/// The claim on an image. Dropped, the image is free again.
pub(crate) struct Claim {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<bool>>,
}

impl Claim {
    /// Claims the image for writing, if it has multiple-mount protection.
    ///
    /// # Errors
    /// [`Error::InUse`] names who has it.
    pub fn take(
        dev: &Arc<dyn BlockDevice>,
        sb: &Superblock,
        geo: &Geometry,
        device_name: &str,
    ) -> Result<Option<Claim>> {
        if !geo.features.incompat.contains(Incompat::MMP) {
            return Ok(None);
        }
        let place = Place::new(dev, sb, geo)?;
        let mut mmp = place.read()?;
        let check = u64::from(mmp.check_interval().clamp(*CHECK.start(), *CHECK.end()));
        let wait = match mmp.seq() {
            SEQ_CLEAN => 0,
            SEQ_FSCK => return Err(in_use(&mmp)),
            _ => (check * 2 + 1).min(check + 60),
        };
        if wait > LONG {
            log::warn!(
                "the image was not closed on node \"{}\": waiting {wait} s, to see whether it is in use there",
                mmp.node()
            );
            place.wait_for_silence(&mmp, wait)?;
        }
        let update = match sb.mmp_update_interval() {
            0 => UPDATE,
            seconds => seconds.min(*CHECK.end()),
        };
        mmp.set_seq(new_seq());
        mmp.set_check_interval(check_interval(update));
        mmp.set_node(&rustix::system::uname().nodename().to_string_lossy());
        mmp.set_device(device_name);
        place.write(&mut mmp)?;
        // Somebody else may have come to the same conclusion meanwhile.
        if wait > 0 {
            place.wait_for_silence(&mmp, wait)?;
        }
        let shared = Arc::new(Shared {
            place,
            mmp: Mutex::new(mmp),
            stop: Mutex::new(false),
            stopped: Condvar::new(),
            volume: OnceLock::new(),
        });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("lwext4-mmp".into())
            .spawn(move || of_thread.keep(Duration::from_secs(update.into())))
            .map_err(|e| Error::io("starting the thread of multiple-mount protection", e));
        match thread {
            Ok(thread) => Ok(Some(Claim {
                shared,
                thread: Some(thread),
            })),
            Err(error) => {
                let _ = shared.release();
                Err(error)
            }
        }
    }

    /// Ends the volume's writing should somebody else take the image.
    pub fn guard(&self, fs: &Arc<Fs>) {
        let _ = self.shared.volume.set(Arc::downgrade(fs));
    }

    /// Says that the image is free, unless somebody else has taken it.
    ///
    /// # Errors
    /// When it could not be written: who opens the image next waits, and finds nobody.
    pub fn release(&mut self) -> Result<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        *self.shared.stop.lock() = true;
        self.shared.stopped.notify_all();
        match thread.join() {
            Ok(true) => self.shared.release(),
            _ => Ok(()),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            log::warn!("{error}");
        }
    }
}

impl Shared {
    /// Changes the number until told to stop; whether the image is still this process's then.
    fn keep(&self, update: Duration) -> bool {
        loop {
            let mut stop = self.stop.lock();
            if !*stop {
                self.stopped.wait_for(&mut stop, update);
            }
            if *stop {
                return self.is_ours().unwrap_or(true);
            }
            drop(stop);
            match self.is_ours() {
                Ok(true) => {}
                Ok(false) => {
                    let error = match self.place.read() {
                        Ok(other) => in_use(&other),
                        Err(error) => error,
                    };
                    if let Some(fs) = self.volume.get().and_then(Weak::upgrade) {
                        fs.damage.lost.store(true, Ordering::Release);
                        abort(&fs, &error);
                    }
                    return false;
                }
                Err(error) => log::warn!("{error}"),
            }
            let mut mmp = self.mmp.lock();
            let next = match mmp.seq() {
                SEQ_MAX.. => 1,
                seq => seq + 1,
            };
            mmp.set_seq(next);
            if let Err(error) = self.place.write(&mut mmp) {
                log::warn!("{error}");
            }
        }
    }

    /// Whether the number is the one that was written last.
    fn is_ours(&self) -> Result<bool> {
        Ok(self.place.read()?.seq() == self.mmp.lock().seq())
    }

    fn release(&self) -> Result<()> {
        let mut mmp = self.mmp.lock();
        mmp.set_seq(SEQ_CLEAN);
        self.place.write(&mut mmp)
    }
}

/// Warns that somebody writes an image that is about to be read only.
pub(crate) fn warn_reader(dev: &Arc<dyn BlockDevice>, sb: &Superblock, geo: &Geometry) {
    if !geo.features.incompat.contains(Incompat::MMP) {
        return;
    }
    match Place::new(dev, sb, geo).and_then(|place| place.read()) {
        Ok(mmp) if mmp.seq() == SEQ_CLEAN => {}
        Ok(mmp) => log::warn!(
            "the image was not closed on node \"{}\" (device \"{}\"): if it is in use there, what is read here may be stale",
            mmp.node(),
            mmp.device()
        ),
        Err(error) => log::warn!("{error}"),
    }
}
