//! The tree of inodes: everything that changes names.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use fuser::{Errno, FileAttr, FileType, RenameFlags};
use parking_lot::{Mutex, RwLock, RwLockWriteGuard};

use crate::data::FileData;
use crate::node::{Body, Directory, NewNode, Node, State};

/// The root's inode number, given by the FUSE protocol.
const ROOT: u64 = 1;

/// Maps are split by inode number, so that threads seldom meet at one.
const SHARDS: usize = 64;

/// All inodes. Locks are taken in the order: rename, directory (two: by number), child, shard.
#[derive(Debug)]
pub struct Tree {
    shards: [RwLock<HashMap<u64, Arc<Node>>>; SHARDS],
    next_ino: AtomicU64,
    rename: Mutex<()>,
}

/// The directory in `state`, or ENOTDIR.
fn directory(state: &mut State) -> Result<&mut Directory, Errno> {
    match &mut state.body {
        Body::Dir(dir) => Ok(dir),
        _ => Err(Errno::ENOTDIR),
    }
}

impl Default for Tree {
    fn default() -> Self {
        let tree = Self {
            shards: std::array::from_fn(|_| RwLock::default()),
            next_ino: AtomicU64::new(ROOT + 1),
            rename: Mutex::new(()),
        };
        let new = NewNode {
            kind: FileType::Directory,
            perm: 0o755,
            uid: 0,
            gid: 0,
            rdev: 0,
        };
        let root = Node::new(ROOT, new, Body::Dir(Directory::new(ROOT)));
        root.state.write().attr.nlink = 2;
        tree.shard(ROOT).write().insert(ROOT, Arc::new(root));
        tree
    }
}

impl Tree {
    fn shard(&self, ino: u64) -> &RwLock<HashMap<u64, Arc<Node>>> {
        &self.shards[ino as usize % SHARDS]
    }

    /// The inode of that number, or ESTALE.
    pub fn node(&self, ino: u64) -> Result<Arc<Node>, Errno> {
        let shard = self.shard(ino).read();
        shard.get(&ino).cloned().ok_or(Errno::ESTALE)
    }

    /// Finds a name and counts the lookup.
    pub fn lookup(&self, parent: u64, name: &[u8]) -> Result<FileAttr, Errno> {
        let parent = self.node(parent)?;
        // Held until the lookup is counted: an unlink in between would free the inode.
        let state = parent.state.read();
        let Body::Dir(dir) = &state.body else {
            return Err(Errno::ENOTDIR);
        };
        let ino = dir.get(name).ok_or(Errno::ENOENT)?;
        Ok(self.node(ino)?.told())
    }

    /// Makes an inode with its first name and counts a lookup. `target` is for symbolic links.
    pub fn create(
        &self,
        parent: u64,
        name: &[u8],
        mut new: NewNode,
        target: &[u8],
    ) -> Result<FileAttr, Errno> {
        let parent = self.node(parent)?;
        let mut state = parent.state.write();
        if directory(&mut state)?.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        let is_dir = new.kind == FileType::Directory;
        if state.attr.perm & 0o2000 != 0 {
            new.gid = state.attr.gid;
            if is_dir {
                new.perm |= 0o2000;
            }
        }
        let body = match new.kind {
            FileType::RegularFile => Body::File(FileData::default()),
            FileType::Directory => Body::Dir(Directory::new(parent.ino)),
            FileType::Symlink => Body::Symlink(target.into()),
            _ => Body::Special,
        };
        let ino = self.next_ino.fetch_add(1, Ordering::Relaxed);
        let node = Arc::new(Node::new(ino, new, body));
        node.state.write().attr.nlink = if is_dir { 2 } else { 1 };
        let attr = node.told();
        self.shard(ino).write().insert(ino, node);
        directory(&mut state)?.insert(name, ino);
        state.attr.nlink += u32::from(is_dir);
        state.touch();
        Ok(attr)
    }

    /// Gives an inode one more name and counts a lookup.
    pub fn link(&self, ino: u64, parent: u64, name: &[u8]) -> Result<FileAttr, Errno> {
        let parent = self.node(parent)?;
        let mut state = parent.state.write();
        let dir = directory(&mut state)?;
        if dir.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        let node = self.node(ino)?;
        {
            let mut child = node.state.write();
            child.attr.nlink += 1;
            child.attr.ctime = SystemTime::now();
        }
        dir.insert(name, ino);
        state.touch();
        Ok(node.told())
    }

    /// Removes a name: of a directory that is empty, or of anything else.
    pub fn remove(&self, parent: u64, name: &[u8], want_dir: bool) -> Result<(), Errno> {
        let parent = self.node(parent)?;
        let mut state = parent.state.write();
        let dir = directory(&mut state)?;
        let node = self.node(dir.get(name).ok_or(Errno::ENOENT)?)?;
        self.drop_link(&node, want_dir)?;
        dir.remove(name);
        state.attr.nlink -= u32::from(want_dir);
        state.touch();
        Ok(())
    }

    /// Takes one link of an inode; frees it with the last, unless the kernel still knows it.
    fn drop_link(&self, node: &Node, want_dir: bool) -> Result<(), Errno> {
        let mut state = node.state.write();
        match &state.body {
            Body::Dir(_) if !want_dir => return Err(Errno::EISDIR),
            Body::Dir(dir) if !dir.is_empty() => return Err(Errno::ENOTEMPTY),
            Body::Dir(_) => state.attr.nlink = 0,
            _ if want_dir => return Err(Errno::ENOTDIR),
            _ => state.attr.nlink -= 1,
        }
        state.attr.ctime = SystemTime::now();
        if state.attr.nlink == 0 && node.lookups.load(Ordering::Relaxed) == 0 {
            self.shard(node.ino).write().remove(&node.ino);
        }
        Ok(())
    }

    /// Takes back `count` lookups.
    pub fn forget(&self, ino: u64, count: u64) {
        let Ok(node) = self.node(ino) else { return };
        let state = node.state.write();
        let left = node.lookups.fetch_sub(count, Ordering::Relaxed) - count;
        if left == 0 && state.attr.nlink == 0 {
            self.shard(ino).write().remove(&ino);
        }
    }

    /// Moves, replaces or exchanges names.
    pub fn rename(
        &self,
        from: u64,
        name: &[u8],
        to: u64,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        let _one_at_a_time = self.rename.lock();
        if flags.contains(RenameFlags::RENAME_WHITEOUT) {
            return Err(Errno::EINVAL);
        }
        let source = self.node(from)?;
        let target = self.node(to)?;
        let (mut first, mut second) = if from == to {
            (source.state.write(), None)
        } else if from < to {
            let first = source.state.write();
            (first, Some(target.state.write()))
        } else {
            let second = target.state.write();
            (source.state.write(), Some(second))
        };
        let moved = directory(&mut first)?.get(name).ok_or(Errno::ENOENT)?;
        let replaced = directory(second.as_deref_mut().unwrap_or(&mut first))?.get(new_name);
        if replaced == Some(moved) {
            return Ok(());
        }
        let moved_dir = self.node(moved)?.state.read().attr.kind == FileType::Directory;
        if flags.contains(RenameFlags::RENAME_EXCHANGE) {
            let other = replaced.ok_or(Errno::ENOENT)?;
            let other_dir = self.node(other)?.state.read().attr.kind == FileType::Directory;
            directory(&mut first)?.insert(name, other);
            self.adopt(other, other_dir, from, to, &mut first, &mut second, false)?;
        } else {
            if let Some(old) = replaced {
                if flags.contains(RenameFlags::RENAME_NOREPLACE) {
                    return Err(Errno::EEXIST);
                }
                self.drop_link(&*self.node(old)?, moved_dir)?;
                let into = second.as_deref_mut().unwrap_or(&mut first);
                into.attr.nlink -= u32::from(moved_dir);
            }
            directory(&mut first)?.remove(name);
        }
        directory(second.as_deref_mut().unwrap_or(&mut first))?.insert(new_name, moved);
        self.adopt(moved, moved_dir, to, from, &mut first, &mut second, true)?;
        first.touch();
        if let Some(second) = &mut second {
            second.touch();
        }
        Ok(())
    }

    /// After a directory moved from `old` to `new`: points its `..` there and moves the link that `..` is.
    #[allow(clippy::too_many_arguments)]
    fn adopt(
        &self,
        ino: u64,
        is_dir: bool,
        new: u64,
        old: u64,
        first: &mut State,
        second: &mut Option<RwLockWriteGuard<'_, State>>,
        forward: bool,
    ) -> Result<(), Errno> {
        let (true, true, Some(second)) = (is_dir, new != old, second.as_deref_mut()) else {
            return Ok(());
        };
        directory(&mut self.node(ino)?.state.write())?.parent = new;
        let (loser, winner) = if forward {
            (first, second)
        } else {
            (second, first)
        };
        loser.attr.nlink -= 1;
        winner.attr.nlink += 1;
        Ok(())
    }
}
