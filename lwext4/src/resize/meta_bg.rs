//! Growing beyond what the descriptor table has room for: new groups then keep their descriptors
//! themselves (feature meta_bg).

use super::reserve;
use crate::dimensions::Dimensions;
use crate::error::Result;
use crate::fs::Fs;
use crate::journal::{Credits, Handle};
use crate::ondisk::features::{Compat, Incompat};
use crate::types::GroupNo;

/// How many reserved blocks are given up in one transaction.
const AT_ONCE: u32 = 8;

impl Fs {
    /// Whether there is a resize inode.
    pub(super) fn has_resize_inode(&self) -> bool {
        let features = self.sb.lock().features();
        features.compat.contains(Compat::RESIZE_INODE)
    }

    /// Switches to meta groups. Reserved descriptor blocks become free.
    pub(super) fn convert_to_meta_bg(&self) -> Result<()> {
        self.reserve_at_most(0)?;
        let resize_inode = self.has_resize_inode();
        let mut h = self.begin_alone(Credits::NAME)?;
        let result = self.convert(&mut h, resize_inode);
        h.finish(result)
    }

    fn convert(&self, h: &mut Handle<'_>, resize_inode: bool) -> Result<()> {
        if resize_inode {
            reserve::abolish(h)?;
        }
        let old = self.geo.dimensions();
        let new = Dimensions {
            first_meta_bg: self.geo.table_len(),
            ..old
        };
        self.geo.set_dimensions(&new);
        let mut sb = self.sb.lock();
        let mut features = sb.features();
        features.compat.remove(Compat::RESIZE_INODE);
        features.incompat.insert(Incompat::META_BG);
        sb.set_features(features);
        sb.set_first_meta_bg(new.first_meta_bg);
        drop(sb);
        // Something must be part of the transaction, for it to be written.
        h.touch_group(GroupNo(0));
        Ok(())
    }

    /// Frees reserved descriptor blocks, the last ones first, until `most` are left.
    pub(super) fn reserve_at_most(&self, most: u32) -> Result<()> {
        loop {
            let old = self.geo.dimensions();
            if old.reserved_gdt_blocks <= most {
                return Ok(());
            }
            let copies = reserve::copies(&self.geo);
            // A bitmap and a descriptor for every group with a copy.
            let room = self.journal.alone_limit().saturating_sub(8);
            let at_once = if copies.len() as u32 * 2 > room / 2 {
                1
            } else {
                AT_ONCE
            };
            let keep = old.reserved_gdt_blocks.saturating_sub(at_once).max(most);
            let credits = copies.len() as u32 * 2 + 8;
            let mut h = self.begin_alone(Credits(credits))?;
            let result = self.give_up_reserved(&mut h, keep, &copies);
            h.finish(result)?;
        }
    }

    fn give_up_reserved(&self, h: &mut Handle<'_>, keep: u32, copies: &[GroupNo]) -> Result<()> {
        let old = self.geo.dimensions();
        let before = self.geo.clone();
        let gone = reserve::reserved(&before)
            .skip(keep as usize)
            .collect::<Vec<u32>>();
        let holders = || std::iter::once(GroupNo(0)).chain(copies.iter().copied());
        for group in holders() {
            // While what is derived is still right.
            self.alloc.settle_group(h, group)?;
        }
        self.geo.set_dimensions(&Dimensions {
            reserved_gdt_blocks: keep,
            ..old
        });
        self.set_superblock(&old);
        reserve::reshape(h, &before, &self.geo)?;
        for group in holders() {
            for &n in &gone {
                let block = before.table_block(group, n);
                // Only those of the first group were written through the journal.
                self.alloc.free_blocks(h, block, 1, group.0 == 0)?;
            }
        }
        Ok(())
    }
}
