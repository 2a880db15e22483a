//! Fields of structures: which are worth changing.

use crate::choices::Choices;
use crate::structures::Kind;
use lwext4::ondisk::inode::InodeFlags;

/// A number inside a structure.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its first byte.
    pub at: usize,
    /// Its length in bytes: 1, 2, 4 or 8.
    pub len: usize,
}

/// The field of `len` bytes at byte `at`.
pub const fn field(at: usize, len: usize) -> Field {
    Field { at, len }
}

/// Fields of the superblock that steer the engine. What says how the whole image is laid out is in
/// [`SUPER_GEOMETRY`], which is changed less often: most of those changes are refused at once.
const SUPER: &[Field] = &[
    field(0x08, 4),
    field(0x0C, 4),
    field(0x10, 4),
    field(0x3A, 2),
    field(0x5C, 4),
    field(0x60, 4),
    field(0x64, 4),
    field(0xE0, 4),
    field(0xE8, 4),
    field(0xFC, 1),
    field(0x15C, 2),
    field(0x15E, 2),
    field(0x158, 4),
    field(0x160, 4),
    field(0x240, 4),
    field(0x244, 4),
    field(0x248, 4),
    field(0x166, 2),
    field(0x168, 8),
    field(0x26C, 4),
    field(0x27C, 2),
    field(0x280, 4),
];

const SUPER_GEOMETRY: &[Field] = &[
    field(0x00, 4),
    field(0x04, 4),
    field(0x14, 4),
    field(0x18, 4),
    field(0x1C, 4),
    field(0x20, 4),
    field(0x24, 4),
    field(0x28, 4),
    field(0x4C, 4),
    field(0x54, 4),
    field(0x58, 2),
    field(0xCE, 2),
    field(0xFE, 2),
    field(0x104, 4),
    field(0x150, 4),
    field(0x174, 1),
    field(0x24C, 4),
    field(0x250, 4),
];

const DESCRIPTOR: &[Field] = &[
    field(0x00, 4),
    field(0x04, 4),
    field(0x08, 4),
    field(0x0C, 2),
    field(0x0E, 2),
    field(0x10, 2),
    field(0x12, 2),
    field(0x1C, 2),
    field(0x20, 4),
    field(0x28, 4),
    field(0x2C, 2),
    field(0x2E, 2),
    field(0x30, 2),
    field(0x32, 2),
];

const INODE: &[Field] = &[
    field(0x00, 2),
    field(0x00, 2),
    field(0x04, 4),
    field(0x04, 4),
    field(0x14, 4),
    field(0x1A, 2),
    field(0x1C, 4),
    field(0x20, 4),
    field(0x20, 4),
    field(0x64, 4),
    field(0x68, 4),
    field(0x6C, 4),
    field(0x74, 2),
    field(0x76, 2),
    field(0x80, 2),
];

/// What an inode that holds an attribute's value says of it: users, hash, the inode it belonged to.
const VALUE: &[Field] = &[
    field(0x04, 4),
    field(0x08, 4),
    field(0x0C, 4),
    field(0x10, 4),
    field(0x20, 4),
    field(0x24, 4),
    field(0x64, 4),
];

const MMP: &[Field] = &[
    field(0x00, 4),
    field(0x04, 4),
    field(0x08, 8),
    field(0x70, 2),
    field(0x3FC, 4),
];

const JOURNAL_SUPER: &[Field] = &[
    field(0x04, 4),
    field(0x08, 4),
    field(0x0C, 4),
    field(0x10, 4),
    field(0x14, 4),
    field(0x18, 4),
    field(0x1C, 4),
    field(0x20, 4),
    field(0x24, 4),
    field(0x28, 4),
    field(0x2C, 4),
    field(0x50, 1),
    field(0x54, 4),
    field(0x58, 4),
];

/// A field of a structure of this kind and content.
pub fn pick(kind: Kind, bytes: &[u8], choices: &mut Choices<'_>) -> Field {
    if choices.one_in(12) {
        return anywhere(0, bytes.len(), choices);
    }
    let table = match kind {
        Kind::Super if choices.one_in(4) => SUPER_GEOMETRY,
        Kind::Super => SUPER,
        Kind::Descriptor(_) => DESCRIPTOR,
        Kind::Inode(_) => match choices.below(4) {
            0 if flags(bytes).contains(InodeFlags::EA_INODE) => VALUE,
            0 | 1 => INODE,
            2 if flags(bytes).contains(InodeFlags::INLINE_DATA) => return inline(bytes, choices),
            2 => return map_root(bytes, choices),
            _ => return attributes(bytes, 0xA0, choices),
        },
        Kind::Mmp => MMP,
        Kind::Quota => return quota(bytes, choices),
        Kind::JournalSuper => JOURNAL_SUPER,
        Kind::ExtentNode(_) => return extent_node(bytes, 0, choices),
        Kind::Leaf(_) => return dirent(bytes, choices),
        Kind::Index(_) => return index(bytes, choices),
        Kind::Attributes => return attributes(bytes, 0, choices),
        Kind::Numbers(_) | Kind::Orphans(_) => {
            let used = bytes.chunks(4).filter(|c| c.iter().any(|&b| b != 0));
            return field(4 * choices.below(used.count() + 2), 4);
        }
        Kind::LogDescriptor => return field(4 * choices.below(12), 4),
        Kind::LogRevoke => return field(4 * choices.below(8), 4),
        Kind::LogCommit => return field(4 * choices.below(16), 4),
        Kind::BlockBitmap(_) | Kind::InodeBitmap(_) | Kind::Data => &[],
    };
    match choices.pick(table) {
        Some(&field) => field,
        None => anywhere(0, bytes.len().min(160), choices),
    }
}

/// An aligned number between two bytes.
fn anywhere(from: usize, to: usize, choices: &mut Choices<'_>) -> Field {
    let len = [1, 2, 4, 8][choices.below(4)];
    let places = to.saturating_sub(from) / len;
    field(from + len * choices.below(places), len)
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    bytes
        .get(at..)
        .and_then(|tail| tail.first_chunk())
        .map_or(0, |chunk| usize::from(u16::from_le_bytes(*chunk)))
}

/// In `i_block`: an extent tree's root, or block numbers.
fn map_root(bytes: &[u8], choices: &mut Choices<'_>) -> Field {
    if u16_at(bytes, 0x28) == 0xF30A {
        extent_node(bytes, 0x28, choices)
    } else {
        field(0x28 + 4 * choices.below(15), 4)
    }
}

fn flags(bytes: &[u8]) -> InodeFlags {
    InodeFlags::from_bits_retain(get(bytes, field(0x20, 4), false) as u32)
}

/// Data inside an inode: a directory's parent and entries, or anything.
fn inline(bytes: &[u8], choices: &mut Choices<'_>) -> Field {
    if u16_at(bytes, 0) >> 12 != 4 || choices.one_in(4) {
        return anywhere(0x28, 0x64, choices);
    }
    let area = bytes.get(0x2C..0x64).unwrap_or(&[]);
    let inside = dirent(area, choices);
    field(0x2C + inside.at, inside.len)
}

/// A block of a quota file: its header, a number of the tree, or a leaf's header or entry.
fn quota(bytes: &[u8], choices: &mut Choices<'_>) -> Field {
    match choices.below(4) {
        0 => field(4 * choices.below(10), 4),
        1 => field(16 + 72 * choices.below(6) + 8 * choices.below(9), 8),
        2 => field(16 + 72 * choices.below(6), 4),
        _ => {
            let numbers = bytes.chunks(4).take(256).enumerate();
            let used: Vec<usize> = numbers
                .filter(|(_, number)| number.iter().any(|&byte| byte != 0))
                .map(|(at, _)| 4 * at)
                .collect();
            field(choices.pick(&used).copied().unwrap_or(0), 4)
        }
    }
}

fn extent_node(bytes: &[u8], base: usize, choices: &mut Choices<'_>) -> Field {
    if choices.one_in(4) {
        return field(base + 2 * choices.below(6), 2);
    }
    let entry = base + 12 + 12 * choices.below(u16_at(bytes, base + 2) + 1);
    let (at, len) = [(0, 4), (4, 2), (4, 4), (6, 2), (8, 4), (8, 4)][choices.below(6)];
    field(entry + at, len)
}

fn dirent(bytes: &[u8], choices: &mut Choices<'_>) -> Field {
    let mut starts = Vec::new();
    let mut at = 0;
    while at + 12 <= bytes.len() {
        starts.push(at);
        at += u16_at(bytes, at + 4).max(12);
    }
    let start = choices.pick(&starts).copied().unwrap_or(0);
    match choices.below(8) {
        0..=3 => field(start, 4),
        4 | 5 => field(start + 4, 2),
        6 => field(start + 6 + choices.below(2), 1),
        _ => field(start + 8 + choices.below(4), 1),
    }
}

fn index(bytes: &[u8], choices: &mut Choices<'_>) -> Field {
    let base = if u16_at(bytes, 4) == 12 { 32 } else { 8 };
    match choices.below(6) {
        0 => anywhere(0, base, choices),
        1 => field(base + 2 * choices.below(2), 2),
        _ => {
            let entry = choices.below(u16_at(bytes, base + 2) + 1);
            field(base + 8 * entry + 4 * choices.below(2), 4)
        }
    }
}

/// Extended attributes from byte `base` on: a header, and entries of which the first few matter.
fn attributes(bytes: &[u8], base: usize, choices: &mut Choices<'_>) -> Field {
    let to = (base + 96).min(bytes.len());
    anywhere(base, to.max(base), choices)
}

/// A field's value.
pub fn get(bytes: &[u8], field: Field, big: bool) -> u64 {
    let Some(bytes) = bytes.get(field.at..field.at + field.len) else {
        return 0;
    };
    let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    if big {
        bytes.iter().fold(0, join)
    } else {
        bytes.iter().rev().fold(0, join)
    }
}

/// Sets a field to the low bits of `value`.
pub fn put(bytes: &mut [u8], field: Field, big: bool, value: u64) {
    let Some(bytes) = bytes.get_mut(field.at..field.at + field.len) else {
        return;
    };
    for (i, byte) in bytes.iter_mut().enumerate() {
        let shift = if big { field.len - 1 - i } else { i };
        *byte = (value >> (8 * shift)) as u8;
    }
}
