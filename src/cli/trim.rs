//! The arguments of `liveroot trim`.

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
    /// The file system starts at this byte of the image (units K, M, G, T allowed).
    #[arg(long, value_name = "BYTES", value_parser = parse_size, conflicts_with = "partition")]
    pub offset: Option<u64>,
    /// The file system is in this partition (MBR or GPT) of the image, counted from 1.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<u32>,
}
