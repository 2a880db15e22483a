//! Renaming, in all its modes.

use super::{
    check_may_add, check_may_remove, check_name, check_not_dots, check_project, drop_subdir_link,
};
use crate::attr::{NewFile, RenameMode};
use crate::dir;
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::{Inode, InodeData};
use crate::journal::{Credits, Handle};
use crate::types::{FileType, Ino};
use std::sync::Arc;

/// The deepest tree whose ancestors are walked: no path that Linux can name is deeper.
const DEPTH_LIMIT: u32 = 1 << 20;

/// The directories of a rename, locked: one or two.
struct Dirs<'a> {
    from: &'a mut InodeData,
    to: Option<&'a mut InodeData>,
}

/// How an attempt to rename ended.
enum Attempt {
    /// Done: the inode that lost its last name, if one did.
    Done(Option<Ino>),
    /// Nothing changed: someone has this inode locked. It is waited for without any lock, because
    /// whoever has it may be waiting for what this thread has.
    Busy(Arc<Inode>),
}

impl Dirs<'_> {
    fn to(&mut self) -> &mut InodeData {
        match &mut self.to {
            Some(to) => to,
            None => self.from,
        }
    }
}

impl Fs {
    /// Moves the entry `name` of `from` to `new_name` of `to`.
    pub fn rename(
        &self,
        from: Ino,
        name: &[u8],
        to: Ino,
        new_name: &[u8],
        mode: RenameMode,
    ) -> Result<()> {
        for name in [name, new_name] {
            check_name(name)?;
            check_not_dots(name)?;
        }
        let replaced = self.retry_on_full(|| self.rename_once(from, name, to, new_name, mode))?;
        match replaced {
            Some(ino) => self.evict_if_unused(ino),
            None => Ok(()),
        }
    }

    /// Whether `ancestor` is `ino` or above it. Directories move only under the rename lock, which
    /// the caller holds.
    fn is_above(&self, ancestor: Ino, ino: Ino) -> Result<bool> {
        let mut at = ino;
        for _ in 0..DEPTH_LIMIT {
            if at == ancestor {
                return Ok(true);
            }
            if at == Ino::ROOT {
                return Ok(false);
            }
            let inode = self.inode(at)?;
            let data = inode.data.read();
            data.check_dir()?;
            at = dir::parent(self, &data)?;
        }
        Err(Corrupt::new("directories form a cycle").ino(ino).into())
    }

    /// What a name leads to now.
    fn peek(&self, parent: Ino, name: &[u8]) -> Result<Option<Ino>> {
        let inode = self.inode(parent)?;
        let data = inode.data.read();
        data.check_dir()?;
        Ok(dir::lookup(self, &data, name)?.map(|found| found.ino))
    }

    /// The inode that lost its last name, if one did.
    fn rename_once(
        &self,
        from: Ino,
        name: &[u8],
        to: Ino,
        new_name: &[u8],
        mode: RenameMode,
    ) -> Result<Option<Ino>> {
        let _renames = self.renames.lock();
        let exchange = mode == RenameMode::Exchange;
        let source = self.peek(from, name)?.ok_or(Error::NotFound)?;
        let target = self.peek(to, new_name)?;
        if from != to {
            let source_is_dir = self.getattr(source)?.file_type == FileType::Directory;
            if source_is_dir && self.is_above(source, to)? {
                return Err(Error::InvalidArgument(
                    "a directory cannot move into itself",
                ));
            }
            if let Some(target) = target
                && self.getattr(target)?.file_type == FileType::Directory
                && self.is_above(target, from)?
            {
                return Err(if exchange {
                    Error::InvalidArgument("a directory cannot move into itself")
                } else {
                    Error::NotEmpty
                });
            }
        }
        let (from_inode, to_inode) = (self.inode(from)?, self.inode(to)?);
        let mut h = self.begin(Credits::RENAME)?;
        let renamed = self.rename_with(&mut h, [&from_inode, &to_inode], name, new_name, mode);
        h.finish(renamed)
    }

    /// Locks both directories and what the names lead to, and renames.
    fn rename_with(
        &self,
        h: &mut Handle<'_>,
        inodes: [&Arc<Inode>; 2],
        name: &[u8],
        new_name: &[u8],
        mode: RenameMode,
    ) -> Result<Option<Ino>> {
        let [from, to] = inodes;
        loop {
            let attempt = {
                let mut from_data = from.data.write();
                let mut to_data = if from.ino == to.ino {
                    None
                } else {
                    to.data.try_write()
                };
                if from.ino != to.ino && to_data.is_none() {
                    Attempt::Busy(to.clone())
                } else {
                    let mut dirs = Dirs {
                        from: &mut from_data,
                        to: to_data.as_deref_mut(),
                    };
                    self.rename_locked(h, inodes, &mut dirs, name, new_name, mode)?
                }
            };
            match attempt {
                Attempt::Done(gone) => return Ok(gone),
                Attempt::Busy(inode) => inode.wait(),
            }
        }
    }

    /// One attempt, with the directories locked.
    fn rename_locked(
        &self,
        h: &mut Handle<'_>,
        inodes: [&Arc<Inode>; 2],
        dirs: &mut Dirs<'_>,
        name: &[u8],
        new_name: &[u8],
        mode: RenameMode,
    ) -> Result<Attempt> {
        // The peeks were made before the locks: look again.
        dirs.from.check_dir()?;
        let source = dir::lookup(self, dirs.from, name)?
            .ok_or(Error::NotFound)?
            .ino;
        check_may_add(dirs.to())?;
        let target = dir::lookup(self, dirs.to(), new_name)?.map(|found| found.ino);
        let own = [dirs.from.ino, dirs.to().ino];
        if own.contains(&source) {
            return Err(Error::InvalidArgument(
                "a directory cannot move into itself",
            ));
        }
        if target.is_some_and(|target| own.contains(&target)) {
            return Err(if mode == RenameMode::Exchange {
                Error::InvalidArgument("a directory cannot move into itself")
            } else {
                Error::NotEmpty
            });
        }
        match (mode, target) {
            (RenameMode::NoReplace, Some(_)) => return Err(Error::Exists),
            (RenameMode::Exchange, None) => return Err(Error::NotFound),
            // Two names of one file: nothing to do.
            (_, Some(target)) if target == source => return Ok(Attempt::Done(None)),
            _ => {}
        }
        dirs.from.check_key()?;
        dirs.to().check_key()?;
        let source_inode = self.inode(source)?;
        let Some(target) = target else {
            let Some(mut data) = source_inode.data.try_write() else {
                return Ok(Attempt::Busy(source_inode.clone()));
            };
            check_may_remove(dirs.from, &data)?;
            check_project(dirs.to(), &data)?;
            return self
                .move_to_free_name(
                    h,
                    inodes,
                    dirs,
                    &source_inode,
                    &mut data,
                    name,
                    new_name,
                    mode,
                )
                .map(|()| Attempt::Done(None));
        };
        let target_inode = self.inode(target)?;
        let Some(mut source_data) = source_inode.data.try_write() else {
            return Ok(Attempt::Busy(source_inode.clone()));
        };
        let Some(mut target_data) = target_inode.data.try_write() else {
            return Ok(Attempt::Busy(target_inode.clone()));
        };
        check_may_remove(dirs.from, &source_data)?;
        check_may_remove(dirs.to(), &target_data)?;
        check_project(dirs.to(), &source_data)?;
        if mode == RenameMode::Exchange {
            check_project(dirs.from, &target_data)?;
        }
        let sides = [
            (&source_inode, &mut *source_data),
            (&target_inode, &mut *target_data),
        ];
        if mode == RenameMode::Exchange {
            return self
                .exchange(h, inodes, dirs, sides, name, new_name)
                .map(|()| Attempt::Done(None));
        }
        self.replace(h, inodes, dirs, sides, name, new_name, mode)
            .map(Attempt::Done)
    }

    /// The new name is free: adds it, and takes the old one away.
    #[allow(clippy::too_many_arguments)]
    fn move_to_free_name(
        &self,
        h: &mut Handle<'_>,
        inodes: [&Arc<Inode>; 2],
        dirs: &mut Dirs<'_>,
        source_inode: &Arc<Inode>,
        source: &mut InodeData,
        name: &[u8],
        new_name: &[u8],
        mode: RenameMode,
    ) -> Result<()> {
        let file_type = type_of(source)?;
        let moves = dirs.to.is_some();
        if source.raw.is_dir() && moves {
            self.check_subdir_link(dirs.to())?;
        }
        let whiteout = self.make_whiteout(h, dirs.from, mode)?;
        if let Err(error) = dir::add(h, dirs.to(), new_name, source.ino, file_type) {
            h.store(dirs.to())?;
            self.abandon_whiteout(h, whiteout)?;
            return Err(error);
        }
        self.leave(h, dirs, name, whiteout)?;
        if source.raw.is_dir() && moves {
            dir::set_parent(h, source, dirs.to().ino)?;
            drop_subdir_link(dirs.from);
            self.add_subdir_link(dirs.to())?;
        }
        self.finish_rename(h, inodes, dirs, &mut [(source_inode, source)])
    }

    /// The new name leads to `target`: points it at `source` instead. The inode that lost its last
    /// name, if it did.
    #[allow(clippy::too_many_arguments)]
    fn replace(
        &self,
        h: &mut Handle<'_>,
        inodes: [&Arc<Inode>; 2],
        dirs: &mut Dirs<'_>,
        sides: [(&Arc<Inode>, &mut InodeData); 2],
        name: &[u8],
        new_name: &[u8],
        mode: RenameMode,
    ) -> Result<Option<Ino>> {
        let [(source_inode, source), (target_inode, target)] = sides;
        match (source.raw.is_dir(), target.raw.is_dir()) {
            (true, false) => return Err(Error::NotADirectory),
            (false, true) => return Err(Error::IsADirectory),
            (true, true) if !dir::is_empty(self, target)? => return Err(Error::NotEmpty),
            _ => {}
        }
        let file_type = type_of(source)?;
        let whiteout = self.make_whiteout(h, dirs.from, mode)?;
        dir::replace(h, dirs.to(), new_name, source.ino, file_type)?;
        self.leave(h, dirs, name, whiteout)?;
        if source.raw.is_dir() {
            // One subdirectory of the target's directory went, and perhaps another came.
            drop_subdir_link(dirs.from);
            if dirs.to.is_some() {
                dir::set_parent(h, source, dirs.to().ino)?;
            }
        }
        self.drop_link(h, target_inode, target, self.now())?;
        let gone = (target.raw.links_count() == 0).then_some(target.ino);
        self.finish_rename(h, inodes, dirs, &mut [(source_inode, source)])?;
        Ok(gone)
    }

    fn exchange(
        &self,
        h: &mut Handle<'_>,
        inodes: [&Arc<Inode>; 2],
        dirs: &mut Dirs<'_>,
        sides: [(&Arc<Inode>, &mut InodeData); 2],
        name: &[u8],
        new_name: &[u8],
    ) -> Result<()> {
        let [(source_inode, source), (target_inode, target)] = sides;
        let types = [type_of(source)?, type_of(target)?];
        let is_dir = [source.raw.is_dir(), target.raw.is_dir()];
        let moves = dirs.to.is_some();
        if moves && is_dir[0] != is_dir[1] {
            let gains: &InodeData = if is_dir[0] { dirs.to() } else { dirs.from };
            self.check_subdir_link(gains)?;
        }
        dir::replace(h, dirs.to(), new_name, source.ino, types[0])?;
        dir::replace(h, dirs.from, name, target.ino, types[1])?;
        if moves {
            let (from, to) = (dirs.from.ino, dirs.to().ino);
            if is_dir[0] {
                dir::set_parent(h, source, to)?;
            }
            if is_dir[1] {
                dir::set_parent(h, target, from)?;
            }
            match is_dir {
                [true, false] => {
                    drop_subdir_link(dirs.from);
                    self.add_subdir_link(dirs.to())?;
                }
                [false, true] => {
                    drop_subdir_link(dirs.to());
                    self.add_subdir_link(dirs.from)?;
                }
                _ => {}
            }
        }
        self.finish_rename(
            h,
            inodes,
            dirs,
            &mut [(source_inode, source), (target_inode, target)],
        )
    }

    /// Takes the old name away, or points it at the whiteout.
    fn leave(
        &self,
        h: &mut Handle<'_>,
        dirs: &mut Dirs<'_>,
        name: &[u8],
        whiteout: Option<Arc<Inode>>,
    ) -> Result<()> {
        match whiteout {
            Some(inode) => {
                dir::replace(h, dirs.from, name, inode.ino, FileType::CharDevice)?;
                h.store(&mut inode.data.write())
            }
            None => dir::remove(h, dirs.from, name).map(|_| ()),
        }
    }

    /// Times and stores.
    fn finish_rename(
        &self,
        h: &mut Handle<'_>,
        inodes: [&Arc<Inode>; 2],
        dirs: &mut Dirs<'_>,
        moved: &mut [(&Arc<Inode>, &mut InodeData)],
    ) -> Result<()> {
        let now = self.now();
        for (inode, data) in moved {
            data.touch(now, false);
            h.store_synced(inode, data, true)?;
        }
        dirs.from.touch(now, true);
        h.store_synced(inodes[0], dirs.from, true)?;
        if dirs.to.is_some() {
            dirs.to().touch(now, true);
            h.store_synced(inodes[1], dirs.to(), true)?;
        }
        Ok(())
    }

    /// A character device 0:0, as overlayfs marks what was deleted.
    fn make_whiteout(
        &self,
        h: &mut Handle<'_>,
        dir: &InodeData,
        mode: RenameMode,
    ) -> Result<Option<Arc<Inode>>> {
        if mode != RenameMode::Whiteout {
            return Ok(None);
        }
        let new = NewFile {
            file_type: FileType::CharDevice,
            perm: 0,
            umask: 0,
            uid: dir.raw.uid(),
            gid: dir.raw.gid(),
            device: (0, 0),
        };
        self.make_inode(h, dir, &new, self.now()).map(Some)
    }

    fn abandon_whiteout(&self, h: &mut Handle<'_>, whiteout: Option<Arc<Inode>>) -> Result<()> {
        match whiteout {
            Some(inode) => self.abandon(h, inode.data.write(), false),
            None => Ok(()),
        }
    }
}

fn type_of(data: &InodeData) -> Result<FileType> {
    data.raw
        .file_type()
        .ok_or_else(|| Corrupt::new("inode has no file type").ino(data.ino).into())
}
