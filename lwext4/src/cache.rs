//! Metadata blocks in memory.
//!
//! A block is read once, checked once for what it is supposed to be, and kept. Readers get a snapshot
//! of its bytes; writers change it through a transaction's handle, which copies the bytes first if a
//! snapshot of them is still in use. A block that nobody refers to may be dropped at any time, so
//! whoever must not lose a block (a transaction, a checkpoint) holds an `Arc` to it.

use crate::device::BlockDevice;
use crate::error::{Corrupt, Error, Result};
use crate::fs::Geometry;
use crate::ondisk::inode::owner_seed;
use crate::ondisk::{dirent, dx, extent, orphan_file, xattr};
use crate::types::{BlockNo, Ino, TxnId};
use parking_lot::{Mutex, RwLock};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The inode that a block belongs to, with what the block's checksum starts with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub ino: Ino,
    pub seed: u32,
    /// It is an encrypted directory: names are bytes of any kind.
    pub encrypted: bool,
}

/// The seed tells inodes apart, and stays what it is when an inode gets another number.
impl PartialEq for Owner {
    fn eq(&self, other: &Owner) -> bool {
        self.seed == other.seed
    }
}

impl Eq for Owner {}

impl Owner {
    pub fn new(geo: &Geometry, ino: Ino, generation: u32) -> Owner {
        Owner {
            ino,
            seed: owner_seed(geo.seed, ino, generation),
            encrypted: false,
        }
    }
}

/// What a metadata block is: decides how it is checked when read and sealed when written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    /// The block that holds the primary superblock. Checked and sealed by its user.
    Super,
    /// Group descriptors. Checked and sealed by the allocator.
    Descriptors,
    /// A block or inode bitmap; its checksum is in the descriptor. Checked by the allocator.
    Bitmap,
    /// Inodes; each carries its own checksum.
    InodeTable,
    /// A directory block that holds entries.
    DirLeaf(Owner),
    /// A directory block that holds an htree's root or node.
    DirIndex(Owner),
    /// A node of an extent tree.
    ExtentNode(Owner),
    /// A block of block numbers (direct/indirect maps).
    Indirect(Owner),
    /// Extended attributes, perhaps of several inodes.
    Xattr,
    /// A block of the orphan file.
    Orphans(Owner),
    /// A block of a quota file. Checked by its user.
    Quota(Ino),
}

impl BlockKind {
    /// Checks bytes that were just read.
    fn verify(self, geo: &Geometry, no: BlockNo, bytes: &[u8]) -> Result<()> {
        match self {
            BlockKind::Super
            | BlockKind::Descriptors
            | BlockKind::Bitmap
            | BlockKind::InodeTable
            | BlockKind::Indirect(_)
            | BlockKind::Quota(_) => Ok(()),
            BlockKind::DirLeaf(owner) => {
                let verify = if owner.encrypted {
                    dirent::verify_opaque_leaf
                } else {
                    dirent::verify_leaf
                };
                verify(bytes, geo.has_csum().then_some(owner.seed), geo.inodes())
                    .map_err(|what| Corrupt::new(what).ino(owner.ino).block(no).into())
            }
            BlockKind::DirIndex(owner) => dx::verify(bytes, geo.has_csum().then_some(owner.seed))
                .map_err(|what| Corrupt::new(what).ino(owner.ino).block(no).into()),
            BlockKind::ExtentNode(owner) => {
                extent::verify_node(bytes, geo.has_csum().then_some(owner.seed))
                    .map_err(|what| Corrupt::new(what).ino(owner.ino).block(no).into())
            }
            BlockKind::Xattr => xattr::verify_block(bytes, geo.has_csum().then_some(geo.seed), no)
                .map_err(|what| Corrupt::new(what).block(no).into()),
            BlockKind::Orphans(owner) => {
                orphan_file::verify_block(bytes, geo.has_csum().then_some(owner.seed), no)
                    .map_err(|what| Corrupt::new(what).ino(owner.ino).block(no).into())
            }
        }
    }

    /// Stores the checksum, once, when a transaction is sealed.
    pub fn seal(self, geo: &Geometry, no: BlockNo, bytes: &mut [u8]) {
        if !geo.has_csum() {
            if self == BlockKind::Xattr {
                xattr::seal_block(bytes, None, no);
            }
            return;
        }
        match self {
            BlockKind::Super
            | BlockKind::Descriptors
            | BlockKind::Bitmap
            | BlockKind::InodeTable
            | BlockKind::Indirect(_)
            | BlockKind::Quota(_) => {}
            BlockKind::DirLeaf(owner) => dirent::seal_leaf(bytes, owner.seed),
            BlockKind::DirIndex(owner) => dx::seal(bytes, owner.seed),
            BlockKind::ExtentNode(owner) => extent::seal_node(bytes, owner.seed),
            BlockKind::Xattr => xattr::seal_block(bytes, Some(geo.seed), no),
            BlockKind::Orphans(owner) => orphan_file::seal_block(bytes, owner.seed, no),
        }
    }
}

/// A metadata block in memory.
#[derive(Debug)]
pub(crate) struct Block {
    pub no: BlockNo,
    /// Set on use, cleared by the clock that looks for a block to drop.
    referenced: AtomicBool,
    pub(crate) inner: RwLock<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub bytes: Arc<Vec<u8>>,
    pub kind: BlockKind,
    /// The running transaction, when this block is part of it.
    pub joined: Option<TxnId>,
    /// Never written yet: made in the running transaction.
    pub fresh: bool,
    /// False while the block is being read, and for good when that failed.
    loaded: bool,
}

impl Block {
    /// A snapshot of the bytes. Drop it before changing the block, or the change copies them.
    pub fn bytes(&self) -> Arc<Vec<u8>> {
        self.inner.read().bytes.clone()
    }
}

const SHARDS: usize = 16;

#[derive(Debug, Default)]
struct Shard {
    blocks: HashMap<BlockNo, Arc<Block>>,
    /// Every key of `blocks` once, and perhaps keys since removed.
    clock: VecDeque<BlockNo>,
}

/// All metadata blocks in memory.
#[derive(Debug)]
pub(crate) struct Cache {
    shards: Vec<Mutex<Shard>>,
    /// Blocks a shard keeps before it drops clean ones.
    shard_limit: usize,
    block_size: usize,
}

impl Cache {
    pub fn new(bytes: usize, block_size: u32) -> Cache {
        let block_size = block_size as usize;
        Cache {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_limit: (bytes / block_size / SHARDS).max(16),
            block_size,
        }
    }

    fn shard(&self, no: BlockNo) -> &Mutex<Shard> {
        &self.shards[(no.0 ^ no.0 >> 7) as usize % SHARDS]
    }

    /// The block, read and checked as `kind` unless it is in memory.
    pub fn read(
        &self,
        geo: &Geometry,
        dev: &dyn BlockDevice,
        no: BlockNo,
        kind: BlockKind,
    ) -> Result<Arc<Block>> {
        loop {
            let mut shard = self.shard(no).lock();
            if let Some(block) = shard.blocks.get(&no) {
                let block = block.clone();
                drop(shard);
                block.referenced.store(true, Ordering::Relaxed);
                let inner = block.inner.read();
                if !inner.loaded {
                    // Another reader failed, and has taken the block out: read it ourselves.
                    continue;
                }
                if inner.kind != kind {
                    return Err(Corrupt::new("one block is used for two purposes")
                        .block(no)
                        .into());
                }
                drop(inner);
                return Ok(block);
            }
            geo.check_blocks(no, 1).or_else(|e| match kind {
                // Block 0 holds the superblock when blocks are larger than 1 KiB.
                BlockKind::Super if no.0 == 0 => Ok(()),
                _ => Err(e),
            })?;
            // Publish the block locked, so that one thread reads it and the others wait.
            let block = Arc::new(Block {
                no,
                referenced: AtomicBool::new(true),
                inner: RwLock::new(Inner {
                    bytes: Arc::new(Vec::new()),
                    kind,
                    joined: None,
                    fresh: false,
                    loaded: false,
                }),
            });
            let mut inner = block.inner.write();
            self.insert(&mut shard, block.clone());
            drop(shard);
            let mut bytes = vec![0; self.block_size];
            let read = dev
                .read_at(&mut bytes, geo.offset(no))
                .map_err(|e| Error::io(format!("reading block {no}"), e))
                .and_then(|()| kind.verify(geo, no, &bytes));
            match read {
                Ok(()) => {
                    inner.bytes = Arc::new(bytes);
                    inner.loaded = true;
                    drop(inner);
                    return Ok(block);
                }
                Err(error) => {
                    drop(inner);
                    self.shard(no).lock().blocks.remove(&no);
                    return Err(error);
                }
            }
        }
    }

    /// A block that is written for the first time: all zeroes, not read from the device.
    pub fn create(&self, no: BlockNo, kind: BlockKind) -> Arc<Block> {
        let mut shard = self.shard(no).lock();
        let block = Arc::new(Block {
            no,
            referenced: AtomicBool::new(true),
            inner: RwLock::new(Inner {
                bytes: Arc::new(vec![0; self.block_size]),
                kind,
                joined: None,
                fresh: true,
                loaded: true,
            }),
        });
        shard.blocks.remove(&no);
        self.insert(&mut shard, block.clone());
        block
    }

    /// Forgets a block that was freed.
    pub fn remove(&self, no: BlockNo) -> Option<Arc<Block>> {
        self.shard(no).lock().blocks.remove(&no)
    }

    fn insert(&self, shard: &mut Shard, block: Arc<Block>) {
        let mut turns = if shard.blocks.len() >= self.shard_limit {
            8
        } else {
            0
        };
        while turns > 0 {
            turns -= 1;
            let Some(no) = shard.clock.pop_front() else {
                break;
            };
            let Some(old) = shard.blocks.get(&no) else {
                continue;
            };
            let in_use = Arc::strong_count(old) > 1;
            if in_use || old.referenced.swap(false, Ordering::Relaxed) {
                shard.clock.push_back(no);
            } else {
                shard.blocks.remove(&no);
                if shard.blocks.len() < self.shard_limit {
                    break;
                }
            }
        }
        shard.clock.push_back(block.no);
        shard.blocks.insert(block.no, block);
    }
}
