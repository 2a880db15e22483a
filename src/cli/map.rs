//! The arguments of `liveroot map`.

use super::PlaceArgs;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `liveroot map`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot map rootfs.ext4 -o map.svg
  liveroot map disk.img --partition 2 -o map.png")]
pub struct Map {
    /// The image file, or a block device.
    pub image: PathBuf,
    /// Where the picture goes: a file whose name ends in .svg or .png; - writes SVG to standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}
