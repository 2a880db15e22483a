//! The arguments of `liveroot info`.

use super::values::parse_size;
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
    /// The file system starts at this byte of the image (units K, M, G, T allowed).
    #[arg(long, value_name = "BYTES", value_parser = parse_size, conflicts_with = "partition")]
    pub offset: Option<u64>,
    /// The file system is in this partition (MBR or GPT) of the image, counted from 1.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<u32>,
}
