//! The arguments of `liveroot run`.

use super::PlaceArgs;
use super::values::parse_size;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Arguments of `liveroot run`.
#[derive(Args, Debug)]
#[command(after_help = "\
What the command finds:
  It is root (id 0) in a namespace of its own. An ordinary user's subordinate ids (/etc/subuid,
  /etc/subgid) are the ids from 1 on; whoever has none has id 0 alone. In the image all ids are as
  the command sees them. mknod of devices and trusted.* attributes work in the image.
  $LIVEROOT is the directory of the image. With --root that is /, with /proc, /sys and a small /dev,
  and the environment is emptied but for TERM and proxies; PATH and HOME are root's.
  When the command ends, whatever it left running is killed, and the image is closed.

Mount options (-o): as for liveroot mount; those that matter here:
  fsync=ignore            with --direct: programs' fsync does not wait for the disk, only the end of
                          run does; otherwise it never waits
  durability=power, process, none;  commit=SECONDS;  relatime;  threads=N;  stats=FILE
  nosuid, nodev, noexec

What becomes of the changes:
  The command works on an overlay over the image, or, if that has nothing in it, in its place. If it
  fails, the image stays as it was, byte for byte. If it ends with 0, its changes are one
  transaction of the image's journal, or several if it is too small. An image with --autogrow that
  is too small for them is enlarged first.
  As in any container, renaming a directory of the image fails with EXDEV meanwhile (mv copies). For
  ordinary users new devices look like empty files until the end, and chattr +i fails with EPERM.
  With --direct the command works on the image itself: nothing of this applies, and what a failed
  command did stays. So it does, with a warning, where the kernel has no overlays for this user
  (before Linux 5.11), and for images with casefold, encrypt or verity; --stage fails there.

Exit codes:
  that of the command; 128+N if signal N ended it
  125  liveroot failed, or the image is not complete; one line on standard error says why
  126  the command cannot be executed
  127  there is no such command

Examples:
  liveroot run rootfs.ext4 -- sh -c 'tar -x -C \"$LIVEROOT\" -f rootfs.tar --numeric-owner'
  liveroot run rootfs.ext4 --at /mnt -- ./setup.sh /mnt
  liveroot run rootfs.ext4 --root --resolv-conf -- apt-get install -y openssh-server
  liveroot run rootfs.ext4 --autogrow=8G -- sh -c 'tar -x -C \"$LIVEROOT\" -f large.tar'
  liveroot run rootfs.ext4 --keep-failed --root -- ./setup.sh
  liveroot run rootfs.ext4 --root --bind .:/src:ro --workdir /src -- make install")]
pub struct Run {
    /// The image file, or a block device.
    pub image: PathBuf,
    /// Run the command inside the image: its root directory is the image's.
    #[arg(long)]
    pub root: bool,
    /// With --root: let the command see the host's /etc/resolv.conf.
    #[arg(long, requires = "root")]
    pub resolv_conf: bool,
    /// Show the image at this directory, for the command alone, instead of at a temporary one.
    #[arg(long, value_name = "DIR", conflicts_with = "root")]
    pub at: Option<PathBuf>,
    /// Let the command see the file or directory SRC at DST, read-only with :ro.
    ///
    /// With --root, DST is a path in the image; where nothing is there, something is made for the
    /// time of the command. A backslash keeps a colon in a path.
    #[arg(long, value_name = "SRC:DST[:ro]")]
    pub bind: Vec<OsString>,
    /// Set an environment variable, or hand over the caller's.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub env: Vec<OsString>,
    /// Start in this directory. By default the current one, with --root the image's /.
    #[arg(long, value_name = "DIR")]
    pub workdir: Option<PathBuf>,
    /// Mount options, separated by commas; see below.
    #[arg(short, long = "options", value_name = "OPTION,...")]
    pub options: Vec<OsString>,
    /// Change nothing in the image.
    #[arg(short, long)]
    pub read_only: bool,
    /// Make the image larger when it would be full, up to MAX bytes (units K, M, G, T allowed).
    #[arg(long, value_name = "MAX", num_args = 0..=1, require_equals = true, value_parser = parse_size)]
    pub autogrow: Option<Option<u64>>,
    /// Let the command change the image itself, as it goes along, and leave there what a failed one did.
    #[arg(long)]
    pub direct: bool,
    /// Fail where changes cannot be kept apart until the command has succeeded, instead of working on the
    /// image itself.
    #[arg(long, conflicts_with = "direct")]
    pub stage: bool,
    /// Keep the changes in this directory, instead of in memory or $TMPDIR.
    #[arg(long, value_name = "DIR", conflicts_with = "direct")]
    pub scratch: Option<PathBuf>,
    /// As much memory as changes may take; with --scratch, what must be free there (units K, M, G, T
    /// allowed). By default the size of the image, or what it may grow to, but no more than half of the
    /// memory.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, conflicts_with = "direct")]
    pub scratch_size: Option<u64>,
    /// If the command fails, start a shell that sees what it left.
    #[arg(long, conflicts_with = "direct")]
    pub keep_failed: bool,
    /// Where the file system is.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Let the process that reads the image keep its privileges; see liveroot mount.
    #[arg(long)]
    pub no_sandbox: bool,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
