//! The arguments of `liveroot trim`.

use super::PlaceArgs;
use super::values::parse_size;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `liveroot trim`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot trim rootfs.ext4
  liveroot trim disk.img --partition 2 --minimum 1M

A mounted image is trimmed by fstrim(8) on its mount point; -o discard does it all the time.")]
pub struct Trim {
    /// The image file, or a block device.
    pub image: PathBuf,
    /// Leave shorter runs of free space as they are (units K, M, G, T allowed).
    #[arg(long, value_name = "BYTES", value_parser = parse_size, default_value = "0")]
    pub minimum: u64,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}
