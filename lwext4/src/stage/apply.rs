//! The changes of a stage become the state of the image.

use super::layer::{Layer, bit_is_set};
use crate::device::BlockDevice;
use crate::error::{Error, Result};
use crate::fs::Geometry;
use crate::journal::log::Log;
use crate::ondisk::features::{Compat, Incompat};
use crate::ondisk::superblock::{self, STATE_VALID, Superblock};
use crate::open::{Purpose, open_journal, read_superblock};
use crate::options::OpenOptions;
use crate::types::{BlockNo, GroupNo};
use crate::volume::Volume;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Whole blocks in ascending order, with their places.
pub(super) type Blocks = Vec<(BlockNo, Arc<Vec<u8>>)>;

/// What a closed stage changed in blocks that the state before uses and the new one does too. Free
/// blocks were written already; what the new state has freed need not be written.
pub(super) fn changes(layer: &Arc<Layer>) -> Result<Blocks> {
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let after = Volume::open_as(layer.clone(), options, Purpose::Stage)?
        .fs
        .clone();
    let base = layer.base();
    let geo = &base.geo;
    let mut bitmaps: HashMap<GroupNo, Vec<u8>> = HashMap::new();
    let mut old = vec![0; geo.block_size as usize];
    let mut blocks = Vec::new();
    for (no, bytes) in layer.changed() {
        if no.0 >= geo.first_data_block && no.0 < geo.blocks() {
            let group = geo.group_of(no);
            let bitmap = match bitmaps.entry(group) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(slot) => slot.insert(after.alloc.blocks_in_use(&after, group)?),
            };
            if !bit_is_set(bitmap, geo.cluster_in_group(no)) {
                continue;
            }
        }
        base.read_data(geo.offset(no), &mut old)?;
        if old != bytes {
            blocks.push((no, Arc::new(bytes)));
        }
    }
    if let [(_, bytes)] = blocks.as_slice()
        && is_only_opened(layer, bytes)
    {
        blocks.clear();
    }
    Ok(blocks)
}

/// Whether the block with the superblock says nothing but that the volume was opened and closed.
fn is_only_opened(layer: &Layer, bytes: &[u8]) -> bool {
    let base = layer.base();
    let (_, at) = super_place(&base.geo);
    let old = base.sb.lock();
    let Some(mut new) = bytes
        .get(at..at + superblock::SIZE)
        .and_then(Superblock::from_bytes)
    else {
        return false;
    };
    new.set_mtime(old.mtime());
    new.set_mtime_hi(old.mtime_hi());
    new.set_wtime(old.wtime());
    new.set_wtime_hi(old.wtime_hi());
    new.set_mnt_count(old.mnt_count());
    if base.geo.has_csum() {
        new.seal();
    }
    new.as_bytes() == old.as_bytes()
}

/// Where the superblock is: its block, and the byte in it.
fn super_place(geo: &Geometry) -> (BlockNo, usize) {
    let block = superblock::OFFSET >> geo.block_bits;
    let at = superblock::OFFSET - (block << geo.block_bits);
    (BlockNo(block), at as usize)
}

/// Fails unless the blocks fit one transaction of the image's journal.
pub(super) fn fits(device: &Arc<dyn BlockDevice>, blocks: &Blocks) -> Result<()> {
    let (sb, geo) = read_superblock(&**device)?;
    if !geo.features.compat.contains(Compat::HAS_JOURNAL) {
        return Ok(());
    }
    let log = Log::open(open_journal(device, &sb, &geo)?)?;
    let needed = u64::from(log.blocks_needed(blocks.len(), 0));
    let room = u64::from(log.free_blocks());
    if needed > room {
        return Err(Error::TooLargeAtOnce { needed, room });
    }
    Ok(())
}

/// Writes `blocks` as one transaction, brings them home, and leaves the image clean.
pub(super) fn apply(device: &Arc<dyn BlockDevice>, blocks: &Blocks) -> Result<()> {
    if blocks.is_empty() {
        return Ok(());
    }
    let (old, geo) = read_superblock(&**device)?;
    let target = Target { device, geo: &geo };
    if !geo.features.compat.contains(Compat::HAS_JOURNAL) {
        let mut unclean = old;
        unclean.set_state(unclean.state() & !STATE_VALID);
        target.write_superblock(unclean)?;
        // The superblock says "clean", so it comes last.
        let (place, _) = super_place(&geo);
        let (last, rest): (Blocks, Blocks) =
            blocks.iter().cloned().partition(|(no, _)| *no == place);
        target.write(&rest)?;
        target.flush()?;
        target.write(&last)?;
        return target.flush();
    }
    let log = Log::open(open_journal(device, &old, &geo)?)?;
    // Without this mark nobody would look into the journal.
    target.write_superblock(old)?;
    let logged: Blocks = blocks
        .iter()
        .map(|(no, bytes)| (*no, target.with_mark(*no, bytes)))
        .collect();
    log.write(log.next_tid(), &logged, &[], true)?;
    // From here on the new state holds, whatever happens.
    let tid = crate::types::TxnId(log.next_tid().0.wrapping_sub(1));
    target.write(&logged)?;
    target.flush()?;
    log.checkpointed_through(tid, true)?;
    log.close(true)?;
    let (place, _) = super_place(&geo);
    let clean: Blocks = blocks
        .iter()
        .filter(|(no, _)| *no == place)
        .cloned()
        .collect();
    target.write(&clean)?;
    target.flush()
}

/// The image, past every cache.
struct Target<'a> {
    device: &'a Arc<dyn BlockDevice>,
    geo: &'a Geometry,
}

impl Target<'_> {
    fn flush(&self) -> Result<()> {
        self.device
            .flush()
            .map_err(|e| Error::io("syncing the image", e))
    }

    fn write(&self, blocks: &Blocks) -> Result<()> {
        for (no, bytes) in blocks {
            self.device
                .write_at(bytes, self.geo.offset(*no))
                .map_err(|e| Error::io(format!("writing metadata at block {no}"), e))?;
        }
        Ok(())
    }

    /// Says in a superblock that the journal counts, if there is one, and seals it.
    fn mark(&self, sb: &mut Superblock) {
        let mut features = sb.features();
        let journaled = features.compat.contains(Compat::HAS_JOURNAL);
        features.incompat.set(Incompat::RECOVER, journaled);
        sb.set_features(features);
        if self.geo.has_csum() {
            sb.seal();
        }
    }

    /// Writes a superblock, marked, to its place.
    fn write_superblock(&self, mut sb: Superblock) -> Result<()> {
        self.mark(&mut sb);
        self.device
            .write_at(sb.as_bytes(), superblock::OFFSET)
            .map_err(|e| Error::io("writing the superblock", e))?;
        self.flush()
    }

    /// A block as it is while the journal counts: the superblock says so.
    fn with_mark(&self, no: BlockNo, bytes: &Arc<Vec<u8>>) -> Arc<Vec<u8>> {
        let (place, at) = super_place(self.geo);
        let range = at..at + superblock::SIZE;
        if no != place {
            return bytes.clone();
        }
        let mut bytes = bytes.to_vec();
        if let Some(slot) = bytes.get_mut(range)
            && let Some(mut sb) = Superblock::from_bytes(slot)
        {
            self.mark(&mut sb);
            slot.copy_from_slice(sb.as_bytes());
        }
        Arc::new(bytes)
    }
}
