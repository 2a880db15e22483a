//! Values that are the content of an inode of their own (feature `ea_inode`). They are read, not written.

use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::map;
use crate::ondisk::checksum::crc32c;
use crate::ondisk::inode::InodeFlags;
use crate::ondisk::xattr::VALUE_MAX;
use crate::types::{FileBlock, FileType, Ino};

/// Reads the value of `size` bytes that `owner` has in inode `ino`.
pub(super) fn read(fs: &Fs, owner: &InodeData, ino: Ino, size: u32) -> Result<Vec<u8>> {
    let bad = |what| Err(Error::from(Corrupt::new(what).ino(owner.ino)));
    let len = size as usize;
    if len > VALUE_MAX {
        return bad("attribute's value is too large");
    }
    let inode = fs.load_inode(ino)?;
    if inode.file_type() != Some(FileType::Regular)
        || !inode.flags().contains(InodeFlags::EA_INODE)
        || inode.size() != u64::from(size)
    {
        return bad("attribute's value is in an inode that is none for values");
    }
    let mut value = vec![0; len];
    for (at, part) in (0..).zip(value.chunks_mut(fs.geo.block_size as usize)) {
        let Some(block) = map::block_of(fs, &inode, FileBlock(at))? else {
            return bad("attribute's value has a hole");
        };
        fs.read_data(fs.geo.offset(block), part)?;
    }
    // The access time of such an inode is the hash of its content. Lustre's inodes have none.
    if inode.atime_raw() != 0
        && inode.atime_raw() != crc32c(fs.geo.seed, &value)
        && !old(owner, &inode)
    {
        return bad("attribute's value has the wrong hash");
    }
    Ok(value)
}

/// Whether the inode is one of Lustre's, which belong to one owner and name it.
fn old(owner: &InodeData, inode: &InodeData) -> bool {
    inode.mtime_raw() == owner.ino.0 && inode.generation() == owner.generation()
}
