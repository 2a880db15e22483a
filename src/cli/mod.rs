//! The command line: one struct a subcommand, one file each.

mod check;
mod create;
mod generate;
mod info;
mod mount;
mod mount_helper;
mod resize;
mod shrink;
mod trim;
mod umount;
mod values;

pub use check::Check;
pub use create::Create;
pub use generate::Generate;
pub use info::Info;
pub use mount::Mount;
pub use mount_helper::as_subcommand;
pub use resize::Resize;
pub use shrink::Shrink;
pub use trim::Trim;
pub use umount::Umount;
pub use values::{NewSize, parse_size, parse_uuid};

use clap::{Parser, Subcommand};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the operation failed; one line on standard error says why
  2  the command line makes no sense";

/// Make an ext4 image a writable directory, without root or loop devices.
///
/// `create` makes an image, `mount` shows it as a directory that any tool can fill, `umount` returns
/// when the image is complete and clean.
#[derive(Debug, Parser)]
#[command(name = "liveroot", version, propagate_version = true, after_help = EXIT_CODES,
    after_long_help = concat!("\
Examples:
  liveroot create rootfs.ext4 --size 2G
  liveroot mount rootfs.ext4 mnt
  tar -x -C mnt -f rootfs.tar --numeric-owner --xattrs
  liveroot umount mnt

In /etc/fstab:
  /srv/rootfs.ext4  /mnt  fuse.liveroot  noauto,user,allow_other  0  0

Exit codes:
  0  done
  1  the operation failed; one line on standard error says why
  2  the command line makes no sense"))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new ext4 image.
    ///
    /// The file is sparse: it takes space on the host only as the image fills. The file system has the
    /// features that mke2fs gives it on Debian 12. An existing file is left alone unless --force is
    /// given; when anything fails, nothing is left behind.
    Create(Create),
    /// Show an image as a directory.
    ///
    /// The command returns when the directory is there; a daemon in the background serves it until
    /// `liveroot umount`. Only one liveroot (or kernel loop device) may have an image writable at a time.
    ///
    /// As root the mount is open to all users, subject to the files' permissions; as an ordinary user it
    /// is yours alone unless --allow-other is given.
    Mount(Mount),
    /// Unmount, and return when the image is complete and clean.
    ///
    /// The exit code tells whether everything that was written is in the image. If processes still use
    /// the mount, they are listed and nothing happens.
    #[command(visible_alias = "unmount")]
    Umount(Umount),
    /// Tell what is in an image: label, size, use, features, state.
    ///
    /// Works on a mounted image too, and changes nothing.
    Info(Info),
    /// Look for damage in an image, without changing it.
    ///
    /// Reads the whole image: the superblock and its copies, group descriptors, inodes, maps of
    /// blocks, directories and their hash trees, extended attributes, link counts, bitmaps, free
    /// counts and every checksum. A journal that waits for its replay is replayed in memory. Then an
    /// independent reader reads all files a second time, and both must see the same. Usage recorded
    /// for quotas is not checked.
    Check(Check),
    /// Make an image, and the file system in it, larger or smaller.
    ///
    /// What is in the way of a smaller size moves. An interruption leaves a file system of the old size,
    /// the new one, or one in between, with everything in it. An image that is mounted grows under its
    /// users; so does, without being asked, one mounted with -o autogrow when it is full.
    Resize(Resize),
    /// Make an image as small as what it holds.
    ///
    /// As `resize IMAGE min`, with some headroom if wanted.
    Shrink(Shrink),
    /// Give an image's free space back to the host.
    ///
    /// Free space that the file has blocks for on the host becomes holes: the image stays as large as it
    /// is, and takes less space. On a block device the disk is told.
    Trim(Trim),
    /// Write the manual pages and shell completions.
    #[command(hide = true)]
    Generate(Generate),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
