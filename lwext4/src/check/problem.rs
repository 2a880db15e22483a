//! What a check finds.

use crate::types::{BlockNo, GroupNo, Ino};
use std::fmt;

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)*) => {
        /// What is wrong. The names are stable: programs may rely on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemKind {
            $($(#[$meta])* $variant,)*
        }

        impl ProblemKind {
            /// The kind's stable name, for programs.
            pub fn name(self) -> &'static str {
                match self { $(ProblemKind::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    /// A field of the superblock makes no sense.
    Superblock = "superblock",
    /// A copy of the superblock or of the descriptors differs. Never more than a note.
    Backup = "backup",
    /// A group descriptor makes no sense.
    GroupDescriptor = "group-descriptor",
    /// A structure does not match its checksum.
    Checksum = "checksum",
    /// The journal makes no sense, or cannot be replayed.
    Journal = "journal",
    /// A field of an inode makes no sense.
    Inode = "inode",
    /// An inode's size does not fit its blocks.
    Size = "size",
    /// An inode's block count is wrong.
    BlockCount = "block-count",
    /// An inode's map of blocks makes no sense.
    Map = "map",
    /// A block is used twice.
    SharedBlock = "shared-block",
    /// A directory's block or entry makes no sense.
    Directory = "directory",
    /// A directory entry leads to an inode that is not in use, or out of range.
    DanglingEntry = "dangling-entry",
    /// A directory entry tells another file type than its inode.
    EntryType = "entry-type",
    /// A directory has a name twice.
    DuplicateName = "duplicate-name",
    /// A directory's hash tree makes no sense.
    Htree = "htree",
    /// Extended attributes make no sense.
    Xattr = "xattr",
    /// The number of users of shared attributes is wrong.
    XattrReferences = "xattr-references",
    /// A directory has no parent, several, or the wrong `..`.
    Parent = "parent",
    /// No directory entry leads to an inode in use.
    Unreachable = "unreachable",
    /// An inode's link count is wrong.
    LinkCount = "link-count",
    /// Deleted or truncated files wait to be finished with.
    Orphan = "orphan",
    /// A block bitmap differs from what is in use.
    BlockBitmap = "block-bitmap",
    /// An inode bitmap differs from what is in use.
    InodeBitmap = "inode-bitmap",
    /// A group's counts are wrong.
    GroupCounts = "group-counts",
    /// The superblock's counts differ from the sum of the groups'. Never more than a note.
    Counts = "counts",
    /// The inode that reserves descriptor blocks makes no sense; a note where only its inside does not.
    ResizeInode = "resize-inode",
    /// A quota file makes no sense, or tells another usage than was found.
    Quota = "quota",
    /// The device could not be read.
    Read = "read",
    /// Something was not checked. Never more than a note.
    NotChecked = "not-checked",
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// What is wrong, for people: a few words without the place.
    pub text: String,
    /// The inode concerned.
    pub ino: Option<Ino>,
    /// The block concerned.
    pub block: Option<BlockNo>,
    /// The group concerned.
    pub group: Option<GroupNo>,
    /// False for a note: worth knowing, but the file system is sound.
    pub serious: bool,
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, text: impl Into<String>) -> Problem {
        Problem {
            kind,
            text: text.into(),
            ino: None,
            block: None,
            group: None,
            serious: true,
        }
    }

    pub(super) fn ino(mut self, ino: Ino) -> Problem {
        self.ino = Some(ino);
        self
    }

    pub(super) fn block(mut self, block: u64) -> Problem {
        self.block = Some(BlockNo(block));
        self
    }

    pub(super) fn group(mut self, group: u32) -> Problem {
        self.group = Some(GroupNo(group));
        self
    }

    pub(super) fn note(mut self) -> Problem {
        self.serious = false;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(ino) = self.ino {
            write!(f, "inode {ino}")?;
            separator = ", ";
        }
        if let Some(group) = self.group {
            write!(f, "{separator}group {group}")?;
            separator = ", ";
        }
        if let Some(block) = self.block {
            write!(f, "{separator}block {block}")?;
            separator = ", ";
        }
        if !separator.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.text)
    }
}
