//! POSIX access control lists, in the two forms they have: ext4's on disk, where entries without an id
//! are shorter, and the kernel's at the interface of `getxattr(2)`.
//!
//! Sources: kernel documentation, ext4 "POSIX ACLs"; `acl(5)`; `linux/posix_acl_xattr.h`.

use super::Le;

const DISK_VERSION: u32 = 1;
const XATTR_VERSION: u32 = 2;
/// The id of entries that have none, in the kernel's form.
const NO_ID: u32 = u32::MAX;

/// Whom an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// The file's owner.
    UserObj,
    /// The user of this id.
    User(u32),
    /// The file's group.
    GroupObj,
    /// The group of this id.
    Group(u32),
    /// The most that users, groups and the file's group may.
    Mask,
    /// Everyone else.
    Other,
}

impl Tag {
    fn number(self) -> u16 {
        match self {
            Tag::UserObj => 0x01,
            Tag::User(_) => 0x02,
            Tag::GroupObj => 0x04,
            Tag::Group(_) => 0x08,
            Tag::Mask => 0x10,
            Tag::Other => 0x20,
        }
    }

    fn id(self) -> Option<u32> {
        match self {
            Tag::User(id) | Tag::Group(id) => Some(id),
            _ => None,
        }
    }

    /// The tag of a number; `id` is used where the tag has one.
    fn from_number(number: u16, id: u32) -> Option<Tag> {
        Some(match number {
            0x01 => Tag::UserObj,
            0x02 => Tag::User(id),
            0x04 => Tag::GroupObj,
            0x08 => Tag::Group(id),
            0x10 => Tag::Mask,
            0x20 => Tag::Other,
            _ => return None,
        })
    }
}

/// One entry: who may do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// Whom it is about.
    pub tag: Tag,
    /// Read 4, write 2, execute 1.
    pub perm: u16,
}

/// Why bytes are no ACL that may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclError {
    /// Another version of the format.
    Version,
    /// Cut short, or entries that contradict the rules of `acl(5)`.
    Invalid,
}

/// An access control list: at least one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    entries: Vec<AclEntry>,
}

impl Acl {
    /// Reads the kernel's form and checks it as the kernel does. `None` is the empty list, which
    /// means "no ACL".
    ///
    /// # Errors
    /// [`AclError`] says why the bytes are refused.
    pub fn from_xattr(bytes: &[u8]) -> Result<Option<Acl>, AclError> {
        let Some((version, rest)) = bytes.split_at_checked(4) else {
            return Err(AclError::Invalid);
        };
        if u32::get(version, 0) != XATTR_VERSION {
            return Err(AclError::Version);
        }
        let (parts, []) = rest.as_chunks::<8>() else {
            return Err(AclError::Invalid);
        };
        let entries: Option<Vec<AclEntry>> = parts
            .iter()
            .map(|part| {
                let tag = Tag::from_number(u16::get(part, 0), u32::get(part, 4))?;
                Some(AclEntry {
                    tag,
                    perm: u16::get(part, 2),
                })
            })
            .collect();
        let entries = entries.ok_or(AclError::Invalid)?;
        if entries.is_empty() {
            return Ok(None);
        }
        let acl = Acl { entries };
        acl.check()?;
        Ok(Some(acl))
    }

    /// The kernel's form.
    pub fn to_xattr(&self) -> Vec<u8> {
        let mut bytes = XATTR_VERSION.to_le_bytes().to_vec();
        for entry in &self.entries {
            bytes.extend(entry.tag.number().to_le_bytes());
            bytes.extend(entry.perm.to_le_bytes());
            bytes.extend(entry.tag.id().unwrap_or(NO_ID).to_le_bytes());
        }
        bytes
    }

    /// Reads ext4's form. Like the kernel, takes entries in any order; `None` is the empty list.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub fn from_disk(bytes: &[u8]) -> Result<Option<Acl>, &'static str> {
        let Some((version, mut rest)) = bytes.split_at_checked(4) else {
            return if bytes.is_empty() {
                Ok(None)
            } else {
                Err("ACL is cut short")
            };
        };
        if u32::get(version, 0) != DISK_VERSION {
            return Err("ACL has an unknown version");
        }
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let tag = Tag::from_number(u16::get(rest, 0), u32::get(rest, 4));
            let tag = tag.ok_or("ACL entry has an unknown tag")?;
            let len = if tag.id().is_some() { 8 } else { 4 };
            let Some((entry, next)) = rest.split_at_checked(len) else {
                return Err("ACL is cut short");
            };
            entries.push(AclEntry {
                tag,
                perm: u16::get(entry, 2),
            });
            rest = next;
        }
        Ok((!entries.is_empty()).then_some(Acl { entries }))
    }

    /// ext4's form.
    pub fn to_disk(&self) -> Vec<u8> {
        let mut bytes = DISK_VERSION.to_le_bytes().to_vec();
        for entry in &self.entries {
            bytes.extend(entry.tag.number().to_le_bytes());
            bytes.extend(entry.perm.to_le_bytes());
            if let Some(id) = entry.tag.id() {
                bytes.extend(id.to_le_bytes());
            }
        }
        bytes
    }

    /// The rules: owner, users, file's group, groups, mask, others, in this order; a mask where there
    /// are users or groups.
    fn check(&self) -> Result<(), AclError> {
        #[derive(PartialEq)]
        enum Next {
            Owner,
            Users,
            Groups,
            Others,
            End,
        }
        let mut next = Next::Owner;
        let mut named = false;
        for entry in &self.entries {
            if entry.perm & !7 != 0 || entry.tag.id() == Some(NO_ID) {
                return Err(AclError::Invalid);
            }
            next = match (entry.tag, next) {
                (Tag::UserObj, Next::Owner) => Next::Users,
                (Tag::User(_), Next::Users) => {
                    named = true;
                    Next::Users
                }
                (Tag::GroupObj, Next::Users) => Next::Groups,
                (Tag::Group(_), Next::Groups) => {
                    named = true;
                    Next::Groups
                }
                (Tag::Mask, Next::Groups) => Next::Others,
                (Tag::Other, Next::Others) => Next::End,
                (Tag::Other, Next::Groups) if !named => Next::End,
                _ => return Err(AclError::Invalid),
            };
        }
        if next == Next::End {
            Ok(())
        } else {
            Err(AclError::Invalid)
        }
    }

    /// The permission bits (0777) that the ACL gives a file's mode.
    pub fn perm(&self) -> u16 {
        let of = |wanted| {
            self.entries
                .iter()
                .find(|e| e.tag == wanted)
                .map(|e| e.perm & 7)
        };
        let group = of(Tag::Mask).or(of(Tag::GroupObj)).unwrap_or(0);
        of(Tag::UserObj).unwrap_or(0) << 6 | group << 3 | of(Tag::Other).unwrap_or(0)
    }

    /// Whether permission bits say all that the ACL says, so that it need not be stored.
    pub fn is_mode(&self) -> bool {
        use Tag::{GroupObj, Other, UserObj};
        self.entries
            .iter()
            .all(|e| matches!(e.tag, UserObj | GroupObj | Other))
    }

    /// Applies `change` to the entries that permission bits show, with the bits' shift: the mask
    /// stands for the group's bits where there is one.
    fn each_shown(&mut self, mut change: impl FnMut(&mut u16, u32)) {
        let masked = self.entries.iter().any(|e| e.tag == Tag::Mask);
        for entry in &mut self.entries {
            match entry.tag {
                Tag::UserObj => change(&mut entry.perm, 6),
                Tag::GroupObj if !masked => change(&mut entry.perm, 3),
                Tag::Mask => change(&mut entry.perm, 3),
                Tag::Other => change(&mut entry.perm, 0),
                _ => {}
            }
        }
    }

    /// Follows a change of the file's mode (`chmod(2)`).
    pub fn set_perm(&mut self, mode: u16) {
        self.each_shown(|perm, shift| *perm = mode >> shift & 7);
    }

    /// Makes a directory's default ACL the access ACL of a new file: takes away what `mode`, the mode
    /// asked for, does not have. Returns the permission bits (0777) of the new file.
    pub fn restrict(&mut self, mode: u16) -> u16 {
        self.each_shown(|perm, shift| *perm &= mode >> shift & 7);
        self.perm()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Tag::{Group, GroupObj, Mask, Other, User, UserObj};

    fn acl(entries: &[(Tag, u16)]) -> Acl {
        let entries = entries.iter().map(|&(tag, perm)| AclEntry { tag, perm });
        Acl {
            entries: entries.collect(),
        }
    }

    fn checked(entries: &[(Tag, u16)]) -> Result<Option<Acl>, AclError> {
        Acl::from_xattr(&acl(entries).to_xattr())
    }

    fn full() -> Acl {
        acl(&[
            (UserObj, 7),
            (User(1000), 6),
            (GroupObj, 5),
            (Group(70_000), 4),
            (Mask, 6),
            (Other, 1),
        ])
    }

    #[test]
    fn both_forms_give_back_what_was_written() {
        assert_eq!(Acl::from_xattr(&full().to_xattr()), Ok(Some(full())));
        assert_eq!(Acl::from_disk(&full().to_disk()), Ok(Some(full())));
        assert_eq!(full().to_xattr().len(), 4 + 6 * 8);
        assert_eq!(full().to_disk().len(), 4 + 4 * 4 + 2 * 8);
    }

    #[test]
    fn an_empty_list_is_no_acl() {
        assert_eq!(Acl::from_xattr(&acl(&[]).to_xattr()), Ok(None));
        assert_eq!(Acl::from_disk(&acl(&[]).to_disk()), Ok(None));
        assert_eq!(Acl::from_disk(&[]), Ok(None));
    }

    #[test]
    fn lists_against_the_rules_are_refused() {
        let minimal = [(UserObj, 6), (GroupObj, 4), (Other, 4)];
        assert!(checked(&minimal).is_ok());
        assert!(checked(&[(UserObj, 6), (GroupObj, 4), (Mask, 4), (Other, 4)]).is_ok());
        for wrong in [
            &[(UserObj, 6), (GroupObj, 4)][..],
            &[(GroupObj, 4), (UserObj, 6), (Other, 4)],
            &[(UserObj, 8), (GroupObj, 4), (Other, 4)],
            &[(UserObj, 6), (User(1), 4), (GroupObj, 4), (Other, 4)],
            &[(UserObj, 6), (GroupObj, 4), (Group(1), 4), (Other, 4)],
            &[
                (UserObj, 6),
                (GroupObj, 4),
                (User(1), 4),
                (Mask, 4),
                (Other, 4),
            ],
            &[
                (UserObj, 6),
                (User(u32::MAX), 4),
                (GroupObj, 4),
                (Mask, 4),
                (Other, 4),
            ],
            &[
                (UserObj, 6),
                (GroupObj, 4),
                (Mask, 4),
                (Mask, 4),
                (Other, 4),
            ],
            &[(UserObj, 6), (UserObj, 6), (GroupObj, 4), (Other, 4)],
            &[(UserObj, 6), (GroupObj, 4), (Other, 4), (Other, 4)],
        ] {
            assert_eq!(checked(wrong), Err(AclError::Invalid), "{wrong:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_list_are_refused() {
        let bytes = full().to_xattr();
        assert_eq!(Acl::from_xattr(&bytes[..3]), Err(AclError::Invalid));
        assert_eq!(
            Acl::from_xattr(&bytes[..bytes.len() - 1]),
            Err(AclError::Invalid)
        );
        let mut other = bytes.clone();
        other[0] = 1;
        assert_eq!(Acl::from_xattr(&other), Err(AclError::Version));
        other = bytes;
        other[4] = 3;
        assert_eq!(Acl::from_xattr(&other), Err(AclError::Invalid));
        let disk = full().to_disk();
        for len in [1, 3, 6, 11, disk.len() - 1] {
            assert!(Acl::from_disk(&disk[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn the_mask_stands_for_the_group_in_the_mode() {
        assert_eq!(full().perm(), 0o761);
        assert!(!full().is_mode());
        let plain = acl(&[(UserObj, 7), (GroupObj, 5), (Other, 0)]);
        assert_eq!(plain.perm(), 0o750);
        assert!(plain.is_mode());
    }

    #[test]
    fn chmod_changes_the_mask_and_not_the_group() {
        let mut list = full();
        list.set_perm(0o100_642);
        let expected = [
            (UserObj, 6),
            (User(1000), 6),
            (GroupObj, 5),
            (Group(70_000), 4),
            (Mask, 4),
            (Other, 2),
        ];
        assert_eq!(list, acl(&expected));
    }

    #[test]
    fn a_new_file_has_no_more_than_was_asked_for() {
        let mut list = full();
        assert_eq!(list.restrict(0o640), 0o640);
        let expected = [
            (UserObj, 6),
            (User(1000), 6),
            (GroupObj, 5),
            (Group(70_000), 4),
            (Mask, 4),
            (Other, 0),
        ];
        assert_eq!(list, acl(&expected));
        let mut plain = acl(&[(UserObj, 7), (GroupObj, 5), (Other, 5)]);
        assert_eq!(plain.restrict(0o666), 0o644);
    }
}
