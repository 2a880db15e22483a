//! `liveroot map`

mod canvas;
mod draw;
mod survey;

use crate::cli;
use crate::direct::opened::Reader;
use crate::failure::{Failure, Result};
use std::io::Write;
use std::path::Path;
use survey::Survey;

/// Draws where things are in an image.
pub fn run(args: &cli::Map) -> Result<()> {
    let format = Format::of(&args.output)?;
    let reader = Reader::open(&args.image, (&args.place).into())?;
    let survey = Survey::of(&reader.volume).map_err(|e| Failure::of(&args.image, e))?;
    let title = args.image.file_name().unwrap_or(args.image.as_os_str());
    let picture = draw::picture(&survey, &title.to_string_lossy());
    let bytes = match format {
        Format::Svg => canvas::svg(&picture).into_bytes(),
        Format::Png => canvas::png(&picture).map_err(|e| Failure::of(&args.output, e))?,
    };
    if args.output == Path::new("-") {
        // Who closes the pipe early has seen enough.
        let _ = std::io::stdout().write_all(&bytes);
        return Ok(());
    }
    std::fs::write(&args.output, bytes).map_err(|e| Failure::of(&args.output, e))
}

#[derive(Clone, Copy)]
enum Format {
    Svg,
    Png,
}

impl Format {
    fn of(path: &Path) -> Result<Format> {
        let extension = path.extension().map(|e| e.to_ascii_lowercase());
        match extension.as_ref().and_then(|e| e.to_str()) {
            Some("svg") => Ok(Format::Svg),
            Some("png") => Ok(Format::Png),
            None if path == Path::new("-") => Ok(Format::Svg),
            _ => Err(Failure::of(path, "a picture of an unknown kind")
                .remedy("let its name end in .svg or .png")
                .by_usage()),
        }
    }
}
