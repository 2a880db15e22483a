//! The one error type of the engine, and the one place that maps it to errno.

use crate::types::{BlockNo, GroupNo, Ino};
use std::fmt;
use std::io;
use std::panic::Location;

/// What every fallible operation of the engine returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No entry of that name, or no inode of that number.
    #[error("no such file or directory")]
    NotFound,
    /// An entry of that name exists already.
    #[error("the file exists")]
    Exists,
    /// The operation needs a directory and was given something else.
    #[error("not a directory")]
    NotADirectory,
    /// The operation cannot work on a directory.
    #[error("is a directory")]
    IsADirectory,
    /// The directory still has entries.
    #[error("directory not empty")]
    NotEmpty,
    /// The image has no free block or inode left.
    #[error("no space left in the image")]
    NoSpace,
    /// A link count or a directory cannot grow further.
    #[error("too many links")]
    TooManyLinks,
    /// A name is longer than 255 bytes, or a symlink's target than a block.
    #[error("name too long")]
    NameTooLong,
    /// The file would grow beyond what the format can map.
    #[error("file too large")]
    FileTooBig,
    /// The caller's argument makes no sense; the text says which.
    #[error("invalid argument: {0}")]
    InvalidArgument(&'static str),
    /// An option or a combination of options makes no sense; the text says which and why.
    #[error("{0}")]
    InvalidOption(String),
    /// The operation is forbidden for this file (immutable, append-only, …).
    #[error("operation not permitted: {0}")]
    NotPermitted(&'static str),
    /// The caller lacks a permission. The engine checks none: this is for servers that do.
    #[error("permission denied")]
    Denied,
    /// The file or directory is encrypted, and its key is not here.
    #[error("the file is encrypted: required key not available")]
    NoKey,
    /// A file cannot get a name in a directory of another project.
    #[error("the directory belongs to another project")]
    OtherProject,
    /// The volume was opened read-only, or became so after an error.
    #[error("the file system is read-only")]
    ReadOnly,
    /// No extended attribute of that name.
    #[error("no such attribute")]
    NoAttribute,
    /// The value does not fit the caller's buffer.
    #[error("the buffer is too small")]
    Range,
    /// The file type or feature cannot do that.
    #[error("not supported: {0}")]
    NotSupported(&'static str),
    /// The image uses a feature that the engine does not handle; the text names it.
    #[error("{0}")]
    Unsupported(String),
    /// What is to become one transaction has more blocks than the journal.
    #[error(
        "the change has {needed} blocks that must change at once, and the journal takes {room}"
    )]
    TooLargeAtOnce {
        /// Blocks of the log that it takes.
        needed: u64,
        /// Blocks that the log has.
        room: u64,
    },
    /// The bytes are not an ext4 file system.
    #[error("not an ext4 file system: {0}")]
    NotExt4(String),
    /// The image ends before the file system does.
    #[error("cut short: the file system has {expected} bytes, the image only {actual}")]
    CutShort {
        /// Bytes that the superblock promises.
        expected: u64,
        /// Bytes that there are.
        actual: u64,
    },
    /// The image's journal holds changes that must be replayed first.
    #[error("the journal needs recovery")]
    NeedsRecovery,
    /// Another machine has the image open; the text says which.
    #[error("in use: {0}")]
    InUse(String),
    /// The image contradicts itself.
    #[error("corrupt file system: {0}")]
    Corrupt(Corrupt),
    /// The host failed to read or write the image.
    #[error("{action}: {source}")]
    Io {
        /// What was being done, and where.
        action: String,
        /// The host's error.
        source: io::Error,
    },
}

/// A contradiction found in the image, with where it was found.
#[derive(Clone, Debug)]
pub struct Corrupt {
    /// What is wrong, in a few words.
    pub what: &'static str,
    /// The inode concerned, if one is.
    pub ino: Option<Ino>,
    /// The block concerned, if one is.
    pub block: Option<BlockNo>,
    /// The group concerned, if one is.
    pub group: Option<GroupNo>,
    /// Which line of the engine found it.
    found: &'static Location<'static>,
}

/// Two are equal that say the same, whoever found them.
impl PartialEq for Corrupt {
    fn eq(&self, other: &Corrupt) -> bool {
        let parts = |it: &Corrupt| (it.what, it.ino, it.block, it.group);
        parts(self) == parts(other)
    }
}

impl Eq for Corrupt {}

impl Corrupt {
    /// A contradiction without a place yet.
    #[track_caller]
    pub fn new(what: &'static str) -> Corrupt {
        Corrupt {
            what,
            ino: None,
            block: None,
            group: None,
            found: Location::caller(),
        }
    }

    /// Where in the engine it was found: the file (at most 32 bytes, the end of its path) and the line.
    pub(crate) fn place(&self) -> (&'static str, u32) {
        const MOST: usize = 32;
        let file = self.found.file();
        let inside = file.rfind("src/").and_then(|at| file.get(at + 4..));
        let file = inside.unwrap_or(file);
        let end = file.get(file.len().saturating_sub(MOST)..);
        (end.unwrap_or(""), self.found.line())
    }

    /// Names the inode.
    #[must_use]
    pub fn ino(mut self, ino: Ino) -> Corrupt {
        self.ino = Some(ino);
        self
    }

    /// Names the block.
    #[must_use]
    pub fn block(mut self, block: BlockNo) -> Corrupt {
        self.block = Some(block);
        self
    }

    /// Names the group.
    #[must_use]
    pub fn group(mut self, group: GroupNo) -> Corrupt {
        self.group = Some(group);
        self
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        if let Some(ino) = self.ino {
            write!(f, ", inode {ino}")?;
        }
        if let Some(block) = self.block {
            write!(f, ", block {block}")?;
        }
        if let Some(group) = self.group {
            write!(f, ", group {group}")?;
        }
        Ok(())
    }
}

impl From<Corrupt> for Error {
    fn from(corrupt: Corrupt) -> Error {
        Error::Corrupt(corrupt)
    }
}

impl Error {
    /// Wraps an error of the host with what was being done.
    pub fn io(action: impl Into<String>, source: io::Error) -> Error {
        Error::Io {
            action: action.into(),
            source,
        }
    }

    /// Whether the device or the image failed: what an operation did until then is not undone.
    pub(crate) fn is_fault(&self) -> bool {
        matches!(self, Error::Io { .. } | Error::Corrupt(_))
    }

    /// The error number of Linux (`errno(3)`) for this error.
    pub fn errno(&self) -> i32 {
        match self {
            Error::NotPermitted(_) => 1,       // EPERM
            Error::NotFound => 2,              // ENOENT
            Error::TooLargeAtOnce { .. } => 7, // E2BIG
            // A full host disk under a sparse image is the writer's ENOSPC (or EDQUOT).
            Error::Io { source, .. } if source.kind() == io::ErrorKind::Unsupported => 95, // EOPNOTSUPP
            Error::Io { source, .. } => {
                source
                    .raw_os_error()
                    .filter(|code| matches!(code, 28 | 122))
                    .unwrap_or(5) // EIO
            }
            Error::Denied => 13,                                       // EACCES
            Error::InUse(_) => 16,                                     // EBUSY
            Error::Exists => 17,                                       // EEXIST
            Error::OtherProject => 18,                                 // EXDEV
            Error::NotADirectory => 20,                                // ENOTDIR
            Error::IsADirectory => 21,                                 // EISDIR
            Error::InvalidArgument(_) | Error::InvalidOption(_) => 22, // EINVAL
            Error::FileTooBig => 27,                                   // EFBIG
            Error::NoSpace => 28,                                      // ENOSPC
            Error::ReadOnly => 30,                                     // EROFS
            Error::TooManyLinks => 31,                                 // EMLINK
            Error::Range => 34,                                        // ERANGE
            Error::NameTooLong => 36,                                  // ENAMETOOLONG
            Error::NotEmpty => 39,                                     // ENOTEMPTY
            Error::NoAttribute => 61,                                  // ENODATA
            Error::NotSupported(_) | Error::Unsupported(_) => 95,      // EOPNOTSUPP
            Error::NotExt4(_) | Error::CutShort { .. } => 22,          // EINVAL
            Error::NoKey => 126,                                       // ENOKEY
            Error::NeedsRecovery | Error::Corrupt(_) => 117,           // EUCLEAN
        }
    }
}
