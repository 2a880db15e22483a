//! The command line: one struct a subcommand.

use clap::{Args, Parser, Subcommand};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

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
    /// Write the manual pages and shell completions.
    #[command(hide = true)]
    Generate(Generate),
}

/// Arguments of `liveroot create`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot create rootfs.ext4 --size 2G
  liveroot create boot.ext4 --size 256M --no-journal --label boot
  liveroot create small.ext4 --size 8M --block-size 1024 --features ^64bit,^metadata_csum")]
pub struct Create {
    /// The image file to make (or, with --force, to make anew; a block device is used whole).
    pub image: PathBuf,
    /// Size of the image: a number of bytes, or with K, M, G or T (powers of 1024).
    #[arg(short, long, value_name = "SIZE", value_parser = parse_size)]
    pub size: Option<u64>,
    /// Size of a block in bytes: 1024, 2048 or 4096. By default 4096, or 1024 below 512 MiB.
    #[arg(short, long, value_name = "BYTES", value_parser = parse_size)]
    pub block_size: Option<u64>,
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
    /// Owner of the root directory. By default you, so that you can write there once it is mounted.
    #[arg(long, value_name = "UID:GID", value_parser = parse_owner)]
    pub root_owner: Option<(u32, u32)>,
    /// Replace a file that exists already.
    #[arg(short, long)]
    pub force: bool,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
}

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
  suid, dev, noexec, ...  as for mount(8); an ordinary user's mounts are always nosuid,nodev
  relatime                note when files are read, as mount(8) describes it (default: noatime)
  open=ask                be asked at every open: immutable and append-only files then refuse to be
                          opened for writing, not only to be changed
  threads=N, stats=FILE, foreground, fsname=NAME

Examples:
  liveroot mount rootfs.ext4 mnt
  liveroot mount disk.img mnt --partition 2
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
    /// The file system starts at this byte of the image (units K, M, G, T allowed).
    #[arg(long, value_name = "BYTES", value_parser = parse_size, conflicts_with = "partition")]
    pub offset: Option<u64>,
    /// The file system is in this partition (MBR or GPT) of the image, counted from 1.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<u32>,
    /// How many threads serve requests. By default one a processor, at least 2, at most 8.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
    /// At the end, write counts of requests and peak memory to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub stats: Option<PathBuf>,
}

/// Arguments of `liveroot umount`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot umount mnt
  liveroot umount rootfs.ext4")]
pub struct Umount {
    /// The mount point, or the image that is mounted there.
    pub target: PathBuf,
    /// Take the directory away at once, even if in use; the image is closed, and the command
    /// returns, when the last process lets go of it.
    #[arg(short, long)]
    pub lazy: bool,
}

/// Arguments of `liveroot info`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot info rootfs.ext4
  liveroot info disk.img --partition 1 --json")]
pub struct Info {
    /// The image file, or a block device.
    pub image: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// The file system starts at this byte of the image (units K, M, G, T allowed).
    #[arg(long, value_name = "BYTES", value_parser = parse_size, conflicts_with = "partition")]
    pub offset: Option<u64>,
    /// The file system is in this partition (MBR or GPT) of the image, counted from 1.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<u32>,
}

/// Arguments of `liveroot check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  liveroot check rootfs.ext4
  liveroot check disk.img --partition 1 --json

Exit codes:
  0  nothing is wrong
  1  problems were found; e2fsck mends them as the last line says
  2  the image could not be checked, or the command line makes no sense")]
pub struct Check {
    /// The image file, or a block device.
    pub image: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// The file system starts at this byte of the image (units K, M, G, T allowed).
    #[arg(long, value_name = "BYTES", value_parser = parse_size, conflicts_with = "partition")]
    pub offset: Option<u64>,
    /// The file system is in this partition (MBR or GPT) of the image, counted from 1.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<u32>,
    /// Check what is under a journal that waits for its replay.
    #[arg(long)]
    pub norecovery: bool,
    /// Leave out the second reader, which reads the contents of all files.
    #[arg(long)]
    pub quick: bool,
}

/// Arguments of `liveroot generate`.
#[derive(Args, Debug)]
pub struct Generate {
    /// Directory for the files.
    pub directory: PathBuf,
}

/// Turns the arguments of `liveroot IMAGE MOUNTPOINT …` into those of `liveroot mount IMAGE
/// MOUNTPOINT …`: `mount(8)` runs the program so for the type `fuse.liveroot`. Likewise
/// `mount.liveroot IMAGE MOUNTPOINT [-sfnv] …`, the form of helpers in /sbin.
pub fn as_subcommand(args: Vec<OsString>) -> Vec<OsString> {
    let called_as = args.first().map(Path::new).and_then(Path::file_name);
    if called_as.is_some_and(|name| name.as_encoded_bytes().starts_with(b"mount.")) {
        return from_mount_helper(args);
    }
    let looks_like_image = |arg: &OsStr| {
        let bytes = arg.as_encoded_bytes();
        !bytes.starts_with(b"-")
            && !known_subcommand(arg)
            && (bytes.contains(&b'/') || Path::new(arg).exists())
    };
    match args.get(1) {
        Some(first) if args.len() >= 3 && looks_like_image(first) => with_mount(args),
        _ => args,
    }
}

fn known_subcommand(arg: &OsStr) -> bool {
    use clap::CommandFactory;
    arg == "help"
        || arg
            .to_str()
            .is_some_and(|name| Cli::command().find_subcommand(name).is_some())
}

fn with_mount(mut args: Vec<OsString>) -> Vec<OsString> {
    args.insert(1, "mount".into());
    args
}

/// Drops the flags that mount(8) hands to every helper and that say nothing here: -s (sloppy), -n (no
/// mtab), -v (verbose), -t TYPE, -N NAMESPACE.
fn from_mount_helper(args: Vec<OsString>) -> Vec<OsString> {
    let mut kept = Vec::with_capacity(args.len() + 1);
    let mut args = args.into_iter();
    kept.extend(args.next());
    kept.push("mount".into());
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("-s" | "-n" | "-v") => {}
            Some("-t" | "-N") => drop(args.next()),
            _ => kept.push(arg),
        }
    }
    kept
}

/// A number of bytes: digits, then nothing or one of K, M, G, T (powers of 1024), then nothing, B or iB.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| "not a number with an optional unit (K, M, G, T)".to_owned())?;
    let shift = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return Err(format!("unknown unit '{unit}'; use K, M, G or T")),
    };
    number
        .checked_mul(1 << shift)
        .filter(|&bytes| i64::try_from(bytes).is_ok())
        .ok_or_else(|| "too large".to_owned())
}

fn parse_percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if (0.0..=50.0).contains(&percent) => Ok(percent),
        _ => Err("not a percentage between 0 and 50".to_owned()),
    }
}

fn parse_owner(text: &str) -> Result<(u32, u32), String> {
    let error = || "not two numbers of the form UID:GID".to_owned();
    let (uid, gid) = text.split_once(':').ok_or_else(error)?;
    let number = |text: &str| text.parse().map_err(|_| error());
    Ok((number(uid)?, number(gid)?))
}

/// 16 bytes from 32 hexadecimal digits, with hyphens in any place between bytes.
pub fn parse_uuid(text: &str) -> Result<[u8; 16], String> {
    let error = || "not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx".to_owned();
    let digits: Vec<u8> = text
        .chars()
        .filter(|&c| c != '-')
        .map(|c| {
            c.to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
                .ok_or_else(error)
        })
        .collect::<Result<_, _>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    if digits.len() != 32 {
        return Err(error());
    }
    bytes.try_into().map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn rewritten(args: &[&str]) -> Vec<String> {
        as_subcommand(args.iter().map(OsString::from).collect())
            .into_iter()
            .map(|arg| arg.into_string().unwrap())
            .collect()
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("2G"), Ok(2 << 30));
        assert_eq!(parse_size("3mib"), Ok(3 << 20));
        assert_eq!(parse_size("1T"), Ok(1 << 40));
        assert!(parse_size("G").is_err());
        assert!(parse_size("1X").is_err());
        assert!(parse_size("99999999T").is_err());
        assert!(parse_size("-1").is_err());
    }

    #[test]
    fn uuids_are_sixteen_bytes() {
        let uuid = parse_uuid("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        assert_eq!(uuid[..3], [0x00, 0x11, 0x22]);
        assert_eq!(uuid[15], 0xff);
        assert!(parse_uuid("0011").is_err());
        assert!(parse_uuid("zz112233-4455-6677-8899-aabbccddeeff").is_err());
    }

    #[test]
    fn mount_may_leave_the_subcommand_out() {
        assert_eq!(
            rewritten(&["liveroot", "/a/b.ext4", "/mnt", "-o", "rw"]),
            ["liveroot", "mount", "/a/b.ext4", "/mnt", "-o", "rw"]
        );
        let untouched = ["liveroot", "create", "x", "--size", "1M"];
        assert_eq!(rewritten(&untouched), untouched);
        let typo = ["liveroot", "moutn", "x", "y"];
        assert_eq!(rewritten(&typo), typo);
    }

    #[test]
    fn helpers_of_mount_get_flags_that_say_nothing() {
        assert_eq!(
            rewritten(&[
                "/sbin/mount.liveroot",
                "/a",
                "/mnt",
                "-n",
                "-t",
                "liveroot",
                "-o",
                "ro"
            ]),
            ["/sbin/mount.liveroot", "mount", "/a", "/mnt", "-o", "ro"]
        );
    }
}
