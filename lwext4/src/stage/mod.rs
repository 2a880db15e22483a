//! Many operations as one transaction: done entirely, or not at all.
//!
//! A stage shows the image as a volume that writes into a private [`Layer`]. What the old state has
//! no use for, its free blocks, is written to the device at once: nobody sees it. Everything else
//! stays in memory, until [`Stage::commit`] writes it as a single transaction of the image's own
//! journal. So whoever opens the image after a crash (the kernel, e2fsck, or this engine) finds the
//! old state or the new one.
//!
//! For this to hold, a block of the old state is never used for something else within the stage:
//! freed blocks stay unused until it ends.

mod apply;
mod layer;

use crate::device::{BlockDevice, Unflushed};
use crate::error::{Error, Result};
use crate::mmp::Claim;
use crate::ondisk::features::{Incompat, RoCompat};
use crate::open::{Purpose, read_superblock};
use crate::options::{Durability, OpenOptions};
use crate::volume::Volume;
use layer::Layer;
use std::ops::Deref;
use std::sync::Arc;

/// A volume whose changes reach the image all at once, or never.
///
/// It derefs to [`Volume`]: work as on any other. Then [`Stage::commit`]; dropping a stage leaves the
/// image as it was. Syncing does nothing.
///
/// The changes to blocks in use (directories, inode tables, bitmaps) must fit the journal together: a
/// file takes about a sixteenth of a block, its content nothing.
pub struct Stage {
    device: Arc<dyn BlockDevice>,
    layer: Arc<Layer>,
    /// `None` once it was closed.
    volume: Option<Volume>,
    /// On the device itself, where others see it.
    claim: Option<Claim>,
}

/// A stage that ended and fits one transaction: [`Ready::commit`] makes it the image's state; dropped,
/// it leaves the image as it was.
pub struct Ready {
    device: Arc<dyn BlockDevice>,
    layer: Arc<Layer>,
    /// `None` once they are being written.
    changes: Option<apply::Blocks>,
    claim: Option<Claim>,
}

impl Ready {
    /// The second half of [`Stage::commit`].
    ///
    /// # Errors
    /// [`Error::Io`]: the image has the old state or the new one, which whoever opens it next finds out.
    pub fn commit(mut self) -> Result<()> {
        apply::apply(&self.device, &self.changes.take().unwrap_or_default())?;
        match &mut self.claim {
            Some(claim) => claim.release(),
            None => Ok(()),
        }
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if self.changes.is_some() {
            self.layer.forget_written();
        }
    }
}

/// Whether a crash left something to finish with: transactions, or orphans.
fn needs_recovery(device: &dyn BlockDevice) -> Result<bool> {
    let (sb, geo) = read_superblock(device)?;
    let features = &geo.features;
    Ok(features.incompat.contains(Incompat::RECOVER)
        || features.ro_compat.contains(RoCompat::ORPHAN_PRESENT)
        || sb.last_orphan() != 0)
}

impl Stage {
    /// Opens the file system on `device` for changes. What a crash left is finished first, for good;
    /// otherwise nothing of the image's state changes before [`Stage::commit`].
    ///
    /// `options` as for [`Volume::open`]. Syncing has no meaning here, and only [`Durability::Power`] has
    /// the commit flush: with less, a power cut may leave some of what was committed; the death of the
    /// process never does.
    ///
    /// # Errors
    /// As [`Volume::open`].
    pub fn open(device: Arc<dyn BlockDevice>, options: OpenOptions) -> Result<Stage> {
        let device = match options.durability {
            Durability::Power => device,
            Durability::Process | Durability::None => Arc::new(Unflushed(device)),
        };
        if needs_recovery(&*device)? {
            Volume::open(device.clone(), OpenOptions::default())?.close()?;
        }
        let (sb, geo) = read_superblock(&*device)?;
        let claim = Claim::take(&device, &sb, &geo, &options.device_name)?;
        let looking = OpenOptions {
            read_only: true,
            ..OpenOptions::default()
        };
        let base = Volume::open_as(device.clone(), looking, Purpose::Stage)?;
        let layer = Arc::new(Layer::new(base.fs.clone()));
        let options = OpenOptions {
            durability: Durability::None,
            ..options
        };
        let volume = Volume::open_as(layer.clone(), options, Purpose::Stage)?;
        if let Some(claim) = &claim {
            claim.guard(&volume.fs);
        }
        Ok(Stage {
            device,
            layer,
            volume: Some(volume),
            claim,
        })
    }

    /// Makes everything that was done the image's state. With [`Durability::Power`] it is on disk when
    /// the call returns.
    ///
    /// An image without a journal has no transactions: its blocks are written in place, and it is
    /// marked as not clean meanwhile.
    ///
    /// # Errors
    /// [`Error::TooLargeAtOnce`]: nothing has changed. [`Error::Io`]: the image has the old state or
    /// the new one, which whoever opens it next finds out.
    pub fn commit(self) -> Result<()> {
        self.ready()?.commit()
    }

    /// The first half of [`Self::commit`]: it finds out whether everything fits one transaction, and
    /// changes nothing yet.
    ///
    /// # Errors
    /// [`Error::TooLargeAtOnce`], and whatever else keeps the changes out of the image, which has not
    /// changed.
    pub fn ready(mut self) -> Result<Ready> {
        let closed = match self.volume.take() {
            Some(volume) => volume.close(),
            None => Ok(()),
        };
        let changes = closed
            .and_then(|()| apply::changes(&self.layer))
            .and_then(|changes| apply::fits(&self.device, &changes).map(|()| changes));
        match changes {
            Ok(changes) => Ok(Ready {
                device: self.device.clone(),
                layer: self.layer.clone(),
                changes: Some(changes),
                claim: self.claim.take(),
            }),
            Err(error) => {
                self.layer.forget_written();
                Err(self.why(error))
            }
        }
    }

    /// The reason behind an error of the volume: [`Error::TooLargeAtOnce`], where the layer took no more,
    /// else `error`.
    pub fn why(&self, error: Error) -> Error {
        self.layer.overflow().unwrap_or(error)
    }
}

impl Deref for Stage {
    type Target = Volume;

    fn deref(&self) -> &Volume {
        match &self.volume {
            Some(volume) => volume,
            // `commit` takes the volume, and the stage with it.
            None => unreachable!("a stage has its volume until it is committed"),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(volume) = self.volume.take() {
            drop(volume);
            self.layer.forget_written();
        }
    }
}
