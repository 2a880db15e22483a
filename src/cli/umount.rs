//! The arguments of `liveroot umount`.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `liveroot umount`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot umount mnt
  liveroot umount rootfs.ext4")]
pub struct Umount {
    /// The mount point, or the image that is mounted there.
    pub target: PathBuf,
    /// Take the directory away at once, even if in use; the image is closed, and the command
    /// returns, when the last process lets go of it.
    #[arg(short, long)]
    pub lazy: bool,
}
