//! A directory of the host as a stream of changes, in the order of its names.

use super::entry::{Attrs, Change, Data, Entry, Kind, Source};
use super::names::join;
use super::pool::Pool;
use super::progress::Warnings;
use crate::failure::{Failure, Result};
use lwext4::Timestamp;
use rustix::fs::{SeekFrom, lgetxattr, llistxattr, major, minor, seek};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Directories below each other at most.
const DEPTH: usize = 4096;
/// The longest value of an attribute, in bytes, and the longest list of names (Linux's limits).
pub const XATTR: usize = 64 * 1024;

/// A tree of files.
pub struct Directory {
    root: PathBuf,
    /// Whether what cannot be read is left out, with a warning.
    skip: bool,
    warnings: Warnings,
    /// Names still to come, the next one last, of every directory on the way; each with its path.
    levels: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
    started: bool,
    /// The first path of every file with several.
    links: HashMap<(u64, u64), Vec<u8>>,
    open: Option<Reading>,
    pool: Pool,
    position: u64,
    /// Only what files need is wanted: they are not opened.
    glance: bool,
    /// Times of access and of changes of inodes are wanted, too.
    all_times: bool,
    /// For lists and values of attributes.
    scratch: Vec<u8>,
}

/// A regular file that is being read.
struct Reading {
    file: File,
    path: PathBuf,
    /// Where to go on.
    at: u64,
    /// The end of the data that `at` is in.
    data_end: u64,
    size: u64,
}

impl Directory {
    /// The tree at `root`. `skip`: what cannot be read is left out, with a warning to `warnings`.
    pub fn new(root: &Path, skip: bool, warnings: Warnings) -> Directory {
        Directory {
            root: root.to_owned(),
            skip,
            warnings,
            levels: Vec::new(),
            started: false,
            links: HashMap::new(),
            open: None,
            pool: Pool::default(),
            position: 0,
            glance: false,
            all_times: false,
            scratch: vec![0; XATTR],
        }
    }

    /// Shows what there is, without its data.
    #[must_use]
    pub fn glance(mut self) -> Directory {
        self.glance = true;
        self
    }

    /// Entries also have the times of the last access and of the inode's last change.
    #[must_use]
    pub fn with_all_times(mut self) -> Directory {
        self.all_times = true;
        self
    }

    /// Reads the next data of the regular file that [`Source::next`] gave last into `buffer`: where it
    /// is in the file, and how much; `None` at its end.
    ///
    /// # Errors
    /// It cannot be read, or has become shorter.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<Option<(u64, usize)>> {
        let Some(reading) = &mut self.open else {
            return Ok(None);
        };
        let failed = |path: &Path, error: io::Error| Failure::of(path, error);
        if !reading.find_data().map_err(|e| failed(&reading.path, e))? {
            self.open = None;
            return Ok(None);
        }
        let at = reading.at;
        let len = (reading.data_end - at).min(buffer.len() as u64) as usize;
        let read = reading.file.read_exact_at(&mut buffer[..len], at);
        read.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                Failure::of(&reading.path, "became shorter as it was read")
            }
            _ => failed(&reading.path, error),
        })?;
        reading.at += len as u64;
        Ok(Some((at, len)))
    }

    fn full(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() {
            self.root.clone()
        } else {
            self.root.join(OsStr::from_bytes(path))
        }
    }

    /// What to do about something that cannot be read: nothing but a warning, or an error.
    fn unreadable(&self, full: &Path, error: &io::Error) -> Result<()> {
        let failure = Failure::of(full, error);
        if self.skip {
            self.warnings.push(format!("{failure}: left out"));
            return Ok(());
        }
        Err(match error.kind() {
            io::ErrorKind::PermissionDenied => {
                failure.remedy("leave out what cannot be read with --skip-unreadable")
            }
            _ => failure,
        })
    }

    /// The entry at a path; `None` when it is left out.
    fn entry(&mut self, path: Vec<u8>) -> Result<Option<Entry>> {
        let full = self.full(&path);
        let read = std::fs::symlink_metadata(&full).and_then(|metadata| {
            let xattrs = xattrs(&full, &mut self.scratch)?;
            Ok((metadata, xattrs))
        });
        let (metadata, xattrs) = match read {
            Ok(read) => read,
            Err(error) => return self.unreadable(&full, &error).map(|()| None),
        };
        let kind = match self.kind(&path, &full, &metadata) {
            Ok(kind) => kind,
            Err(error) => return self.unreadable(&full, &error).map(|()| None),
        };
        let attrs = Attrs {
            perm: (metadata.mode() & 0o7777) as u16,
            uid: metadata.uid(),
            gid: metadata.gid(),
            mtime: Some(time(metadata.mtime(), metadata.mtime_nsec())),
            atime: self
                .all_times
                .then(|| time(metadata.atime(), metadata.atime_nsec())),
            ctime: self
                .all_times
                .then(|| time(metadata.ctime(), metadata.ctime_nsec())),
            xattrs,
            ..Attrs::default()
        };
        Ok(Some(Entry { path, kind, attrs }))
    }

    fn kind(&mut self, path: &[u8], full: &Path, metadata: &Metadata) -> io::Result<Kind> {
        let kind = metadata.file_type();
        if kind.is_dir() {
            if self.levels.len() >= DEPTH {
                return Err(io::Error::other("too deep"));
            }
            let mut names = Vec::new();
            for entry in std::fs::read_dir(full)? {
                names.push(entry?.file_name().into_vec());
            }
            names.sort_unstable_by(|a, b| b.cmp(a));
            self.levels.push((path.to_vec(), names));
            return Ok(Kind::Directory);
        }
        if metadata.nlink() > 1 {
            let id = (metadata.dev(), metadata.ino());
            if let Some(first) = self.links.get(&id) {
                return Ok(Kind::HardLink(first.clone()));
            }
        }
        let device = || (major(metadata.rdev()), minor(metadata.rdev()));
        let found = if kind.is_file() {
            self.file(full, metadata)?
        } else if kind.is_symlink() {
            Kind::Symlink(std::fs::read_link(full)?.into_os_string().into_vec())
        } else if kind.is_char_device() {
            Kind::CharDevice(device().0, device().1)
        } else if kind.is_block_device() {
            Kind::BlockDevice(device().0, device().1)
        } else if kind.is_fifo() {
            Kind::Fifo
        } else {
            Kind::Socket
        };
        if metadata.nlink() > 1 {
            let id = (metadata.dev(), metadata.ino());
            self.links.insert(id, path.to_vec());
        }
        Ok(found)
    }

    fn file(&mut self, full: &Path, metadata: &Metadata) -> io::Result<Kind> {
        let size = metadata.len();
        // Blocks tell about how much is not a hole.
        let stored = metadata.blocks().saturating_mul(512).min(size);
        let kind = Kind::File {
            size,
            data: stored,
            segments: if stored < size { 8 } else { 1 },
        };
        if self.glance {
            return Ok(kind);
        }
        let file = File::options()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NOATIME)
            .open(full)
            .or_else(|error| match error.kind() {
                // Only the owner may leave the access time alone.
                io::ErrorKind::PermissionDenied => File::options()
                    .read(true)
                    .custom_flags(libc::O_NOFOLLOW)
                    .open(full),
                _ => Err(error),
            })?;
        self.open = Some(Reading {
            file,
            path: full.to_owned(),
            at: 0,
            data_end: if stored < size { 0 } else { size },
            size,
        });
        Ok(kind)
    }
}

impl Reading {
    /// Moves to the next data; false when there is none.
    fn find_data(&mut self) -> io::Result<bool> {
        if self.at < self.data_end {
            return Ok(true);
        }
        if self.at >= self.size {
            return Ok(false);
        }
        match seek(&self.file, SeekFrom::Data(self.at)) {
            Ok(start) => {
                self.at = start.min(self.size);
                let end = seek(&self.file, SeekFrom::Hole(self.at))?;
                self.data_end = end.min(self.size);
            }
            Err(rustix::io::Errno::NXIO) => self.at = self.size,
            // The file system does not know holes.
            Err(rustix::io::Errno::INVAL) => self.data_end = self.size,
            Err(error) => return Err(error.into()),
        }
        Ok(self.at < self.data_end)
    }
}

impl Source for Directory {
    fn next(&mut self) -> Result<Option<Change>> {
        self.open = None;
        if !self.started {
            self.started = true;
            let root = self.entry(Vec::new())?;
            return Ok(root.map(Change::Put));
        }
        while let Some((path, names)) = self.levels.last_mut() {
            let Some(name) = names.pop() else {
                self.levels.pop();
                continue;
            };
            let below = join(path, &name);
            if let Some(entry) = self.entry(below)? {
                return Ok(Some(Change::Put(entry)));
            }
        }
        Ok(None)
    }

    fn data(&mut self) -> Result<Option<Data>> {
        if self.open.is_none() {
            return Ok(None);
        }
        let mut buffer = self.pool.take();
        let Some((at, len)) = self.read(&mut buffer)? else {
            return Ok(None);
        };
        self.position += len as u64;
        let bytes = self.pool.freeze(buffer, len);
        Ok(Some(Data { at, bytes }))
    }

    fn position(&self) -> u64 {
        self.position
    }
}

/// A time of a file of the host.
pub fn time(secs: i64, nanos: i64) -> Timestamp {
    Timestamp {
        secs,
        nanos: u32::try_from(nanos).unwrap_or(0),
    }
}

/// All extended attributes, of a symbolic link its own. `scratch` is of [`XATTR`] bytes.
///
/// # Errors
/// They cannot be read.
pub fn xattrs(path: &Path, scratch: &mut [u8]) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let len = match llistxattr(path, &mut *scratch) {
        // Most files have none.
        Ok(0) | Err(rustix::io::Errno::NOTSUP) => return Ok(Vec::new()),
        Ok(len) => len,
        Err(error) => return Err(error.into()),
    };
    let list = scratch.get(..len).unwrap_or_default().to_vec();
    let mut xattrs = Vec::new();
    for name in list.split(|&b| b == 0).filter(|name| !name.is_empty()) {
        match lgetxattr(path, OsStr::from_bytes(name), &mut *scratch) {
            Ok(len) => {
                let value = scratch.get(..len).unwrap_or_default();
                xattrs.push((name.to_vec(), value.to_vec()));
            }
            // It went meanwhile, or only root may read it.
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    xattrs.sort();
    Ok(xattrs)
}
