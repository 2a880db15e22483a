//! Where the parts of a container's image are: files below a directory, or parts of a tar.

use crate::failure::{Failure, Result};
use crate::import::entry::{Change, Kind, Source};
use crate::import::input::Input;
use crate::import::tar::Tar;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a JSON document that are read at most.
const DOCUMENT: u64 = 8 << 20;

/// The parts of an image, by their paths.
pub enum Blobs {
    /// A directory.
    Directory(PathBuf),
    /// A plain tar: where the data of each file is.
    Archive {
        /// What to call it in messages.
        name: PathBuf,
        /// The tar.
        file: Arc<File>,
        /// Offset and length by path.
        parts: HashMap<Vec<u8>, (u64, u64)>,
    },
}

/// Whether a tar whose first entry has this path is an image of a container.
pub fn looks_like_image(path: &[u8]) -> bool {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let first = path.split(|&b| b == b'/').next().unwrap_or_default();
    // A layer's directory, or the configuration: `docker save` writes them in the order of their names.
    let digest = first.strip_suffix(b".json").unwrap_or(first);
    let is_named_by_digest = digest.len() == 64 && digest.iter().all(u8::is_ascii_hexdigit);
    matches!(
        first,
        b"blobs" | b"oci-layout" | b"index.json" | b"manifest.json" | b"repositories"
    ) || is_named_by_digest
}

impl Blobs {
    /// Looks for the parts in the plain tar `file`.
    ///
    /// # Errors
    /// What is wrong with the tar.
    pub fn index(name: &Path, file: File) -> Result<Blobs> {
        let failed = |error| Failure::of(name, error);
        let again = file.try_clone().map_err(failed)?;
        let input = Input::glance(again).map_err(failed)?;
        let mut tar = Tar::new(name.to_owned(), input);
        let mut parts: HashMap<Vec<u8>, (u64, u64)> = HashMap::new();
        while let Some(change) = tar.next()? {
            let Change::Put(entry) = change else { continue };
            let path = crate::import::names::clean(&entry.path).path;
            match entry.kind {
                Kind::File { size, .. } => {
                    parts.insert(path, (tar.offset(), size));
                }
                // Older versions of Docker link equal layers to one.
                Kind::Symlink(target) => {
                    let from = crate::import::names::split(&path).map_or(&b""[..], |(dir, _)| dir);
                    if let Some(&part) = parts.get(&beside(from, &target)) {
                        parts.insert(path, part);
                    }
                }
                Kind::HardLink(target) => {
                    if let Some(&part) = parts.get(&crate::import::names::clean(&target).path) {
                        parts.insert(path, part);
                    }
                }
                _ => {}
            }
        }
        Ok(Blobs::Archive {
            name: name.to_owned(),
            file: Arc::new(file),
            parts,
        })
    }

    /// What to call the image in messages.
    pub fn name(&self) -> &Path {
        match self {
            Blobs::Directory(name) | Blobs::Archive { name, .. } => name,
        }
    }

    /// A part's bytes, and how many there are; `None` when there is no such part.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(&self, path: &str) -> Result<Option<(Box<dyn Read + Send>, u64)>> {
        match self {
            Blobs::Directory(root) => {
                let full = root.join(path);
                let file = match File::open(&full) {
                    Ok(file) => file,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(Failure::of(&full, error)),
                };
                let metadata = file.metadata().map_err(|e| Failure::of(&full, e))?;
                Ok(Some((Box::new(file), metadata.len())))
            }
            Blobs::Archive { file, parts, .. } => {
                let part = parts.get(path.as_bytes());
                Ok(part.map(|&(at, len)| {
                    let part = Part {
                        file: file.clone(),
                        at,
                        end: at.saturating_add(len),
                    };
                    (Box::new(part) as Box<dyn Read + Send>, len)
                }))
            }
        }
    }

    /// A part that must be there.
    ///
    /// # Errors
    /// It is missing, or cannot be read.
    pub fn need(&self, path: &str) -> Result<(Box<dyn Read + Send>, u64)> {
        self.open(path)?.ok_or_else(|| {
            Failure::of(self.name(), format!("{path} is missing")).remedy("get a complete copy")
        })
    }

    /// A document's bytes; `None` when it is missing.
    ///
    /// # Errors
    /// It is too long, or cannot be read.
    pub fn document(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some((reader, len)) = self.open(path)? else {
            return Ok(None);
        };
        let failed = |what: String| Failure::of(self.name(), format!("{path}: {what}"));
        if len > DOCUMENT {
            return Err(failed(format!(
                "{len} bytes, more than {DOCUMENT} that are allowed"
            )));
        }
        let mut bytes = Vec::new();
        let read = reader.take(DOCUMENT).read_to_end(&mut bytes);
        read.map_err(|error| failed(error.to_string()))?;
        Ok(Some(bytes))
    }
}

/// The path that a link in directory `from` leads to.
fn beside(from: &[u8], target: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = from
        .split(|&b| b == b'/')
        .filter(|p| !p.is_empty())
        .collect();
    for part in target.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// A part of a file.
struct Part {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_sub(self.at);
        let len = (buf.len() as u64).min(left) as usize;
        let n = self.file.read_at(&mut buf[..len], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_what_comes_first() {
        let digest = "0123456789abcdef".repeat(4);
        for first in [
            "blobs/",
            "./oci-layout",
            "manifest.json",
            &format!("{digest}/"),
            &format!("{digest}.json"),
        ] {
            assert!(looks_like_image(first.as_bytes()), "{first}");
        }
        for first in ["./", "etc/", "0123.json", &format!("{digest}.txt")] {
            assert!(!looks_like_image(first.as_bytes()), "{first}");
        }
    }
}
