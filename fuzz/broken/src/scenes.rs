//! Damage that random fields seldom make: structures that agree with each other and are wrong.

use crate::choices::Choices;
use crate::fields::{self, Field};
use crate::mutate::Damage;
use crate::structures::{Kind, Structure, Structures};

/// An image being damaged, with what was touched.
pub struct Scene<'a, 'c> {
    /// The seed's structures.
    pub found: &'a Structures,
    /// The image.
    pub image: &'a mut [u8],
    /// Decisions.
    pub choices: &'a mut Choices<'c>,
    /// Structures whose checksums must be made right.
    pub touched: &'a mut Vec<Structure>,
    /// What was done.
    pub damage: &'a mut Damage,
}

impl Scene<'_, '_> {
    /// Plays one of them.
    pub fn play(mut self) {
        match self.choices.below(9) {
            0 | 1 => self.free_what_is_used(),
            2 | 3 => self.lead_elsewhere(),
            4 => self.chain_orphans(),
            5 => self.exaggerate_counts(),
            6 => self.share_blocks(),
            7 => self.grow_sizes(),
            _ => self.miscount_users(),
        }
    }

    fn one_of(&mut self, wanted: impl Fn(Kind) -> bool) -> Option<Structure> {
        let all: Vec<Structure> = self
            .found
            .all
            .iter()
            .filter(|s| wanted(s.kind))
            .copied()
            .collect();
        self.choices.pick(&all).copied()
    }

    fn get(&self, s: Structure, at: usize, len: usize) -> u64 {
        let bytes = self.image.get(s.at..s.at + s.len).unwrap_or(&[]);
        fields::get(bytes, Field { at, len }, false)
    }

    fn set(&mut self, s: Structure, at: usize, len: usize, value: u64) {
        let old = self.get(s, at, len);
        if let Some(bytes) = self.image.get_mut(s.at..s.at + s.len) {
            fields::put(bytes, Field { at, len }, false, value);
        }
        self.touched.push(s);
        self.damage.0.push(format!(
            "{:?}: {len} bytes at {at:#x}: {old:#x} -> {value:#x} (scene)",
            s.kind
        ));
    }

    fn is_dir(&self, ino: u32) -> bool {
        let inode = self.found.find(Kind::Inode(ino));
        inode.is_some_and(|&inode| self.get(inode, 0, 2) >> 12 == 4)
    }

    /// A bitmap says that something in use is free: it is given out again.
    fn free_what_is_used(&mut self) {
        let blocks = self.choices.one_in(2);
        let Some(bitmap) = self.one_of(|kind| match kind {
            Kind::BlockBitmap(_) => blocks,
            Kind::InodeBitmap(_) => !blocks,
            _ => false,
        }) else {
            return;
        };
        let used = match bitmap.kind {
            Kind::BlockBitmap(_) => self.found.clusters_per_group as usize / 8,
            _ => self.found.inodes_per_group as usize / 8,
        };
        match self.choices.below(3) {
            0 => (0..used.min(bitmap.len)).for_each(|at| self.image[bitmap.at + at] = 0),
            1 => {
                let at = self.choices.below(used.min(bitmap.len));
                self.image[bitmap.at + at..bitmap.at + used.min(bitmap.len)].fill(0);
            }
            _ => {
                for _ in 0..1 + self.choices.below(12) {
                    let at = self.choices.below(used.min(bitmap.len));
                    self.image[bitmap.at + at] = 0;
                }
            }
        }
        self.touched.push(bitmap);
        self.damage
            .0
            .push(format!("{:?}: bits cleared (scene)", bitmap.kind));
    }

    /// A name leads to another directory: to one above it, to itself, to one that has a name.
    fn lead_elsewhere(&mut self) {
        for _ in 0..1 + self.choices.below(3) {
            let Some(leaf) = self.one_of(|kind| matches!(kind, Kind::Leaf(_) | Kind::Index(_)))
            else {
                return;
            };
            let dirs: Vec<u32> = self
                .found
                .used_inodes
                .iter()
                .copied()
                .filter(|&ino| self.is_dir(ino))
                .collect();
            let Some(&dir) = self.choices.pick(&dirs) else {
                return;
            };
            let mut starts = Vec::new();
            let mut at = 0;
            while at + 12 <= leaf.len {
                starts.push(at);
                at += (self.get(leaf, at + 4, 2) as usize).max(12);
            }
            let Some(&at) = self.choices.pick(&starts) else {
                return;
            };
            if self.get(leaf, at, 4) != 0 {
                self.set(leaf, at, 4, u64::from(dir));
                self.set(leaf, at + 7, 1, 2);
            }
        }
    }

    /// Inodes on the orphan list that do not belong there.
    fn chain_orphans(&mut self) {
        let Some(sb) = self.found.find(Kind::Super).copied() else {
            return;
        };
        let mut list = (sb, 0xE8);
        for _ in 0..1 + self.choices.below(4) {
            let Some(&ino) = self.choices.pick(&self.found.used_inodes) else {
                return;
            };
            self.set(list.0, list.1, 4, u64::from(ino));
            let Some(&inode) = self.found.find(Kind::Inode(ino)) else {
                return;
            };
            if self.choices.one_in(2) {
                self.set(inode, 0x1A, 2, 0);
            }
            list = (inode, 0x14);
        }
        self.set(list.0, list.1, 4, 0);
    }

    /// Counts at the end of their range.
    fn exaggerate_counts(&mut self) {
        let Some(desc) = self.one_of(|kind| matches!(kind, Kind::Descriptor(_))) else {
            return;
        };
        let (low, high) =
            [(0x0C, 0x2C), (0x0E, 0x2E), (0x10, 0x30), (0x1C, 0x32)][self.choices.below(4)];
        let value = [0u64, 1, 0xFFFF_FFFF, 0x1FF][self.choices.below(4)];
        self.set(desc, low, 2, value & 0xFFFF);
        if desc.len >= 64 {
            self.set(desc, high, 2, value >> 16);
        }
        if self.choices.one_in(2)
            && let Some(sb) = self.found.find(Kind::Super).copied()
        {
            let (at, value) =
                [(0x0C, 0), (0x0C, 5), (0x10, 0), (0x10, 0xFFFF_FFFF)][self.choices.below(4)];
            self.set(sb, at, 4, value);
        }
        if let Some(&inode) = self
            .choices
            .pick(&self.found.used_inodes)
            .and_then(|&ino| self.found.find(Kind::Inode(ino)))
        {
            let links = [0u64, 1, 2, 64_999, 65_000, 65_535][self.choices.below(6)];
            self.set(inode, 0x1A, 2, links);
            let blocks = [0u64, 1, 0xFFFF_FFFF][self.choices.below(3)];
            self.set(inode, 0x1C, 4, blocks);
            self.set(inode, 0x74, 2, blocks & 0xFFFF);
        }
    }

    /// One inode's map for two inodes, or a map that leads into metadata.
    fn share_blocks(&mut self) {
        let pick = |scene: &mut Self| {
            let ino = *scene.choices.pick(&scene.found.used_inodes)?;
            scene.found.find(Kind::Inode(ino)).copied()
        };
        let (Some(one), Some(two)) = (pick(self), pick(self)) else {
            return;
        };
        if self.choices.one_in(2) {
            for at in (0x28..0x64).step_by(4) {
                let value = self.get(one, at, 4);
                self.set(two, at, 4, value);
            }
            let flags = self.get(one, 0x20, 4);
            self.set(two, 0x20, 4, flags);
            return;
        }
        let home = self.choices.pick(&self.found.all).map_or(1, |s| s.home);
        let at = [0x3C, 0x48, 0x28, 0x2C, 0x58, 0x60][self.choices.below(6)];
        self.set(one, at, 4, home);
        let acl = self.choices.pick(&self.found.all).map_or(1, |s| s.home);
        self.set(two, 0x68, 4, acl);
    }

    /// Sizes far beyond what is mapped.
    fn grow_sizes(&mut self) {
        for _ in 0..1 + self.choices.below(3) {
            let Some(&ino) = self.choices.pick(&self.found.used_inodes) else {
                return;
            };
            let Some(&inode) = self.found.find(Kind::Inode(ino)) else {
                return;
            };
            let block = self.found.block_size as u64;
            let size = (1u64 << self.choices.below(44)) * block;
            let size = size - [0, 1, block][self.choices.below(3)];
            self.set(inode, 4, 4, size & 0xFFFF_FFFF);
            self.set(inode, 0x6C, 4, size >> 32);
        }
    }

    /// Blocks of attributes that have more or fewer users than they say.
    fn miscount_users(&mut self) {
        let Some(block) = self.one_of(|kind| kind == Kind::Attributes) else {
            return;
        };
        let users = [0u64, 1, 2, 1023, 1024, 0xFFFF_FFFF][self.choices.below(6)];
        self.set(block, 4, 4, users);
    }
}
