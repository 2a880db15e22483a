//! Whether an image was closed well, when its daemon cannot be asked.

use super::image;
use super::options::Place;
use crate::failure::{Failure, Result};
use crate::sys::{Access, ByteRange, lock_conflict};
use lwext4::BlockDevice;
use lwext4::ondisk::features::Incompat;
use lwext4::ondisk::superblock::{MAGIC, OFFSET, SIZE, STATE_VALID, Superblock};
use std::path::Path;
use std::time::Duration;

/// How often to look.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until nobody has the image locked, then looks whether it says that it is clean.
///
/// # Errors
/// It does not, or cannot be looked at.
pub fn wait(target: &Path, image: &Path) -> Result<()> {
    let unknown = |why: &str| {
        Failure::of(
            target,
            format!("unmounted, but whether all is written is not known: {why}"),
        )
        .remedy("check the image: e2fsck -fn")
    };
    let image = image::open(image, Place::Whole, Access::Read)
        .map_err(|failure| unknown(&failure.to_string()))?;
    let everything = ByteRange { start: 0, len: 0 };
    while lock_conflict(image.device.file(), Access::Read, everything)
        .map_err(|error| unknown(&error.to_string()))?
    {
        std::thread::sleep(PAUSE);
    }
    let mut bytes = [0; SIZE];
    let superblock = match image.device.read_at(&mut bytes, OFFSET) {
        Ok(()) => Superblock::from_bytes(&bytes).filter(|sb| sb.magic() == MAGIC),
        Err(_) => None,
    };
    let superblock = superblock.ok_or_else(|| unknown("it is in a part of a disk"))?;
    let recover = superblock.features().incompat.contains(Incompat::RECOVER);
    if recover || superblock.state() & STATE_VALID == 0 {
        return Err(
            Failure::of(target, "unmounted, but the image was not closed")
                .remedy("the last seconds may be missing; the next mount recovers the rest"),
        );
    }
    Ok(())
}
