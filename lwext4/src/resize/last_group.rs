//! Where the bitmaps and the inode table of the last group go when the cut leaves it too short for them.
//!
//! Without flex_bg they have to be in their own group (ext4 format documentation, "Flexible Block Groups"):
//! only what is left of it can take them. They go to its end, and files keep below them. With flex_bg any
//! place will do, and the allocator finds one.

use crate::alloc::{base_blocks, tables};
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::ondisk::features::Incompat;
use crate::types::{BlockNo, GroupNo};

/// What has to be where it is not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// Of the block bitmap, the inode bitmap and the inode table.
    pub tables: [BlockNo; 3],
    /// What belongs to files keeps below this.
    pub ceiling: BlockNo,
}

/// A block and how many there are from it on.
type Piece = (BlockNo, u32);

impl Fs {
    /// Where the metadata of the last group of a file system of `blocks` blocks goes; `None` when all of
    /// it may stay, or go anywhere.
    ///
    /// # Errors
    /// [`Error::NoSpace`] when what is left of the group has no room for it.
    pub(super) fn places_in_last(&self, blocks: u64) -> Result<Option<Places>> {
        let geo = &self.geo;
        if geo.features.incompat.contains(Incompat::FLEX_BG) {
            return Ok(None);
        }
        let last = GroupNo(geo.groups_for(blocks).saturating_sub(1) as u32);
        let first = geo.group_start(last).0 + u64::from(base_blocks(geo, last));
        place(
            tables(geo, &self.alloc.descriptor(self, last)?),
            first..blocks,
        )
    }
}

/// Places those of `tables` that do not lie in `room` as far up in it as possible. A piece does not go where
/// another one is, nor where it is itself: until it is copied, both are needed.
fn place(tables: [Piece; 3], room: std::ops::Range<u64>) -> Result<Option<Places>> {
    let end = |(start, len): Piece| start.0 + u64::from(len);
    let mut taken = tables.to_vec();
    let mut places = Places {
        tables: tables.map(|(start, _)| start),
        ceiling: BlockNo(room.end),
    };
    for (place, &piece) in places.tables.iter_mut().zip(&tables) {
        if end(piece) <= room.end {
            continue;
        }
        let mut below = room.end;
        let start = loop {
            let start = below.checked_sub(u64::from(piece.1));
            let start = start.filter(|&start| start >= room.start);
            let start = start.ok_or(Error::NoSpace)?;
            match taken
                .iter()
                .find(|&&other| other.0.0 < below && start < end(other))
            {
                Some(other) => below = other.0.0,
                None => break start,
            }
        };
        *place = BlockNo(start);
        taken.push((*place, piece.1));
        places.ceiling = places.ceiling.min(*place);
    }
    Ok((places.ceiling.0 < room.end).then_some(places))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(tables: [(u64, u32); 3], room: std::ops::Range<u64>) -> Option<([u64; 3], u64)> {
        let tables = tables.map(|(start, len)| (BlockNo(start), len));
        let places = place(tables, room).ok()??;
        Some((places.tables.map(|block| block.0), places.ceiling.0))
    }

    #[test]
    fn what_is_below_the_cut_stays() {
        assert_eq!(placed([(100, 1), (101, 1), (102, 50)], 100..200), None);
        let high = placed([(300, 1), (301, 1), (102, 50)], 100..200);
        assert_eq!(high, Some(([199, 198, 102], 198)));
    }

    #[test]
    fn nothing_goes_where_something_is() {
        // The table ends at the cut, and the bitmaps go below it.
        let below = placed([(300, 1), (301, 1), (150, 50)], 100..200);
        assert_eq!(below, Some(([149, 148, 150], 148)));
        // A table across the cut is copied to where it is not.
        let across = placed([(100, 1), (101, 1), (180, 50)], 100..200);
        assert_eq!(across, Some(([100, 101, 130], 130)));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let tables = [(100, 1), (101, 1), (180, 90)].map(|(start, len)| (BlockNo(start), len));
        assert!(matches!(place(tables, 100..200), Err(Error::NoSpace)));
    }
}
