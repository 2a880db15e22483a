//! What a command has changed becomes the state of the image.

use super::scratch::Scratch;
use super::upper::Upper;
use super::{links, room};
use crate::failure::{Failure, Result};
use crate::import::apply::{Applier, ApplyOptions};
use crate::import::progress::{Progress, Style, Warnings};
use crate::session::image::Image;
use crate::sys::Access;
use lwext4::{BulkOptions, Error, OpenOptions, Stage, Timestamp, Volume};
use std::path::Path;
use std::thread;

/// Threads that write, beside the one that reads.
const WRITERS: usize = 2;

/// Applies what is in the upper directory of `scratch` to `image`: as one transaction of its journal, or,
/// where that is too small, as a chain of them. An image that is too small grows first, if `engine` has
/// autogrow. `is_bare` says that the scratch directory was no overlay's, but has all that the image is to
/// have. It is empty afterwards.
///
/// # Errors
/// Something cannot be applied. The image is as it was (larger, perhaps), unless the message says otherwise.
pub fn apply(image: &Image, engine: &OpenOptions, scratch: &Scratch, is_bare: bool) -> Result<()> {
    let upper = &scratch.upper();
    let fill = |volume: &Volume| fill(volume, upper, is_bare, image);
    let engine = OpenOptions {
        read_only: false,
        device_name: image.path.to_string_lossy().into_owned(),
        ..engine.clone()
    };
    // A stage cannot grow.
    let staging = OpenOptions {
        autogrow: None,
        ..engine.clone()
    };
    let refused = |error: Error| image.explain(&error, Access::Write);
    let ready = loop {
        let stage = Stage::open(image.device.clone(), staging.clone()).map_err(refused)?;
        let Err(failure) = fill(&stage) else {
            break stage.ready();
        };
        let why = stage.why(Error::NotFound);
        // What the stage wrote to free blocks goes, and with it its claim on the image.
        drop(stage);
        match why {
            Error::NotFound if !failure.lacks_space() => return Err(failure),
            Error::NotFound if room::make(image, &engine, upper)? => {}
            Error::NotFound => {
                return Err(failure.remedy("the image is as it was; make it larger"));
            }
            why => break Err(why),
        }
    };
    match ready {
        // Nobody needs the scratch directory any more; the disk needs no processor.
        Ok(ready) => thread::scope(|scope| {
            scope.spawn(|| scratch.discard());
            ready.commit()
        })
        .map_err(refused),
        Err(Error::TooLargeAtOnce { .. }) => in_parts(image, engine, fill),
        Err(error) => Err(refused(error)),
    }
}

/// As a chain of transactions: after a crash the image is sound, but may have only some of the changes.
fn in_parts(
    image: &Image,
    engine: OpenOptions,
    fill: impl Fn(&Volume) -> Result<()>,
) -> Result<()> {
    let explain = |error: Error| image.explain(&error, Access::Write);
    let volume = Volume::open(image.device.clone(), engine).map_err(explain)?;
    let filled = fill(&volume);
    let closed = volume.close();
    filled.map_err(|failure| failure.remedy("only a part of the changes is in the image"))?;
    closed.map_err(explain)
}

fn fill(volume: &Volume, upper: &Path, is_bare: bool, image: &Image) -> Result<()> {
    // Of an image with nothing in it nothing was torn.
    let plan = match is_bare {
        true => None,
        false => Some(links::plan(volume, upper, &image.given)?),
    };
    let options = BulkOptions {
        writers: WRITERS,
        steady: false,
    };
    let bulk = volume.bulk(options);
    let bulk = bulk.map_err(|error| Failure::of(&image.given, error))?;
    let options = ApplyOptions {
        layers: true,
        latest: None,
        now: Timestamp::now(),
    };
    let progress = Progress::new(Style::Silent, &image.given, None);
    let mut applier = Applier::new(volume, bulk, &image.given, b"", options, &progress)?;
    let warnings = Warnings::default();
    let mut source = Upper::new(upper, volume, plan, warnings.clone())?;
    let applied = applier.apply_changes(&mut source, &warnings);
    let finished = applier.finish();
    progress.end(applied.and(finished).map(|totals| (totals, String::new())))?;
    Ok(())
}
