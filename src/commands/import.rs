//! `liveroot import`

use crate::cli;
use crate::failure::{Failure, Result};
use crate::import::clock::clock;
use crate::import::progress::Progress;
use crate::import::{Job, Spool, fill};
use crate::session::image::{self, Image, human_size};
use crate::session::options::Place;
use crate::sys::Access;
use lwext4::{OpenOptions, Volume};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// Puts a tree into an image.
pub fn run(args: &cli::Import) -> Result<()> {
    let place = Place::of(args.offset, args.partition);
    let threads = threads(&args.fill);
    let image = image::open(&args.image, place, Access::Write)?;
    image.lock(Access::Write)?;
    let mut source = Spool::new(&args.source);
    let opened = source.open(&args.fill, threads)?;
    let clock = clock(args.fill.reproducible)?;
    let volume = open_volume(&image, clock.map(|clock| clock.0))?;
    let progress = Progress::new(args.report.style(), source.name(), opened.total);
    let job = Job {
        image: &args.image,
        to: args.to.as_os_str().as_bytes(),
        threads,
        clock,
    };
    let filled = fill(&volume, job, opened, &progress);
    // Also what was done before an error is to be whole.
    let closed = volume.close();
    let result = filled.and_then(|totals| {
        closed.map_err(|error| image.explain(&error, Access::Write))?;
        let line = format!(
            "{}: {} files, {} of data",
            args.image.display(),
            totals.entries,
            human_size(totals.bytes)
        );
        Ok((totals, line))
    });
    progress.end(result).map(|_| ())
}

/// How many threads to work with.
pub fn threads(args: &cli::Fill) -> usize {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.map_or_else(available, usize::from)
}

fn open_volume(image: &Image, clock: Option<lwext4::Timestamp>) -> Result<Volume> {
    let defaults = OpenOptions::default();
    let options = OpenOptions {
        commit_interval: match clock {
            // When a commit happens must follow from what is done, and not from how long it took.
            Some(_) => Duration::from_secs(u64::from(u32::MAX)),
            None => defaults.commit_interval,
        },
        clock,
        ..defaults
    };
    Volume::open(image.device.clone(), options)
        .map_err(|error: lwext4::Error| -> Failure { image.explain(&error, Access::Write) })
}
