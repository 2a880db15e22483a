//! The arguments of `liveroot shrink`.

use super::values::{parse_headroom, parse_size};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `liveroot shrink`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot shrink rootfs.ext4
  liveroot shrink rootfs.ext4 --headroom 10%")]
pub struct Shrink {
    /// The image file, or a block device.
    pub image: PathBuf,
    /// Leave so much more room than the contents need, in percent of that.
    #[arg(long, value_name = "PERCENT", value_parser = parse_headroom, default_value = "0")]
    pub headroom: f64,
    /// The file system starts at this byte of the image (units K, M, G, T allowed).
    #[arg(long, value_name = "BYTES", value_parser = parse_size, conflicts_with = "partition")]
    pub offset: Option<u64>,
    /// The file system is in this partition (MBR or GPT) of the image, counted from 1. The partition
    /// itself stays as it is.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<u32>,
}
