//! The arguments of `liveroot stat`.

use super::PlaceArgs;
use clap::Args;
use std::ffi::OsString;

/// Arguments of `liveroot stat`.
#[derive(Args, Debug)]
#[command(after_help = "\
In FORMAT:
  %a %A  permissions, octal and in letters     %s  size in bytes
  %b %B  blocks taken, and the bytes of each   %t %T  device: major, minor (hexadecimal)
  %f %F  mode in hexadecimal; type in words    %u %U  owner: number, name
  %g %G  group: number, name                   %w %W  creation: date, seconds
  %h     number of names                       %x %X  last access
  %i     inode number                          %y %Y  last change of the content
  %n %N  name; with the target of a link       %z %Z  last change of the inode
  %o     block size                            %%     a percent sign
Fractions of a second as in %.9Y; widths as in %10s.

Examples:
  liveroot stat rootfs.ext4:/etc/passwd
  liveroot stat -c '%a %U:%G %n' 'rootfs.ext4:/usr/bin/*'")]
pub struct Stat {
    /// Files: IMAGE:/path, also with patterns (in quotes); IMAGE alone is its root.
    #[arg(required = true, value_name = "IMAGE:PATH")]
    pub files: Vec<OsString>,
    /// Print this for each file, and a newline.
    #[arg(short = 'c', long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// As --format, without the newline, and with \n, \t and the like.
    #[arg(long, value_name = "FORMAT", conflicts_with = "format")]
    pub printf: Option<String>,
    /// Follow symbolic links.
    #[arg(short = 'L', long)]
    pub dereference: bool,
    /// Print JSON.
    #[arg(long, conflicts_with_all = ["format", "printf"])]
    pub json: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}
