//! The command line: one struct a subcommand, one file each.

mod cat;
mod check;
mod chmod;
mod chown;
mod cp;
mod create;
mod diff;
mod doctor;
mod du;
mod edit;
mod export;
mod find;
mod generate;
mod import;
mod info;
mod ln;
mod ls;
mod map;
mod mkdir;
mod mount;
mod mount_helper;
mod mv;
mod place;
mod resize;
mod rm;
mod run;
mod shrink;
mod stat;
mod target;
mod tree;
mod trim;
mod umount;
mod values;

pub use cat::Cat;
pub use check::Check;
pub use chmod::Chmod;
pub use chown::Chown;
pub use cp::{Cp, Kept};
pub use create::Create;
pub use diff::Diff;
pub use doctor::Doctor;
pub use du::Du;
pub use edit::Edit;
pub use export::Export;
pub use find::Find;
pub use generate::Generate;
pub use import::{Fill, Import, Report};
pub use info::Info;
pub use ln::Ln;
pub use ls::Ls;
pub use map::Map;
pub use mkdir::Mkdir;
pub use mount::Mount;
pub use mount_helper::as_subcommand;
pub use mv::Mv;
pub use place::PlaceArgs;
pub use resize::Resize;
pub use rm::Rm;
pub use run::Run;
pub use shrink::Shrink;
pub use stat::Stat;
pub use target::TargetArgs;
pub use tree::Tree;
pub use trim::Trim;
pub use umount::Umount;
pub use values::{NewSize, Size, parse_size, parse_uuid};

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
    /// As root the mount is open to all users, subject to the files' permissions. As an ordinary user it
    /// is yours alone, and you are the image's root: its files look like yours, what you make is root's,
    /// and chown and chmod to anything are stored. --allow-other and --map change that.
    Mount(Mount),
    /// Unmount, and return when the image is complete and clean.
    ///
    /// The exit code tells whether everything that was written is in the image. If processes still use
    /// the mount after a second, in which it is tried again, they are listed and nothing happens.
    #[command(visible_alias = "unmount")]
    Umount(Umount),
    /// Run a command that sees an image, without a mount that anybody else sees.
    ///
    /// Mounts the image in a user and mount namespace of its own, runs the command there as root, waits
    /// until it and everything that it started has ended, and closes the image. Needs no privilege and
    /// no fusermount3. Ctrl-C and signals go to the command; however it ends, the image is clean.
    Run(Run),
    /// Put a whole tree into an image, without mounting it.
    ///
    /// Everything that a tar can carry is kept: owners, hard links, holes, devices, times in
    /// nanoseconds, extended attributes, ACLs and capabilities. What is in the image already gives
    /// way as it does when root's tar extracts over a tree: files are replaced, directories merged.
    /// Names that would lead out of the image are cut, and symbolic links are followed inside it.
    ///
    /// The image must not be mounted. When an import fails, what came before the entry at fault is in
    /// the image, which is whole and clean.
    Import(Import),
    /// Write what is in an image as a tar, without mounting it.
    ///
    /// The tar is in POSIX's pax format, in the order of names, and keeps everything: hard links,
    /// holes, devices, times in nanoseconds, extended attributes, ACLs. Only sockets are left out,
    /// which no tar can hold. `liveroot import` makes an equal tree of it.
    Export(Export),
    /// Tell what is in an image: label, size, use, features, state.
    ///
    /// Works on a mounted image too, and changes nothing.
    Info(Info),
    /// Look for damage in an image, without changing it.
    ///
    /// Reads the whole image: the superblock and its copies, group descriptors, inodes, maps of
    /// blocks, directories and their hash trees, extended attributes, link counts, bitmaps, free
    /// counts and every checksum. A journal that waits for its replay is replayed in memory. Then an
    /// independent reader reads all files a second time, and both must see the same. With quota,
    /// the usage that is recorded must be what was found.
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
    /// List what is in an image's directory.
    ///
    /// The image need not be mounted. As ls(1); users and groups have the names that the image gives them.
    Ls(Ls),
    /// Print files of an image.
    Cat(Cat),
    /// Tell everything about files of an image, as stat(1).
    Stat(Stat),
    /// Count the space that directories of an image take, as du(1).
    Du(Du),
    /// Draw an image's directories as a tree.
    Tree(Tree),
    /// Find files of an image, as find(1).
    Find(Find),
    /// Copy files into an image, out of it, or between images.
    ///
    /// As cp(1), with IMAGE:/path for files in an image, which need not be mounted.
    Cp(Cp),
    /// Move and rename files in an image, in one transaction.
    Mv(Mv),
    /// Delete files of an image, in one transaction.
    Rm(Rm),
    /// Make directories in an image, in one transaction.
    Mkdir(Mkdir),
    /// Make links in an image, in one transaction.
    Ln(Ln),
    /// Change modes of files in an image, in one transaction.
    Chmod(Chmod),
    /// Change owners of files in an image, in one transaction.
    Chown(Chown),
    /// Edit a file of an image with your editor, in one transaction.
    Edit(Edit),
    /// Tell how two images, or directories of them, differ.
    ///
    /// What was added, removed and changed, with a unified diff of text. One side may be a directory of the
    /// host.
    Diff(Diff),
    /// Draw where things are in an image: groups, metadata, files by size, fragmentation, free space.
    Map(Map),
    /// Tell which ways of working this machine allows, and what would allow more.
    ///
    /// Looks at /dev/fuse, fusermount3, /etc/fuse.conf, subordinate ids, user namespaces and the
    /// settings that forbid them, seccomp, Landlock, overlayfs, Docker and Podman, and tries out what
    /// can only be tried. For each way of working it says yes, or no and the one command that makes
    /// it yes. Nothing is changed.
    Doctor(Doctor),
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
