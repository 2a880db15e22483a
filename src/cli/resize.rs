//! The arguments of `liveroot resize`.

use super::values::{NewSize, parse_new_size, parse_size};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `liveroot resize`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot resize rootfs.ext4 4G
  liveroot resize rootfs.ext4 +512M
  liveroot resize rootfs.ext4 min")]
pub struct Resize {
    /// The image file, or a block device.
    pub image: PathBuf,
    /// The new size: bytes (units K, M, G, T allowed), or with + or - so many more or fewer than now, or
    /// min: as small as what it holds.
    #[arg(value_parser = parse_new_size, allow_hyphen_values = true)]
    pub size: NewSize,
    /// The file system starts at this byte of the image (units K, M, G, T allowed).
    #[arg(long, value_name = "BYTES", value_parser = parse_size, conflicts_with = "partition")]
    pub offset: Option<u64>,
    /// The file system is in this partition (MBR or GPT) of the image, counted from 1. The partition
    /// itself stays as it is.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<u32>,
}
