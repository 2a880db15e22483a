//! The arguments of `liveroot export`.

use super::import::Report;
use super::values::parse_size;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `liveroot export`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot export rootfs.ext4 -o rootfs.tar
  liveroot export rootfs.ext4 | docker import - app
  liveroot export rootfs.ext4 /etc | tar -tv")]
pub struct Export {
    /// The image file.
    pub image: PathBuf,
    /// What of it to export; a directory becomes the root of the tar.
    #[arg(default_value = "/")]
    pub path: PathBuf,
    /// The file to write. By default standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The partition that holds the file system, counted from 1.
    #[arg(short, long, value_name = "NUMBER", conflicts_with = "offset")]
    pub partition: Option<u32>,
    /// Byte in the file where the file system starts.
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub offset: Option<u64>,
    /// What is told meanwhile: on standard error, where the tar goes to standard output.
    #[command(flatten)]
    pub report: Report,
}
