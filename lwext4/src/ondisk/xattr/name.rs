//! Names of attributes, whose beginnings are numbers on disk.

use std::cmp::Ordering;

/// Numbers that stand for the beginnings of names.
pub mod index {
    /// `user.`
    pub const USER: u8 = 1;
    /// `system.posix_acl_access`, the whole name.
    pub const ACL_ACCESS: u8 = 2;
    /// `system.posix_acl_default`, the whole name.
    pub const ACL_DEFAULT: u8 = 3;
    /// `trusted.`
    pub const TRUSTED: u8 = 4;
    /// `lustre.`
    pub const LUSTRE: u8 = 5;
    /// `security.`
    pub const SECURITY: u8 = 6;
    /// `system.`; the attribute `data` is the tail of a file that lives in its inode.
    pub const SYSTEM: u8 = 7;
    /// `system.richacl`, the whole name.
    pub const RICHACL: u8 = 8;
    /// `encryption.`; the attribute `c` is an encrypted file's context.
    pub const ENCRYPTION: u8 = 9;
    /// `gnu.`, the Hurd's.
    pub const HURD: u8 = 10;
}

/// Whole names first: they begin like `system.`.
const NAMES: [(u8, &[u8]); 10] = [
    (index::ACL_ACCESS, b"system.posix_acl_access"),
    (index::ACL_DEFAULT, b"system.posix_acl_default"),
    (index::RICHACL, b"system.richacl"),
    (index::USER, b"user."),
    (index::TRUSTED, b"trusted."),
    (index::LUSTRE, b"lustre."),
    (index::SECURITY, b"security."),
    (index::SYSTEM, b"system."),
    (index::ENCRYPTION, b"encryption."),
    (index::HURD, b"gnu."),
];

/// An attribute's name as it is stored: a number for its beginning, and the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// One of [`index`]'s numbers; others occur in images from elsewhere.
    pub index: u8,
    /// What follows the beginning; empty where the number stands for a whole name.
    pub suffix: &'a [u8],
}

impl<'a> Name<'a> {
    /// Splits a full name like `user.x`; `None` when its beginning has no number.
    pub fn parse(full: &'a [u8]) -> Option<Name<'a>> {
        NAMES.iter().find_map(|&(index, start)| {
            let suffix = full.strip_prefix(start)?;
            let whole = !start.ends_with(b".");
            (!whole || suffix.is_empty()).then_some(Name { index, suffix })
        })
    }

    /// The full name, or `None` for a number that nobody defined.
    pub fn full(&self) -> Option<Vec<u8>> {
        let (_, start) = NAMES.iter().find(|(index, _)| *index == self.index)?;
        Some([start, self.suffix].concat())
    }

    /// The order of entries in a block: number, length, bytes.
    pub fn order(&self, other: &Name<'_>) -> Ordering {
        (self.index, self.suffix.len(), self.suffix).cmp(&(
            other.index,
            other.suffix.len(),
            other.suffix,
        ))
    }
}
