//! Inodes and directories in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use fuser::{FileAttr, FileType, INodeNo};
use parking_lot::RwLock;

use crate::data::FileData;

/// One inode.
#[derive(Debug)]
pub struct Node {
    /// Its number, also the kernel's node id.
    pub ino: u64,
    /// How often the kernel was told of it and has not forgotten.
    pub lookups: AtomicU64,
    /// All that may change.
    pub state: RwLock<State>,
}

/// What an inode holds.
#[derive(Debug)]
pub struct State {
    /// What stat shows.
    pub attr: FileAttr,
    /// What the type adds.
    pub body: Body,
    /// Extended attributes by full name.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What differs by file type.
#[derive(Debug)]
pub enum Body {
    /// A regular file.
    File(FileData),
    /// A directory.
    Dir(Directory),
    /// A symbolic link's target.
    Symlink(Box<[u8]>),
    /// Fifo, socket or device: the attributes say it all.
    Special,
}

/// The entries of a directory. An entry keeps its cookie (the readdir offset) for life, so that reading stays
/// right while the directory changes.
#[derive(Debug)]
pub struct Directory {
    /// The directory's parent, for `..`.
    pub parent: u64,
    names: HashMap<Arc<[u8]>, Slot>,
    order: BTreeMap<u64, Arc<[u8]>>,
    next_cookie: u64,
}

/// What a name leads to.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Inode number.
    pub ino: u64,
    cookie: u64,
}

/// Cookies 1 and 2 are `.` and `..`.
const FIRST_COOKIE: u64 = 3;

impl Directory {
    /// An empty directory.
    pub fn new(parent: u64) -> Self {
        Self {
            parent,
            names: HashMap::new(),
            order: BTreeMap::new(),
            next_cookie: FIRST_COOKIE,
        }
    }

    /// The inode that `name` leads to.
    pub fn get(&self, name: &[u8]) -> Option<u64> {
        self.names.get(name).map(|slot| slot.ino)
    }

    /// Adds or replaces an entry.
    pub fn insert(&mut self, name: &[u8], ino: u64) {
        if let Some(slot) = self.names.get_mut(name) {
            slot.ino = ino;
            return;
        }
        let name: Arc<[u8]> = name.into();
        let cookie = self.next_cookie;
        self.next_cookie += 1;
        self.order.insert(cookie, name.clone());
        self.names.insert(name, Slot { ino, cookie });
    }

    /// Removes an entry; true if it was there.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        match self.names.remove(name) {
            Some(slot) => self.order.remove(&slot.cookie).is_some(),
            None => false,
        }
    }

    /// True without entries other than `.` and `..`.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Entries after the cookie: cookie, name, inode.
    pub fn after(&self, cookie: u64) -> impl Iterator<Item = (u64, &[u8], u64)> {
        self.order
            .range((Bound::Excluded(cookie), Bound::Unbounded))
            .filter_map(|(cookie, name)| {
                let slot = self.names.get(name)?;
                Some((*cookie, &**name, slot.ino))
            })
    }
}

/// What a new inode starts with.
#[derive(Clone, Copy, Debug)]
pub struct NewNode {
    /// Type.
    pub kind: FileType,
    /// Permission bits, setuid, setgid and sticky included.
    pub perm: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device number, in the kernel's 32-bit form.
    pub rdev: u32,
}

impl Node {
    /// An inode of no links.
    pub fn new(ino: u64, new: NewNode, body: Body) -> Self {
        let now = SystemTime::now();
        let size = match &body {
            Body::Symlink(target) => target.len() as u64,
            Body::Dir(_) => 4096,
            Body::File(_) | Body::Special => 0,
        };
        let attr = FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: 0,
            atime: now,
            mtime: now,
            ctime: now,
            crtime: now,
            kind: new.kind,
            perm: new.perm,
            nlink: 0,
            uid: new.uid,
            gid: new.gid,
            rdev: new.rdev,
            blksize: 4096,
            flags: 0,
        };
        Self {
            ino,
            lookups: AtomicU64::new(0),
            state: RwLock::new(State {
                attr,
                body,
                xattrs: BTreeMap::new(),
            }),
        }
    }

    /// Notes that the kernel was told of this inode, and says what to tell it.
    pub fn told(&self) -> FileAttr {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        self.state.read().attr
    }
}

impl State {
    /// Notes a change of contents or entries: sets mtime and ctime.
    pub fn touch(&mut self) {
        self.attr.mtime = SystemTime::now();
        self.attr.ctime = self.attr.mtime;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_goes_on_where_it_was_though_entries_come_and_go() {
        let mut dir = Directory::new(1);
        for (name, ino) in [(b"a", 10), (b"b", 11), (b"c", 12)] {
            dir.insert(name, ino);
        }
        let first = dir.after(2).next().map(|(cookie, ..)| cookie);
        assert!(dir.remove(b"a"));
        assert!(!dir.remove(b"a"));
        dir.insert(b"d", 13);
        let rest: Vec<u64> = dir
            .after(first.unwrap_or(0))
            .map(|(_, _, ino)| ino)
            .collect();
        assert_eq!(rest, [11, 12, 13]);
    }
}
