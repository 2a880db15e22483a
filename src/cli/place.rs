//! Where in its file the file system is.

use super::values::parse_size;
use clap::Args;

/// The place of the file system in the image.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct PlaceArgs {
    /// The file system starts at this byte of the image (units K, M, G, T allowed).
    #[arg(long, value_name = "BYTES", value_parser = parse_size, conflicts_with = "partition")]
    pub offset: Option<u64>,
    /// The file system is in this partition (MBR or GPT) of the image, counted from 1.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<u32>,
}
