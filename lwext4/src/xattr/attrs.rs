//! An inode's attributes taken out of their places, to be changed and put back.

use super::{area, block};
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::features::{Bit, Compat};
use crate::ondisk::xattr::{Entry, Name, Table, Value, area_room, block_room, index, write_area};
use crate::types::Ino;

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
    Inode { ino: Ino, size: u32, hash: u32 },
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
            },
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

    fn entries(&self) -> Vec<Entry<'_>> {
        self.attrs.iter().map(Attr::entry).collect()
    }
}

/// All attributes of an inode, by place.
#[derive(Clone, Debug)]
pub(crate) struct Attrs {
    inside: Place,
    outside: Place,
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
        Ok(Attrs { inside, outside })
    }

    /// The attribute's value, if it exists.
    pub(crate) fn get(&self, name: Name<'_>) -> Option<Value<'_>> {
        [&self.inside, &self.outside].into_iter().find_map(|place| {
            let at = place.find(name)?;
            place.attrs.get(at).map(|attr| attr.entry().value)
        })
    }

    /// Takes the attribute out. Returns whether it existed.
    ///
    /// # Errors
    /// [`Error::NotSupported`] when its value is in an inode.
    pub(crate) fn remove(&mut self, name: Name<'_>) -> Result<bool> {
        let mut existed = false;
        for place in [&mut self.inside, &mut self.outside] {
            if let Some(at) = place.find(name) {
                if matches!(place.attrs[at].value, Stored::Inode { .. }) {
                    return Err(Error::NotSupported(
                        "changing an attribute value in an inode",
                    ));
                }
                place.attrs.remove(at);
                place.changed = true;
                existed = true;
            }
        }
        Ok(existed)
    }

    /// Creates or replaces the attribute: inside the inode where it fits, else in the block, else by
    /// moving attributes between the two.
    ///
    /// # Errors
    /// [`Error::NoSpace`] when no distribution over the two places fits.
    pub(crate) fn put(&mut self, name: Name<'_>, value: &[u8]) -> Result<()> {
        self.remove(name)?;
        let attr = Attr::new(Entry {
            name,
            value: Value::Here(value),
        });
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

    /// Puts the attributes back where they changed. When that fails, the inode is as before.
    pub(crate) fn store(mut self, h: &mut Handle<'_>, inode: &mut InodeData) -> Result<()> {
        h.fs().announce(Bit::Compat(Compat::EXT_ATTR));
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
