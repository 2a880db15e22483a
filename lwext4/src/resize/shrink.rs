//! Shrinking a file system that nobody uses.

use super::fit;
use super::last_group::Places;
use super::move_journal::Exchange;
use super::survey::Survey;
use crate::alloc::tables;
use crate::device::BlockDevice;
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::journal::Credits;
use crate::ondisk::features::{Compat, Incompat};
use crate::options::OpenOptions;
use crate::types::{BlockNo, GroupNo, Ino};
use crate::volume::Volume;
use std::collections::HashMap;
use std::sync::Arc;

/// The inode that lists bad blocks.
const BAD_BLOCKS: Ino = Ino(1);
/// More rounds are not needed: each cuts groups off.
const ROUNDS: u32 = 10_000;

/// What one session achieved.
enum Step {
    Done(u64),
    Again,
    /// To be written when the volume is closed; then again.
    Exchange(Exchange),
}

/// Makes the file system on `device` as large as fits `bytes`, which is less than it is, and then the
/// device: the size reached, in bytes. What is in the way moves. When this is interrupted or fails, the
/// file system is whole, of the size it had or one in between.
///
/// # Errors
/// [`Error::NoSpace`] when what it holds does not fit; [`Error::Unsupported`] names what cannot be
/// moved; as [`Volume::open`].
pub fn shrink(device: &Arc<dyn BlockDevice>, bytes: u64, options: &OpenOptions) -> Result<u64> {
    for _ in 0..ROUNDS {
        let volume = Volume::open(device.clone(), options.clone())?;
        let step = volume.fs.shrink_step(bytes);
        let closed = volume.close();
        match step? {
            Step::Done(size) => {
                closed?;
                device
                    .set_size(bytes.max(size))
                    .map_err(|e| Error::io("making the image smaller", e))?;
                device
                    .flush()
                    .map_err(|e| Error::io("syncing the image", e))?;
                return Ok(size);
            }
            Step::Again => closed?,
            Step::Exchange(exchange) => {
                closed?;
                device
                    .write_at(&exchange.bytes, exchange.at)
                    .and_then(|()| device.flush())
                    .map_err(|e| Error::io("moving the journal", e))?;
            }
        }
    }
    Err(Error::NoSpace)
}

/// About how small [`shrink`] can make the file system, in bytes.
///
/// # Errors
/// As [`Volume::open`].
pub fn minimum_size(device: &Arc<dyn BlockDevice>) -> Result<u64> {
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let volume = Volume::open(device.clone(), options)?;
    let fs = &volume.fs;
    Ok(Survey::new(fs)?.minimum()? << fs.geo.block_bits)
}

impl Fs {
    fn shrink_step(&self, bytes: u64) -> Result<Step> {
        self.check_resizable()?;
        self.check_movable()?;
        let bits = self.geo.block_bits;
        let target = self.fit_in_last(fit(&self.geo, bytes >> bits)?)?;
        if target >= self.geo.blocks() {
            return Ok(Step::Done(self.geo.blocks() << bits));
        }
        if self.trim_journal()? {
            return Ok(Step::Again);
        }
        let stage = Survey::new(self)?.stage(target)?;
        let places = self.places_in_last(stage)?;
        let ceiling = places.map_or(BlockNo(stage), |places| places.ceiling);
        self.alloc.set_ceiling(ceiling);
        if self.journal_above(ceiling)? {
            return self.prepare_journal_move(ceiling).map(Step::Exchange);
        }
        let groups = self.geo.groups_for(stage) as u32;
        self.renumber(groups)?;
        self.journal.checkpoint()?;
        self.inodes.clear();
        self.lower_inodes(groups, ceiling)?;
        self.lower_groups(groups, BlockNo(stage), places)?;
        self.cut_off(stage)?;
        self.journal.commit_all()?;
        self.write_copies()?;
        Ok(if stage == target {
            Step::Done(target << bits)
        } else {
            Step::Again
        })
    }

    /// `blocks`, or where the last group of so many begins if it would have no room for its metadata.
    fn fit_in_last(&self, blocks: u64) -> Result<u64> {
        match self.places_in_last(blocks.min(self.geo.blocks())) {
            Ok(_) => Ok(blocks),
            Err(Error::NoSpace) => {
                let last = self.geo.groups_for(blocks).saturating_sub(1);
                match GroupNo(last as u32) {
                    GroupNo(0) => Err(Error::NoSpace),
                    last => Ok(self.geo.group_start(last).0),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Fails when something may be in the way that cannot be moved.
    fn check_movable(&self) -> Result<()> {
        let features = self.sb.lock().features();
        let incompat = [
            (Incompat::EA_INODE, "ea_inode"),
            (Incompat::ENCRYPT, "encrypt"),
            (Incompat::MMP, "mmp"),
        ];
        let fixed = incompat
            .into_iter()
            .find(|(feature, _)| features.incompat.contains(*feature))
            .map(|(_, name)| name);
        let stable = features.compat.contains(Compat::STABLE_INODES);
        match fixed.or(stable.then_some("stable_inodes")) {
            Some(name) => Err(Error::Unsupported(format!(
                "a file system with the feature {name} cannot be made smaller"
            ))),
            None => Ok(()),
        }
    }

    /// Moves the blocks of all inodes, which are in the first `groups` groups.
    fn lower_inodes(&self, groups: u32, ceiling: BlockNo) -> Result<()> {
        let journal = self.sb.lock().journal_inum();
        let mut attributes = HashMap::new();
        for no in 0..groups {
            for ino in self.alloc.used_inodes(self, GroupNo(no))? {
                if [BAD_BLOCKS, Ino::RESIZE, Ino(journal)].contains(&ino) {
                    continue;
                }
                if self.load_inode(ino)?.links_count() > 0 {
                    self.lower_inode(ino, ceiling, &mut attributes)?;
                }
            }
        }
        Ok(())
    }

    /// Moves the bitmaps and inode tables of the first `groups` groups: those of the last one to `places`,
    /// if there are any.
    fn lower_groups(&self, groups: u32, end: BlockNo, places: Option<Places>) -> Result<()> {
        for no in (0..groups).map(GroupNo) {
            let tables = tables(&self.geo, &self.alloc.descriptor(self, no)?);
            if tables
                .iter()
                .all(|&(start, len)| start.0 + u64::from(len) <= end.0)
            {
                continue;
            }
            // What is copied is what the device has.
            self.journal.checkpoint()?;
            self.inodes.clear();
            let mut h = self.begin_alone(Credits::NAME)?;
            let places = places.map(|places| places.tables);
            let result = self.alloc.lower_metadata(&mut h, no, end, places);
            h.finish(result)?;
            self.reopen_quotas()?;
        }
        self.inodes.clear();
        Ok(())
    }
}
