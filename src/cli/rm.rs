//! The arguments of `liveroot rm`.

use super::PlaceArgs;
use clap::Args;
use std::ffi::OsString;

/// Arguments of `liveroot rm`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot rm -r rootfs.ext4:/usr/share/doc
  liveroot rm -f 'rootfs.ext4:/var/cache/apt/archives/*.deb'")]
pub struct Rm {
    /// The files: IMAGE:/path, also with patterns (in quotes).
    #[arg(required = true, value_name = "IMAGE:PATH")]
    pub files: Vec<OsString>,
    /// Directories, with everything in them.
    #[arg(short, visible_short_alias = 'R', long)]
    pub recursive: bool,
    /// What is not there is no error.
    #[arg(short, long)]
    pub force: bool,
    /// Empty directories.
    #[arg(short, long)]
    pub dir: bool,
    /// Tell each file.
    #[arg(short, long)]
    pub verbose: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}
