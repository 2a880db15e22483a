//! The arguments of `liveroot import`, and those that it shares with `liveroot create`.

use super::values::{parse_owner, parse_size};
use crate::import::oci::Platform;
use crate::import::owners::IdRange;
use crate::import::progress::Style;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `liveroot import`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot import rootfs.ext4 rootfs.tar.zst
  docker export web | liveroot import rootfs.ext4 -
  docker save app | liveroot import rootfs.ext4 - --image app
  liveroot import rootfs.ext4 ./conf --to /etc/app --owner 0:0")]
pub struct Import {
    /// The image file.
    pub image: PathBuf,
    /// What to put into it: a tar, plain or compressed with gzip, zstd or xz (- for standard input); a
    /// directory; an OCI layout, or what `docker save` writes.
    pub source: PathBuf,
    /// The directory in the image that the source goes into. It is made if need be.
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub to: PathBuf,
    /// The partition that holds the file system, counted from 1.
    #[arg(short, long, value_name = "NUMBER", conflicts_with = "offset")]
    pub partition: Option<u32>,
    /// Byte in the file where the file system starts.
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub offset: Option<u64>,
    /// How it is done.
    #[command(flatten)]
    pub fill: Fill,
    /// What is told meanwhile.
    #[command(flatten)]
    pub report: Report,
}

/// How a source is read and applied.
#[derive(Args, Debug)]
pub struct Fill {
    /// Have the same input give the same bytes. SOURCE_DATE_EPOCH in the environment does it, too, and
    /// is then the time that everything happens at, and that no file is younger than.
    #[arg(long)]
    pub reproducible: bool,
    /// Have everything belong to this user and group.
    #[arg(long, value_name = "UID:GID", value_parser = parse_owner, conflicts_with = "map")]
    pub owner: Option<(u32, u32)>,
    /// Make users and groups FROM and on into TO and on, COUNT of them. Can be given several times;
    /// whoever is in no range is an error.
    #[arg(long, value_name = "FROM:TO:COUNT", value_parser = IdRange::parse)]
    pub map: Vec<IdRange>,
    /// Owners, modes and devices of single files: a save file of fakeroot, or a table with lines of
    /// NAME TYPE MODE UID GID MAJOR MINOR START INC COUNT, as genext2fs takes it.
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// Leave out what cannot be read in a directory, and name it, instead of giving up.
    #[arg(long)]
    pub skip_unreadable: bool,
    /// Which image to take from an OCI layout or archive for several: OS/ARCHITECTURE, like
    /// linux/arm64. By default this machine's.
    #[arg(long, value_name = "PLATFORM", value_parser = Platform::parse)]
    pub platform: Option<Platform>,
    /// Which image to take from an OCI layout or `docker save` archive of several, by its name.
    #[arg(long = "image", value_name = "NAME")]
    pub image_name: Option<String>,
    /// Threads to work with. By default as many as there are processors.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
}

/// What a command tells while it works.
#[derive(Args, Clone, Copy, Debug)]
pub struct Report {
    /// Print nothing but errors and warnings.
    #[arg(short, long, conflicts_with = "json")]
    pub quiet: bool,
    /// Print events as JSON, one a line, instead of text.
    #[arg(long)]
    pub json: bool,
}

impl Report {
    /// What is to be shown.
    pub fn style(self) -> Style {
        match self {
            Report { json: true, .. } => Style::Json,
            Report { quiet: true, .. } => Style::Quiet,
            _ => Style::People,
        }
    }
}
