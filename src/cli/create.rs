//! The arguments of `liveroot create`.

use super::import::{Fill, Report};
use super::values::{
    Size, parse_headroom, parse_owner, parse_percent, parse_size, parse_size_or_auto, parse_uuid,
};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `liveroot create`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot create rootfs.ext4 --size 2G
  liveroot create rootfs.ext4 --from rootfs.tar.zst
  liveroot create boot.ext4 --size 256M --no-journal --label boot
  liveroot create small.ext4 --size 8M --block-size 1024 --features ^64bit,^metadata_csum")]
pub struct Create {
    /// The image file to make (or, with --force, to make anew; a block device is used whole).
    pub image: PathBuf,
    /// Size of the image: a number of bytes, or with K, M, G or T (powers of 1024). `auto`: what the
    /// source of --from takes, and some headroom; that is the default with --from.
    #[arg(short, long, value_name = "SIZE", value_parser = parse_size_or_auto)]
    pub size: Option<Size>,
    /// Free space of an image of size auto, in percent of what it holds; free inodes likewise.
    #[arg(long, value_name = "PERCENT", default_value = "10%", value_parser = parse_headroom)]
    pub headroom: f64,
    /// Size of a block in bytes: a power of two from 1024 to 65536. By default 4096, or 1024 below 512 MiB. Linux mounts
    /// images with blocks up to its own page size: 4096 on most machines.
    #[arg(short, long, value_name = "BYTES", value_parser = parse_size)]
    pub block_size: Option<u64>,
    /// Size of a cluster, the unit of allocation: a power of two above the block size, up to 512M. Needs --features bigalloc.
    /// By default 16 blocks.
    #[arg(short = 'C', long, value_name = "BYTES", value_parser = parse_size)]
    pub cluster_size: Option<u64>,
    /// Size of an inode in bytes: 128 or more, a power of two. 128 leaves no room for nanoseconds.
    #[arg(short = 'I', long, value_name = "BYTES", value_parser = parse_size)]
    pub inode_size: Option<u64>,
    /// How many files the image can hold.
    #[arg(
        short = 'N',
        long,
        value_name = "COUNT",
        conflicts_with = "bytes_per_inode"
    )]
    pub inodes: Option<u64>,
    /// One inode for so many bytes of the image. By default 16384, or 4096 below 512 MiB.
    #[arg(short = 'i', long, value_name = "BYTES", value_parser = parse_size)]
    pub bytes_per_inode: Option<u64>,
    /// Label of the file system, at most 16 bytes.
    #[arg(short = 'L', long)]
    pub label: Option<String>,
    /// UUID of the file system. By default a random one.
    #[arg(short = 'U', long, value_parser = parse_uuid)]
    pub uuid: Option<[u8; 16]>,
    /// Share of the blocks that only root may fill, in percent. By default 5.
    #[arg(short = 'm', long, value_name = "PERCENT", value_parser = parse_percent)]
    pub reserved: Option<f64>,
    /// Leave the journal out: smaller and faster, but an interrupted write can damage the image.
    #[arg(long, conflicts_with = "journal_size")]
    pub no_journal: bool,
    /// Size of the journal. By default a share of the image's size.
    #[arg(short = 'J', long, value_name = "SIZE", value_parser = parse_size)]
    pub journal_size: Option<u64>,
    /// Features to add, or with ^ to leave out, by mke2fs's names and separated by commas.
    #[arg(
        short = 'O',
        long,
        value_name = "FEATURE,^FEATURE",
        value_delimiter = ','
    )]
    pub features: Vec<String>,
    /// Owner of the root directory. By default 0:0: root, whom an ordinary user's mount takes the user for.
    #[arg(long, value_name = "UID:GID", value_parser = parse_owner)]
    pub root_owner: Option<(u32, u32)>,
    /// Replace a file that exists already.
    #[arg(short, long)]
    pub force: bool,
    /// Fill the image: with a tar, plain or compressed with gzip, zstd or xz (- for standard input); a
    /// directory; an OCI layout, or what `docker save` writes. The root directory is root's then, unless the source says otherwise.
    #[arg(long, value_name = "SOURCE")]
    pub from: Option<PathBuf>,
    /// Return when the image is safe from a power cut. An image that is filled is otherwise left to
    /// the host to write out, as cp does.
    #[arg(long, requires = "from")]
    pub sync: bool,
    /// How the image is filled.
    #[command(flatten)]
    pub fill: Fill,
    /// What is told meanwhile.
    #[command(flatten)]
    pub report: Report,
}
