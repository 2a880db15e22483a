//! Values that are the content of an inode of their own (feature `ea_inode`).
//!
//! Such an inode has no name. Its access time is the hash of its content, its change time and version
//! count the tables that refer to it: entries of equal values share one. What no table refers to any
//! more is an orphan, deleted after the operation, in transactions of its own.
//!
//! Source: kernel documentation, ext4 "Extended Attributes"; the fields are those that e2fsck checks.

use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::map;
use crate::ondisk::checksum::crc32c;
use crate::ondisk::features::Incompat;
use crate::ondisk::inode::{InodeFlags, RawInode};
use crate::ondisk::xattr::VALUE_MAX;
use crate::types::{FileBlock, FileType, Ino, Timestamp};
use parking_lot::Mutex;

const SLOTS: usize = 1024;

/// Which inode had a value last, and which inodes wait for their deletion.
///
/// Counts of users change only under this lock.
#[derive(Debug, Default)]
pub(crate) struct SharedValues {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// For a value's hash, the inode that had it last; empty until the first is known.
    known: Vec<Option<(u32, Ino)>>,
    unused: Vec<Ino>,
}

impl SharedValues {
    /// An inode whose value nobody uses any more: the caller deletes it.
    pub fn next_unused(&self) -> Option<Ino> {
        self.state.lock().unused.pop()
    }
}

impl State {
    fn find(&self, hash: u32) -> Option<Ino> {
        let (known, ino) = (*self.known.get(hash as usize % SLOTS)?)?;
        (known == hash).then_some(ino)
    }

    fn note(&mut self, hash: u32, ino: Ino) {
        if self.known.is_empty() {
            self.known = vec![None; SLOTS];
        }
        if let Some(slot) = self.known.get_mut(hash as usize % SLOTS) {
            *slot = Some((hash, ino));
        }
    }

    fn forget(&mut self, ino: Ino) {
        for slot in &mut self.known {
            if slot.is_some_and(|(_, known)| known == ino) {
                *slot = None;
            }
        }
    }
}

/// A value in an inode, as an entry refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub ino: Ino,
    /// The hash of the value; entries carry one of the name, too.
    pub hash: u32,
}

/// Whether the image can have values in inodes.
pub(super) fn allowed(fs: &Fs) -> bool {
    fs.geo.features.incompat.contains(Incompat::EA_INODE)
}

/// The blocks that a value in an inode counts for in each inode that has it.
pub(super) fn blocks(fs: &Fs, size: u32) -> i64 {
    let cluster = fs.geo.cluster_blocks();
    let clusters = u64::from(size).div_ceil(u64::from(fs.geo.block_size) * u64::from(cluster));
    clusters as i64 * i64::from(cluster)
}

fn hash(fs: &Fs, value: &[u8]) -> u32 {
    crc32c(fs.geo.seed, value)
}

fn users(inode: &RawInode) -> u64 {
    u64::from(inode.ctime_raw()) << 32 | u64::from(inode.version_lo())
}

fn set_users(inode: &mut RawInode, users: u64) {
    inode.set_ctime_raw((users >> 32) as u32);
    inode.set_version(users & u64::from(u32::MAX));
}

/// Loads an inode for a value.
fn load(fs: &Fs, owner: Ino, ino: Ino) -> Result<InodeData> {
    let bad = |what| Err(Error::from(Corrupt::new(what).ino(owner)));
    if ino.0 < fs.geo.first_ino || ino.0 > fs.geo.inodes() {
        return bad("attribute's value is in a reserved inode");
    }
    let inode = fs.load_inode(ino)?;
    if inode.file_type() != Some(FileType::Regular)
        || !inode.flags().contains(InodeFlags::EA_INODE)
        || inode.flags().contains(InodeFlags::INLINE_DATA)
        || inode.links_count() == 0
        || inode.size() > VALUE_MAX as u64
    {
        return bad("attribute's value is in an inode that is none for values");
    }
    Ok(inode)
}

/// The content of an inode that was [`load`]ed.
fn content(fs: &Fs, inode: &InodeData) -> Result<Vec<u8>> {
    let mut value = vec![0; inode.size() as usize];
    for (at, part) in (0..).zip(value.chunks_mut(fs.geo.block_size as usize)) {
        let Some(block) = map::block_of(fs, inode, FileBlock(at))? else {
            let hole = Corrupt::new("attribute's value has a hole");
            return Err(hole.ino(inode.ino).into());
        };
        fs.read_data(fs.geo.offset(block), part)?;
    }
    Ok(value)
}

/// Reads the value of `size` bytes that `owner` has in inode `ino`.
pub(super) fn read(fs: &Fs, owner: &InodeData, ino: Ino, size: u32) -> Result<Vec<u8>> {
    let bad = |what| Err(Error::from(Corrupt::new(what).ino(owner.ino)));
    let inode = load(fs, owner.ino, ino)?;
    if inode.size() != u64::from(size) {
        return bad("attribute's value has another size");
    }
    let value = content(fs, &inode)?;
    // Lustre's inodes have no hash.
    let hashed = inode.atime_raw() != 0 && !old(owner, &inode);
    if hashed && inode.atime_raw() != hash(fs, &value) {
        return bad("attribute's value has the wrong hash");
    }
    Ok(value)
}

/// Whether the inode is one of Lustre's, which belong to one owner and name it.
fn old(owner: &InodeData, inode: &InodeData) -> bool {
    inode.mtime_raw() == owner.ino.0 && inode.generation() == owner.generation()
}

/// Puts a value into an inode, or finds one that has it: with one more user.
///
/// # Errors
/// [`Error::NoSpace`]: then nothing changed.
pub(super) fn take(h: &mut Handle<'_>, owner: &InodeData, value: &[u8]) -> Result<Stored> {
    let fs = h.fs();
    let hash = hash(fs, value);
    let mut state = fs.values.state.lock();
    if let Some(ino) = state.find(hash)
        && let Ok(mut twin) = load(fs, owner.ino, ino)
        && twin.atime_raw() == hash
        && content(fs, &twin)? == value
    {
        let count = users(&twin).saturating_add(1);
        set_users(&mut twin, count);
        h.store(&mut twin)?;
        return Ok(Stored { ino, hash });
    }
    let ino = create(h, owner, value, hash)?;
    state.note(hash, ino);
    Ok(Stored { ino, hash })
}

fn create(h: &mut Handle<'_>, owner: &InodeData, value: &[u8], hash: u32) -> Result<Ino> {
    let fs = h.fs();
    let ino = fs.alloc.alloc_inode(h, owner.ino, false)?;
    let extra = fs.geo.want_extra_isize;
    let mut raw = RawInode::new(usize::from(fs.geo.inode_size), extra);
    let now = Timestamp::now();
    raw.set_mode(FileType::Regular.mode_bits() | 0o600);
    raw.set_uid(owner.uid());
    raw.set_gid(owner.gid());
    raw.set_links_count(1);
    raw.set_generation(fs.generations.next());
    raw.set_mtime(now);
    raw.set_crtime(now);
    raw.set_flags(InodeFlags::EA_INODE);
    raw.set_atime_raw(hash);
    raw.set_size(value.len() as u64);
    set_users(&mut raw, 1);
    map::init(fs, &mut raw);
    let inode = fs.new_inode(ino, raw)?;
    let mut data = inode.data.write();
    let written = fs
        .write_new(h, &mut data, value)
        .and_then(|()| h.store(&mut data));
    match written {
        Ok(()) => {
            // Nobody names it: from here on, its table block is all there is of it.
            fs.inodes.remove(ino);
            Ok(ino)
        }
        Err(error) if error.is_fault() => Err(error),
        Err(error) => {
            fs.abandon(h, data, false)?;
            Err(error)
        }
    }
}

/// One more user of a value.
pub(super) fn join(h: &mut Handle<'_>, owner: &InodeData, ino: Ino) -> Result<()> {
    let fs = h.fs();
    let _state = fs.values.state.lock();
    let mut inode = load(fs, owner.ino, ino)?;
    let count = users(&inode).saturating_add(1);
    set_users(&mut inode, count);
    h.store(&mut inode)
}

/// One user less. What has none is listed as an orphan: [`Fs::evict_values`] deletes it.
pub(super) fn leave(h: &mut Handle<'_>, owner: &InodeData, ino: Ino) -> Result<()> {
    let fs = h.fs();
    let mut state = fs.values.state.lock();
    let mut inode = load(fs, owner.ino, ino)?;
    // Lustre's inodes count nobody, and have one user.
    let count = users(&inode).saturating_sub(1);
    let count = if old(owner, &inode) { 0 } else { count };
    set_users(&mut inode, count);
    if count == 0 {
        inode.set_links_count(0);
        h.add_orphan(&mut inode)?;
        state.forget(ino);
        state.unused.push(ino);
    }
    h.store(&mut inode)
}

/// Fails unless the inodes can be values of `owner`, so that counting them later cannot.
pub(super) fn check(fs: &Fs, owner: &InodeData, inos: &[Ino]) -> Result<()> {
    inos.iter()
        .try_for_each(|&ino| load(fs, owner.ino, ino).map(|_| ()))
}
