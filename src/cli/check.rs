//! The arguments of `liveroot check`.

use super::values::parse_size;
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
    /// The file system starts at this byte of the image (units K, M, G, T allowed).
    #[arg(long, value_name = "BYTES", value_parser = parse_size, conflicts_with = "partition")]
    pub offset: Option<u64>,
    /// The file system is in this partition (MBR or GPT) of the image, counted from 1.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<u32>,
    /// Check what is under a journal that waits for its replay.
    #[arg(long)]
    pub norecovery: bool,
    /// Leave out the second reader, which reads the contents of all files.
    #[arg(long)]
    pub quick: bool,
}
