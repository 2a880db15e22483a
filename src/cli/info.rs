//! The arguments of `liveroot info`.

use super::PlaceArgs;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `liveroot info`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot info rootfs.ext4
  liveroot info disk.img --partition 1 --json")]
pub struct Info {
    /// The image file, or a block device.
    pub image: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}
