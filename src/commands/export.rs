//! `liveroot export`

use super::fresh::Fresh;
use crate::cli;
use crate::export::export;
use crate::failure::{Failure, Result};
use crate::import::progress::{Progress, Style};
use crate::session::image::{self, human_size};
use crate::session::options::Place;
use crate::sys::Access;
use lwext4::{OpenOptions, Volume};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;

/// Bytes that are written at once.
const BUFFER: usize = 1 << 20;

/// Writes a tree of an image as a tar.
pub fn run(args: &cli::Export) -> Result<()> {
    let place = Place::of(args.offset, args.partition);
    let image = image::open(&args.image, place, Access::Read)?;
    image.lock(Access::Read)?;
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let volume = Volume::open(image.device.clone(), options);
    let volume = volume.map_err(|error| image.explain(&error, Access::Read))?;
    let path = args.path.as_os_str().as_bytes();
    let mut style = args.report.style();
    if args.output.is_none() {
        if io::stdout().is_terminal() {
            return Err(Failure::usage("a tar is nothing for a terminal")
                .remedy("name a file with --output, or use a pipe"));
        }
        if style == Style::Json {
            return Err(Failure::usage(
                "--json needs --output: the tar goes to standard output",
            ));
        }
        style = match style {
            Style::People => Style::Silent,
            style => style,
        };
    }
    let progress = Progress::new(style, &args.image, None);
    let result = match &args.output {
        None => {
            let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
            export(&volume, &args.image, path, &mut out, &progress)
        }
        Some(output) => {
            let fresh = Fresh::beside(output)?;
            let mut out = BufWriter::with_capacity(BUFFER, &fresh.file);
            let exported = export(&volume, &args.image, path, &mut out, &progress);
            let flushed = out.flush();
            drop(out);
            exported.and_then(|totals| {
                flushed.map_err(|e| Failure::of(output, e))?;
                fresh
                    .publish(output, true)
                    .map_err(|e| Failure::of(output, e))?;
                Ok(totals)
            })
        }
    };
    let result = result.map(|totals| {
        let line = format!(
            "{}: {} files, {} of data",
            args.image.display(),
            totals.entries,
            human_size(totals.bytes)
        );
        (totals, line)
    });
    progress.end(result).map(|_| ())
}
