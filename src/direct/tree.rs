//! Files as something to copy from or to compare: those of the host, and those of an image.

use super::resolve::{self, Follow};
use super::walk;
use crate::failure::{Failure, Result};
use crate::import::names::join;
use lwext4::{Attr, FileType, Ino, Timestamp, Volume};
use rustix::fs::{SeekFrom, XattrFlags};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How much of a file is in memory at a time.
const PIECE: usize = 1 << 20;

/// What is known of a file.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// What it is.
    pub kind: FileType,
    /// Permissions (07777).
    pub perm: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Names.
    pub nlink: u32,
    /// Device (major, minor) of a device file, else (0, 0).
    pub device: (u32, u32),
    /// Last access.
    pub atime: Timestamp,
    /// Last change of the content.
    pub mtime: Timestamp,
    /// Which file it is, among all of its tree.
    pub id: (u64, u64),
}

/// Extended attributes: names and values.
pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// A tree of files.
pub trait Tree {
    /// A file of it.
    type Node: Clone;

    /// What a file is called in messages.
    fn shown(&self, node: &Self::Node) -> Vec<u8>;
    /// What is known of a file; of a symbolic link itself.
    ///
    /// # Errors
    /// It cannot be read; as of all functions here, with the file's name.
    fn meta(&self, node: &Self::Node) -> Result<Meta>;
    /// What a symbolic link leads to.
    fn follow(&self, node: &Self::Node) -> Result<Self::Node>;
    /// Names in a directory and their files, in the order of the names' bytes.
    fn children(&self, node: &Self::Node) -> Result<Vec<(Vec<u8>, Self::Node)>>;
    /// The text of a symbolic link.
    fn link_target(&self, node: &Self::Node) -> Result<Vec<u8>>;
    /// Calls `each` with the data of a file, piece by piece, without its holes: where, and the bytes.
    /// Returns the size.
    fn content(
        &self,
        node: &Self::Node,
        each: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<u64>;
    /// Reads from a regular file at an offset: how many bytes, fewer only at the end.
    fn read(&self, node: &Self::Node, offset: u64, buf: &mut [u8]) -> Result<usize>;
    /// The extended attributes, by name.
    fn xattrs(&self, node: &Self::Node) -> Result<Xattrs>;
    /// Something is wrong with a file.
    fn failure(&self, node: &Self::Node, what: &dyn std::fmt::Display) -> Failure {
        let shown = self.shown(node);
        Failure::of(Path::new(OsStr::from_bytes(&shown)), what)
    }
}

/// Files of the host, by their paths.
pub struct HostTree;

impl HostTree {
    fn open(&self, path: &Path) -> Result<File> {
        // The node is what it is: a link in its place now is not meant.
        File::options()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)
            .map_err(|e| Failure::of(path, e))
    }
}

impl Tree for HostTree {
    type Node = PathBuf;

    fn shown(&self, path: &PathBuf) -> Vec<u8> {
        path.as_os_str().as_bytes().to_vec()
    }

    fn meta(&self, path: &PathBuf) -> Result<Meta> {
        let metadata = fs::symlink_metadata(path).map_err(|e| Failure::of(path, e))?;
        let kind = FileType::from_mode((metadata.mode() & 0xF000) as u16)
            .ok_or_else(|| Failure::of(path, "a file of an unknown type"))?;
        let is_device =
            metadata.file_type().is_char_device() || metadata.file_type().is_block_device();
        let time = |secs, nanos: i64| Timestamp {
            secs,
            nanos: u32::try_from(nanos).unwrap_or(0),
        };
        Ok(Meta {
            kind,
            perm: (metadata.mode() & 0o7777) as u16,
            uid: metadata.uid(),
            gid: metadata.gid(),
            size: metadata.size(),
            nlink: u32::try_from(metadata.nlink()).unwrap_or(u32::MAX),
            device: if is_device {
                let device = metadata.rdev();
                (rustix::fs::major(device), rustix::fs::minor(device))
            } else {
                (0, 0)
            },
            atime: time(metadata.atime(), metadata.atime_nsec()),
            mtime: time(metadata.mtime(), metadata.mtime_nsec()),
            id: (metadata.dev(), metadata.ino()),
        })
    }

    fn follow(&self, path: &PathBuf) -> Result<PathBuf> {
        path.canonicalize().map_err(|e| Failure::of(path, e))
    }

    fn children(&self, path: &PathBuf) -> Result<Vec<(Vec<u8>, PathBuf)>> {
        let mut names: Vec<OsString> = fs::read_dir(path)
            .and_then(|dir| {
                dir.map(|entry| Ok(entry?.file_name()))
                    .collect::<io::Result<_>>()
            })
            .map_err(|e| Failure::of(path, e))?;
        names.sort();
        Ok(names
            .into_iter()
            .map(|name| (name.as_bytes().to_vec(), path.join(name)))
            .collect())
    }

    fn link_target(&self, path: &PathBuf) -> Result<Vec<u8>> {
        let target = fs::read_link(path).map_err(|e| Failure::of(path, e))?;
        Ok(target.into_os_string().into_vec())
    }

    fn content(
        &self,
        path: &PathBuf,
        each: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<u64> {
        let failure = |e: io::Error| Failure::of(path, e);
        let mut file = self.open(path)?;
        let metadata = file.metadata().map_err(failure)?;
        let mut buffer = vec![0; PIECE];
        if !metadata.is_file() {
            let mut at = 0;
            loop {
                let read = file.read(&mut buffer).map_err(failure)?;
                if read == 0 {
                    return Ok(at);
                }
                each(at, buffer.get(..read).unwrap_or_default())?;
                at += read as u64;
            }
        }
        let mut at = 0;
        loop {
            let (start, end) = match rustix::fs::seek(&file, SeekFrom::Data(at)) {
                Ok(start) => {
                    let hole = rustix::fs::seek(&file, SeekFrom::Hole(start));
                    (start, hole.unwrap_or(u64::MAX))
                }
                // No data behind.
                Err(rustix::io::Errno::NXIO) => break,
                // A file system that does not know holes.
                Err(_) => (at, u64::MAX),
            };
            at = start;
            while at < end {
                let want = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
                let Some(piece) = buffer.get_mut(..want) else {
                    break;
                };
                let read = file.read_at(piece, at).map_err(failure)?;
                if read == 0 {
                    break;
                }
                each(at, piece.get(..read).unwrap_or_default())?;
                at += read as u64;
            }
            if at < end {
                break;
            }
        }
        // A file that grows meanwhile is as long as what was read of it.
        Ok(metadata.size().max(at))
    }

    fn read(&self, path: &PathBuf, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let file = self.open(path)?;
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Failure::of(path, e)),
            }
        }
        Ok(done)
    }

    fn xattrs(&self, path: &PathBuf) -> Result<Xattrs> {
        use rustix::fs::{lgetxattr, llistxattr};
        use rustix::io::Errno;
        let mut list = vec![0; 64 << 10];
        let len = match llistxattr(path, &mut list) {
            Ok(len) => len,
            Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
            Err(e) => return Err(Failure::of(path, io::Error::from(e))),
        };
        list.truncate(len);
        let mut found = Vec::new();
        for name in list.split(|&b| b == 0).filter(|name| !name.is_empty()) {
            let mut value = vec![0; 64 << 10];
            match lgetxattr(path, OsStr::from_bytes(name), &mut value) {
                Ok(len) => {
                    value.truncate(len);
                    found.push((name.to_vec(), value));
                }
                Err(Errno::NODATA | Errno::PERM | Errno::OPNOTSUPP) => {}
                Err(e) => return Err(Failure::of(path, io::Error::from(e))),
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Sets an extended attribute of a file of the host, not following links.
///
/// # Errors
/// What the host says.
pub fn set_host_xattr(path: &Path, name: &[u8], value: &[u8]) -> rustix::io::Result<()> {
    rustix::fs::lsetxattr(path, OsStr::from_bytes(name), value, XattrFlags::empty())
}

/// Files of an image.
pub struct ImageTree<'a> {
    /// The image.
    pub volume: &'a Volume,
    /// What paths begin with in messages: `rootfs.ext4:`.
    pub prefix: Vec<u8>,
}

/// A file of an image: its inode, and a path to it.
#[derive(Clone, Debug)]
pub struct ImageNode {
    /// The inode.
    pub ino: Ino,
    /// A path from the root.
    pub path: Vec<u8>,
}

impl ImageTree<'_> {
    /// The file that a path names.
    ///
    /// # Errors
    /// There is none.
    pub fn node(&self, path: &[u8], follow: Follow) -> lwext4::Result<ImageNode> {
        let attr = resolve::attr(self.volume, path, follow)?;
        Ok(ImageNode {
            ino: attr.ino,
            path: path.to_vec(),
        })
    }
}

impl From<&Attr> for Meta {
    fn from(attr: &Attr) -> Meta {
        Meta {
            kind: attr.file_type,
            perm: attr.perm,
            uid: attr.uid,
            gid: attr.gid,
            size: attr.size,
            nlink: attr.nlink,
            device: attr.device,
            atime: attr.atime,
            mtime: attr.mtime,
            id: (0, u64::from(attr.ino.0)),
        }
    }
}

impl Tree for ImageTree<'_> {
    type Node = ImageNode;

    fn shown(&self, node: &ImageNode) -> Vec<u8> {
        [self.prefix.as_slice(), &node.path].concat()
    }

    fn meta(&self, node: &ImageNode) -> Result<Meta> {
        let attr = self.volume.getattr(node.ino);
        attr.map(|attr| Meta::from(&attr))
            .map_err(|e| self.failure(node, &e))
    }

    fn follow(&self, node: &ImageNode) -> Result<ImageNode> {
        self.node(&node.path, Follow::Yes)
            .map_err(|e| self.failure(node, &e))
    }

    fn children(&self, node: &ImageNode) -> Result<Vec<(Vec<u8>, ImageNode)>> {
        let found = walk::children(self.volume, node.ino).map_err(|e| self.failure(node, &e))?;
        Ok(found
            .into_iter()
            .map(|child| {
                let path = join(&node.path, &child.name);
                let ino = child.attr.ino;
                (child.name, ImageNode { ino, path })
            })
            .collect())
    }

    fn link_target(&self, node: &ImageNode) -> Result<Vec<u8>> {
        self.volume
            .readlink(node.ino)
            .map_err(|e| self.failure(node, &e))
    }

    fn content(
        &self,
        node: &ImageNode,
        each: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<u64> {
        let failure = |e: lwext4::Error| self.failure(node, &e);
        let size = self.volume.getattr(node.ino).map_err(failure)?.size;
        let mut buffer = vec![0; PIECE];
        let mut at = 0;
        while let Some(start) = self.volume.seek_data(node.ino, at).map_err(failure)? {
            let end = self.volume.seek_hole(node.ino, start).map_err(failure)?;
            let end = end.unwrap_or(size);
            at = start;
            while at < end {
                let want = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
                let Some(piece) = buffer.get_mut(..want) else {
                    break;
                };
                let read = self.volume.read(node.ino, at, piece).map_err(failure)?;
                if read == 0 {
                    return Ok(size);
                }
                each(at, piece.get(..read).unwrap_or_default())?;
                at += read as u64;
            }
        }
        Ok(size)
    }

    fn read(&self, node: &ImageNode, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let read = self.volume.read(node.ino, offset, buf);
        read.map_err(|e| self.failure(node, &e))
    }

    fn xattrs(&self, node: &ImageNode) -> Result<Xattrs> {
        let failure = |e: lwext4::Error| self.failure(node, &e);
        let mut found = Vec::new();
        for name in self.volume.listxattr(node.ino).map_err(failure)? {
            let value = self.volume.getxattr(node.ino, &name).map_err(failure)?;
            found.push((name, value));
        }
        found.sort();
        Ok(found)
    }
}
