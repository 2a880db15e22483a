//! Going through a group's free blocks.

use super::Allocator;
use super::bitmap::Bits;
use crate::error::Result;
use crate::fs::Fs;
use crate::ondisk::group_desc::BLOCK_UNINIT;
use crate::types::{BlockNo, GroupNo};
use std::ops::Range;

impl Allocator {
    /// Calls `each` with the group's runs of free blocks that lie in `range`, as (start, length), if
    /// they have at least `least` blocks: how many blocks in all. Blocks that are held are not free. The
    /// group stays locked meanwhile, so that nobody takes them.
    pub fn each_free_run(
        &self,
        fs: &Fs,
        no: GroupNo,
        range: &Range<u64>,
        least: u32,
        mut each: impl FnMut(BlockNo, u64) -> Result<()>,
    ) -> Result<u64> {
        let mut group = self.group(fs, no)?;
        let bytes = if group.desc.flags & BLOCK_UNINIT == 0 {
            group.block_bitmap(fs)?.bytes()
        } else {
            group.fresh_bitmap(&fs.geo).into()
        };
        let start = fs.geo.group_start(no).0;
        let within = |block: u64| block.saturating_sub(start).min(u64::from(u32::MAX)) as u32;
        let end = fs.geo.group_len(no).min(within(range.end));
        let bits = Bits::new(&bytes, group.held.as_deref(), end);
        let mut at = within(range.start);
        let mut count = 0;
        while let Some(first) = bits.first_clear(at) {
            let len = bits.clear_run(first, u32::MAX);
            if len >= least {
                each(BlockNo(start + u64::from(first)), u64::from(len))?;
                count += u64::from(len);
            }
            at = first + len;
        }
        Ok(count)
    }
}
