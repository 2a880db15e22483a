//! The arguments of `liveroot cat`.

use super::PlaceArgs;
use clap::Args;
use std::ffi::OsString;

/// Arguments of `liveroot cat`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot cat rootfs.ext4:/etc/os-release
  liveroot cat 'rootfs.ext4:/var/log/*.log'")]
pub struct Cat {
    /// Files: IMAGE:/path, also with patterns (in quotes).
    #[arg(required = true, value_name = "IMAGE:PATH")]
    pub files: Vec<OsString>,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}
