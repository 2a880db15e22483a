//! The arguments of `liveroot tree`.

use super::PlaceArgs;
use clap::{ArgAction, Args};
use std::ffi::OsString;

/// Arguments of `liveroot tree`.
#[derive(Args, Debug)]
#[command(
    disable_help_flag = true,
    after_help = "\
Examples:
  liveroot tree -L 2 rootfs.ext4
  liveroot tree -d rootfs.ext4:/usr/share"
)]
pub struct Tree {
    /// Directories: IMAGE:/path, also with patterns (in quotes); IMAGE alone is its root.
    #[arg(required = true, value_name = "IMAGE:PATH")]
    pub files: Vec<OsString>,
    /// Names with a leading dot, too.
    #[arg(short)]
    pub all: bool,
    /// Only directories.
    #[arg(short)]
    pub directories: bool,
    /// Go down this many levels.
    #[arg(short = 'L', value_name = "LEVELS", value_parser = clap::value_parser!(u32).range(1..))]
    pub levels: Option<u32>,
    /// Whole paths.
    #[arg(short)]
    pub full: bool,
    /// Sizes in bytes.
    #[arg(short)]
    pub size: bool,
    /// Sizes in units that people read.
    #[arg(short = 'h')]
    pub human: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Print help.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}
