//! A volume next to its model: what both do to one another's surprise is a bug.

use crate::attributes::Rooms;
use crate::random;
use crate::streams::Stream;
use crate::tree::{Id, Node, Time, Tree};
use fastrand::Rng;
use lwext4::ondisk::features::{Compat, Incompat, RoCompat};
use lwext4::ondisk::superblock::FLAG_UNSIGNED_HASH;
use lwext4::{Attr, Error, FileType, Ino, Result, Timestamp, Volume};
use std::collections::VecDeque;
use std::sync::Arc;

/// Error numbers.
pub const EPERM: i32 = 1;
pub const ENOENT: i32 = 2;
pub const EEXIST: i32 = 17;
pub const ENOTDIR: i32 = 20;
pub const EISDIR: i32 = 21;
pub const EINVAL: i32 = 22;
pub const EFBIG: i32 = 27;
pub const ENOSPC: i32 = 28;
pub const ERANGE: i32 = 34;
pub const ENAMETOOLONG: i32 = 36;
pub const ENOTEMPTY: i32 = 39;
pub const ENODATA: i32 = 61;
pub const EOPNOTSUPP: i32 = 95;

/// Blocks of metadata that an operation may need on top of its data.
const SLACK: u64 = 24;
/// The inode flag of files with an extent tree.
const EXTENTS: u32 = 0x8_0000;
/// The inode flag of files inside their inodes.
const INLINE_DATA: u32 = 0x1000_0000;

/// What of the image matters to expectations.
#[derive(Clone, Copy)]
pub struct Facts {
    pub block: u64,
    pub inode_size: u16,
    pub filetype: bool,
    pub extents: bool,
    /// Attribute values may be in inodes of their own.
    pub values: bool,
    /// Small files and directories are inside their inodes.
    pub inline: bool,
    /// What users and groups have is counted.
    pub quota: bool,
    pub journal: bool,
    /// ext4-view reads such images.
    pub viewable: bool,
    pub rooms: Rooms,
}

impl Facts {
    pub fn of(volume: &Volume) -> Facts {
        let sb = volume.superblock();
        let features = sb.features();
        let block = u64::from(sb.block_size().expect("a block size"));
        Facts {
            block,
            inode_size: sb.inode_size(),
            filetype: features.incompat.contains(Incompat::FILETYPE),
            extents: features.incompat.contains(Incompat::EXTENTS),
            values: features.incompat.contains(Incompat::EA_INODE),
            inline: features.incompat.contains(Incompat::INLINE_DATA),
            quota: features.ro_compat.contains(RoCompat::QUOTA),
            journal: features.compat.contains(Compat::HAS_JOURNAL),
            viewable: !features.incompat.intersects(
                Incompat::META_BG | Incompat::LARGEDIR | Incompat::INLINE_DATA | Incompat::EA_INODE,
            ) && features.incompat.contains(Incompat::FILETYPE)
                && sb.def_hash_version() != 0
                && sb.flags() & FLAG_UNSIGNED_HASH == 0
                && !(sb.inode_size() == 128
                    && features.ro_compat.contains(RoCompat::METADATA_CSUM)),
            rooms: Rooms::new(block as usize, usize::from(sb.inode_size())),
        }
    }

    /// The largest size of a file.
    pub fn max_size(&self) -> u64 {
        let blocks = if self.extents {
            u64::from(u32::MAX)
        } else {
            let per = self.block / 4;
            12 + per + per * per + per * per * per
        };
        blocks.min(u64::from(u32::MAX)) * self.block
    }

    /// How a time comes back that was set.
    pub fn kept(&self, time: Timestamp) -> Timestamp {
        let first = i64::from(i32::MIN);
        let small = self.inode_size == 128;
        let last = i64::from(i32::MAX) + if small { 0 } else { 3 << 32 };
        let secs = time.secs.clamp(first, last);
        // The first and the last second, which other times become, have no parts.
        let whole = small || secs == first || secs == last;
        let nanos = if whole { 0 } else { time.nanos };
        Timestamp { secs, nanos }
    }
}

/// What an operation needs that the image may not have.
#[derive(Clone, Copy, Default)]
pub struct Need {
    pub blocks: u64,
    pub inode: bool,
}

pub struct World {
    volume: Option<Arc<Volume>>,
    pub facts: Facts,
    pub tree: Tree,
    /// The directory above the model's root.
    pub above: Ino,
    /// One entry for each hold that is kept.
    pub held: Vec<Id>,
    pub streams: Vec<Stream>,
    /// Nobody else changes the volume.
    pub alone: bool,
    /// What was done last.
    pub trace: VecDeque<String>,
    pub now: Timestamp,
    dirty: Vec<Id>,
    /// How often the image was full.
    pub full: u64,
}

impl World {
    /// A model of an empty directory (but for `lost+found`, which it leaves out).
    pub fn new(volume: Arc<Volume>, root: Ino, above: Ino) -> World {
        let facts = Facts::of(&volume);
        let attr = volume.getattr(root).expect("the root's attributes");
        let mut tree = Tree::default();
        tree.root = tree.insert(node_of(&attr));
        if root == Ino::ROOT {
            tree.node_mut(tree.root).nlink -= 1;
            volume
                .rmdir(Ino::ROOT, b"lost+found")
                .expect("lost+found is empty");
            tree.node_mut(tree.root).mtime = Time::Since(attr.mtime);
            tree.node_mut(tree.root).ctime = Time::Since(attr.mtime);
        }
        World {
            volume: Some(volume),
            facts,
            tree,
            above,
            held: Vec::new(),
            streams: Vec::new(),
            alone: true,
            trace: VecDeque::new(),
            now: Timestamp::now(),
            dirty: Vec::new(),
            full: 0,
        }
    }

    pub fn v(&self) -> &Volume {
        self.volume.as_deref().expect("an open volume")
    }

    /// The volume, to close it: what nobody names is gone.
    pub fn take_volume(&mut self) -> Volume {
        let volume = self.volume.take().expect("an open volume");
        Arc::into_inner(volume).expect("nobody else uses the volume")
    }

    /// Forgets everything that ends with the volume.
    pub fn drop_holds(&mut self) {
        self.held.clear();
        for id in self.tree.ids() {
            self.tree.node_mut(id).holds = 0;
            if self.tree.node(id).nlink == 0 {
                self.tree.remove(id);
                self.streams.retain(|stream| stream.dir != id);
            }
        }
    }

    /// Lets go of the volume, if it is still open, without closing it.
    pub fn drop_volume(&mut self) {
        self.volume = None;
    }

    pub fn set_volume(&mut self, volume: Volume) {
        self.share_volume(Arc::new(volume));
    }

    pub fn share_volume(&mut self, volume: Arc<Volume>) {
        self.volume = Some(volume);
    }

    pub fn note(&mut self, text: String) {
        if self.trace.len() >= 60 {
            self.trace.pop_front();
        }
        self.trace.push_back(text);
    }

    /// How a file is called in traces.
    pub fn label(&self, id: Id) -> String {
        let node = self.tree.node(id);
        format!("{:?} {}", node.file_type, node.ino)
    }

    /// Whether failing for want of space is right.
    pub fn is_full(&self, need: Need) -> bool {
        let stat = self.v().statfs();
        // Others may have had it a moment ago.
        let slack = if self.alone { SLACK } else { 40 * SLACK };
        (need.inode && stat.free_inodes < if self.alone { 1 } else { 50 })
            || stat.free_blocks < need.blocks + slack
    }

    /// Compares a result with the errors of which one must come, or none may.
    #[track_caller]
    pub fn expect<T>(&mut self, result: Result<T>, errors: &[i32], need: Need) -> Option<T> {
        match result {
            Ok(_) if !errors.is_empty() => {
                panic!("succeeded, where an error of {errors:?} was due")
            }
            Ok(value) => Some(value),
            Err(error) if errors.contains(&error.errno()) => None,
            Err(Error::NoSpace) if self.is_full(need) => {
                self.full += 1;
                self.note("  (no space)".into());
                None
            }
            Err(error) => {
                let stat = self.v().statfs();
                panic!("failed: {error:?}; errors due: {errors:?}; {stat:?}")
            }
        }
    }

    /// The inode changed; with `modified`, its data did.
    pub fn touch(&mut self, id: Id, modified: bool) {
        let since = Time::Since(self.now);
        let node = self.tree.node_mut(id);
        node.ctime = since;
        if modified {
            node.mtime = since;
        }
        self.dirty.push(id);
    }

    /// Attributes of all that the operation touched must be right.
    pub fn settle(&mut self) {
        for id in std::mem::take(&mut self.dirty) {
            if self.tree.get(id).is_some() {
                self.check_attr(id);
            }
        }
    }

    #[track_caller]
    pub fn check_attr(&mut self, id: Id) {
        let ino = self.tree.node(id).ino;
        let attr = match self.v().getattr(ino) {
            Ok(attr) => attr,
            Err(error) => panic!("getattr of {}: {error:?}", self.label(id)),
        };
        self.compare_attr(id, &attr);
    }

    /// Compares attributes with the model, which takes over the times it cannot know.
    #[track_caller]
    pub fn compare_attr(&mut self, id: Id, attr: &Attr) {
        let facts = self.facts;
        let node = self.tree.node_mut(id);
        let what = format!("{:?} {}", node.file_type, node.ino);
        assert_eq!(attr.ino, node.ino, "{what}: inode");
        assert_eq!(attr.file_type, node.file_type, "{what}: type");
        assert_eq!(attr.generation, node.generation, "{what}: generation");
        assert_eq!(
            attr.perm, node.perm,
            "{what}: permissions {:o} {:o}",
            attr.perm, node.perm
        );
        assert_eq!(attr.nlink, node.nlink, "{what}: links");
        assert_eq!((attr.uid, attr.gid), (node.uid, node.gid), "{what}: owner");
        assert_eq!(attr.device, node.device, "{what}: device");
        assert_eq!(attr.crtime, node.crtime, "{what}: creation time");
        match node.file_type {
            FileType::Regular => {
                assert_eq!(attr.size, node.content.size(), "{what}: size");
                let inline = facts.inline && attr.flags & INLINE_DATA != 0;
                let extents = facts.extents && !inline;
                assert_eq!(attr.flags & EXTENTS != 0, extents, "{what}: flags");
            }
            FileType::Symlink => {
                assert_eq!(attr.size, node.target.len() as u64, "{what}: size");
            }
            FileType::Directory => {
                let inline = facts.inline && attr.flags & INLINE_DATA != 0;
                let unit = if inline { 4 } else { facts.block };
                assert_eq!(attr.size % unit, 0, "{what}: size");
                assert!(attr.size > 0 || node.nlink == 0, "{what}: size");
            }
            _ => assert_eq!(attr.size, 0, "{what}: size"),
        }
        let now = Timestamp::now();
        let times = [
            ("access", &mut node.atime, attr.atime),
            ("modification", &mut node.mtime, attr.mtime),
            ("change", &mut node.ctime, attr.ctime),
        ];
        for (name, expected, found) in times {
            match *expected {
                Time::Exact(time) => assert_eq!(found, time, "{what}: {name} time"),
                Time::Since(since) => {
                    let since = facts.kept(since);
                    assert!(
                        since <= found && found <= now,
                        "{what}: {name} time {found:?} not between {since:?} and {now:?}"
                    );
                }
            }
            *expected = Time::Exact(found);
        }
    }

    /// A node for an inode that the engine just made, after the model said what it must be.
    pub fn adopt(&mut self, attr: &Attr, mut node: Node) -> Id {
        node.ino = attr.ino;
        node.generation = attr.generation;
        node.crtime = attr.crtime;
        if self.facts.inode_size > 128 {
            let crtime = attr.crtime.expect("a creation time");
            assert!(
                self.now <= crtime && crtime <= Timestamp::now(),
                "creation time"
            );
        } else {
            assert_eq!(attr.crtime, None);
        }
        let id = self.tree.insert(node);
        self.compare_attr(id, attr);
        self.dirty.push(id);
        id
    }

    /// A hold was taken: keeps it, or gives it back.
    pub fn took_hold(&mut self, id: Id, rng: &mut Rng) {
        if self.held.len() < 300 && rng.u8(0..8) == 0 {
            self.tree.node_mut(id).holds += 1;
            self.held.push(id);
        } else {
            self.v().forget(self.tree.node(id).ino, 1);
            self.bury(id);
        }
    }

    /// Takes away one name of an inode.
    pub fn drop_link(&mut self, id: Id) {
        let node = self.tree.node_mut(id);
        node.nlink = if node.is_dir() { 0 } else { node.nlink - 1 };
        self.touch(id, false);
        self.bury(id);
    }

    /// An inode that neither names nor holds keep is gone.
    pub fn bury(&mut self, id: Id) {
        let node = self.tree.node(id);
        if node.nlink > 0 || node.holds > 0 {
            return;
        }
        let ino = node.ino;
        self.tree.remove(id);
        self.streams.retain(|stream| stream.dir != id);
        if self.alone {
            let left = self.v().getattr(ino);
            assert!(
                matches!(left, Err(Error::NotFound)),
                "deleted inode {ino}: {left:?}"
            );
        }
    }

    /// Gives back one hold, or all there are on one inode.
    pub fn op_forget(&mut self, rng: &mut Rng) {
        if self.held.is_empty() {
            return;
        }
        let id = self.held.swap_remove(rng.usize(0..self.held.len()));
        let mut count = 1;
        if rng.bool() {
            let before = self.held.len();
            self.held.retain(|&other| other != id);
            count += (before - self.held.len()) as u64;
        }
        self.note(format!("forget {} {count}", self.label(id)));
        self.v().forget(self.tree.node(id).ino, count);
        self.tree.node_mut(id).holds -= count;
        self.bury(id);
    }

    pub fn pick_dir(&self, rng: &mut Rng) -> Id {
        if rng.u8(0..30) == 0 {
            return self.pick_any(rng);
        }
        self.tree.pick(rng, Node::is_dir).unwrap_or(self.tree.root)
    }

    pub fn pick_any(&self, rng: &mut Rng) -> Id {
        self.tree.pick(rng, |_| true).unwrap_or(self.tree.root)
    }

    /// A name that exists, and its directory.
    pub fn pick_entry(&self, rng: &mut Rng) -> Option<(Id, Vec<u8>)> {
        (0..8).find_map(|_| {
            let dir = self.tree.pick(rng, Node::is_dir)?;
            let names = &self.tree.node(dir).names;
            let name = names.keys().nth(rng.usize(0..names.len().max(1)))?;
            Some((dir, name.clone()))
        })
    }

    /// A directory, and a name that may be there or not.
    pub fn pick_name(&self, rng: &mut Rng) -> (Id, Vec<u8>) {
        match rng.u8(0..10) {
            0 => self.pick_entry(rng),
            _ => None,
        }
        .unwrap_or_else(|| (self.pick_dir(rng), random::name(rng)))
    }
}

/// What the engine says of an inode that the model takes as it is.
fn node_of(attr: &Attr) -> Node {
    Node {
        ino: attr.ino,
        generation: attr.generation,
        file_type: attr.file_type,
        perm: attr.perm,
        nlink: attr.nlink,
        uid: attr.uid,
        gid: attr.gid,
        device: attr.device,
        atime: Time::Exact(attr.atime),
        mtime: Time::Exact(attr.mtime),
        ctime: Time::Exact(attr.ctime),
        crtime: attr.crtime,
        content: Default::default(),
        preallocated: false,
        ahead: false,
        target: Vec::new(),
        names: Default::default(),
        parent: 0,
        xattrs: Default::default(),
        holds: 0,
    }
}
