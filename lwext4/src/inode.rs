//! Inodes in memory: one object per inode in use, each with its own lock.
//!
//! Every operation stores the inode it changed into its inode-table block before its handle ends, so
//! an object that nobody refers to can be dropped: it holds nothing that the table does not.

use crate::attr::Attr;
use crate::cache::{BlockKind, Owner};
use crate::dir;
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inline::is_inline;
use crate::journal::Handle;
use crate::ondisk::checksum::crc32c;
use crate::ondisk::features::{Bit, RoCompat};
use crate::ondisk::inode::{InodeFlags, RawInode};
use crate::quota::Charge;
use crate::types::{BlockNo, FileType, Ino, Timestamp, TxnId};
use parking_lot::{Mutex, RwLock};
use std::collections::{HashMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Names an inode has room to count; a directory beyond it counts 1 (feature dir_nlink).
pub(crate) const LINK_MAX: u16 = 65_000;

/// An inode in memory.
pub(crate) struct Inode {
    pub ino: Ino,
    /// Held alone while a truncate frees blocks, perhaps in several transactions; shared by who maps
    /// blocks: what they map in between would be freed, too. Taken before a transaction's handle.
    pub growth: RwLock<()>,
    pub data: RwLock<InodeData>,
    /// The last transaction that changed the inode.
    pub sync_tid: LastTxn,
    /// The last transaction that changed what is needed to read the data.
    pub datasync_tid: LastTxn,
    referenced: AtomicBool,
}

impl Inode {
    /// Returns when nobody has the inode locked. The caller has no inode locked.
    pub fn wait(&self) {
        drop(self.data.write());
    }
}

/// A transaction's number, or none yet.
#[derive(Debug, Default)]
pub(crate) struct LastTxn(AtomicU64);

impl LastTxn {
    const SOME: u64 = 1 << 32;

    /// The number: any of 32 bits is one.
    pub fn get(&self) -> Option<TxnId> {
        let value = self.0.load(Ordering::Relaxed);
        (value & Self::SOME != 0).then_some(TxnId(value as u32))
    }

    fn set(&self, tid: TxnId) {
        self.0
            .store(Self::SOME | u64::from(tid.0), Ordering::Relaxed);
    }
}

/// What an inode's lock protects. Derefs to the bytes on disk.
#[derive(Debug)]
pub(crate) struct InodeData {
    pub ino: Ino,
    pub raw: RawInode,
    /// Where the inode is: a block of the inode table, and the byte in it.
    table: (BlockNo, usize),
    /// What quota has counted it for, as it was stored last.
    pub charged: Charge,
}

impl Deref for InodeData {
    type Target = RawInode;
    fn deref(&self) -> &RawInode {
        &self.raw
    }
}

impl DerefMut for InodeData {
    fn deref_mut(&mut self) -> &mut RawInode {
        &mut self.raw
    }
}

impl InodeData {
    /// What the checksums of the inode's blocks start with.
    pub fn owner(&self, fs: &Fs) -> Owner {
        Owner {
            encrypted: self.is_encrypted(),
            ..Owner::new(&fs.geo, self.ino, self.raw.generation())
        }
    }

    /// Whether names or data are encrypted. Nobody here has the key.
    pub fn is_encrypted(&self) -> bool {
        self.raw.flags().contains(InodeFlags::ENCRYPT)
    }

    /// Fails for what needs the key of an encrypted file or directory.
    pub fn check_key(&self) -> Result<()> {
        if self.is_encrypted() {
            Err(Error::NoKey)
        } else {
            Ok(())
        }
    }

    /// Where the inode is: a block of the inode table, and the byte in it.
    pub fn place(&self) -> (BlockNo, usize) {
        self.table
    }

    /// Adds to (or takes from) the blocks the inode accounts for, in file-system blocks.
    pub fn add_blocks(&mut self, fs: &Fs, blocks: i64) {
        let per_block = i64::from(fs.geo.block_size / 512);
        let sectors = self.raw.sectors(fs.geo.block_size);
        let sectors = sectors.saturating_add_signed(blocks.saturating_mul(per_block));
        self.raw.set_sectors(sectors, fs.geo.block_size);
    }

    /// [`Self::add_blocks`] for `clusters` blocks of metadata, which have a cluster each.
    pub fn add_clusters(&mut self, fs: &Fs, clusters: i64) {
        let blocks = i64::from(fs.geo.cluster_blocks());
        self.add_blocks(fs, clusters.saturating_mul(blocks));
    }

    /// Hard links: 0 when a new inode was never linked or the last name is gone. A directory whose
    /// count overflowed says 1.
    pub fn nlink(&self) -> u32 {
        u32::from(self.raw.links_count())
    }

    /// Sets the change time, and the data's modification time too if `modified`.
    pub fn touch(&mut self, now: Timestamp, modified: bool) {
        self.raw.set_ctime(now);
        if modified {
            self.raw.set_mtime(now);
        }
    }

    /// The attributes.
    pub fn attr(&self, fs: &Fs) -> Result<Attr> {
        let raw = &self.raw;
        let Some(file_type) = raw.file_type() else {
            return Err(Corrupt::new("inode has no file type").ino(self.ino).into());
        };
        let device = match file_type {
            FileType::CharDevice | FileType::BlockDevice => raw.device(),
            _ => (0, 0),
        };
        // A file inside its inode takes no blocks, but what reads files must not think it is a hole.
        let inside = if file_type == FileType::Regular && is_inline(raw) {
            raw.size().div_ceil(512)
        } else {
            0
        };
        Ok(Attr {
            ino: self.ino,
            generation: raw.generation(),
            file_type,
            perm: raw.mode() & 0o7777,
            nlink: self.nlink(),
            uid: raw.uid(),
            gid: raw.gid(),
            size: if file_type == FileType::Symlink && self.is_encrypted() {
                // Of what readlink shows for it; two bytes are its length.
                dir::shown_len(raw.size().saturating_sub(2) as usize) as u64
            } else {
                raw.size()
            },
            sectors: raw.sectors(fs.geo.block_size) + inside,
            device,
            atime: raw.atime(),
            mtime: raw.mtime(),
            ctime: raw.ctime(),
            crtime: raw.crtime(),
            flags: raw.flags().bits() & crate::ops::VISIBLE,
            projid: raw.projid(),
        })
    }

    /// Fails unless the inode is a directory with a name: one that was removed has no entries, not
    /// even blocks that could be read.
    pub fn check_dir(&self) -> Result<()> {
        if !self.raw.is_dir() {
            Err(Error::NotADirectory)
        } else if self.raw.links_count() == 0 {
            Err(Error::NotFound)
        } else {
            Ok(())
        }
    }
}

impl Handle<'_> {
    /// Writes the inode into its table block, and counts it for quota.
    pub fn store(&mut self, inode: &mut InodeData) -> Result<()> {
        self.charge(inode)?;
        if self.fs().orphans.contains(inode.ino) {
            self.with_orphan_pointer(inode, Self::store_now)
        } else {
            self.store_now(inode)
        }
    }

    /// [`Self::store`] of an inode that is no orphan, and counts for nobody.
    pub fn store_now(&mut self, inode: &mut InodeData) -> Result<()> {
        let fs = self.fs();
        if inode.raw.size() > i32::MAX as u64 {
            fs.announce(Bit::RoCompat(RoCompat::LARGE_FILE));
        }
        if fs.geo.has_csum() {
            inode.raw.seal(fs.geo.seed, inode.ino);
        }
        let (no, at) = inode.table;
        let block = fs.read_block(no, BlockKind::InodeTable)?;
        let bytes = inode.raw.as_bytes();
        self.modify(&block, |table| {
            table[at..at + bytes.len()].copy_from_slice(bytes)
        });
        Ok(())
    }

    /// [`Self::store`], and notes for fsync which transaction it was. `data`: the size or the map
    /// changed, so that even fdatasync needs it.
    pub fn store_synced(
        &mut self,
        inode: &Inode,
        data: &mut InodeData,
        for_data: bool,
    ) -> Result<()> {
        self.store(data)?;
        self.note_synced(inode, for_data);
        Ok(())
    }

    /// What [`Self::store_synced`] notes, for a change that the inode's own bytes have no part in.
    pub fn note_synced(&mut self, inode: &Inode, for_data: bool) {
        inode.sync_tid.set(self.tid());
        if for_data {
            inode.datasync_tid.set(self.tid());
        }
    }
}

/// Gives every new inode a generation: numbers that need only differ between uses of one inode number.
#[derive(Debug)]
pub(crate) struct Generations(AtomicU32);

impl Generations {
    /// Starts anywhere; under a fixed clock, where the image says: its UUID, and how often it
    /// was opened.
    pub fn new(clock: Option<Timestamp>, uuid: &[u8; 16], mounts: u16) -> Generations {
        let seed = match clock {
            Some(_) => crc32c(u32::from(mounts), uuid),
            None => Timestamp::now().nanos,
        };
        Generations(AtomicU32::new(seed))
    }

    pub fn next(&self) -> u32 {
        // A full-period generator: every value once before any repeats.
        let step = |seed: u32| seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let update = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seed| {
                Some(step(seed))
            });
        step(update.unwrap_or_default())
    }
}

const SHARDS: usize = 16;
const SHARD_LIMIT: usize = 512;

#[derive(Default)]
struct Shard {
    inodes: HashMap<Ino, Arc<Inode>>,
    clock: VecDeque<Ino>,
    /// How often callers hold each inode: see [`crate::Entry`].
    holds: HashMap<Ino, u32>,
}

/// All inodes in memory, and the holds on inodes.
pub(crate) struct Inodes {
    shards: Vec<Mutex<Shard>>,
}

impl Inodes {
    pub fn new() -> Inodes {
        Inodes {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    fn shard(&self, ino: Ino) -> &Mutex<Shard> {
        &self.shards[ino.0 as usize % SHARDS]
    }

    /// Takes one hold.
    pub fn hold(&self, ino: Ino) {
        let mut shard = self.shard(ino).lock();
        let count = shard.holds.entry(ino).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// Gives back `count` holds; whether none is left.
    pub fn unhold(&self, ino: Ino, count: u64) -> bool {
        let mut shard = self.shard(ino).lock();
        let Some(held) = shard.holds.get_mut(&ino) else {
            return true;
        };
        *held = held.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        if *held > 0 {
            return false;
        }
        shard.holds.remove(&ino);
        if shard.holds.len() * 4 < shard.holds.capacity() && shard.holds.capacity() > 1024 {
            shard.holds.shrink_to_fit();
        }
        true
    }

    /// Whether anyone holds the inode.
    pub fn is_held(&self, ino: Ino) -> bool {
        self.shard(ino).lock().holds.contains_key(&ino)
    }

    fn insert(&self, shard: &mut Shard, inode: Arc<Inode>, committed: TxnId) {
        let mut turns = if shard.inodes.len() >= SHARD_LIMIT {
            4
        } else {
            0
        };
        while turns > 0 {
            turns -= 1;
            let Some(ino) = shard.clock.pop_front() else {
                break;
            };
            let Some(old) = shard.inodes.get(&ino) else {
                continue;
            };
            // An inode whose change is not committed must stay: fsync asks it for the transaction.
            let changed = old
                .sync_tid
                .get()
                .is_some_and(|tid| tid.is_after(committed));
            let busy = Arc::strong_count(old) > 1 || changed;
            if busy || old.referenced.swap(false, Ordering::Relaxed) {
                shard.clock.push_back(ino);
            } else {
                shard.inodes.remove(&ino);
            }
        }
        shard.clock.push_back(inode.ino);
        shard.inodes.insert(inode.ino, inode);
    }

    /// Drops all objects: where inodes are has changed, and nobody refers to any.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.inodes.clear();
            shard.clock.clear();
        }
    }

    /// Drops the object of an inode that was freed.
    pub fn remove(&self, ino: Ino) {
        self.shard(ino).lock().inodes.remove(&ino);
    }
}

impl Fs {
    /// The inode, in use: one without links and type is [`Error::NotFound`] unless an orphan.
    pub fn inode(&self, ino: Ino) -> Result<Arc<Inode>> {
        if self.quotas.owns(ino) {
            return Err(Error::NotFound);
        }
        let mut shard = self.inodes.shard(ino).lock();
        if let Some(inode) = shard.inodes.get(&ino) {
            inode.referenced.store(true, Ordering::Relaxed);
            return Ok(inode.clone());
        }
        let data = self.load_inode(ino)?;
        if data.raw.links_count() == 0
            && (data.raw.mode() == 0 || data.raw.dtime() != 0 && !self.inodes_is_orphan(&data))
        {
            return Err(Error::NotFound);
        }
        let inode = Arc::new(Inode {
            ino,
            growth: RwLock::new(()),
            data: RwLock::new(data),
            sync_tid: LastTxn::default(),
            datasync_tid: LastTxn::default(),
            referenced: AtomicBool::new(true),
        });
        self.inodes
            .insert(&mut shard, inode.clone(), self.journal.committed());
        Ok(inode)
    }

    /// An orphan's deletion time is another inode's number, so small; a deleted inode's is a time.
    fn inodes_is_orphan(&self, data: &InodeData) -> bool {
        data.raw.mode() != 0 && data.raw.dtime() <= self.geo.inodes()
    }

    /// Reads an inode's bytes and checks them.
    pub fn load_inode(&self, ino: Ino) -> Result<InodeData> {
        let table = self.alloc.inode_location(self, ino)?;
        let block = self.read_block(table.0, BlockKind::InodeTable)?;
        let size = usize::from(self.geo.inode_size);
        let raw = RawInode::from_bytes(&block.bytes()[table.1..table.1 + size]);
        let bad = |what| Err(Corrupt::new(what).ino(ino).block(table.0).into());
        if self.geo.has_csum() && !raw.verify(self.geo.seed, ino) {
            // A table block that was never written holds zeroes, and no checksum.
            if raw.as_bytes().iter().any(|&b| b != 0) {
                return bad("inode checksum");
            }
        }
        let room = size - 128;
        let extra = usize::from(raw.extra_isize());
        if room > 0 && (extra > room || extra % 4 != 0) {
            return bad("inode's extra size");
        }
        if raw.mode() != 0 && raw.links_count() != 0 && raw.file_type().is_none() {
            return bad("inode has no file type");
        }
        let limit = (1u64 << 32) << self.geo.block_bits;
        if raw.size() > limit.min(i64::MAX as u64) {
            return bad("inode's size");
        }
        let charged = Charge::of(&self.geo, ino, &raw);
        Ok(InodeData {
            ino,
            raw,
            table,
            charged,
        })
    }

    /// Puts a new inode, just allocated, into memory. The caller stores it.
    pub fn new_inode(&self, ino: Ino, raw: RawInode) -> Result<Arc<Inode>> {
        let table = self.alloc.inode_location(self, ino)?;
        let inode = Arc::new(Inode {
            ino,
            growth: RwLock::new(()),
            data: RwLock::new(InodeData {
                ino,
                raw,
                table,
                charged: Charge::default(),
            }),
            sync_tid: LastTxn::default(),
            datasync_tid: LastTxn::default(),
            referenced: AtomicBool::new(true),
        });
        let mut shard = self.inodes.shard(ino).lock();
        shard.inodes.remove(&ino);
        self.inodes
            .insert(&mut shard, inode.clone(), self.journal.committed());
        Ok(inode)
    }

    /// The flags a new inode takes over from its directory.
    pub fn inherited_flags(parent: &RawInode, is_dir: bool, is_regular: bool) -> InodeFlags {
        let inherit = InodeFlags::SECRM
            | InodeFlags::UNRM
            | InodeFlags::COMPR
            | InodeFlags::SYNC
            | InodeFlags::NODUMP
            | InodeFlags::NOATIME
            | InodeFlags::NOTAIL
            | InodeFlags::DIRSYNC
            | InodeFlags::PROJINHERIT
            | InodeFlags::CASEFOLD
            | InodeFlags::JOURNAL_DATA;
        let mut flags = parent.flags() & inherit;
        if !is_dir {
            flags -= InodeFlags::DIRSYNC
                | InodeFlags::TOPDIR
                | InodeFlags::PROJINHERIT
                | InodeFlags::CASEFOLD;
            if !is_regular {
                flags &= InodeFlags::NODUMP | InodeFlags::NOATIME;
            }
        }
        flags
    }
}
