//! The arguments of `liveroot edit`.

use super::PlaceArgs;
use clap::Args;
use std::ffi::OsString;

/// Arguments of `liveroot edit`.
#[derive(Args, Debug)]
#[command(after_help = "\
The editor is $VISUAL, else $EDITOR, else vi. It gets a private copy. When it ends with an error, or left
the copy as it was, the image is not touched. A file that is not there is made when something was written.

Examples:
  liveroot edit rootfs.ext4:/etc/fstab
  EDITOR='code --wait' liveroot edit rootfs.ext4:/etc/hosts")]
pub struct Edit {
    /// The file: IMAGE:/path.
    #[arg(value_name = "IMAGE:PATH")]
    pub file: OsString,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}
