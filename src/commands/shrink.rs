//! `liveroot shrink`

use super::resize::{shrink_to_fit, tell};
use crate::cli;
use crate::failure::Result;
use crate::session::image;
use crate::session::options::Place;
use crate::sys::Access;

/// Makes an image as small as what it holds, plus headroom.
pub fn run(args: &cli::Shrink) -> Result<()> {
    let place = Place::of(args.offset, args.partition);
    let image = image::open(&args.image, place, Access::Write)?;
    image.lock(Access::Write)?;
    tell(&args.image, shrink_to_fit(&image, args.headroom)?);
    Ok(())
}
