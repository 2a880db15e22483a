//! Numbers that must not be mixed, each a type of its own.

use std::fmt;

macro_rules! number {
    ($(#[$meta:meta])* $name:ident($inner:ty)) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// An inode number, counted from 1.
    Ino(u32)
);
number!(
    /// A block of the file system, counted from its start, in file-system blocks.
    BlockNo(u64)
);
number!(
    /// A block of one file, counted from the file's start, in file-system blocks.
    FileBlock(u32)
);
number!(
    /// A block group.
    GroupNo(u32)
);
number!(
    /// A transaction's sequence number in the journal. It wraps: compare with [`TxnId::is_after`].
    TxnId(u32)
);

impl Ino {
    /// The root directory.
    pub const ROOT: Ino = Ino(2);
    /// The inode that reserves blocks for growing the descriptor table.
    pub const RESIZE: Ino = Ino(7);
    /// The journal, unless the superblock names another.
    pub const JOURNAL: Ino = Ino(8);
}

impl BlockNo {
    /// The block `n` blocks further on, or `None` when that leaves the number's range.
    pub fn checked_add(self, n: u64) -> Option<BlockNo> {
        self.0.checked_add(n).map(BlockNo)
    }
}

impl FileBlock {
    /// The largest block number a file can have.
    pub const MAX: FileBlock = FileBlock(u32::MAX);
}

impl TxnId {
    /// The transaction that follows this one.
    pub fn next(self) -> TxnId {
        TxnId(self.0.wrapping_add(1))
    }

    /// Whether this transaction is younger than `other`, in a sequence that wraps.
    pub fn is_after(self, other: TxnId) -> bool {
        (self.0.wrapping_sub(other.0) as i32) > 0
    }
}

/// A point in time as ext4 keeps it: seconds since 1970-01-01 UTC (34 bits, signed, with the extra
/// epoch bits) and nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since the epoch; negative before 1970.
    pub secs: i64,
    /// Nanoseconds within the second, below 1,000,000,000.
    pub nanos: u32,
}

impl Timestamp {
    /// The current time of the host's real-time clock.
    pub fn now() -> Timestamp {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => Timestamp {
                secs: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
                nanos: since.subsec_nanos(),
            },
            Err(before) => {
                let ago = before.duration();
                let secs = i64::try_from(ago.as_secs()).unwrap_or(i64::MAX);
                match ago.subsec_nanos() {
                    0 => Timestamp {
                        secs: -secs,
                        nanos: 0,
                    },
                    nanos => Timestamp {
                        secs: -secs - 1,
                        nanos: 1_000_000_000 - nanos,
                    },
                }
            }
        }
    }
}

/// What kind of file an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
    /// A symbolic link.
    Symlink,
}

impl FileType {
    /// The type bits of `mode` (`S_IFMT`), or `None` when they name no type.
    pub fn from_mode(mode: u16) -> Option<FileType> {
        Some(match mode & 0xF000 {
            0x1000 => FileType::Fifo,
            0x2000 => FileType::CharDevice,
            0x4000 => FileType::Directory,
            0x6000 => FileType::BlockDevice,
            0x8000 => FileType::Regular,
            0xA000 => FileType::Symlink,
            0xC000 => FileType::Socket,
            _ => return None,
        })
    }

    /// The type bits for an inode's mode.
    pub fn mode_bits(self) -> u16 {
        match self {
            FileType::Fifo => 0x1000,
            FileType::CharDevice => 0x2000,
            FileType::Directory => 0x4000,
            FileType::BlockDevice => 0x6000,
            FileType::Regular => 0x8000,
            FileType::Symlink => 0xA000,
            FileType::Socket => 0xC000,
        }
    }

    /// The number a directory entry carries for the type (feature `filetype`).
    pub fn to_dirent(self) -> u8 {
        match self {
            FileType::Regular => 1,
            FileType::Directory => 2,
            FileType::CharDevice => 3,
            FileType::BlockDevice => 4,
            FileType::Fifo => 5,
            FileType::Socket => 6,
            FileType::Symlink => 7,
        }
    }

    /// The type behind a directory entry's number, or `None` for 0 (unknown) and for numbers that
    /// the format does not define.
    pub fn from_dirent(number: u8) -> Option<FileType> {
        Some(match number {
            1 => FileType::Regular,
            2 => FileType::Directory,
            3 => FileType::CharDevice,
            4 => FileType::BlockDevice,
            5 => FileType::Fifo,
            6 => FileType::Socket,
            7 => FileType::Symlink,
            _ => return None,
        })
    }
}
