//! Making files whole.

use super::data::check_content;
use super::{Bulk, Content, Node};
use crate::attr::{NewFile, SetXattrMode};
use crate::error::{Error, Result};
use crate::inline::is_inline;
use crate::inode::{Inode, InodeData};
use crate::journal::{Credits, Handle};
use crate::ops::{check_may_add, check_not_dots, check_symlink_target};
use crate::types::{FileType, Ino};
use crate::{dir, map, xattr};

/// A name, attributes and the data of every level of the map.
const CREDITS: Credits = Credits(Credits::NAME.0 + Credits::MAP.0);

/// What a directory's own times do when an entry is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentTimes {
    /// They tell when.
    Touch,
    /// They stay: they are set already.
    Keep,
}

impl Bulk<'_> {
    /// Makes a file of any type under a name that is free, with the data that `content` has; more can
    /// follow with [`Self::append`], before the next file.
    ///
    /// # Errors
    /// As [`Volume::create`](crate::Volume::create) and [`Volume::symlink`](crate::Volume::symlink);
    /// [`Error::NoSpace`] also when attributes do not fit; [`Error::FileTooBig`]; those of
    /// [`Volume::setxattr`](crate::Volume::setxattr). Then there is no such file, or, when there was no
    /// space for all of its data, one with a part of it.
    pub fn create(
        &mut self,
        parent: Ino,
        name: &[u8],
        node: &Node,
        times: ParentTimes,
        content: Content<'_>,
    ) -> Result<Ino> {
        let fs = self.fs;
        let mut done = 0;
        let made = fs.retry_on_full(|| {
            done = 0;
            self.create_once(parent, name, node, times, content, &mut done)
        });
        let ino = self.cause(made)?;
        self.pace()?;
        self.append_rest(ino, content, done)?;
        Ok(ino)
    }

    fn create_once(
        &mut self,
        parent: Ino,
        name: &[u8],
        node: &Node,
        times: ParentTimes,
        content: Content<'_>,
        done: &mut usize,
    ) -> Result<Ino> {
        crate::ops::check_name(name)?;
        check_not_dots(name)?;
        let fs = self.fs;
        if node.file_type == FileType::Symlink {
            check_symlink_target(fs, &node.target)?;
        }
        let parent_inode = fs.inode(parent)?;
        let mut h = fs.begin(CREDITS)?;
        let made = self.create_with(&mut h, &parent_inode, name, node, times, content, done);
        h.finish(made)
    }

    #[allow(clippy::too_many_arguments)]
    fn create_with(
        &mut self,
        h: &mut Handle<'_>,
        parent_inode: &Inode,
        name: &[u8],
        node: &Node,
        times: ParentTimes,
        content: Content<'_>,
        done: &mut usize,
    ) -> Result<Ino> {
        let fs = h.fs();
        let mut dir = parent_inode.data.write();
        check_may_add(&dir)?;
        if dir::lookup(fs, &dir, name)?.is_some() {
            return Err(Error::Exists);
        }
        let is_dir = node.file_type == FileType::Directory;
        if is_dir {
            fs.check_subdir_link(&dir)?;
        }
        let before = (dir.raw.size(), dir.raw.flags());
        let inode = fs.make_exact(h, &dir, &node.as_new(), node.crtime)?;
        let mut child = inode.data.write();
        let made = fill(h, &mut child, node, dir.ino)
            .and_then(|()| check_content(fs, &child, content))
            .and_then(|()| dir::add(h, &mut dir, name, child.ino, node.file_type));
        if let Err(error) = made {
            // The directory may have grown by a block, which it keeps.
            h.store(&mut dir)?;
            fs.abandon(h, child, is_dir)?;
            return Err(error);
        }
        // What finds no space now may find it after a commit: the caller goes on.
        match self.map(h, &mut child, content, done) {
            Err(error) if error.is_fault() => return Err(error),
            _ => {}
        }
        if is_dir {
            fs.add_subdir_link(&mut dir)?;
        }
        if times == ParentTimes::Touch {
            dir.touch(fs.now(), true);
        }
        // Entries may be inside the directory's inode.
        let changed = is_inline(&dir.raw) || (dir.raw.size(), dir.raw.flags()) != before;
        if times == ParentTimes::Touch || is_dir || changed {
            h.store_synced(parent_inode, &mut dir, true)?;
        } else {
            h.note_synced(parent_inode, true);
        }
        h.store_synced(&inode, &mut child, true)?;
        Ok(child.ino)
    }
}

impl Node {
    fn as_new(&self) -> NewFile {
        NewFile {
            file_type: self.file_type,
            perm: self.perm,
            umask: 0,
            uid: self.uid,
            gid: self.gid,
            device: self.device,
        }
    }
}

/// Gives a new inode times, attributes and an empty map.
fn fill(h: &mut Handle<'_>, child: &mut InodeData, node: &Node, parent: Ino) -> Result<()> {
    child.raw.set_atime(node.atime);
    child.raw.set_mtime(node.mtime);
    child.raw.set_ctime(node.ctime);
    // Attributes first: what else is inside the inode takes the room that they leave.
    for (name, value) in &node.xattrs {
        xattr::set(h, child, name, value, SetXattrMode::Any)?;
    }
    match node.file_type {
        FileType::Symlink => h.fs().fill_symlink(h, child, &node.target),
        FileType::Directory => dir::init(h, child, parent),
        FileType::Regular => {
            // Data has blocks, also where the image could have it inside inodes.
            map::init(h.fs(), child);
            Ok(())
        }
        _ => Ok(()),
    }
}
