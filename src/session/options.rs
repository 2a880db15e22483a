//! What a mount is to be like, from the flags and `-o` options of the command line.

use crate::cli::{self, PlaceArgs};
use crate::failure::{Failure, Result};
use crate::fuse::ids::Wanted;
use lwext4::{Durability, FsyncMode, OpenOptions};
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where in its file the file system is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The file is the file system.
    #[default]
    Whole,
    /// From this byte to the end.
    Offset(u64),
    /// In this partition, counted from 1.
    Partition(u32),
}

impl Place {
    /// By what options of a command say, of which there is one at most.
    pub fn of(offset: Option<u64>, partition: Option<u32>) -> Place {
        match (offset, partition) {
            (Some(offset), _) => Place::Offset(offset),
            (None, Some(number)) => Place::Partition(number),
            (None, None) => Place::Whole,
        }
    }
}

impl From<&PlaceArgs> for Place {
    fn from(args: &PlaceArgs) -> Place {
        Place::of(args.offset, args.partition)
    }
}

/// Flags of the mount itself, which the kernel applies.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct MountFlags {
    /// Nothing may be changed.
    pub read_only: bool,
    /// Whether setuid and setgid bits and file capabilities take effect; `None`: on root's mounts.
    pub suid: Option<bool>,
    /// Whether device files open devices; `None`: on root's mounts.
    pub dev: Option<bool>,
    /// Programs may not be executed.
    pub noexec: bool,
    /// Writes wait for the disk.
    pub sync: bool,
    /// Changes of directories wait for the disk.
    pub dirsync: bool,
    /// Access times are kept, as relatime does it.
    pub access_times: bool,
}

/// How an image is to be mounted.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The image.
    pub image: PathBuf,
    /// The directory to show it in.
    pub mountpoint: PathBuf,
    /// Where in the image.
    pub place: Place,
    /// Flags of the mount.
    pub flags: MountFlags,
    /// Whether other users get in; `None`: root's mounts let them, those of others do not.
    pub allow_other: Option<bool>,
    /// Who is who; `None`: root's mounts show ids as they are, and so do mounts that let others in;
    /// else who mounts is the image's root.
    pub map: Option<Wanted>,
    /// Whether the daemon gives up what it does not need, once it serves.
    pub sandbox: bool,
    /// No daemon in the background.
    pub foreground: bool,
    /// Threads that serve requests.
    pub threads: usize,
    /// Where to write counts at the end.
    pub stats: Option<PathBuf>,
    /// What the mount table shows as the source, instead of the image's path.
    pub source: Option<OsString>,
    /// Whether every open is a request: see [`Policy::asks_open`](crate::fuse::Policy::asks_open).
    pub asks_open: bool,
    /// How `trusted.` attributes are shown: see
    /// [`Policy::trusted_stand_in`](crate::fuse::Policy::trusted_stand_in).
    pub trusted_stand_in: bool,
    /// Whether files with several names are marked: see
    /// [`Policy::marks_files`](crate::fuse::Policy::marks_files).
    pub marks_files: bool,
    /// What the engine is told.
    pub engine: OpenOptions,
}

/// What the command lines of `mount` and `run` share.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a> {
    /// The image.
    pub image: &'a Path,
    /// Lists of options, from `-o`.
    pub options: &'a [OsString],
    /// `--read-only`
    pub read_only: bool,
    /// `--offset` and `--partition`
    pub place: PlaceArgs,
}

impl Settings {
    /// Whether other users get in, when `by_root` says who mounts.
    pub fn lets_others_in(&self, by_root: bool) -> bool {
        self.allow_other.unwrap_or(by_root)
    }

    /// Reads the command line of `mount`.
    ///
    /// # Errors
    /// An option that is unknown, lacks or has a wrong value, or contradicts another.
    pub fn from_cli(args: &cli::Mount) -> Result<Settings> {
        let mut settings = Settings::of(&Shared {
            image: &args.image,
            options: &args.options,
            read_only: args.read_only,
            place: args.place,
        })?;
        settings.mountpoint.clone_from(&args.mountpoint);
        settings.foreground |= args.foreground;
        if args.allow_other {
            settings.allow_other = Some(true);
        }
        settings.sandbox &= !args.no_sandbox;
        if let Some(map) = &args.map {
            settings.map = Some(Wanted::parse(map)?);
        }
        if let Some(threads) = args.threads {
            settings.threads = threads.into();
        }
        if args.stats.is_some() {
            settings.stats.clone_from(&args.stats);
        }
        Ok(settings)
    }

    /// Reads what the command lines of several subcommands share. The mount point is left open.
    ///
    /// # Errors
    /// As [`Settings::from_cli`].
    pub fn of(args: &Shared<'_>) -> Result<Settings> {
        let mut settings = Settings {
            image: args.image.to_owned(),
            mountpoint: PathBuf::new(),
            place: Place::Whole,
            flags: MountFlags::default(),
            allow_other: None,
            map: None,
            sandbox: true,
            foreground: false,
            threads: default_threads(),
            stats: None,
            source: None,
            asks_open: false,
            trusted_stand_in: false,
            marks_files: false,
            engine: OpenOptions::default(),
        };
        let mut places = 0;
        for list in args.options {
            for option in split(list.as_bytes(), b',') {
                settings.apply(&option, &mut places)?;
            }
        }
        settings.flags.read_only |= args.read_only;
        if let Some(offset) = args.place.offset {
            settings.place = Place::Offset(offset);
            places += 1;
        }
        if let Some(number) = args.place.partition {
            settings.place = Place::Partition(number);
            places += 1;
        }
        if places > 1 {
            return Err(Failure::usage("the file system's place is given twice")
                .remedy("give one of offset and partition"));
        }
        settings.engine.read_only = settings.flags.read_only;
        if settings.engine.norecovery && !settings.flags.read_only {
            return Err(Failure::usage("norecovery needs a read-only mount")
                .remedy("add --read-only, or leave norecovery out"));
        }
        Ok(settings)
    }

    fn apply(&mut self, option: &[u8], places: &mut u32) -> Result<()> {
        let mut parts = option.splitn(2, |&b| b == b'=');
        let name = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
        let value = parts.next();
        let text = value.map(String::from_utf8_lossy);
        match (name.as_str(), text.as_deref()) {
            ("ro", None) => self.flags.read_only = true,
            ("rw", None) => self.flags.read_only = false,
            ("suid", None) => self.flags.suid = Some(true),
            ("nosuid", None) => self.flags.suid = Some(false),
            ("dev", None) => self.flags.dev = Some(true),
            ("nodev", None) => self.flags.dev = Some(false),
            ("exec", None) => self.flags.noexec = false,
            ("noexec", None) => self.flags.noexec = true,
            ("sync", None) => self.flags.sync = true,
            ("async", None) => self.flags.sync = false,
            ("relatime" | "atime", None) => self.flags.access_times = true,
            ("noatime", None) => self.flags.access_times = false,
            ("open", Some("ask")) => self.asks_open = true,
            ("open", Some("free")) => self.asks_open = false,
            ("open", Some(_)) => return Err(bad(option, "ask or free")),
            ("discard", None) => self.engine.discard = true,
            ("autogrow", None) => self.engine.autogrow = Some(u64::MAX),
            ("autogrow", Some(text)) => {
                let most = cli::parse_size(text).map_err(|e| bad(option, e))?;
                self.engine.autogrow = Some(most);
            }
            ("nodiscard", None) => self.engine.discard = false,
            ("dirsync", None) => self.flags.dirsync = true,
            ("allow_other", None) => self.allow_other = Some(true),
            ("no_allow_other", None) => self.allow_other = Some(false),
            ("sandbox", None) => self.sandbox = true,
            ("nosandbox", None) => self.sandbox = false,
            ("map", Some(text)) => self.map = Some(Wanted::parse(text)?),
            ("foreground", None) => self.foreground = true,
            ("norecovery" | "noload", None) => self.engine.norecovery = true,
            ("offset", Some(text)) => {
                self.place = Place::Offset(cli::parse_size(text).map_err(|e| bad(option, e))?);
                *places += 1;
            }
            ("partition", Some(text)) => {
                self.place = Place::Partition(number(option, text)?);
                *places += 1;
            }
            ("threads", Some(text)) => match number(option, text)? {
                n @ 1..=64 => self.threads = n as usize,
                _ => return Err(bad(option, "between 1 and 64")),
            },
            ("commit", Some(text)) => match number(option, text)? {
                n @ 1..=300 => self.engine.commit_interval = Duration::from_secs(n.into()),
                _ => return Err(bad(option, "between 1 and 300 seconds")),
            },
            ("durability", Some("power")) => self.engine.durability = Durability::Power,
            ("durability", Some("process")) => self.engine.durability = Durability::Process,
            ("durability", Some("none")) => self.engine.durability = Durability::None,
            ("durability", Some(_)) => return Err(bad(option, "power, process or none")),
            ("fsync", Some("honour" | "honor")) => self.engine.fsync = FsyncMode::Honour,
            ("fsync", Some("ignore")) => self.engine.fsync = FsyncMode::Ignore,
            ("fsync", Some(_)) => return Err(bad(option, "honour or ignore")),
            ("stats", Some(_)) => {
                self.stats = value.map(|path| PathBuf::from(OsStr::from_bytes(path)));
            }
            ("fsname", Some(_)) => {
                self.source = value.map(|name| OsStr::from_bytes(name).to_owned());
            }
            _ if says_nothing(&name) => {}
            _ => {
                let option = String::from_utf8_lossy(option);
                return Err(Failure::usage(format!("unknown mount option '{option}'"))
                    .remedy("see: liveroot mount --help"));
            }
        }
        Ok(())
    }
}

/// Options that fstab or mount(8) hand to every file system and that change nothing here: the kernel
/// always checks permissions, and a file needs no loop device.
fn says_nothing(name: &str) -> bool {
    name.is_empty()
        || name.starts_with("x-")
        || name.starts_with("X-")
        || matches!(
            name,
            "defaults"
                | "auto"
                | "noauto"
                | "nofail"
                | "fail"
                | "user"
                | "nouser"
                | "users"
                | "owner"
                | "noowner"
                | "group"
                | "nogroup"
                | "_netdev"
                | "comment"
                | "silent"
                | "loud"
                | "norelatime"
                | "nodiratime"
                | "diratime"
                | "lazytime"
                | "nolazytime"
                | "iversion"
                | "noiversion"
                | "mand"
                | "nomand"
                | "default_permissions"
                | "acl"
                | "user_xattr"
                | "subtype"
                | "loop"
                | "background"
                | "uhelper"
                | "helper"
        )
}

fn bad(option: &[u8], wanted: impl std::fmt::Display) -> Failure {
    let option = String::from_utf8_lossy(option);
    Failure::usage(format!("bad mount option '{option}': {wanted}"))
}

fn number(option: &[u8], text: &str) -> Result<u32> {
    text.parse().map_err(|_| bad(option, "not a number"))
}

/// The parts of a list with a separator between them; a backslash keeps the character after it.
pub fn split(list: &[u8], separator: u8) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = list.iter();
    while let Some(&byte) = bytes.next() {
        let kept = match byte {
            _ if byte == separator => {
                parts.push(Vec::new());
                continue;
            }
            b'\\' => bytes.next().copied().unwrap_or(byte),
            _ => byte,
        };
        if let Some(part) = parts.last_mut() {
            part.push(kept);
        }
    }
    parts
}

fn default_threads() -> usize {
    std::thread::available_parallelism()
        .map_or(2, |n| n.get())
        .clamp(2, 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn parse(args: &[&str]) -> Result<Settings> {
        let line = ["liveroot", "mount", "image", "mnt"];
        let cli = cli::Cli::parse_from(line.iter().chain(args));
        match cli.command {
            cli::Command::Mount(args) => Settings::from_cli(&args),
            _ => unreachable!(),
        }
    }

    #[test]
    fn nothing_said_means_writable_and_safe() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.flags, MountFlags::default());
        assert_eq!(settings.place, Place::Whole);
        assert!(settings.threads >= 2);
        assert!(settings.lets_others_in(true) && !settings.lets_others_in(false));
    }

    #[test]
    fn a_line_of_fstab_is_understood() {
        let settings = parse(&[
            "-o",
            "rw,noauto,user,noexec,nosuid,nodev,x-systemd.automount,_netdev,comment=hello",
        ])
        .unwrap();
        assert!(
            settings.flags.noexec
                && settings.flags.suid == Some(false)
                && !settings.flags.read_only
        );
    }

    #[test]
    fn the_engine_hears_its_options() {
        let settings =
            parse(&["-o", "ro,norecovery,durability=process", "-o", "commit=30"]).unwrap();
        assert!(settings.engine.read_only && settings.engine.norecovery);
        assert_eq!(settings.engine.durability, Durability::Process);
        assert_eq!(settings.engine.commit_interval, Duration::from_secs(30));
        let grows = |text| parse(&["-o", text]).unwrap().engine.autogrow;
        assert_eq!(grows("autogrow"), Some(u64::MAX));
        assert_eq!(grows("autogrow=2G"), Some(2 << 30));
        assert!(parse(&["-o", "autogrow=much"]).is_err());
        assert!(parse(&["-o", "discard"]).unwrap().engine.discard);
        assert_eq!(
            parse(&["-o", "fsync=ignore"]).unwrap().engine.fsync,
            FsyncMode::Ignore
        );
    }

    #[test]
    fn setuid_and_devices_are_the_mounters_choice() {
        assert_eq!(parse(&[]).unwrap().flags.suid, None);
        let flags = parse(&["-o", "nosuid,dev"]).unwrap().flags;
        assert_eq!((flags.suid, flags.dev), (Some(false), Some(true)));
    }

    #[test]
    fn access_times_are_kept_on_demand() {
        assert!(!parse(&[]).unwrap().flags.access_times);
        assert!(parse(&["-o", "relatime"]).unwrap().flags.access_times);
        assert!(
            !parse(&["-o", "relatime,noatime"])
                .unwrap()
                .flags
                .access_times
        );
    }

    #[test]
    fn opens_are_asked_on_demand() {
        assert!(parse(&["-o", "open=ask"]).unwrap().asks_open);
        assert!(!parse(&["-o", "open=ask,open=free"]).unwrap().asks_open);
        assert!(parse(&["-o", "open=maybe"]).is_err());
    }

    #[test]
    fn places_are_given_once() {
        let at = |args: &[&str]| parse(args).map(|s| s.place);
        assert_eq!(at(&["--offset", "1M"]), Ok(Place::Offset(1 << 20)));
        assert_eq!(at(&["-o", "partition=2"]), Ok(Place::Partition(2)));
        assert!(at(&["-o", "partition=2,offset=5"]).is_err());
        assert!(at(&["-o", "partition=2", "--offset", "5"]).is_err());
    }

    #[test]
    fn the_sandbox_can_be_left() {
        assert!(parse(&[]).unwrap().sandbox);
        assert!(!parse(&["--no-sandbox"]).unwrap().sandbox);
        assert!(!parse(&["-o", "nosandbox"]).unwrap().sandbox);
    }

    #[test]
    fn a_map_may_come_either_way() {
        let map = |args: &[&str]| parse(args).unwrap().map;
        assert_eq!(map(&[]), None);
        assert_eq!(map(&["-o", "map=none"]), Some(Wanted::None));
        assert_eq!(
            map(&["--map", "caller", "-o", "map=none"]),
            Some(Wanted::Caller)
        );
        let escaped = map(&["-o", r"map=0:1000:1\,1:100000:65535,ro"]);
        assert_eq!(escaped, map(&["--map", "0:1000:1,1:100000:65535"]));
        assert!(parse(&["--map", "0:1000"]).is_err());
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let error = parse(&["-o", "rw,quux=1"]).unwrap_err();
        assert!(error.to_string().contains("'quux=1'"), "{error}");
        assert_eq!(error.exit_code(), crate::failure::EXIT_USAGE);
        assert!(parse(&["-o", "durability=maybe"]).is_err());
        assert!(parse(&["-o", "norecovery"]).is_err());
    }

    #[test]
    fn commas_can_be_escaped() {
        assert_eq!(
            split(br"a,fsname=b\,c\\d", b','),
            [b"a".to_vec(), br"fsname=b,c\d".to_vec()]
        );
    }
}
