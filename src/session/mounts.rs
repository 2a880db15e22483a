//! The kernel's mount table (`/proc/self/mountinfo`, proc_pid_mountinfo(5)).

use crate::failure::{Failure, Result};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The type that the mount table shows for liveroot's mounts.
pub const FS_TYPE: &str = "fuse.liveroot";

/// A device number: major and minor.
pub type Device = (u32, u32);

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The device of the file system: 0 and a number of its own for FUSE.
    pub device: Device,
    /// Where it is.
    pub point: PathBuf,
    /// Its type, with the subtype.
    pub fs_type: String,
    /// What is mounted there.
    pub source: OsString,
    /// Options of the file system, separated by commas.
    pub fs_options: String,
}

impl Mount {
    /// Whether it is one of liveroot's.
    pub fn is_liveroot(&self) -> bool {
        self.fs_type == FS_TYPE
    }

    /// The user who mounted a FUSE file system.
    pub fn owner(&self) -> Option<u32> {
        self.fs_options
            .split(',')
            .find_map(|option| option.strip_prefix("user_id="))
            .and_then(|id| id.parse().ok())
    }
}

/// All mounts of this process's mount namespace, older ones first.
///
/// # Errors
/// When /proc is not mounted.
pub fn all() -> Result<Vec<Mount>> {
    let path = Path::new("/proc/self/mountinfo");
    let table = fs::read(path).map_err(|e| Failure::of(path, e).remedy("mount /proc"))?;
    Ok(parse(&table))
}

/// The mount that one sees at `point`: the last one made there.
///
/// # Errors
/// When /proc is not mounted.
pub fn at(point: &Path) -> Result<Option<Mount>> {
    Ok(all()?.into_iter().rfind(|mount| mount.point == point))
}

fn parse(table: &[u8]) -> Vec<Mount> {
    table
        .split(|&b| b == b'\n')
        .filter_map(parse_line)
        .collect()
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&b| b == b' ');
    let device = fields.by_ref().nth(2)?;
    let point = fields.by_ref().nth(1)?;
    // Optional fields end with a hyphen.
    fields.by_ref().find(|&field| field == b"-")?;
    let fs_type = fields.next()?;
    let source = fields.next()?;
    let fs_options = fields.next()?;
    Some(Mount {
        device: parse_device(std::str::from_utf8(device).ok()?, 10)?,
        point: PathBuf::from(unescape(point)),
        fs_type: unescape(fs_type).to_string_lossy().into_owned(),
        source: unescape(source),
        fs_options: unescape(fs_options).to_string_lossy().into_owned(),
    })
}

/// Reads `major:minor` in the given base.
pub fn parse_device(text: &str, radix: u32) -> Option<Device> {
    let (major, minor) = text.split_once(':')?;
    Some((
        u32::from_str_radix(major, radix).ok()?,
        u32::from_str_radix(minor, radix).ok()?,
    ))
}

/// Undoes the table's `\ooo` for blanks and backslashes.
fn unescape(field: &[u8]) -> OsString {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail
            .get(..3)
            .filter(|_| first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(out)
}

/// The absolute path of `path` as the mount table writes it, without asking the file at its end: a
/// dead mount there answers nothing.
///
/// # Errors
/// What the host says about the directories on the way.
pub fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    match (path.parent(), path.components().next_back()) {
        (Some(parent), Some(std::path::Component::Normal(name))) => {
            Ok(parent.canonicalize()?.join::<&OsStr>(name))
        }
        _ => path.canonicalize(),
    }
}

/// Whether `path` is below `dir` (and not `dir` itself).
pub fn is_below(path: &Path, dir: &Path) -> bool {
    path != dir
        && path
            .as_os_str()
            .as_bytes()
            .starts_with(dir.as_os_str().as_bytes())
        && path.starts_with(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let line = br"36 35 0:57 / /mnt\040two rw,noatime shared:1 master:2 - fuse.liveroot /a\134b.ext4 rw,user_id=1000,group_id=0";
        let mounts = parse(line);
        assert_eq!(
            mounts,
            [Mount {
                device: (0, 57),
                point: "/mnt two".into(),
                fs_type: FS_TYPE.into(),
                source: r"/a\b.ext4".into(),
                fs_options: "rw,user_id=1000,group_id=0".into(),
            }]
        );
        assert!(mounts[0].is_liveroot());
        assert_eq!(mounts[0].owner(), Some(1000));
    }

    #[test]
    fn nonsense_is_left_out() {
        assert_eq!(parse(b"\n1 2\n1 2 x:y / / - a b c\n"), []);
    }

    #[test]
    fn the_real_table_has_a_root() {
        assert!(all().unwrap().iter().any(|m| m.point == Path::new("/")));
    }

    #[test]
    fn paths_are_below_directories_not_below_prefixes() {
        assert!(is_below(Path::new("/mnt/a"), Path::new("/mnt")));
        assert!(!is_below(Path::new("/mnt2"), Path::new("/mnt")));
        assert!(!is_below(Path::new("/mnt"), Path::new("/mnt")));
    }
}
