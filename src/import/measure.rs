//! How large an image must be for what it is to hold.

use super::entry::{Change, Entry, Kind};
use super::names::{clean, split};
use super::spool::Spool;
use crate::cli::Fill;
use crate::failure::Result;
use lwext4::{Error, FormatOptions, MemDevice, format};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::hash::{BuildHasher, RandomState};

/// Room for extended attributes in an inode of 256 bytes.
const INODE_ROOM: u64 = 92;
/// A block of an extent tree has so many bytes an entry; the inode itself has four entries.
const EXTENT: u64 = 12;
const ROOT_EXTENTS: u64 = 4;
/// Sizes that are tried for the smallest that suffices.
const ROUNDS: u32 = 24;
const MIB: u64 = 1 << 20;

/// What files need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Inodes.
    pub inodes: u64,
    /// Blocks of data, directories, attributes and maps.
    pub blocks: u64,
}

/// Looks through a source and adds up what it needs in blocks of `block_size` bytes.
///
/// # Errors
/// What is wrong with the source.
pub fn measure(spool: &mut Spool, fill: &Fill, block_size: Option<u32>) -> Result<Needs> {
    let mut opened = spool.glance(fill)?;
    let mut sum = Sum {
        block: u64::from(block_size.unwrap_or(4096)),
        needs: Needs::default(),
        dirs: HashMap::new(),
        hasher: RandomState::new(),
    };
    sum.dirs.insert(sum.key(b""), 0);
    while let Some(change) = opened.source.next()? {
        if let Change::Put(entry) = change {
            sum.add(&entry);
        }
        opened.warnings.take();
    }
    Ok(sum.total())
}

struct Sum {
    block: u64,
    needs: Needs,
    /// Bytes of names by directory, which is known by its path's hash: millions are a few megabytes.
    dirs: HashMap<u64, u64>,
    hasher: RandomState,
}

impl Sum {
    fn key(&self, path: &[u8]) -> u64 {
        self.hasher.hash_one(path)
    }

    fn add(&mut self, entry: &Entry) {
        let path = clean(&entry.path).path;
        let is_new = self.add_name(&path);
        match &entry.kind {
            Kind::Directory => {
                let key = self.key(&path);
                if is_new {
                    self.dirs.entry(key).or_insert(0);
                }
                return self.add_attributes(entry);
            }
            Kind::HardLink(_) => return,
            Kind::File { data, segments, .. } => {
                let parts = if *segments > 1 { *segments } else { 0 };
                self.needs.blocks += data.div_ceil(self.block) + parts;
                if parts > ROOT_EXTENTS {
                    let entries = self.block / EXTENT - 1;
                    self.needs.blocks += parts.div_ceil(entries) + 1;
                }
            }
            Kind::Symlink(target) if target.len() >= 60 => self.needs.blocks += 1,
            _ => {}
        }
        self.needs.inodes += 1;
        self.add_attributes(entry);
    }

    fn add_attributes(&mut self, entry: &Entry) {
        let xattrs = entry.attrs.xattrs.iter();
        let mut room: u64 = xattrs
            .map(|(name, value)| 16 + name.len() as u64 + (value.len() as u64).next_multiple_of(4))
            .sum();
        let acls = &entry.attrs.acls;
        let texts = acls.access.iter().chain(&acls.default);
        room += texts.map(|text| 16 + text.len() as u64).sum::<u64>();
        if room > INODE_ROOM {
            self.needs.blocks += 1;
        }
    }

    /// Counts a name in its directory, and directories on the way that are not known yet: whether the
    /// directory of the name is.
    fn add_name(&mut self, path: &[u8]) -> bool {
        let Some((parent, name)) = split(path) else {
            return false;
        };
        let key = self.key(parent);
        if let Slot::Vacant(slot) = self.dirs.entry(key) {
            slot.insert(0);
            self.add_name(parent);
        }
        let bytes = (8 + name.len() as u64).next_multiple_of(4);
        *self.dirs.entry(key).or_insert(0) += bytes;
        true
    }

    fn total(&self) -> Needs {
        let block = self.block;
        let dirs: u64 = self
            .dirs
            .values()
            .map(|&names| {
                let one = 24 + 12 + names;
                if one <= block {
                    return 1;
                }
                // Leaves split in halves, and are about 70 per cent full then.
                let leaves = (names * 5 / 3).div_ceil(block) + 1;
                leaves + leaves.div_ceil(block / 8 - 8) + 1
            })
            .sum();
        Needs {
            inodes: self.needs.inodes + self.dirs.len() as u64,
            blocks: self.needs.blocks + dirs,
        }
    }
}

/// The size of the smallest image with room for `needs` and `headroom` per cent more, and the options
/// to make it with.
///
/// # Errors
/// Those of [`format`](fn@format) for options that make no sense.
pub fn fit(
    needs: &Needs,
    headroom: f64,
    options: &FormatOptions,
) -> lwext4::Result<(u64, FormatOptions)> {
    let with = |n: u64| n + (n as f64 * headroom / 100.0).ceil() as u64;
    let blocks = with(needs.blocks).saturating_add(4);
    let mut options = options.clone();
    if options.inodes.is_none() && options.bytes_per_inode.is_none() {
        options.inodes = Some(with(needs.inodes) + 11);
    }
    let block = u64::from(options.block_size.unwrap_or(4096));
    let inode = u64::from(options.inode_size.unwrap_or(256));
    let inodes = options.inodes.unwrap_or(0);
    let guess = blocks.saturating_mul(block).saturating_add(inodes * inode);
    let mut size = guess.max(2 * MIB).next_multiple_of(block);
    // Too small so far, and large enough so far.
    let (mut low, mut high) = (0, None);
    for _ in 0..ROUNDS {
        let report = match format(&MemDevice::new(size), &options) {
            Ok(report) => report,
            // Too small for so many inodes, or for any file system.
            Err(Error::InvalidOption(_)) if high.is_some() || size < guess.saturating_mul(2) => {
                low = size;
                match high {
                    Some(high) if high - low <= 64 * block => break,
                    Some(high) => size = low + (high - low) / 2 / block * block,
                    None => size += size / 8,
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        let room = report.free_blocks;
        if room < blocks {
            low = size;
            size += (blocks - room) * block;
        } else {
            high = Some(size);
            size -= ((room - blocks) * block).min(size - low);
        }
        if let Some(high) = high {
            if size >= high || size <= low {
                size = low + (high - low) / 2 / block * block;
            }
            if high - low <= 64 * block || size <= low {
                break;
            }
        }
    }
    Ok((high.unwrap_or(size), options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_image_has_room() {
        for (blocks, inodes) in [
            (1, 1),
            (100, 10),
            (5000, 2000),
            (40_000, 9000),
            (200_000, 10),
        ] {
            let options = FormatOptions {
                block_size: Some(4096),
                ..FormatOptions::default()
            };
            let (size, options) = fit(&Needs { inodes, blocks }, 10.0, &options).unwrap();
            let report = format(&MemDevice::new(size), &options).unwrap();
            let wanted = blocks + blocks / 10;
            assert!(report.free_blocks >= wanted);
            assert!(u64::from(report.free_inodes) >= inodes);
            let slack = report.free_blocks - wanted;
            assert!(slack <= 600 + wanted / 50, "{blocks}: {slack} too many");
        }
    }
}
