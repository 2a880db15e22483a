//! What every source of a tree comes down to: a stream of changes, each with attributes and data.

use crate::failure::Result;
use bytes::Bytes;
use lwext4::Timestamp;

/// One change to a tree.
// Nearly all are entries: a box for each would cost more than the room that the others waste.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A file of any type is to be there.
    Put(Entry),
    /// Whatever is there goes, with everything below it (a whiteout of a layer).
    Remove(Vec<u8>),
    /// What is in the directory from layers below goes; the directory stays (an opaque directory).
    Clear(Vec<u8>),
    /// The name at `path` is to be one more of the file at `target`, which came before. The times of its
    /// directory stay as they are.
    Join {
        /// The name.
        path: Vec<u8>,
        /// Another name of the file.
        target: Vec<u8>,
    },
    /// A layer begins: [`Self::Remove`] and [`Self::Clear`] spare what it puts there itself.
    Layer,
}

/// A file of any type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path, as the source has it: components between slashes, of which the applier makes the best.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// What it has.
    pub attrs: Attrs,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file of so many bytes; [`Source::data`] has them.
    File {
        /// Size in bytes, holes included.
        size: u64,
        /// Bytes of data.
        data: u64,
        /// Pieces that the data is in.
        segments: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link with its target.
    Symlink(Vec<u8>),
    /// One more name for the file at a path.
    HardLink(Vec<u8>),
    /// A character device.
    CharDevice(u32, u32),
    /// A block device.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
}

/// Attributes of an entry. Hard links have those of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attrs {
    /// Permission bits (07777).
    pub perm: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the data; `None`: now.
    pub mtime: Option<Timestamp>,
    /// Last access; `None`: now.
    pub atime: Option<Timestamp>,
    /// Last change of the inode; `None`: now.
    pub ctime: Option<Timestamp>,
    /// Creation; `None`: now.
    pub crtime: Option<Timestamp>,
    /// Extended attributes by their full names, ACLs in the kernel's form.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// ACLs that come as text, which goes before those among the attributes.
    pub acls: AclTexts,
}

/// ACLs as acl(5) writes them. They may name users and groups, which the image knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AclTexts {
    /// The ACL of the file itself.
    pub access: Option<Vec<u8>>,
    /// What new files in the directory get.
    pub default: Option<Vec<u8>>,
}

/// A piece of a file's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// Where it starts in the file. Pieces come in ascending order; between them are holes.
    pub at: u64,
    /// The bytes.
    pub bytes: Bytes,
}

/// A stream of changes.
pub trait Source {
    /// The next change. Data of the entry before that was not asked for is skipped.
    ///
    /// # Errors
    /// What is wrong with the source, by its name.
    fn next(&mut self) -> Result<Option<Change>>;

    /// The next piece of data of the regular file that [`Self::next`] gave last; `None` at its end.
    ///
    /// # Errors
    /// As there.
    fn data(&mut self) -> Result<Option<Data>>;

    /// How many bytes of the source were read so far.
    fn position(&self) -> u64 {
        0
    }
}
