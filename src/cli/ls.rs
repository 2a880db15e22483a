//! The arguments of `liveroot ls`.

use super::PlaceArgs;
use clap::{ArgAction, Args};
use std::ffi::OsString;

/// Arguments of `liveroot ls`.
#[derive(Args, Debug)]
#[command(
    disable_help_flag = true,
    after_help = "\
Examples:
  liveroot ls rootfs.ext4:/etc
  liveroot ls -lR disk.img:/boot --partition 1
  liveroot ls 'rootfs.ext4:/etc/*.conf'"
)]
pub struct Ls {
    /// Files and directories: IMAGE:/path, also with patterns (in quotes); IMAGE alone is its root.
    #[arg(required = true, value_name = "IMAGE:PATH")]
    pub files: Vec<OsString>,
    /// One line a file, with mode, links, owner, group, size and time.
    #[arg(short)]
    pub long: bool,
    /// Names with a leading dot too, `.` and `..` included.
    #[arg(short, long)]
    pub all: bool,
    /// Names with a leading dot too, without `.` and `..`.
    #[arg(short = 'A', long)]
    pub almost_all: bool,
    /// Directories below, too.
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// Directories themselves, not what is in them.
    #[arg(short, long)]
    pub directory: bool,
    /// With -l: sizes in units of 1024.
    #[arg(short = 'h', long)]
    pub human_readable: bool,
    /// Inode numbers.
    #[arg(short, long)]
    pub inode: bool,
    /// Owners and groups as numbers; means -l.
    #[arg(short, long)]
    pub numeric_uid_gid: bool,
    /// One name a line.
    #[arg(short = '1')]
    pub one: bool,
    /// Space taken, in blocks of 1 KiB.
    #[arg(short, long)]
    pub size: bool,
    /// Mark directories with `/`, programs with `*`, links with `@`, and so on.
    #[arg(short = 'F', long)]
    pub classify: bool,
    /// Newest first.
    #[arg(short = 't', conflicts_with = "by_size")]
    pub by_time: bool,
    /// Largest first.
    #[arg(short = 'S')]
    pub by_size: bool,
    /// The other way round.
    #[arg(short, long)]
    pub reverse: bool,
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
