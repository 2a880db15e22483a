//! The arguments of `liveroot chown`.

use super::PlaceArgs;
use clap::{ArgAction, Args};
use std::ffi::OsString;

/// Arguments of `liveroot chown`.
#[derive(Args, Debug)]
#[command(
    disable_help_flag = true,
    after_help = "\
Names are those of the image's own /etc/passwd and /etc/group.

Examples:
  liveroot chown -R www-data: rootfs.ext4:/srv/www
  liveroot chown 1000:1000 rootfs.ext4:/home/user
  liveroot chown :adm 'rootfs.ext4:/var/log/*.log'"
)]
pub struct Chown {
    /// USER, USER:GROUP, USER: (its own group) or :GROUP; by name or number.
    pub owner: String,
    /// The files: IMAGE:/path, also with patterns (in quotes).
    #[arg(required = true, value_name = "IMAGE:PATH")]
    pub files: Vec<OsString>,
    /// Directories with everything below; symbolic links themselves, not what they lead to.
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// Symbolic links themselves.
    #[arg(short = 'h', long)]
    pub no_dereference: bool,
    /// Tell each change.
    #[arg(short, long)]
    pub verbose: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Print help.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}
