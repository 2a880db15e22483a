//! The arguments of `liveroot ln`.

use super::{PlaceArgs, TargetArgs};
use clap::Args;
use std::ffi::OsString;

/// Arguments of `liveroot ln`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot ln -s ../usr/lib/os-release rootfs.ext4:/etc/os-release
  liveroot ln -sfn /opt/app-2 rootfs.ext4:/opt/app
  liveroot ln rootfs.ext4:/bin/busybox rootfs.ext4:/bin/sh")]
pub struct Ln {
    /// What to link to, and where the link is made. With -s a target is text, which goes into the link as
    /// it is; without, all are files of one image.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<OsString>,
    /// Symbolic links.
    #[arg(short, long)]
    pub symbolic: bool,
    /// Replace what is there.
    #[arg(short, long)]
    pub force: bool,
    /// A destination that is a symbolic link to a directory is a name, not the directory.
    #[arg(short, long)]
    pub no_dereference: bool,
    /// The destination.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Tell each link.
    #[arg(short, long)]
    pub verbose: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
}
