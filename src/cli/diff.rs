//! The arguments of `liveroot diff`.

use super::PlaceArgs;
use clap::Args;
use std::ffi::OsString;

/// Arguments of `liveroot diff`.
#[derive(Args, Debug)]
#[command(after_help = "\
Compares content, type, mode, owner, extended attributes (ACLs too), devices and targets of links. Changed
text files are shown as a unified diff.

Examples:
  liveroot diff old.ext4 new.ext4
  liveroot diff --brief rootfs.ext4:/etc ./etc
  liveroot diff --json old.ext4:/usr new.ext4:/usr

Exit codes:
  0  the same
  1  different
  2  something could not be compared, or the command line makes no sense")]
pub struct Diff {
    /// The old tree or file: an image, IMAGE:/path, or a directory of the host.
    #[arg(value_name = "OLD")]
    pub old: OsString,
    /// The new one.
    #[arg(value_name = "NEW")]
    pub new: OsString,
    /// Only tell what differs, without the text.
    #[arg(short = 'q', long)]
    pub brief: bool,
    /// Times of last change, too.
    #[arg(long)]
    pub times: bool,
    /// Not the owners: of a tree that an ordinary user unpacked.
    #[arg(long)]
    pub no_owner: bool,
    /// Lines around a change.
    #[arg(short = 'U', long, value_name = "LINES", default_value_t = 3)]
    pub unified: usize,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Where the file systems are, in both images.
    #[command(flatten)]
    pub place: PlaceArgs,
}
