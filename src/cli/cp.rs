//! The arguments of `liveroot cp`.

use super::values::parse_owner;
use super::{PlaceArgs, TargetArgs};
use clap::{Args, ValueEnum};
use std::ffi::OsString;

/// Arguments of `liveroot cp`.
#[derive(Args, Debug)]
#[command(after_help = "\
Into an image, all of it is one transaction: done, or not done. To the host, what goes wrong is told and
the rest is copied.

Examples:
  liveroot cp -a ./conf rootfs.ext4:/etc/
  liveroot cp rootfs.ext4:/var/log/syslog .
  liveroot cp 'rootfs.ext4:/etc/*.conf' saved/
  liveroot cp -a old.ext4:/home new.ext4:/")]
pub struct Cp {
    /// What to copy, and where to: IMAGE:/path or a path of the host. A host path with a colon is written
    /// ./a:b.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<OsString>,
    /// Everything as it is: -d -r --preserve=all.
    #[arg(short, long)]
    pub archive: bool,
    /// Directories, with all that is in them.
    #[arg(short, visible_short_alias = 'R', long)]
    pub recursive: bool,
    /// Keep mode, owner and times.
    #[arg(short = 'p')]
    pub preserve_basics: bool,
    /// Keep these: mode, ownership, timestamps, links, xattr, all.
    #[arg(long, value_name = "LIST", value_delimiter = ',', num_args = 0..=1, require_equals = true,
        default_missing_value = "mode,ownership,timestamps")]
    pub preserve: Vec<Kept>,
    /// Do not keep these.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        require_equals = true
    )]
    pub no_preserve: Vec<Kept>,
    /// Copy symbolic links, and keep hard links: -P --preserve=links.
    #[arg(short = 'd')]
    pub links: bool,
    /// Copy symbolic links as links.
    #[arg(short = 'P', long, overrides_with_all = ["dereference", "dereference_operands"])]
    pub no_dereference: bool,
    /// Copy what symbolic links lead to.
    #[arg(short = 'L', long, overrides_with_all = ["no_dereference", "dereference_operands"])]
    pub dereference: bool,
    /// Follow symbolic links among the operands only.
    #[arg(short = 'H', overrides_with_all = ["no_dereference", "dereference"])]
    pub dereference_operands: bool,
    /// Replace what cannot be written.
    #[arg(short, long)]
    pub force: bool,
    /// Leave alone what is there.
    #[arg(short, long)]
    pub no_clobber: bool,
    /// Remove what is there before.
    #[arg(long)]
    pub remove_destination: bool,
    /// The destination.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Owner of new files in an image, unless it is kept; by default you.
    #[arg(long, value_name = "UID:GID", value_parser = parse_owner)]
    pub owner: Option<(u32, u32)>,
    /// Tell each file.
    #[arg(short, long)]
    pub verbose: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// What a copy may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kept {
    /// Permissions and ACLs.
    Mode,
    /// Owner and group.
    Ownership,
    /// Times.
    Timestamps,
    /// Hard links among what is copied.
    Links,
    /// Extended attributes.
    Xattr,
    /// All of these.
    All,
}
