//! The arguments of `liveroot mkdir`.

use super::PlaceArgs;
use clap::Args;
use std::ffi::OsString;

/// Arguments of `liveroot mkdir`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot mkdir -p rootfs.ext4:/srv/data/in rootfs.ext4:/srv/data/out
  liveroot mkdir -m 1777 rootfs.ext4:/scratch")]
pub struct Mkdir {
    /// The directories: IMAGE:/path.
    #[arg(required = true, value_name = "IMAGE:PATH")]
    pub files: Vec<OsString>,
    /// Make the directories above, too; one that is there is no error.
    #[arg(short, long)]
    pub parents: bool,
    /// The mode, as chmod takes it.
    #[arg(short, long, value_name = "MODE")]
    pub mode: Option<String>,
    /// Tell each directory.
    #[arg(short, long)]
    pub verbose: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}
