//! `IMAGE:/path`: a file inside an image.

use crate::failure::{Failure, Result, printable};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A file inside an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The image.
    pub image: PathBuf,
    /// The path inside, from the root: begins with a slash.
    pub path: Vec<u8>,
    /// As it was given, for output.
    pub given: Vec<u8>,
}

/// What a command line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A file in an image.
    Image(Address),
    /// A file of the host.
    Host(PathBuf),
}

impl Operand {
    /// Reads an operand. `IMAGE:/path` and `IMAGE:` (its root) lie in an image, and so does
    /// `IMAGE:path` where IMAGE has no slash; everything else is a path of the host. A host file whose
    /// name has such a colon is written `./a:b`; where that exists and the image does not, it is meant.
    pub fn parse(text: &OsStr) -> Operand {
        let bytes = text.as_bytes();
        let split = |at: usize| (bytes.get(..at), bytes.get(at + 1..));
        let slashed = bytes.windows(2).position(|pair| pair == b":/");
        let last = bytes
            .len()
            .checked_sub(1)
            .filter(|&at| bytes.get(at) == Some(&b':'));
        let bare = bytes
            .iter()
            .position(|&b| b == b':' || b == b'/')
            .filter(|&at| bytes.get(at) == Some(&b':'));
        let Some((Some(image), Some(path))) = slashed.or(last).or(bare).map(split) else {
            return Operand::Host(PathBuf::from(text));
        };
        let image = PathBuf::from(OsStr::from_bytes(image));
        let is_host = image.as_os_str().is_empty()
            || (!image.exists() && Path::new(text).symlink_metadata().is_ok());
        if is_host {
            return Operand::Host(PathBuf::from(text));
        }
        let mut rooted = path.to_vec();
        if !rooted.starts_with(b"/") {
            rooted.insert(0, b'/');
        }
        let mut given = bytes.to_vec();
        if path.is_empty() {
            given.push(b'/');
        }
        Operand::Image(Address {
            image,
            path: rooted,
            given,
        })
    }
}

impl Address {
    /// Reads an operand that must lie in an image; a file of the host is an image, and its root meant.
    ///
    /// # Errors
    /// It names nothing of the kind.
    pub fn parse(text: &OsStr) -> Result<Address> {
        match Operand::parse(text) {
            Operand::Image(address) => Ok(address),
            Operand::Host(path) if path.is_dir() => Err(Failure::of(&path, "not in an image")
                .remedy("write IMAGE:/path, as in rootfs.ext4:/etc")
                .by_usage()),
            Operand::Host(path) => Ok(Address::root_of(path)),
        }
    }

    /// [`Address::parse`] for commands that change: the path must be said.
    ///
    /// # Errors
    /// It names a file of the host.
    pub fn parse_strictly(text: &OsStr) -> Result<Address> {
        match Operand::parse(text) {
            Operand::Image(address) => Ok(address),
            Operand::Host(path) => Err(Failure::of(&path, "names no file in an image")
                .remedy("write IMAGE:/path, as in rootfs.ext4:/etc")
                .by_usage()),
        }
    }

    fn root_of(image: PathBuf) -> Address {
        let mut given = image.as_os_str().as_bytes().to_vec();
        given.extend_from_slice(b":/");
        Address {
            image,
            path: b"/".to_vec(),
            given,
        }
    }

    /// The address of another path of the same image, given the same way.
    #[must_use]
    pub fn with_path(&self, path: Vec<u8>) -> Address {
        let mut given = self.image.as_os_str().as_bytes().to_vec();
        given.push(b':');
        given.extend_from_slice(&path);
        Address {
            image: self.image.clone(),
            path,
            given,
        }
    }

    /// Something is wrong with this file.
    pub fn failure(&self, what: impl fmt::Display) -> Failure {
        Failure::of(Path::new(&OsString::from_vec(self.given.clone())), what)
    }

    /// Whether a directory must be meant: the path ends in a slash.
    pub fn wants_dir(&self) -> bool {
        self.path.ends_with(b"/")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&String::from_utf8_lossy(&self.given)))
    }
}

/// The last name of a path; empty for the root.
pub fn base_name(path: &[u8]) -> &[u8] {
    path.split(|&b| b == b'/')
        .rfind(|name| !name.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(String, String)> {
        match Operand::parse(OsStr::new(text)) {
            Operand::Image(address) => Some((
                address.image.display().to_string(),
                String::from_utf8(address.path).unwrap(),
            )),
            Operand::Host(path) => {
                assert_eq!(path, Path::new(text));
                None
            }
        }
    }

    #[test]
    fn a_colon_tells_images_from_the_host() {
        let pair = |image: &str, path: &str| Some((image.to_owned(), path.to_owned()));
        assert_eq!(parsed("r.ext4:/etc"), pair("r.ext4", "/etc"));
        assert_eq!(parsed("/tmp/r.ext4:/a:b"), pair("/tmp/r.ext4", "/a:b"));
        assert_eq!(parsed("out/r.ext4:"), pair("out/r.ext4", "/"));
        assert_eq!(parsed("r.ext4:etc"), pair("r.ext4", "/etc"));
        assert_eq!(parsed("./a:b"), None);
        assert_eq!(parsed("a/b:c"), None);
        assert_eq!(parsed("plain"), None);
        assert_eq!(parsed(":/x"), None);
        assert_eq!(parsed(""), None);
    }

    #[test]
    fn an_existing_file_of_the_host_is_meant_where_there_is_no_such_image() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("a:");
        std::fs::create_dir(&odd).unwrap();
        std::fs::write(odd.join("b"), "").unwrap();
        let text = format!("{}/b", odd.display());
        assert_eq!(parsed(&text), None);
        std::fs::write(dir.path().join("a"), "").unwrap();
        assert!(parsed(&text).is_some());
    }

    #[test]
    fn the_last_name_has_no_slashes() {
        assert_eq!(base_name(b"/etc/fstab"), b"fstab");
        assert_eq!(base_name(b"/etc//"), b"etc");
        assert_eq!(base_name(b"/"), b"");
    }
}
