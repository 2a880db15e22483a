//! Cutting groups off in which nothing is left.

use super::reserve;
use super::survey::{Survey, overlap};
use crate::alloc::{desc_place, tables};
use crate::cache::BlockKind;
use crate::dimensions::Dimensions;
use crate::error::{Corrupt, Error, Result};
use crate::fs::{Fs, Geometry};
use crate::journal::{Credits, Handle};
use crate::types::{BlockNo, GroupNo};
use std::collections::BTreeSet;

/// What becomes of blocks when groups go.
struct Plan {
    old: Geometry,
    new: Geometry,
    /// Blocks below the new end that held metadata of groups cut off.
    vacated: Vec<(BlockNo, u32)>,
    /// Groups whose bitmaps change.
    touched: BTreeSet<GroupNo>,
}

impl Fs {
    /// Cuts the file system off at `blocks`, in one transaction. Everything behind that is free, but for
    /// what belongs to the groups that go.
    pub(super) fn cut_off(&self, blocks: u64) -> Result<()> {
        loop {
            // What was freed counts as free.
            self.journal.commit_all()?;
            let old = self.geo.dimensions();
            let plan = self.plan_cut(&old, &self.shrunk(&old, blocks))?;
            let mut credits = 16 + 3 * plan.touched.len() as u32;
            if self.has_resize_inode() {
                credits += reserve::credits(&plan.old, &plan.new);
            }
            if credits > self.journal.alone_limit() {
                if old.reserved_gdt_blocks == 0 {
                    return Err(Error::Unsupported(
                        "the journal is too small for cutting off so much at once".to_owned(),
                    ));
                }
                self.reserve_at_most(old.reserved_gdt_blocks / 2)?;
                continue;
            }
            self.check_empty(&plan)?;
            let mut h = self.begin_alone(Credits(credits))?;
            let result = self.apply_cut(&mut h, &plan);
            return h.finish(result);
        }
    }

    fn plan_cut(&self, old: &Dimensions, new: &Dimensions) -> Result<Plan> {
        let (old_geo, new_geo) = (self.geo.with(old), self.geo.with(new));
        let below = 0..new.blocks;
        let mut touched = BTreeSet::from([GroupNo(0), GroupNo(new.groups - 1)]);
        touched.extend(reserve::copies(&new_geo));
        let mut vacated = Vec::new();
        for no in new.groups..old.groups {
            let desc = self.alloc.descriptor(self, GroupNo(no))?;
            for (start, len) in tables(&self.geo, &desc) {
                let len = overlap(start, len, &below) as u32;
                if len > 0 {
                    vacated.push((start, len));
                    let end = BlockNo(start.0 + u64::from(len) - 1);
                    let groups = old_geo.group_of(start).0..=old_geo.group_of(end).0;
                    touched.extend(groups.map(GroupNo));
                }
            }
        }
        Ok(Plan {
            old: old_geo,
            new: new_geo,
            vacated,
            touched,
        })
    }

    /// Fails when anything is left behind the new end.
    fn check_empty(&self, plan: &Plan) -> Result<()> {
        let (old, new) = (&plan.old, &plan.new);
        let survey = Survey::new(self)?;
        let last = new.groups() - 1;
        let mut free = 0;
        for no in (last..old.groups()).map(GroupNo) {
            let len = old.group_len(no);
            let kept = new.blocks().saturating_sub(old.group_start(no).0);
            let kept = kept.min(u64::from(len)) as u32;
            let all = self.alloc.free_in(self, no, len)?;
            free += u64::from(all - self.alloc.free_in(self, no, kept)?);
            if no.0 > last && !self.alloc.used_inodes(self, no)?.is_empty() {
                let what = "a group to be cut off still has inodes";
                return Err(Corrupt::new(what).group(no).into());
            }
        }
        let behind = new.blocks()..old.blocks();
        let own = survey.own(new.groups(), &behind);
        if free + own != behind.end - behind.start {
            let what = "blocks to be cut off are in use, by nothing that is known";
            return Err(Corrupt::new(what).block(BlockNo(behind.start)).into());
        }
        Ok(())
    }

    fn apply_cut(&self, h: &mut Handle<'_>, plan: &Plan) -> Result<()> {
        let (old, new) = (plan.old.dimensions(), plan.new.dimensions());
        let last = GroupNo(new.groups - 1);
        for &group in &plan.touched {
            // While what is derived is still right.
            self.alloc.settle_group(h, group)?;
        }
        self.geo.set_dimensions(&new);
        self.alloc
            .shorten_group(h, last, plan.new.group_len(last))?;
        for &(start, len) in &plan.vacated {
            self.alloc.free_blocks(h, start, len, true)?;
        }
        if self.has_resize_inode() {
            reserve::reshape(h, &plan.old, &plan.new)?;
        }
        // Descriptors, or room for them, that nobody needs.
        let before = plan.old.table_len() + old.reserved_gdt_blocks;
        let after = plan.new.table_len() + new.reserved_gdt_blocks;
        let mut holders = reserve::copies(&plan.new);
        holders.push(GroupNo(0));
        for n in after..before {
            for &group in &holders {
                let block = plan.new.table_block(group, n);
                self.alloc.free_blocks(h, block, 1, group.0 == 0)?;
            }
        }
        let (block, at) = desc_place(&self.geo, last);
        let descriptors = self.read_block(block, BlockKind::Descriptors)?;
        let behind = at + usize::from(self.geo.desc_size);
        h.modify(&descriptors, |bytes| bytes[behind..].fill(0));
        for no in new.groups..old.groups {
            self.alloc.drop_group(GroupNo(no));
        }
        self.alloc.recount(self)?;
        self.set_superblock(&old);
        Ok(())
    }
}
