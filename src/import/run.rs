//! One import: an open volume and a source.

use super::apply::{Applier, ApplyOptions, Totals};
use super::open::Opened;
use super::progress::Progress;
use crate::failure::{Failure, Result};
use lwext4::{BulkOptions, Timestamp, Volume};
use std::path::Path;

/// How an import is done.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The image, for messages.
    pub image: &'a Path,
    /// The directory in the image that paths start from.
    pub to: &'a [u8],
    /// Threads that write.
    pub threads: usize,
    /// The time that everything happens at, and whether nothing may be later.
    pub clock: Option<(Timestamp, bool)>,
}

/// Puts everything that `opened` has into `volume`.
///
/// # Errors
/// The first thing that could not be done, with the entry; what came before it is in the volume.
pub fn fill(
    volume: &Volume,
    job: Job<'_>,
    mut opened: Opened,
    progress: &Progress,
) -> Result<Totals> {
    let bulk = volume.bulk(BulkOptions {
        writers: job.threads.saturating_sub(1).min(MOST_WRITERS),
        steady: job.clock.is_some(),
    });
    let bulk = bulk.map_err(|error| Failure::of(job.image, error))?;
    let options = ApplyOptions {
        layers: opened.layers,
        latest: job.clock.filter(|clock| clock.1).map(|clock| clock.0),
        now: job.clock.map_or_else(Timestamp::now, |clock| clock.0),
    };
    let mut applier = Applier::new(volume, bulk, job.image, job.to, options, progress)?;
    let applied = applier.apply(&mut opened);
    let entries = applier.totals().entries;
    let finished = applier.finish();
    applied.map_err(|failure| match entries {
        0 | 1 => failure,
        _ => failure.after(entries - 1),
    })?;
    finished
}

/// More do not write faster.
const MOST_WRITERS: usize = 4;
