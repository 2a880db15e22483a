//! What the superblock says of the file system's size.

use crate::dimensions::Dimensions;
use crate::error::Result;
use crate::fs::Fs;
use crate::ondisk::features::Compat;

impl Fs {
    /// Brings the superblock up to date with the dimensions, which were `old`. It is written with the
    /// running transaction.
    pub(super) fn set_superblock(&self, old: &Dimensions) {
        let new = self.geo.dimensions();
        let (before, after) = (self.geo.with(old).overhead(), self.geo.overhead());
        let mut sb = self.sb.lock();
        // The same share as before.
        let share = u128::from(sb.r_blocks_count()) * u128::from(new.blocks)
            / u128::from(old.blocks.max(1));
        let share = u64::try_from(share).unwrap_or(u64::MAX);
        sb.set_r_blocks_count(share.min(new.blocks / 2));
        sb.set_blocks_count(new.blocks);
        sb.set_inodes_count(new.inodes);
        sb.set_reserved_gdt_blocks(new.reserved_gdt_blocks as u16);
        if new.first_meta_bg != u32::MAX {
            sb.set_first_meta_bg(new.first_meta_bg);
        }
        if sb.features().compat.contains(Compat::SPARSE_SUPER2) {
            sb.set_backup_bg0(new.backup_bgs[0]);
            sb.set_backup_bg1(new.backup_bgs[1]);
        }
        // The overhead is in the other half of the superblock: see `Superblock::seal`.
        let mut overhead = self.new_overhead.lock();
        let known = overhead.unwrap_or(sb.overhead_clusters());
        if known != 0 {
            let now = (u64::from(known) + after).saturating_sub(before);
            // 0: not known.
            *overhead = Some(u32::try_from(now).unwrap_or(0));
        }
    }

    /// Writes what changed in the second half of the superblock, which is otherwise on disk as it is in
    /// memory, with nothing in the log. As only that half changes, a disk writes it whole or not at all.
    pub(crate) fn write_second_half(&self) -> Result<()> {
        let Some(overhead) = self.new_overhead.lock().take() else {
            return Ok(());
        };
        let (block, at) = self.super_block()?;
        let mut sb = self.sb.lock();
        sb.set_overhead_clusters(overhead);
        if self.geo.has_csum() {
            let checksum = sb.computed_checksum();
            sb.set_checksum(checksum);
        }
        let half = sb.as_bytes().len() / 2;
        let at = self.geo.offset(block.no) + (at + half) as u64;
        self.write_data(at, &sb.as_bytes()[half..])
    }
}
