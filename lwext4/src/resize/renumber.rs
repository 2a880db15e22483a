//! Giving inodes of groups that will be cut off other numbers.
//!
//! A number is in every entry that names the inode, in its own `.` and in the `..` of its
//! subdirectories; all of them change in one transaction with the inode. It is also part of what the
//! checksums of the inode's blocks start with. Those need not change: the inode gets the generation that
//! makes the start the same. A CRC takes its 32 bits of generation in as they are, so there always is
//! exactly one.

use crate::cache::{BlockKind, Owner};
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::{Credits, Handle};
use crate::map;
use crate::ondisk::checksum::crc32c;
use crate::ondisk::dirent;
use crate::ondisk::inode::{InodeFlags, RawInode};
use crate::types::{BlockNo, FileBlock, GroupNo, Ino};
use std::collections::BTreeMap;

/// How many inodes are renumbered after one walk through all directories.
const BATCH: usize = 1 << 16;

/// A directory's block with an entry that must change.
#[derive(Clone, Copy)]
struct Reference {
    block: BlockNo,
    kind: BlockKind,
}

impl Fs {
    /// Renumbers the inodes of the groups from `groups` on.
    pub(super) fn renumber(&self, groups: u32) -> Result<()> {
        let keep = groups.saturating_mul(self.geo.inodes_per_group);
        loop {
            let mut wanted: BTreeMap<Ino, Vec<Reference>> = BTreeMap::new();
            for no in groups..self.geo.groups() {
                let used = self.alloc.used_inodes(self, GroupNo(no))?;
                wanted.extend(used.into_iter().map(|ino| (ino, Vec::new())));
                if wanted.len() >= BATCH {
                    break;
                }
            }
            if wanted.is_empty() {
                return Ok(());
            }
            self.check_renumbered(&wanted)?;
            // The walk reads what is on disk.
            self.journal.checkpoint()?;
            // No block belongs to two directories, or to one of them twice.
            let mut most = self.geo.blocks();
            for no in 0..self.geo.groups() {
                for ino in self.alloc.used_inodes(self, GroupNo(no))? {
                    let data = self.load_inode(ino)?;
                    if data.is_dir() && data.links_count() > 0 {
                        most = self.find_references(&data, most, &mut wanted)?;
                    }
                }
            }
            let limit = self.journal.alone_limit();
            let counting = self.quotas.credits();
            if let Some((ino, _)) = wanted
                .iter()
                .find(|(_, references)| credits_for(references).0.saturating_add(counting) > limit)
            {
                return Err(Error::Unsupported(format!(
                    "inode {ino} has more names or subdirectories than the journal takes at once"
                )));
            }
            for (ino, references) in wanted {
                self.renumber_one(ino, &references)?;
            }
            debug_assert!(keep > 0);
        }
    }

    /// Fails when the superblock names one of the inodes in its second half, which a disk may not write
    /// together with the first.
    fn check_renumbered(&self, wanted: &BTreeMap<Ino, Vec<Reference>>) -> Result<()> {
        let sb = self.sb.lock();
        for (what, ino) in [
            ("the orphan file", sb.orphan_file_inum()),
            ("the project quota", sb.prj_quota_inum()),
            ("the journal", sb.journal_inum()),
            ("lost+found", sb.lpf_ino()),
        ] {
            if ino != 0 && wanted.contains_key(&Ino(ino)) {
                return Err(Error::Unsupported(format!(
                    "{what} has inode {ino}, whose group would be cut off"
                )));
            }
        }
        Ok(())
    }

    /// Notes the blocks of a directory that name any of the wanted inodes. It may have `most` blocks: how
    /// many of these it has not.
    fn find_references(
        &self,
        dir: &InodeData,
        most: u64,
        wanted: &mut BTreeMap<Ino, Vec<Reference>>,
    ) -> Result<u64> {
        if !dir.maps_blocks(self) {
            return Err(Error::Unsupported(format!(
                "directory {} is inside its inode (feature inline_data)",
                dir.ino
            )));
        }
        let owner = dir.owner(self);
        let indexed = dir.flags().contains(InodeFlags::INDEX);
        let mut bytes = vec![0; self.geo.block_size as usize];
        let mut at = FileBlock(0);
        let mut left = most;
        while let Some((first, run)) = map::next_mapped(self, dir, at)? {
            let Some(start) = run.phys else { break };
            left = left.checked_sub(run.len.into()).ok_or_else(|| {
                Corrupt::new("directories have more blocks than the file system").ino(dir.ino)
            })?;
            for i in 0..run.len {
                let block = BlockNo(start.0 + u64::from(i));
                let kind = if indexed && first.0 == 0 && i == 0 {
                    BlockKind::DirIndex(owner)
                } else {
                    BlockKind::DirLeaf(owner)
                };
                self.read_data(self.geo.offset(block), &mut bytes)?;
                for entry in dirent::entries(&bytes) {
                    if let Some(references) = wanted.get_mut(&entry.ino)
                        && references.last().is_none_or(|last| last.block != block)
                    {
                        references.push(Reference { block, kind });
                    }
                }
            }
            at = FileBlock(first.0.saturating_add(run.len));
        }
        Ok(left)
    }

    fn renumber_one(&self, old: Ino, references: &[Reference]) -> Result<()> {
        let credits = credits_for(references);
        let mut h = if credits.0 > self.journal.max_blocks / 2 {
            self.begin_alone(Credits(credits.0.saturating_add(self.quotas.credits())))?
        } else {
            self.begin(credits)?
        };
        let result = self.renumber_in(&mut h, old, references);
        h.finish(result)
    }

    fn renumber_in(&self, h: &mut Handle<'_>, old: Ino, references: &[Reference]) -> Result<()> {
        let mut left = self.load_inode(old)?;
        let is_dir = left.is_dir();
        // In a group that stays, as near as can be.
        let new = self.alloc.alloc_inode(h, old, is_dir)?;
        let mut raw = left.raw.clone();
        raw.set_generation(generation(self.geo.seed, old, raw.generation(), new));
        {
            let inode = self.new_inode(new, raw)?;
            let mut data = inode.data.write();
            debug_assert_eq!(
                data.owner(self),
                Owner::new(&self.geo, old, left.generation())
            );
            h.store(&mut data)?;
        }
        for reference in references {
            let block = self.read_block(reference.block, reference.kind)?;
            let places: Vec<(usize, u8)> = dirent::entries(&block.bytes())
                .filter(|entry| entry.ino == old)
                .map(|entry| (entry.at, entry.file_type))
                .collect();
            h.modify(&block, |bytes| {
                for (at, file_type) in places {
                    dirent::set_target(bytes, at, new, file_type);
                }
            });
        }
        left.raw = RawInode::new(usize::from(self.geo.inode_size), 0);
        h.store(&mut left)?;
        self.inodes.remove(old);
        self.alloc.free_inode(h, old, is_dir)
    }
}

/// Blocks that change with the number of an inode, besides those of quota files.
fn credits_for(references: &[Reference]) -> Credits {
    Credits(u32::try_from(references.len() + 16).unwrap_or(u32::MAX))
}

/// The generation with which inode `new` has the seed that `old` had with `generation`.
fn generation(seed: u32, old: Ino, generation: u32, new: Ino) -> u32 {
    let before = crc32c(seed, &old.0.to_le_bytes());
    let now = crc32c(seed, &new.0.to_le_bytes());
    generation ^ before ^ now
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ondisk::inode::owner_seed;

    #[test]
    fn another_number_keeps_the_seed() {
        for seed in [0, 1, 0xDEAD_BEEF] {
            for (old, new, old_generation) in [(5000, 12, 0), (1 << 31, 13, 77), (99, 4096, !0)] {
                let (old, new) = (Ino(old), Ino(new));
                let new_generation = generation(seed, old, old_generation, new);
                assert_eq!(
                    owner_seed(seed, old, old_generation),
                    owner_seed(seed, new, new_generation)
                );
            }
        }
    }
}
