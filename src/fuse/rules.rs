//! What a FUSE server has to decide itself, in the engine's types.

use lwext4::{FallocateMode, RenameMode, SetAttr, SetXattrMode};

/// What a request for other attributes does to setuid and setgid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setuid {
    /// Nothing.
    Keeps,
    /// Clears them.
    Clears,
    /// Clears them if root or the owner asks; others may not ask it of a file that has them.
    ClearsForOwner,
}

/// What a change of attributes does to setuid and setgid of what is not a directory.
///
/// The kernel leaves this to the server (`FUSE_HANDLE_KILLPRIV_V2`). It says so by a flag that fuser
/// does not pass on, so the rule goes by what the kernel's calls look like from here:
///
/// - `chown(2)` names a user or a group; one that names neither comes as a change time alone.
/// - `truncate(2)` clears them unless root asks.
/// - A request without anything is what comes before an `fallocate(2)` or `copy_file_range(2)` that
///   must clear them.
/// - A mode that comes along wins.
pub fn setuid_after(asked: &SetAttr, by_root: bool) -> Setuid {
    let owner = asked.uid.is_some() || asked.gid.is_some();
    let size = asked.size.is_some();
    let times = asked.atime.is_some() || asked.mtime.is_some();
    if asked.perm.is_some() {
        Setuid::Keeps
    } else if owner || (size && !by_root) {
        Setuid::Clears
    } else if size || times {
        Setuid::Keeps
    } else if asked.ctime.is_some() {
        Setuid::ClearsForOwner
    } else {
        Setuid::Clears
    }
}

/// What goes before the names of `trusted.` attributes where attributes of users stand in for them.
pub const STAND_IN: &[u8] = b"user.liveroot.";

/// An attribute that tells which file of the image this is: the inode's number, in decimal.
pub const FILE_MARK: &[u8] = b"user.liveroot.file";

/// Whether programs may see that a file has the attribute `name`.
pub fn lists_xattr(name: &[u8], to_root: bool) -> bool {
    to_root || !name.starts_with(b"trusted.")
}

/// The mode behind the flags of `renameat2(2)`, or `None` when they make no sense together.
pub fn rename_mode(flags: u32) -> Option<RenameMode> {
    const NOREPLACE: u32 = libc::RENAME_NOREPLACE;
    const EXCHANGE: u32 = libc::RENAME_EXCHANGE;
    const WHITEOUT: u32 = libc::RENAME_WHITEOUT;
    match flags {
        0 => Some(RenameMode::Replace),
        NOREPLACE => Some(RenameMode::NoReplace),
        EXCHANGE => Some(RenameMode::Exchange),
        WHITEOUT => Some(RenameMode::Whiteout),
        _ => None,
    }
}

/// The mode behind the flags of `fallocate(2)`, or `None` for what the engine does not do
/// (`EOPNOTSUPP`).
pub fn fallocate_mode(flags: i32) -> Option<FallocateMode> {
    const KEEP_SIZE: i32 = libc::FALLOC_FL_KEEP_SIZE;
    const PUNCH_HOLE: i32 = libc::FALLOC_FL_PUNCH_HOLE;
    const ZERO_RANGE: i32 = libc::FALLOC_FL_ZERO_RANGE;
    let keep_size = flags & KEEP_SIZE != 0;
    match flags & !KEEP_SIZE {
        0 => Some(FallocateMode::Allocate { keep_size }),
        PUNCH_HOLE if keep_size => Some(FallocateMode::PunchHole),
        ZERO_RANGE => Some(FallocateMode::ZeroRange { keep_size }),
        _ => None,
    }
}

/// The mode behind the flags of `setxattr(2)`, or `None` when they make no sense.
pub fn setxattr_mode(flags: i32) -> Option<SetXattrMode> {
    match flags {
        0 => Some(SetXattrMode::Any),
        libc::XATTR_CREATE => Some(SetXattrMode::Create),
        libc::XATTR_REPLACE => Some(SetXattrMode::Replace),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_owner_clears_setuid_even_for_root() {
        let chown = SetAttr {
            uid: Some(1),
            ..SetAttr::default()
        };
        assert_eq!(setuid_after(&chown, true), Setuid::Clears);
        assert_eq!(setuid_after(&chown, false), Setuid::Clears);
    }

    #[test]
    fn a_change_to_the_same_owner_clears_setuid_for_who_may() {
        let chown = SetAttr {
            ctime: Some(lwext4::Timestamp::default()),
            ..SetAttr::default()
        };
        assert_eq!(setuid_after(&chown, false), Setuid::ClearsForOwner);
    }

    #[test]
    fn a_change_of_size_clears_setuid_for_ordinary_users() {
        let truncate = SetAttr {
            size: Some(0),
            ..SetAttr::default()
        };
        assert_eq!(setuid_after(&truncate, false), Setuid::Clears);
        assert_eq!(setuid_after(&truncate, true), Setuid::Keeps);
    }

    #[test]
    fn a_request_for_nothing_clears_setuid() {
        assert_eq!(setuid_after(&SetAttr::default(), true), Setuid::Clears);
    }

    #[test]
    fn a_mode_that_comes_along_wins() {
        let both = SetAttr {
            gid: Some(1),
            perm: Some(0o4755),
            ..SetAttr::default()
        };
        assert_eq!(setuid_after(&both, false), Setuid::Keeps);
    }

    #[test]
    fn times_alone_clear_nothing() {
        let touch = SetAttr {
            mtime: Some(lwext4::Timestamp::default()),
            ctime: Some(lwext4::Timestamp::default()),
            ..SetAttr::default()
        };
        assert_eq!(setuid_after(&touch, false), Setuid::Keeps);
    }

    #[test]
    fn only_root_sees_trusted_attributes() {
        assert!(lists_xattr(b"trusted.overlay.opaque", true));
        assert!(!lists_xattr(b"trusted.overlay.opaque", false));
        assert!(lists_xattr(b"user.trusted.x", false));
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        assert_eq!(
            rename_mode(libc::RENAME_NOREPLACE | libc::RENAME_EXCHANGE),
            None
        );
        assert_eq!(fallocate_mode(libc::FALLOC_FL_PUNCH_HOLE), None);
        assert_eq!(fallocate_mode(libc::FALLOC_FL_COLLAPSE_RANGE), None);
        assert_eq!(
            setxattr_mode(libc::XATTR_CREATE | libc::XATTR_REPLACE),
            None
        );
    }

    #[test]
    fn flags_have_their_modes() {
        assert_eq!(
            fallocate_mode(libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE),
            Some(FallocateMode::PunchHole)
        );
        assert_eq!(
            fallocate_mode(libc::FALLOC_FL_KEEP_SIZE),
            Some(FallocateMode::Allocate { keep_size: true })
        );
        assert_eq!(
            rename_mode(libc::RENAME_WHITEOUT),
            Some(RenameMode::Whiteout)
        );
    }
}
