//! The copies of the superblock and of the descriptors. Nobody reads them while the originals are
//! whole, so they are written outside of any transaction, when what they are copies of is on disk.

use super::reserve;
use crate::alloc::{desc_place, has_super};
use crate::cache::BlockKind;
use crate::error::Result;
use crate::fs::Fs;
use crate::ondisk::features::Incompat;
use crate::ondisk::superblock::STATE_VALID;
use crate::types::{BlockNo, GroupNo};

impl Fs {
    /// Writes all copies.
    pub(super) fn write_copies(&self) -> Result<()> {
        let geo = &self.geo;
        let mut sb = self.sb.lock().clone();
        let mut features = sb.features();
        features.incompat.remove(Incompat::RECOVER);
        sb.set_features(features);
        sb.set_state(sb.state() | STATE_VALID);
        for group in reserve::copies(geo) {
            sb.set_block_group_nr(group.0 as u16);
            if geo.has_csum() {
                sb.set_checksum(sb.computed_checksum());
            }
            let mut block = vec![0; geo.block_size as usize];
            block[..sb.as_bytes().len()].copy_from_slice(sb.as_bytes());
            self.write_data(geo.offset(geo.group_start(group)), &block)?;
            for n in 0..geo.table_len() {
                self.copy_descriptors(geo.table_block(GroupNo(0), n), geo.table_block(group, n))?;
            }
        }
        let per_block = geo.descs_per_block();
        let meta_groups = geo.groups().div_ceil(per_block);
        for meta in geo.dimensions().first_meta_bg..meta_groups {
            let first = meta * per_block;
            let (from, _) = desc_place(geo, GroupNo(first));
            for group in [first + 1, first + per_block - 1] {
                let group = GroupNo(group);
                if group.0 < geo.groups() {
                    let at = geo.group_start(group).0 + u64::from(has_super(geo, group));
                    self.copy_descriptors(from, BlockNo(at))?;
                }
            }
        }
        self.flush()
    }

    fn copy_descriptors(&self, from: BlockNo, to: BlockNo) -> Result<()> {
        let bytes = self.read_block(from, BlockKind::Descriptors)?.bytes();
        self.write_data(self.geo.offset(to), &bytes)
    }
}
