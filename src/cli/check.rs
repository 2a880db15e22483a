//! The arguments of `liveroot check`.

use super::PlaceArgs;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `liveroot check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot check rootfs.ext4
  liveroot check disk.img --partition 1 --json

Exit codes:
  0  nothing is wrong
  1  problems were found; e2fsck mends them as the last line says
  2  the image could not be checked, or the command line makes no sense")]
pub struct Check {
    /// The image file, or a block device.
    pub image: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Check what is under a journal that waits for its replay.
    #[arg(long)]
    pub norecovery: bool,
    /// Leave out the second reader, which reads the contents of all files.
    #[arg(long)]
    pub quick: bool,
}
