//! The attribute `system.data`: what a file inside its inode has behind the 60 bytes of `i_block`
//! (feature `inline_data`).
//!
//! Callers never see it among a file's attributes. It exists, perhaps empty, in every inode with the
//! flag [`INLINE_DATA`](crate::ondisk::inode::InodeFlags::INLINE_DATA), and is never outside of the
//! inode.

use super::{Entry, Name, Table, Value, area_room, index, space, write_area};

const NAME: Name<'static> = Name {
    index: index::SYSTEM,
    suffix: b"data",
};

/// The tail in an inode's area for attributes; `None` when there is no such attribute.
///
/// # Errors
/// What is wrong with the attributes, in a few words.
pub fn tail(area: &[u8]) -> Result<Option<&[u8]>, &'static str> {
    let Some(table) = Table::in_area(area) else {
        return Ok(None);
    };
    for entry in table.entries() {
        let entry = entry?;
        if entry.name == NAME {
            return match entry.value {
                Value::Here(value) => Ok(Some(value)),
                Value::Inode { .. } => Err("inline data in another inode"),
            };
        }
    }
    Ok(None)
}

/// The attributes of an area but the tail.
fn others(area: &[u8]) -> Result<Vec<Entry<'_>>, &'static str> {
    let Some(table) = Table::in_area(area) else {
        return Ok(Vec::new());
    };
    table.check()?;
    table
        .entries()
        .filter(|entry| !entry.is_ok_and(|entry| entry.name == NAME))
        .collect()
}

/// The longest tail that fits beside the other attributes, in bytes, a multiple of 4; `None` when not
/// even an empty one does.
///
/// # Errors
/// As [`tail`].
pub fn tail_room(area: &[u8]) -> Result<Option<usize>, &'static str> {
    let used: usize = others(area)?.iter().map(Entry::space).sum();
    let left = area_room(area.len()).checked_sub(used + space(NAME.suffix.len(), 0));
    Ok(left.map(|left| left & !3))
}

/// Creates, replaces or (`None`) removes the tail. Returns whether it fits; if not, nothing changes.
///
/// # Errors
/// As [`tail`].
pub fn set_tail(area: &mut [u8], tail: Option<&[u8]>) -> Result<bool, &'static str> {
    let old = area.to_vec();
    let mut entries = others(&old)?;
    if let Some(tail) = tail {
        // Where the kernel puts it, too: the first of a new file's attributes.
        let entry = Entry {
            name: NAME,
            value: Value::Here(tail),
        };
        entries.insert(0, entry);
    }
    Ok(write_area(area, &entries))
}
