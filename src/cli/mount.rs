//! The arguments of `liveroot mount`.

use super::PlaceArgs;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Arguments of `liveroot mount`.
#[derive(Args, Debug)]
#[command(after_help = "\
Mount options:
  ro, rw                  read-only; writable (the default)
  allow_other             let other users in (as an ordinary user this needs user_allow_other in
                          /etc/fuse.conf); no_allow_other: root's mount is for root alone
  offset=N, partition=N   as --offset and --partition
  norecovery              with ro: leave the journal alone and show what lies under it
  durability=power        what completed survives a power cut of the host (the default)
  durability=process      what completed survives the death of liveroot, but not a power cut
  durability=none         fastest: an interrupted session may leave an image that needs e2fsck
  fsync=honour, ignore    whether programs' fsync waits for the disk (honour: the default)
  commit=SECONDS          the most work that an interruption can lose (5)
  autogrow, autogrow=MAX  make the image larger when it would be full, up to MAX bytes (units K, M,
                          G, T)
  discard                 give freed space back to the host: a sparse image stays sparse
  suid, dev, noexec, ...  as for mount(8); an ordinary user's mounts are always nosuid,nodev
  relatime                note when files are read, as mount(8) describes it (default: noatime)
  open=ask                be asked at every open: immutable and append-only files then refuse to be
                          opened for writing, not only to be changed
  map=MAP                 as --map; write \\, for a comma in it
  nosandbox               as --no-sandbox
  threads=N, stats=FILE, foreground, fsname=NAME

Who is who (--map):
  caller          you are the image's root (the default for ordinary users)
    shows         root's files as yours; others as what they are
    stores        what you make as root's; what you chown as what you say, and so chmod
    allows        everything that root may do to files in the image
    chown to      your own number is stored, unless it comes from the program that made the file
                  (cp -a, sed -i, an editor): that file stays root's, or becomes the user's of that
                  number in a directory of this user
    ACLs          name ids as they are in the image
  none            numbers are what they are (the default for root, and with --allow-other)
    shows, stores the same numbers on both sides
    allows        what the kernel allows: only root can chown
  IMAGE:HOST:COUNT,...  these ids and no others; u: or g: in front: for users or groups only
    shows         the host's ids, 65534 for an id without one; likewise in ACLs
    stores        the image's ids; nobody else can own anything (EINVAL)
    allows        everything, if the image's id 0 is you; else what the kernel allows those ids
                  With rootless Podman, for user 1000 with subordinate ids from 100000 on:
                  --map 0:1000:1,1:100000:65535
  With caller and --allow-other together, liveroot checks what the others may do, and the kernel
  asks it at every step of a path: slower than --map none, which lets a container's root in as well.
  Whatever the map, the kernel keeps some things for the host's root: making devices (mknod), file
  capabilities (setcap), trusted and security attributes, chattr +i and +a; and only the shown
  owner sets an ACL. liveroot run has a way.

Examples:
  liveroot mount rootfs.ext4 mnt
  liveroot mount disk.img mnt --partition 2
  liveroot mount rootfs.ext4 mnt --map none --allow-other
  liveroot mount rootfs.ext4 mnt --read-only --foreground
  mount -t fuse.liveroot rootfs.ext4 /mnt -o ro")]
pub struct Mount {
    /// The image file, or a block device.
    pub image: PathBuf,
    /// The directory to show it in.
    pub mountpoint: PathBuf,
    /// Mount options, separated by commas; see below.
    #[arg(short, long = "options", value_name = "OPTION,...")]
    pub options: Vec<OsString>,
    /// Stay in the foreground; Ctrl-C unmounts.
    #[arg(short, long)]
    pub foreground: bool,
    /// Change nothing in the image.
    #[arg(short, long)]
    pub read_only: bool,
    /// Let other users in, subject to the files' permissions.
    #[arg(long)]
    pub allow_other: bool,
    /// Who is who in the image: caller, none, or IMAGE:HOST:COUNT,...; see below.
    #[arg(long, value_name = "MAP")]
    pub map: Option<String>,
    /// Let the daemon keep its privileges, and its way to other files, when it serves.
    #[arg(long)]
    pub no_sandbox: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How many threads serve requests. By default one a processor, at least 2, at most 8.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
    /// At the end, write counts of requests and peak memory to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub stats: Option<PathBuf>,
}
