//! Images in sparse files.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// The granularity of [`Image::pieces`], in bytes.
pub const PIECE: usize = 1024;

/// What Debian 12's `mke2fs.conf` says.
pub const DEBIAN_12: &str = "
[defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
enable_periodic_fsck = 0
blocksize = 4096
inode_size = 256
inode_ratio = 16384
[fs_types]
ext4 = {
features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
}
small = {
blocksize = 1024
inode_ratio = 4096
}
floppy = {
blocksize = 1024
inode_ratio = 8192
}
big = {
inode_ratio = 32768
}
huge = {
inode_ratio = 65536
}
";

/// A sparse file that goes away with this value.
pub struct Image(tempfile::NamedTempFile);

impl Image {
    /// An all-zero image of `size` bytes.
    pub fn new(size: u64) -> Image {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(size).unwrap();
        Image(file)
    }

    /// Another handle of the file.
    pub fn file(&self) -> File {
        self.0.reopen().unwrap()
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Bytes that the file takes on the host.
    pub fn allocated(&self) -> u64 {
        self.0.as_file().metadata().unwrap().blocks() * 512
    }

    /// The pieces of the file that are not all zero, by offset.
    pub fn pieces(&self) -> BTreeMap<u64, Vec<u8>> {
        use rustix::fs::{SeekFrom, seek};
        let file = self.0.as_file();
        let size = file.metadata().unwrap().len();
        let mut pieces = BTreeMap::new();
        let mut at = 0;
        while let Ok(start) = seek(file, SeekFrom::Data(at)) {
            let end = seek(file, SeekFrom::Hole(start)).unwrap();
            let mut offset = start - start % PIECE as u64;
            while offset < end {
                let mut piece = vec![0; PIECE];
                let len = PIECE.min((size - offset) as usize);
                file.read_exact_at(&mut piece[..len], offset).unwrap();
                if piece.iter().any(|&byte| byte != 0) {
                    pieces.insert(offset, piece);
                }
                offset += PIECE as u64;
            }
            at = end;
        }
        pieces
    }
}
