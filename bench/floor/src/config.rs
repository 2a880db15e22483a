//! The command line, and which parts of the protocol to use.

use std::ffi::OsString;
use std::path::PathBuf;

use fuser::{InitFlags, KernelConfig};

/// Printed on `--help` and on a wrong command line.
pub const USAGE: &str = "\
usage: fuse-floor MOUNTPOINT [--stats FILE] [--foreground] [--threads N] [--without FEATURE]...

Mounts an empty filesystem that lives in memory, to measure what FUSE itself costs. Unmount it with umount(8).

  --stats FILE       after unmounting, write the number of requests per kind there, as JSON
  --foreground       stay in the foreground; prints `mounted` when it is
  --threads N        threads that serve requests (default 2)
  --without FEATURE  do without: writeback, killpriv-v2, zero-message-open, readdirplus, negative-entries,
                     cached-symlinks, parallel-dirops, posix-acl, big-writes, clone-fd";

/// The parsed command line.
#[derive(Debug)]
pub struct Args {
    /// Where to mount.
    pub mountpoint: PathBuf,
    /// Where to write the statistics.
    pub stats: Option<PathBuf>,
    /// Do not go to the background.
    pub foreground: bool,
    /// Number of serving threads.
    pub threads: usize,
    /// What of FUSE to use.
    pub protocol: Protocol,
}

/// Optional parts of the FUSE protocol. All on is what liveroot uses.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Protocol {
    pub writeback: bool,
    pub killpriv_v2: bool,
    pub zero_message_open: bool,
    pub readdirplus: bool,
    pub negative_entries: bool,
    pub cached_symlinks: bool,
    pub parallel_dirops: bool,
    pub posix_acl: bool,
    pub big_writes: bool,
    pub clone_fd: bool,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            writeback: true,
            killpriv_v2: true,
            zero_message_open: true,
            readdirplus: true,
            negative_entries: true,
            cached_symlinks: true,
            parallel_dirops: true,
            posix_acl: true,
            big_writes: true,
            clone_fd: true,
        }
    }
}

/// The longest request: what `fs.fuse.max_pages_limit` allows by default.
const MAX_REQUEST: u32 = 1 << 20;

/// Requests that may be under way without a waiting process: readahead and writeback.
const MAX_BACKGROUND: u16 = 64;

impl Protocol {
    fn turn_off(&mut self, feature: &str) -> Result<(), String> {
        let field = match feature {
            "writeback" => &mut self.writeback,
            "killpriv-v2" => &mut self.killpriv_v2,
            "zero-message-open" => &mut self.zero_message_open,
            "readdirplus" => &mut self.readdirplus,
            "negative-entries" => &mut self.negative_entries,
            "cached-symlinks" => &mut self.cached_symlinks,
            "parallel-dirops" => &mut self.parallel_dirops,
            "posix-acl" => &mut self.posix_acl,
            "big-writes" => &mut self.big_writes,
            "clone-fd" => &mut self.clone_fd,
            _ => return Err(format!("unknown feature: {feature}")),
        };
        *field = false;
        Ok(())
    }

    /// Asks the kernel for what is on. What an old kernel does not have is left out.
    pub fn apply(&self, config: &mut KernelConfig) {
        let wanted = [
            (self.writeback, InitFlags::FUSE_WRITEBACK_CACHE),
            (self.killpriv_v2, InitFlags::FUSE_HANDLE_KILLPRIV_V2),
            (
                self.zero_message_open,
                InitFlags::FUSE_NO_OPEN_SUPPORT | InitFlags::FUSE_NO_OPENDIR_SUPPORT,
            ),
            (self.readdirplus, InitFlags::FUSE_DO_READDIRPLUS),
            (self.cached_symlinks, InitFlags::FUSE_CACHE_SYMLINKS),
            (self.parallel_dirops, InitFlags::FUSE_PARALLEL_DIROPS),
            (self.posix_acl, InitFlags::FUSE_POSIX_ACL),
            (true, InitFlags::FUSE_ASYNC_DIO),
        ];
        for (on, flags) in wanted {
            if on && let Err(missing) = config.add_capabilities(flags) {
                eprintln!("fuse-floor: this kernel lacks {missing:?}");
            }
        }
        let max_write = if self.big_writes { MAX_REQUEST } else { 4096 };
        // Both fail only on values out of range, and then keep the default.
        let _ = config.set_max_write(max_write);
        let _ = config.set_max_background(MAX_BACKGROUND);
    }
}

impl Args {
    /// Parses the arguments after the program's name; an error is the text to show.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut mountpoint = None;
        let mut parsed = Self {
            mountpoint: PathBuf::new(),
            stats: None,
            foreground: false,
            threads: 2,
            protocol: Protocol::default(),
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg:?} needs a value"));
            match arg.to_str() {
                Some("--foreground") => parsed.foreground = true,
                Some("--stats") => parsed.stats = Some(value()?.into()),
                Some("--threads") => {
                    let text = value()?;
                    let number = text.to_str().and_then(|text| text.parse().ok());
                    parsed.threads = number
                        .filter(|threads| (1..=64).contains(threads))
                        .ok_or(format!("not a number of threads: {text:?}"))?;
                }
                Some("--without") => parsed.protocol.turn_off(&value()?.to_string_lossy())?,
                Some(option) if option.starts_with('-') => {
                    return Err(format!("unknown option: {option}"));
                }
                _ if mountpoint.is_none() => mountpoint = Some(PathBuf::from(arg)),
                _ => return Err(format!("one mount point too many: {arg:?}")),
            }
        }
        parsed.mountpoint = mountpoint.ok_or("no mount point")?;
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Args, String> {
        Args::parse(args.iter().map(OsString::from))
    }

    #[test]
    fn options_and_mount_point_are_told_apart() {
        let args = parse(&["--stats", "s", "mnt", "--without", "writeback"]).unwrap();
        assert_eq!(args.mountpoint, PathBuf::from("mnt"));
        assert_eq!(args.stats, Some(PathBuf::from("s")));
        assert!(!args.protocol.writeback && args.protocol.posix_acl);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(parse(&[]).unwrap_err().contains("mount point"));
        assert!(parse(&["m", "--bogus"]).unwrap_err().contains("--bogus"));
        assert!(parse(&["m", "--without", "x"]).unwrap_err().contains('x'));
        assert!(parse(&["m", "--threads", "0"]).unwrap_err().contains('0'));
    }
}
