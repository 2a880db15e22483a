//! The arguments of `liveroot mv`.

use super::{PlaceArgs, TargetArgs};
use clap::Args;
use std::ffi::OsString;

/// Arguments of `liveroot mv`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot mv rootfs.ext4:/etc/fstab rootfs.ext4:/etc/fstab.old
  liveroot mv 'rootfs.ext4:/srv/*.log' rootfs.ext4:/var/log")]
pub struct Mv {
    /// What to move, and where to: IMAGE:/path, all in one image.
    #[arg(required = true, value_name = "IMAGE:PATH")]
    pub files: Vec<OsString>,
    /// Replace what is there; the default.
    #[arg(short, long, overrides_with = "no_clobber")]
    pub force: bool,
    /// Leave alone what is there.
    #[arg(short, long, overrides_with = "force")]
    pub no_clobber: bool,
    /// The destination.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Tell each file.
    #[arg(short, long)]
    pub verbose: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}
