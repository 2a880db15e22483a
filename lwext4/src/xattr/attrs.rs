//! An inode's attributes taken out of their places, to be changed and put back.

use super::{area, block, values};
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::features::{Bit, Compat};
use crate::ondisk::xattr::{
    Entry, Name, Table, Value, area_room, block_room, index, refcount, value_hash, write_area,
};
use crate::types::{FileType, Ino};
use std::mem;

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Attr {
    index: u8,
    suffix: Box<[u8]>,
    value: Stored,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stored {
    Here(Box<[u8]>),
    Inode {
        ino: Ino,
        size: u32,
        hash: u32,
    },
    /// To be put into an inode when the attributes are stored.
    Apart(Box<[u8]>),
}

impl Attr {
    fn new(entry: Entry<'_>) -> Attr {
        Attr {
            index: entry.name.index,
            suffix: entry.name.suffix.into(),
            value: match entry.value {
                Value::Here(value) => Stored::Here(value.into()),
                Value::Inode { ino, size, hash } => Stored::Inode { ino, size, hash },
            },
        }
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            name: Name {
                index: self.index,
                suffix: &self.suffix,
            },
            value: match &self.value {
                Stored::Here(value) => Value::Here(value),
                &Stored::Inode { ino, size, hash } => Value::Inode { ino, size, hash },
                // What is known of it now: that it takes no room here.
                Stored::Apart(value) => Value::Inode {
                    ino: Ino(0),
                    size: value.len() as u32,
                    hash: 0,
                },
            },
        }
    }

    /// The inode that its value is in, and the value's size.
    fn elsewhere(&self) -> Option<(Ino, u32)> {
        match self.value {
            Stored::Inode { ino, size, .. } => Some((ino, size)),
            _ => None,
        }
    }

    /// Whether it must stay inside the inode: the tail of inline data.
    fn pinned(&self) -> bool {
        self.index == index::SYSTEM
    }
}

/// Attributes of one place, with the bytes there are for them.
#[derive(Clone, Debug, Default)]
struct Place {
    attrs: Vec<Attr>,
    room: usize,
    changed: bool,
}

impl Place {
    fn load(table: Option<Table<'_>>, room: usize) -> Result<Place, &'static str> {
        let mut attrs = Vec::new();
        if let Some(table) = table {
            table.check()?;
            for entry in table.entries() {
                attrs.push(Attr::new(entry?));
            }
        }
        Ok(Place {
            attrs,
            room,
            changed: false,
        })
    }

    fn find(&self, name: Name<'_>) -> Option<usize> {
        self.attrs.iter().position(|attr| attr.entry().name == name)
    }

    fn used(&self) -> usize {
        self.attrs.iter().map(|attr| attr.entry().space()).sum()
    }

    fn has_room_for(&self, attr: &Attr) -> bool {
        self.used() + attr.entry().space() <= self.room
    }

    fn push(&mut self, attr: Attr) {
        self.attrs.push(attr);
        self.changed = true;
    }

    /// The inodes that values are in.
    fn values(&self) -> impl Iterator<Item = (Ino, u32)> + '_ {
        self.attrs.iter().filter_map(Attr::elsewhere)
    }

    fn entries(&self) -> Vec<Entry<'_>> {
        self.attrs.iter().map(Attr::entry).collect()
    }
}

/// All attributes of an inode, by place.
#[derive(Clone, Debug)]
pub(crate) struct Attrs {
    inside: Place,
    outside: Place,
    /// The inodes of values that the tables referred to when they were read: each of them is counted
    /// there once. A block that other inodes use, too, has counts of its own.
    counted: Vec<Ino>,
    /// Other inodes use the block, too.
    shared: bool,
    /// The blocks that values in inodes counted for in this inode.
    value_blocks: i64,
    /// Values longer than this go into inodes; `None` where the image cannot have such.
    longest: Option<usize>,
}

impl Attrs {
    /// Reads an inode's attributes.
    pub(crate) fn load(fs: &Fs, inode: &InodeData) -> Result<Attrs> {
        let bad = |what| Error::from(Corrupt::new(what).ino(inode.ino));
        let area = area(inode);
        let inside = Place::load(Table::in_area(area), area_room(area.len())).map_err(bad)?;
        let block = block::open(fs, inode)?.map(|block| block.bytes());
        let table = block.as_ref().map(|bytes| Table::in_block(bytes));
        let outside = Place::load(table, block_room(fs.geo.block_size as usize)).map_err(bad)?;
        let shared = block.is_some_and(|bytes| refcount(&bytes) > 1);
        let own = outside.values().filter(|_| !shared);
        // Of a short link with blocks, e2fsck 1.47.0 and kernels before 6.17 take the target for their
        // numbers, and blocks of values count as the inode's.
        let is_short_link =
            inode.raw.file_type() == Some(FileType::Symlink) && inode.raw.is_short();
        let counted = inside.values().chain(own).map(|(ino, _)| ino).collect();
        Ok(Attrs {
            value_blocks: value_blocks(fs, &inside, &outside),
            counted,
            shared,
            inside,
            outside,
            longest: (values::allowed(fs) && !is_short_link)
                .then_some(fs.geo.block_size as usize / 2),
        })
    }

    /// The attribute's value, if it exists.
    pub(crate) fn get(&self, name: Name<'_>) -> Option<Value<'_>> {
        [&self.inside, &self.outside].into_iter().find_map(|place| {
            let at = place.find(name)?;
            place.attrs.get(at).map(|attr| attr.entry().value)
        })
    }

    /// Takes the attribute out. Returns whether it existed.
    pub(crate) fn remove(&mut self, name: Name<'_>) -> bool {
        let mut existed = false;
        for place in [&mut self.inside, &mut self.outside] {
            if let Some(at) = place.find(name) {
                place.attrs.remove(at);
                place.changed = true;
                existed = true;
            }
        }
        existed
    }

    /// Takes out up to `most` attributes whose values are in inodes, but for those in a block that
    /// other inodes use, too. Returns whether there were any.
    pub(crate) fn remove_values(&mut self, mut most: usize) -> bool {
        let before = most;
        let outside = (!self.shared).then_some(&mut self.outside);
        for place in [Some(&mut self.inside), outside].into_iter().flatten() {
            place.attrs.retain(|attr| {
                let gone = most > 0 && attr.elsewhere().is_some();
                most -= usize::from(gone);
                place.changed |= gone;
                !gone
            });
        }
        most < before
    }

    /// Creates or replaces the attribute: inside the inode where it fits, else in the block, else by
    /// moving attributes between the two, else with its value in an inode of its own, where the image
    /// can have such. Long values are in inodes of their own always.
    ///
    /// # Errors
    /// [`Error::NoSpace`] when no distribution over the two places fits.
    pub(crate) fn put(&mut self, name: Name<'_>, value: &[u8]) -> Result<()> {
        self.remove(name);
        let mut attr = Attr::new(Entry {
            name,
            value: Value::Here(value),
        });
        let apart = Stored::Apart(value.into());
        match self.longest {
            Some(longest) if value.len() > longest => attr.value = apart,
            Some(_) if !attr.pinned() && !value.is_empty() => match self.place(attr.clone()) {
                Err(Error::NoSpace) => attr.value = apart,
                placed => return placed,
            },
            _ => {}
        }
        self.place(attr)
    }

    fn place(&mut self, attr: Attr) -> Result<()> {
        if self.inside.has_room_for(&attr) {
            self.inside.push(attr);
        } else if attr.pinned() {
            return Err(Error::NoSpace);
        } else if self.outside.has_room_for(&attr) {
            self.outside.push(attr);
        } else {
            self.distribute(attr)?;
        }
        Ok(())
    }

    /// Chooses anew what is inside: as many bytes as possible, so that the fewest are left for the
    /// block.
    fn distribute(&mut self, new: Attr) -> Result<()> {
        let all = self
            .inside
            .attrs
            .iter()
            .chain(&self.outside.attrs)
            .chain([&new]);
        let (pinned, free): (Vec<Attr>, Vec<Attr>) = all.cloned().partition(Attr::pinned);
        let taken: usize = pinned.iter().map(|attr| attr.entry().space()).sum();
        let spaces: Vec<usize> = free.iter().map(|attr| attr.entry().space()).collect();
        let room = self.inside.room.saturating_sub(taken);
        let chosen = fullest(&spaces, room);
        let left = spaces.iter().zip(&chosen).filter(|(_, chosen)| !**chosen);
        if left.map(|(space, _)| space).sum::<usize>() > self.outside.room {
            return Err(Error::NoSpace);
        }
        self.inside.attrs = pinned;
        self.outside.attrs.clear();
        for (attr, inside) in free.into_iter().zip(chosen) {
            let place = if inside {
                &mut self.inside
            } else {
                &mut self.outside
            };
            place.attrs.push(attr);
        }
        self.inside.changed = true;
        self.outside.changed = true;
        Ok(())
    }

    /// Puts the attributes back where they changed. When that fails, the inode is as before. Values in
    /// inodes that are not used any more are to be deleted with
    /// [`Fs::evict_values`](crate::fs::Fs::evict_values) afterwards.
    pub(crate) fn store(mut self, h: &mut Handle<'_>, inode: &mut InodeData) -> Result<()> {
        let fs = h.fs();
        fs.announce(Bit::Compat(Compat::EXT_ATTR));
        let mut before = mem::take(&mut self.counted);
        let stays_shared = self.shared && !self.outside.changed;
        let own = self.outside.values().filter(|_| !stays_shared);
        let mut joining: Vec<Ino> = self
            .inside
            .values()
            .chain(own)
            .map(|(ino, _)| ino)
            .collect();
        joining.retain(|ino| match before.iter().position(|other| other == ino) {
            Some(at) => {
                before.swap_remove(at);
                false
            }
            None => true,
        });
        let leaving = before;
        values::check(fs, inode, &joining)?;
        values::check(fs, inode, &leaving)?;
        let taken = self.take_values(h, inode)?;
        if let Err(error) = self.write(h, inode) {
            if !error.is_fault() {
                leave_all(h, inode, &taken)?;
            }
            return Err(error);
        }
        for ino in joining {
            values::join(h, inode, ino)?;
        }
        leave_all(h, inode, &leaving)?;
        let blocks = value_blocks(fs, &self.inside, &self.outside) - self.value_blocks;
        inode.add_blocks(fs, blocks);
        Ok(())
    }

    /// Puts the values that are to be in inodes there: which inodes. Each of them has one user more.
    fn take_values(&mut self, h: &mut Handle<'_>, inode: &InodeData) -> Result<Vec<Ino>> {
        let mut taken = Vec::new();
        for attr in self.inside.attrs.iter_mut().chain(&mut self.outside.attrs) {
            let Stored::Apart(value) = &attr.value else {
                continue;
            };
            match values::take(h, inode, value) {
                Ok(stored) => {
                    taken.push(stored.ino);
                    attr.value = Stored::Inode {
                        ino: stored.ino,
                        size: value.len() as u32,
                        hash: value_hash(&attr.suffix, stored.hash),
                    };
                }
                Err(error) => {
                    if !error.is_fault() {
                        leave_all(h, inode, &taken)?;
                    }
                    return Err(error);
                }
            }
        }
        Ok(taken)
    }

    fn write(&mut self, h: &mut Handle<'_>, inode: &mut InodeData) -> Result<()> {
        if self.outside.changed {
            self.outside
                .attrs
                .sort_by(|a, b| a.entry().name.order(&b.entry().name));
            block::replace(h, inode, &self.outside.entries())?;
        }
        if self.inside.changed && !write_area(inode.xattr_area_mut(), &self.inside.entries()) {
            return Err(Error::NoSpace);
        }
        Ok(())
    }
}

/// The blocks that values in inodes count for in the inode that has them.
fn value_blocks(fs: &Fs, inside: &Place, outside: &Place) -> i64 {
    let values = inside.values().chain(outside.values());
    values.map(|(_, size)| values::blocks(fs, size)).sum()
}

fn leave_all(h: &mut Handle<'_>, inode: &InodeData, inos: &[Ino]) -> Result<()> {
    inos.iter()
        .try_for_each(|&ino| values::leave(h, inode, ino))
}

/// Which of `spaces` (multiples of 4) to take so that their sum is the largest up to `room`.
fn fullest(spaces: &[usize], room: usize) -> Vec<bool> {
    let units = room / 4;
    // For every sum that some choice reaches: the item that reached it first.
    let mut reached_by: Vec<Option<usize>> = vec![None; units + 1];
    for (item, space) in spaces.iter().enumerate() {
        let size = space / 4;
        for sum in (size..=units).rev() {
            let base = sum - size;
            if reached_by[sum].is_none() && (base == 0 || reached_by[base].is_some()) {
                reached_by[sum] = Some(item);
            }
        }
    }
    let mut chosen = vec![false; spaces.len()];
    let mut sum = (1..=units)
        .rev()
        .find(|&sum| reached_by[sum].is_some())
        .unwrap_or(0);
    // What an item was added to was reached by items before it, so no item comes twice.
    while sum > 0 {
        let Some(item) = reached_by[sum] else { break };
        chosen[item] = true;
        sum -= spaces[item] / 4;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_choice_beats_the_greedy_one() {
        assert_eq!(fullest(&[60, 40, 36], 80), [false, true, true]);
        assert_eq!(fullest(&[60, 40, 36], 60), [true, false, false]);
        assert_eq!(fullest(&[60, 40, 36], 32), [false, false, false]);
        assert_eq!(fullest(&[20, 20, 20], 1000), [true, true, true]);
        assert_eq!(fullest(&[], 0), [false; 0]);
    }
}
