//! Going through a group's free blocks.

use super::Allocator;
use super::bitmap::Bits;
use crate::error::Result;
use crate::fs::Fs;
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
        let geo = &fs.geo;
        let mut group = self.group(fs, no)?;
        let bytes = group.blocks_in_use(fs)?;
        let start = geo.group_start(no).0;
        let group_len = u64::from(geo.group_len(no));
        let within = |block: u64| block.saturating_sub(start).min(group_len);
        // Of a cluster, all blocks are in the range, or none is given back. The image's last one may lack
        // blocks.
        let end = match within(range.end) {
            end if end == group_len => geo.group_clusters(no),
            end => (end >> geo.cluster_bits) as u32,
        };
        let bits = Bits::new(&bytes, group.held.as_deref(), end);
        let cluster = u64::from(geo.cluster_blocks());
        let mut at = within(range.start).div_ceil(cluster) as u32;
        let mut count = 0;
        while let Some(first) = bits.first_clear(at) {
            let run = bits.clear_run(first, u32::MAX);
            let from = u64::from(first) << geo.cluster_bits;
            let len = (u64::from(run) << geo.cluster_bits).min(group_len - from);
            if len >= u64::from(least) {
                each(BlockNo(start + from), len)?;
                count += len;
            }
            at = first + run;
        }
        Ok(count)
    }
}
