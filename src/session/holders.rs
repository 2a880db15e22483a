//! Who uses a mount: processes, mounts below it, and loop devices on its files.

use super::loops;
use super::mounts::{self, Device};
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::process::geteuid;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Somebody who keeps a mount busy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A process, and what it has there.
    Process {
        /// Its id.
        pid: u32,
        /// Its name.
        name: String,
        /// What it has: a working directory, an open file, …
        has: &'static str,
    },
    /// Another mount on a directory below.
    Mount(PathBuf),
    /// A loop device on a file below, which the kernel itself keeps open.
    Loop(PathBuf),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Process { pid, name, has } => write!(f, "{name} (process {pid}, {has})"),
            Holder::Mount(point) => write!(f, "a mount on {}", point.display()),
            Holder::Loop(device) => write!(f, "loop device {}", device.display()),
        }
    }
}

/// Everybody who uses the mount at `point` with this device, as far as this user can see.
pub fn of(point: &Path, device: Device) -> Vec<Holder> {
    let below = mounts::all().unwrap_or_default().into_iter();
    let mut holders: Vec<Holder> = below
        .filter(|mount| mounts::is_below(&mount.point, point))
        .map(|mount| Holder::Mount(mount.point))
        .collect();
    let loops = loops::all().filter(|found| mounts::is_below(&found.file, point));
    holders.extend(loops.map(|found| Holder::Loop(found.device)));
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|s| s.parse().ok()) else {
            continue;
        };
        if let Some(has) = what_it_has(&entry.path(), device) {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            holders.push(Holder::Process {
                pid,
                name: crate::failure::printable(name.trim_end()),
                has,
            });
        }
    }
    holders
}

/// A list for an error message: the first few, and how many more.
pub fn list(holders: &[Holder]) -> String {
    const SHOWN: usize = 8;
    let mut shown: Vec<String> = holders.iter().take(SHOWN).map(Holder::to_string).collect();
    if let more @ 1.. = holders.len().saturating_sub(SHOWN) {
        shown.push(format!("{more} more"));
    }
    match shown.is_empty() {
        false => shown.join(", "),
        true if geteuid().is_root() => "somebody outside of this /proc".to_owned(),
        true => "processes of other users".to_owned(),
    }
}

fn what_it_has(process: &Path, device: Device) -> Option<&'static str> {
    let is_there = |path: &Path| device_of(path) == Some(device);
    for (link, has) in [
        ("cwd", "working directory"),
        ("root", "root directory"),
        ("exe", "program"),
    ] {
        if is_there(&process.join(link)) {
            return Some(has);
        }
    }
    let mut descriptors = fs::read_dir(process.join("fd"))
        .into_iter()
        .flatten()
        .flatten();
    if descriptors.any(|fd| is_there(&fd.path())) {
        return Some("open file");
    }
    let maps = fs::read_to_string(process.join("maps")).unwrap_or_default();
    maps.lines()
        .filter_map(|line| line.split_ascii_whitespace().nth(3))
        .any(|text| mounts::parse_device(text, 16) == Some(device))
        .then_some("mapped file")
}

/// The device of the file behind a link of /proc. The kernel answers from memory: the file system,
/// which may be slow or dead, is not asked.
fn device_of(link: &Path) -> Option<Device> {
    let stat = statx(CWD, link, AtFlags::STATX_DONT_SYNC, StatxFlags::TYPE).ok()?;
    Some((stat.stx_dev_major, stat.stx_dev_minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_file_is_found() {
        let device = device_of(Path::new("/proc/self/exe")).unwrap();
        let has = what_it_has(Path::new("/proc/self"), device);
        assert!(has.is_some());
        assert_eq!(what_it_has(Path::new("/proc/self"), (0xfff, 0xfff)), None);
    }

    #[test]
    fn long_lists_are_cut() {
        let holder = Holder::Process {
            pid: 1,
            name: "sh".to_owned(),
            has: "open file",
        };
        let text = list(&vec![holder; 10]);
        assert!(text.starts_with("sh (process 1, open file), "), "{text}");
        assert!(text.ends_with(", 2 more"), "{text}");
    }
}
