//! The maps of files, followed to the last block.

use super::problem::{Problem, ProblemKind as Kind};
use super::state::Checker;
use crate::ondisk::features::Incompat;
use crate::ondisk::inode::{InodeFlags, RawInode, owner_seed};
use crate::types::{FileType, Ino};

/// What a map is followed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To mark the blocks as used, and to report what is wrong.
    Claim,
    /// The inode that reserves descriptor blocks: all but one of its blocks are marked already.
    Reserve,
    /// To find the blocks, silently.
    Read,
}

/// Blocks of a file that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub at: u64,
    pub len: u64,
    pub block: u64,
}

/// What a map has.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapped {
    /// Clusters of data and of the map itself.
    pub clusters: u64,
    /// The last block of the file that is mapped.
    pub last: Option<u64>,
    /// The last one that has data.
    pub last_written: Option<u64>,
    /// Something is wrong.
    pub bad: bool,
    /// Where the blocks are, for [`Purpose::Read`].
    pub runs: Vec<Run>,
}

impl Mapped {
    /// Blocks of the file system.
    pub fn blocks(&self, cluster_bits: u32) -> u64 {
        self.clusters << cluster_bits
    }
}

/// A map being followed.
pub(super) struct Walk<'c, 'a> {
    pub checker: &'c mut Checker<'a>,
    pub ino: Ino,
    /// What the checksums of the map's blocks start with.
    pub seed: Option<u32>,
    pub purpose: Purpose,
    pub is_dir: bool,
    pub mapped: Mapped,
    /// The cluster of the file, and on disk, that the last data was in.
    cluster: Option<(u64, u64)>,
}

impl<'a> Checker<'a> {
    /// Follows an inode's map.
    pub(super) fn walk_map(&mut self, ino: Ino, raw: &RawInode, purpose: Purpose) -> Mapped {
        let seed = self
            .geo
            .has_csum()
            .then(|| owner_seed(self.geo.seed, ino, raw.generation()));
        let extents = raw.flags().contains(InodeFlags::EXTENTS);
        let has_extents = self.geo.features.incompat.contains(Incompat::EXTENTS);
        let mut walk = Walk {
            checker: self,
            ino,
            seed,
            purpose,
            is_dir: raw.file_type() == Some(FileType::Directory),
            mapped: Mapped::default(),
            cluster: None,
        };
        if extents && !has_extents {
            walk.bad("extents without the feature");
        } else if extents {
            walk.extents(raw.block());
        } else {
            walk.indirect(raw.block());
        }
        walk.mapped
    }
}

impl Walk<'_, '_> {
    /// Something is wrong with the map.
    pub fn bad(&mut self, text: impl Into<String>) {
        self.mapped.bad = true;
        if self.purpose != Purpose::Read {
            self.checker.bad_inode(Kind::Map, self.ino, text);
        }
    }

    /// [`Self::bad`], in one of the map's blocks.
    pub fn bad_block(&mut self, kind: Kind, block: u64, text: &str) {
        self.mapped.bad = true;
        if self.purpose != Purpose::Read {
            let problem = Problem::new(kind, text).ino(self.ino).block(block);
            self.checker.report(problem);
        }
    }

    fn claim(&mut self, block: u64, len: u64) -> bool {
        let (_, conflict) = self.checker.claim(block, len);
        if let Some(first) = conflict {
            let text = "a block that something else uses, too";
            let problem = Problem::new(Kind::SharedBlock, text).ino(self.ino);
            self.checker.report(problem.block(first));
        }
        conflict.is_none()
    }

    /// Blocks of data. `at` is the first one's place in the file.
    pub fn data(&mut self, at: u64, len: u64, block: u64, written: bool) {
        if !self.checker.inside(block, len) {
            self.bad_block(Kind::Map, block, "a block out of range");
            return;
        }
        if self.is_dir && !written {
            self.bad("a directory with an unwritten extent");
        }
        let end = at + len - 1;
        self.mapped.last = self.mapped.last.max(Some(end));
        if written {
            self.mapped.last_written = self.mapped.last_written.max(Some(end));
        }
        if self.purpose == Purpose::Reserve {
            self.mapped.clusters += len;
            return;
        }
        let bits = self.checker.cluster_bits;
        // Blocks that go on in the cluster that the blocks before them began.
        let (first, last) = (
            self.checker.cluster(block),
            self.checker.cluster(block + len - 1),
        );
        let shared = bits > 0 && self.cluster == Some((at >> bits, first));
        if bits > 0 && (at ^ (block - self.checker.geo.first_data_block)) & ((1 << bits) - 1) != 0 {
            self.bad("a block in the wrong place of its cluster");
        }
        self.cluster = Some((end >> bits, last));
        self.mapped.clusters += last - first + 1 - u64::from(shared);
        match self.purpose {
            Purpose::Claim if shared => {
                let next = ((first + 1) << bits) + self.checker.geo.first_data_block;
                self.claim(next, (block + len).saturating_sub(next));
            }
            Purpose::Claim | Purpose::Reserve => {
                self.claim(block, len);
            }
            Purpose::Read => self.mapped.runs.push(Run { at, len, block }),
        }
    }

    /// A block of the map itself: its bytes, unless it must not be followed.
    pub fn node(&mut self, block: u64, reserved: bool) -> Option<Vec<u8>> {
        if !self.checker.inside(block, 1) {
            self.bad_block(Kind::Map, block, "a block of the map is out of range");
            return None;
        }
        self.mapped.clusters += 1;
        let claims = match self.purpose {
            Purpose::Claim => true,
            Purpose::Reserve => !reserved,
            Purpose::Read => false,
        };
        // What is used twice may be a loop.
        if claims && !self.claim(block, 1) {
            self.mapped.bad = true;
            return None;
        }
        let bytes = self.checker.read_block(block);
        self.mapped.bad |= bytes.is_none();
        bytes
    }
}
