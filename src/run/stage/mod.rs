//! `run --stage`: the command works on an overlay, and only what a successful one changed reaches the
//! image.
//!
//! The server shows the image read-only in the [`scratch`] directory; [`overlay`] lays a writable
//! directory over it, or, if it has nothing in it, [`bare`] puts one in its place. What is in that directory afterwards is a stream of changes ([`upper`]), which
//! [`apply`] makes in the image, as one transaction if it can be; [`room`] enlarges an image that may grow. [`links`] joins what an overlay tears
//! apart, by the marks on its [`copies`]; [`keep_failed`] lets the user look at what a failed command left; [`nodes`] stands in for what the kernel does not let the command make there.

mod apply;
mod bare;
mod copies;
pub mod keep_failed;
mod links;
mod merge;
pub mod nodes;
mod overlay;
mod room;
mod scratch;
mod upper;

use super::Order;
use crate::failure::{Failure, Result};
use crate::session::image::{self, Image};
use crate::session::mounts::Device;
use crate::session::options::MountFlags;
use crate::sys::Access;
use lwext4::ondisk::features::{Incompat, RoCompat};
use lwext4::ondisk::superblock::{OFFSET, SIZE, Superblock};
use lwext4::{BlockDevice, OpenOptions};
use rustix::fs::{major, minor};
use scratch::Scratch;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::OnceLock;

/// What the user said about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Whether the command is not to start without a stage.
    pub required: bool,
    /// Where changes are kept; `None`: in memory, or where temporary files are.
    pub scratch: Option<PathBuf>,
    /// Bytes that they may take; `None`: as many as the image has.
    pub size: Option<u64>,
}

/// Why the files of an image behave otherwise below an overlay than in themselves, if they do. What cannot
/// be read is for the server to name.
fn unfit(image: &Image) -> Option<String> {
    let mut bytes = [0; SIZE];
    image.device.read_at(&mut bytes, OFFSET).ok()?;
    let features = Superblock::from_bytes(&bytes)?.features();
    let unfit = [
        (features.incompat.contains(Incompat::CASEFOLD), "casefold"),
        (features.incompat.contains(Incompat::ENCRYPT), "encrypt"),
        (features.ro_compat.contains(RoCompat::VERITY), "verity"),
    ];
    let (_, name) = unfit.iter().find(|(has, _)| *has)?;
    Some(format!(
        "an overlay does not know the feature {name} of the image"
    ))
}

/// A command's changes, between the image and the command.
#[derive(Debug)]
pub struct Staged {
    /// Locked, so that it stays what the command has seen.
    image: Image,
    scratch: Scratch,
    /// Where the command sees the image.
    point: PathBuf,
    flags: MountFlags,
    engine: OpenOptions,
    /// Whether the scratch directory has all that the image is to have; set when it is covered.
    is_bare: OnceLock<bool>,
}

impl Staged {
    /// Prepares it, and has the server show the image read-only and elsewhere. `None`, with a warning,
    /// where this kernel has no overlays for this user or the image is not fit for one, unless a stage is
    /// required: the command works on the image then.
    ///
    /// # Errors
    /// The image is in use, there is no room for a scratch directory, or there is no stage where one is
    /// required.
    pub fn prepare(wish: &Wish, order: &mut Order) -> Result<Option<Staged>> {
        let settings = &mut order.settings;
        let image = image::open(&settings.image, settings.place, Access::Write)?;
        let scratch = match unfit(&image) {
            Some(why) => Err(why),
            None => {
                image.lock(Access::Write)?;
                Scratch::make(wish, image.device.size(), settings.engine.autogrow)?
                    .map_err(|why| format!("no overlay here ({why})"))
            }
        };
        let scratch = match scratch {
            Ok(scratch) => scratch,
            Err(why) if wish.required => {
                return Err(Failure::of(&settings.image, why).remedy("run it with --direct"));
            }
            Err(why) => {
                log::warn!(
                    "{why}: the command works on the image itself, and what a failed one did stays"
                );
                return Ok(None);
            }
        };
        let staged = Staged {
            image,
            point: order.view.mount.clone(),
            flags: settings.flags,
            engine: settings.engine.clone(),
            scratch,
            is_bare: OnceLock::new(),
        };
        settings.mountpoint = staged.scratch.lower();
        settings.flags.read_only = true;
        settings.engine.read_only = true;
        settings.trusted_stand_in = overlay::for_users();
        settings.marks_files = true;
        Ok(Some(staged))
    }

    /// The image, as this process has locked it.
    pub fn image(&self) -> Image {
        self.image.clone()
    }

    /// Covers the image, which the server shows by now; gives the device number of what covers it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn cover(&self) -> Result<Device> {
        let refused = |what: &str, error: io::Error| {
            Failure::of(&self.point, format!("{what}: {error}")).remedy("run it with --direct")
        };
        let (lower, upper) = (self.scratch.lower(), self.scratch.upper());
        // Whatever covers it has the upper directory for its root.
        let is_bare = bare::prepare(&self.scratch)
            .and_then(|is_bare| overlay::adopt(&lower, &upper).map(|()| is_bare))
            .map_err(|error| refused("preparing the image's root directory", error))?;
        if is_bare {
            bare::mount(&self.scratch, &self.point, &self.flags)
                .map_err(|errno| refused("showing the scratch directory", errno.into()))?;
        } else {
            overlay::mount(&self.scratch, &self.point, &self.flags)
                .map_err(|errno| refused("mounting an overlay", errno.into()))?;
        }
        let _ = self.is_bare.set(is_bare);
        let metadata = std::fs::metadata(&self.point).map_err(|e| Failure::of(&self.point, e))?;
        Ok((major(metadata.dev()), minor(metadata.dev())))
    }

    /// Takes away what covers it: the image has no user then.
    pub fn uncover(&self) {
        overlay::unmount(&self.point);
    }

    /// Makes the changes in the image, which nobody serves any more.
    ///
    /// # Errors
    /// They cannot be made. The message says what of them is in the image.
    pub fn apply(&self) -> Result<()> {
        let is_bare = self.is_bare.get().copied().unwrap_or_default();
        apply::apply(&self.image, &self.engine, &self.scratch, is_bare)
    }
}
