//! The file system in memory.

use crate::acl::Acl;
use crate::content::Content;
use lwext4::{FileType, Ino, Timestamp};
use std::collections::BTreeMap;

pub type Id = usize;

/// A time that was set, or that the engine took from the clock since some moment.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    Exact(Timestamp),
    Since(Timestamp),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Bytes(Vec<u8>),
    Acl(Acl),
}

impl Value {
    /// What `getxattr(2)` shows.
    pub fn shown(&self) -> Vec<u8> {
        match self {
            Value::Bytes(bytes) => bytes.clone(),
            Value::Acl(acl) => acl.bytes(),
        }
    }

    pub fn stored_len(&self) -> usize {
        match self {
            Value::Bytes(bytes) => bytes.len(),
            Value::Acl(acl) => acl.disk_len(),
        }
    }
}

pub type Xattrs = BTreeMap<Vec<u8>, Value>;

pub struct Node {
    pub ino: Ino,
    pub generation: u32,
    pub file_type: FileType,
    pub perm: u16,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub device: (u32, u32),
    pub atime: Time,
    pub mtime: Time,
    pub ctime: Time,
    pub crtime: Option<Timestamp>,
    /// Of a regular file.
    pub content: Content,
    /// It may have blocks that were allocated and not written.
    pub preallocated: bool,
    /// There may be blocks behind the end.
    pub ahead: bool,
    /// Of a symbolic link.
    pub target: Vec<u8>,
    /// Of a directory.
    pub names: BTreeMap<Vec<u8>, Id>,
    pub parent: Id,
    pub xattrs: Xattrs,
    pub holds: u64,
}

impl Node {
    pub fn is_dir(&self) -> bool {
        self.file_type == FileType::Directory
    }

    pub fn is_regular(&self) -> bool {
        self.file_type == FileType::Regular
    }

    /// Clears what a write or a change of owner by an ordinary user clears.
    pub fn clear_suid(&mut self) {
        if !self.is_dir() {
            self.perm &= !0o4000;
            if self.perm & 0o010 != 0 {
                self.perm &= !0o2000;
            }
        }
    }
}

/// All inodes, by numbers of our own: inode numbers are used again.
#[derive(Default)]
pub struct Tree {
    slots: Vec<Option<Node>>,
    free: Vec<Id>,
    len: usize,
    pub root: Id,
}

impl Tree {
    pub fn insert(&mut self, node: Node) -> Id {
        self.len += 1;
        match self.free.pop() {
            Some(id) => {
                self.slots[id] = Some(node);
                id
            }
            None => {
                self.slots.push(Some(node));
                self.slots.len() - 1
            }
        }
    }

    pub fn remove(&mut self, id: Id) -> Node {
        self.len -= 1;
        self.free.push(id);
        self.slots[id].take().expect("a node of the model")
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn get(&self, id: Id) -> Option<&Node> {
        self.slots.get(id)?.as_ref()
    }

    pub fn node(&self, id: Id) -> &Node {
        self.slots[id].as_ref().expect("a node of the model")
    }

    pub fn node_mut(&mut self, id: Id) -> &mut Node {
        self.slots[id].as_mut().expect("a node of the model")
    }

    pub fn ids(&self) -> Vec<Id> {
        (0..self.slots.len())
            .filter(|&id| self.slots[id].is_some())
            .collect()
    }

    /// A random node of a kind.
    pub fn pick(&self, rng: &mut fastrand::Rng, want: impl Fn(&Node) -> bool) -> Option<Id> {
        for _ in 0..40 {
            let id = rng.usize(0..self.slots.len());
            if self.slots[id].as_ref().is_some_and(&want) {
                return Some(id);
            }
        }
        let start = rng.usize(0..self.slots.len());
        (start..self.slots.len())
            .chain(0..start)
            .find(|&id| self.slots[id].as_ref().is_some_and(&want))
    }

    /// Whether `ancestor` is `id` or above it. What was removed is nowhere, and a file, which may have
    /// several names, is below nothing.
    pub fn is_above(&self, ancestor: Id, id: Id) -> bool {
        let mut at = id;
        loop {
            if at == ancestor {
                return true;
            }
            let node = self.node(at);
            if at == self.root || node.nlink == 0 || !node.is_dir() {
                return false;
            }
            at = node.parent;
        }
    }
}
