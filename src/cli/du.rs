//! The arguments of `liveroot du`.

use super::PlaceArgs;
use clap::{ArgAction, Args};
use std::ffi::OsString;

/// Arguments of `liveroot du`.
#[derive(Args, Debug)]
#[command(
    disable_help_flag = true,
    after_help = "\
Examples:
  liveroot du -sh rootfs.ext4
  liveroot du -h -d 1 rootfs.ext4:/usr"
)]
pub struct Du {
    /// Files and directories: IMAGE:/path, also with patterns (in quotes); IMAGE alone is its root.
    #[arg(required = true, value_name = "IMAGE:PATH")]
    pub files: Vec<OsString>,
    /// Only the sum of each operand.
    #[arg(short, long, conflicts_with_all = ["all", "max_depth"])]
    pub summarize: bool,
    /// Sizes in units of 1024 that people read, instead of KiB.
    #[arg(short = 'h', long)]
    pub human_readable: bool,
    /// Files, too, not only directories.
    #[arg(short, long)]
    pub all: bool,
    /// What the files hold, instead of the space that they take.
    #[arg(long)]
    pub apparent_size: bool,
    /// As --apparent-size, in bytes.
    #[arg(short, long)]
    pub bytes: bool,
    /// Print no directories deeper than this.
    #[arg(short = 'd', long, value_name = "LEVELS")]
    pub max_depth: Option<usize>,
    /// Count a file with several names as often.
    #[arg(short = 'l', long)]
    pub count_links: bool,
    /// A sum of everything at the end.
    #[arg(short = 'c', long)]
    pub total: bool,
    /// Print JSON; sizes in bytes.
    #[arg(long)]
    pub json: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Print help.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}
