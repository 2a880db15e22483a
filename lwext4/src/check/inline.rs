//! Data inside inodes: symlinks' targets, and what the feature inline_data puts there.

use super::inodes::is_fast_symlink;
use super::map::{Mapped, Purpose};
use super::problem::ProblemKind as Kind;
use super::state::Checker;
use crate::ondisk::Le;
use crate::ondisk::inode::{InodeFlags, RawInode};
use crate::ondisk::xattr::{Table, Value, index};
use crate::types::{FileType, Ino};

/// The part of a file inside its inode that does not fit `i_block`; `None` where there is no such
/// attribute.
pub(super) fn tail(raw: &RawInode) -> Option<&[u8]> {
    let entries = Table::in_area(raw.xattr_area())?.entries();
    entries
        .filter_map(Result::ok)
        .find(|entry| entry.name.index == index::SYSTEM && entry.name.suffix == b"data")
        .and_then(|entry| match entry.value {
            Value::Here(value) => Some(value),
            Value::Inode { .. } => None,
        })
}

impl Checker<'_> {
    /// The size of a file inside its inode.
    pub(super) fn check_inline_size(&mut self, ino: Ino, raw: &RawInode) {
        let Some(tail) = tail(raw) else {
            let text = "data inside the inode, but no attribute for it";
            self.bad_inode(Kind::Inode, ino, text);
            return;
        };
        let room = (raw.block().len() + tail.len()) as u64;
        let size = raw.size();
        let right = match raw.file_type() {
            Some(FileType::Directory) => size == room,
            _ => size <= room,
        };
        if !right {
            let text = format!("{size} bytes, but {room} inside the inode");
            self.bad_inode(Kind::Size, ino, text);
        }
    }

    /// A symlink's target must be as long as its size says.
    pub(super) fn check_symlink(&mut self, ino: Ino, raw: &RawInode, mapped: &Mapped) {
        let flags = raw.flags();
        if is_fast_symlink(raw) && flags.contains(InodeFlags::EXTENTS) {
            let text = "a symlink inside the inode has the flag of extents";
            self.bad_inode(Kind::Inode, ino, text);
        }
        let target = if is_fast_symlink(raw) {
            Some(raw.block().to_vec())
        } else if raw.size() == 0 || raw.size() >= u64::from(self.geo.block_size) {
            None
        } else if mapped.bad {
            return;
        } else {
            let runs = self.walk_map(ino, raw, Purpose::Read).runs;
            match runs.as_slice() {
                [run] if run.at == 0 && run.len == 1 => self.read_block(run.block),
                _ => None,
            }
        };
        let len = target.map(|target| {
            if flags.contains(InodeFlags::ENCRYPT) {
                return u64::from(u16::get(&target, 0)) + 2;
            }
            let end = target.iter().position(|&byte| byte == 0);
            end.unwrap_or(target.len()) as u64
        });
        if len != Some(raw.size()) {
            self.bad_inode(Kind::Size, ino, "the size of a symlink is not its target's");
        }
    }
}
