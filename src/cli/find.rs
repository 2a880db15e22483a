//! The arguments of `liveroot find`.

use super::PlaceArgs;
use clap::Args;
use std::ffi::OsString;

/// Arguments of `liveroot find`.
#[derive(Args, Debug)]
#[command(
    override_usage = "liveroot find [OPTIONS] <IMAGE:PATH>... [EXPRESSION]",
    after_help = "\
Expression, as in find(1):
  -name -iname -path -ipath PATTERN     -lname PATTERN (target of a link)
  -type f,d,l,c,b,p,s                   -size [+-]N[cwbkMG]      -empty
  -user NAME|UID   -uid [+-]N           -group NAME|GID  -gid [+-]N
  -perm MODE, -MODE (all of), /MODE (any of)                     -links [+-]N  -inum [+-]N
  -mtime [+-]DAYS  -mmin [+-]MINUTES    -newer PATH (in the image)
  -maxdepth N  -mindepth N  -depth  -prune  -true  -false
  ! TEST, TEST -o TEST, TEST -a TEST, ( … )
  -print  -print0  -delete

Options stand before the operands. Users and groups are those of the image. -delete is one transaction.

Examples:
  liveroot find rootfs.ext4:/usr -name '*.so*' -type f
  liveroot find rootfs.ext4 -perm -4000 -user root
  liveroot find rootfs.ext4:/var/cache -type f -delete"
)]
pub struct Find {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Where to start, and what to look for.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "IMAGE:PATH [EXPRESSION]"
    )]
    pub words: Vec<OsString>,
}
