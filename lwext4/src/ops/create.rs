//! Making files of every type, and hard links.

use super::{check_may_add, check_name, check_not_dots, check_project};
use crate::attr::{Entry, NewFile};
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::{Inode, InodeData, LINK_MAX};
use crate::journal::{Credits, Handle};
use crate::ondisk::features::RoCompat;
use crate::ondisk::inode::{InodeFlags, RawInode};
use crate::types::{FileBlock, FileType, Ino, Timestamp};
use crate::{dir, inline, map, xattr};
use parking_lot::RwLockWriteGuard;
use std::sync::Arc;

/// Fails unless a symbolic link can have the target.
pub(crate) fn check_symlink_target(fs: &Fs, target: &[u8]) -> Result<()> {
    if target.is_empty() {
        Err(Error::NotFound)
    } else if target.len() >= (fs.geo.block_size as usize).min(4096) {
        Err(Error::NameTooLong)
    } else {
        Ok(())
    }
}

impl Fs {
    /// Makes a file of any type but symlink; takes a hold.
    pub fn create(&self, parent: Ino, name: &[u8], new: &NewFile) -> Result<Entry> {
        if new.file_type == FileType::Symlink {
            return Err(Error::InvalidArgument("a symbolic link needs a target"));
        }
        let created = self.retry_on_full(|| self.create_once(parent, name, new, None));
        if created.is_err() {
            self.evict_values()?;
        }
        created
    }

    /// Makes a symbolic link; takes a hold.
    pub fn symlink(
        &self,
        parent: Ino,
        name: &[u8],
        target: &[u8],
        uid: u32,
        gid: u32,
    ) -> Result<Entry> {
        check_symlink_target(self, target)?;
        let new = NewFile {
            file_type: FileType::Symlink,
            perm: 0o777,
            umask: 0,
            uid,
            gid,
            device: (0, 0),
        };
        self.retry_on_full(|| self.create_once(parent, name, &new, Some(target)))
    }

    fn create_once(
        &self,
        parent: Ino,
        name: &[u8],
        new: &NewFile,
        target: Option<&[u8]>,
    ) -> Result<Entry> {
        check_name(name)?;
        check_not_dots(name)?;
        let parent_inode = self.inode(parent)?;
        let mut h = self.begin(Credits::NAME)?;
        let created = self.create_with(&mut h, &parent_inode, name, new, target);
        h.finish(created)
    }

    fn create_with(
        &self,
        h: &mut Handle<'_>,
        parent_inode: &Inode,
        name: &[u8],
        new: &NewFile,
        target: Option<&[u8]>,
    ) -> Result<Entry> {
        let mut dir = parent_inode.data.write();
        check_may_add(&dir)?;
        if dir::lookup(self, &dir, name)?.is_some() {
            return Err(Error::Exists);
        }
        dir.check_key()?;
        let is_dir = new.file_type == FileType::Directory;
        if is_dir {
            self.check_subdir_link(&dir)?;
        }
        let now = self.now();
        let inode = self.make_inode(h, &dir, new, now)?;
        let mut child = inode.data.write();
        let made = self
            .fill_inode(h, &dir, &mut child, new, target)
            .and_then(|()| dir::add(h, &mut dir, name, child.ino, new.file_type));
        if let Err(error) = made {
            // The directory may have grown by a block, which it keeps.
            h.store(&mut dir)?;
            self.abandon(h, child, is_dir)?;
            return Err(error);
        }
        if is_dir {
            self.add_subdir_link(&mut dir)?;
        }
        dir.touch(now, true);
        h.store_synced(parent_inode, &mut dir, true)?;
        h.store_synced(&inode, &mut child, true)?;
        self.inodes.hold(child.ino);
        Ok(Entry {
            attr: child.attr(self)?,
        })
    }

    /// Takes an inode and gives it its attributes. A setgid directory gives its group, and its bit to
    /// directories.
    pub(super) fn make_inode(
        &self,
        h: &mut Handle<'_>,
        dir: &InodeData,
        new: &NewFile,
        now: Timestamp,
    ) -> Result<Arc<Inode>> {
        let mut new = *new;
        if dir.raw.mode() & 0o2000 != 0 {
            new.gid = dir.raw.gid();
            if new.file_type == FileType::Directory {
                new.perm |= 0o2000;
            }
        }
        self.make_exact(h, dir, &new, now)
    }

    /// Takes an inode and gives it these attributes, and of its directory's only the flags that pass on.
    pub(crate) fn make_exact(
        &self,
        h: &mut Handle<'_>,
        dir: &InodeData,
        new: &NewFile,
        now: Timestamp,
    ) -> Result<Arc<Inode>> {
        let is_dir = new.file_type == FileType::Directory;
        let extra = self.geo.want_extra_isize;
        let mut raw = RawInode::new(usize::from(self.geo.inode_size), extra);
        raw.set_mode(new.file_type.mode_bits() | new.perm & 0o7777);
        raw.set_uid(new.uid);
        raw.set_gid(new.gid);
        raw.set_links_count(if is_dir { 2 } else { 1 });
        raw.set_generation(self.generations.next());
        raw.set_atime(now);
        raw.set_mtime(now);
        raw.set_ctime(now);
        raw.set_crtime(now);
        let is_regular = new.file_type == FileType::Regular;
        let mut flags = Fs::inherited_flags(&dir.raw, is_dir, is_regular);
        let projects = self.geo.features.ro_compat.contains(RoCompat::PROJECT);
        if projects && dir.raw.flags().contains(InodeFlags::PROJINHERIT) {
            raw.set_projid(dir.raw.projid());
        }
        if !is_dir && !is_regular {
            flags -= InodeFlags::JOURNAL_DATA;
        }
        raw.set_flags(flags);
        match new.file_type {
            FileType::CharDevice | FileType::BlockDevice => {
                raw.set_device(new.device.0, new.device.1);
            }
            _ => {}
        }
        h.prepare_charge(&raw)?;
        let ino = self.alloc.alloc_inode(h, dir.ino, is_dir)?;
        self.new_inode(ino, raw)
    }

    /// Gives a new symbolic link its target.
    pub(crate) fn fill_symlink(
        &self,
        h: &mut Handle<'_>,
        child: &mut InodeData,
        target: &[u8],
    ) -> Result<()> {
        child.raw.set_size(target.len() as u64);
        if target.len() < child.raw.block().len() {
            child.raw.block_mut()[..target.len()].copy_from_slice(target);
            return Ok(());
        }
        map::init(self, child);
        self.write_new(h, child, target)
    }

    /// Gives a new inode its map and content.
    fn fill_inode(
        &self,
        h: &mut Handle<'_>,
        dir: &InodeData,
        child: &mut InodeData,
        new: &NewFile,
        target: Option<&[u8]>,
    ) -> Result<()> {
        if let Some(target) = target {
            return self.fill_symlink(h, child, target);
        }
        // ACLs first: data may be inside the inode beside them, and give way where there is no room.
        xattr::inherit_acl(h, dir, child, new.umask)?;
        match new.file_type {
            FileType::Regular => {
                if !inline::start(self, child)? {
                    map::init(self, child);
                }
                Ok(())
            }
            FileType::Directory => dir::init(h, child, dir.ino),
            _ => Ok(()),
        }
    }

    /// Undoes the making of an inode that got no name.
    pub(crate) fn abandon(
        &self,
        h: &mut Handle<'_>,
        mut child: RwLockWriteGuard<'_, InodeData>,
        is_dir: bool,
    ) -> Result<()> {
        // What stopped before there was a map has none.
        let is_mapped = child.raw.block().iter().any(|&byte| byte != 0);
        if is_mapped && child.maps_blocks(self) {
            // A new inode has a few blocks: one step always suffices.
            map::remove(h, &mut child, FileBlock(0), 1 << 32)?;
        }
        // And few attributes: those of its directory's default ACL.
        while !xattr::free_all(h, &mut child)? {}
        self.finish_delete(h, &mut child, is_dir)
    }

    /// One more name for a file; takes a hold.
    pub fn link(&self, ino: Ino, parent: Ino, name: &[u8]) -> Result<Entry> {
        self.retry_on_full(|| self.link_once(ino, parent, name))
    }

    fn link_once(&self, ino: Ino, parent: Ino, name: &[u8]) -> Result<Entry> {
        check_name(name)?;
        check_not_dots(name)?;
        if ino == parent {
            return Err(Error::NotPermitted("a directory cannot have a second name"));
        }
        let parent_inode = self.inode(parent)?;
        let inode = self.inode(ino)?;
        if inode.data.read().raw.is_dir() {
            return Err(Error::NotPermitted("a directory cannot have a second name"));
        }
        let mut h = self.begin(Credits::NAME)?;
        let linked = self.link_with(&mut h, &inode, &parent_inode, name);
        h.finish(linked)
    }

    fn link_with(
        &self,
        h: &mut Handle<'_>,
        inode: &Inode,
        parent_inode: &Inode,
        name: &[u8],
    ) -> Result<Entry> {
        let ino = inode.ino;
        let (mut dir, mut child) = loop {
            let dir = parent_inode.data.write();
            check_may_add(&dir)?;
            if dir::lookup(self, &dir, name)?.is_some() {
                return Err(Error::Exists);
            }
            dir.check_key()?;
            if let Some(child) = inode.data.try_write() {
                break (dir, child);
            }
            // Whoever has it may be waiting for the directory.
            drop(dir);
            inode.wait();
        };
        let links = child.raw.links_count();
        if links == 0 {
            return Err(Error::NotFound);
        }
        if links >= LINK_MAX {
            return Err(Error::TooManyLinks);
        }
        if child
            .raw
            .flags()
            .intersects(InodeFlags::IMMUTABLE | InodeFlags::APPEND)
        {
            return Err(Error::NotPermitted("the file is immutable or append-only"));
        }
        check_project(&dir, &child)?;
        let Some(file_type) = child.raw.file_type() else {
            return Err(Corrupt::new("inode has no file type").ino(ino).into());
        };
        let added = dir::add(h, &mut dir, name, ino, file_type);
        let now = self.now();
        if added.is_ok() {
            dir.touch(now, true);
            child.raw.set_links_count(links + 1);
            child.touch(now, false);
            h.store_synced(inode, &mut child, true)?;
        }
        h.store_synced(parent_inode, &mut dir, true)?;
        added?;
        self.inodes.hold(ino);
        Ok(Entry {
            attr: child.attr(self)?,
        })
    }
}
