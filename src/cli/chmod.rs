//! The arguments of `liveroot chmod`.

use super::PlaceArgs;
use clap::Args;
use std::ffi::OsString;

/// Arguments of `liveroot chmod`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot chmod 4755 rootfs.ext4:/usr/bin/sudo
  liveroot chmod -R u=rwX,go=rX rootfs.ext4:/srv/www")]
pub struct Chmod {
    /// The mode: octal, or like u+rwx,g-w,o=rX.
    #[arg(allow_hyphen_values = true)]
    pub mode: String,
    /// The files: IMAGE:/path, also with patterns (in quotes).
    #[arg(required = true, value_name = "IMAGE:PATH")]
    pub files: Vec<OsString>,
    /// Directories with everything below.
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// Tell each change.
    #[arg(short, long)]
    pub verbose: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}
