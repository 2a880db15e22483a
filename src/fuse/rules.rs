//! What a FUSE server has to decide itself, in the engine's types.

use lwext4::{FallocateMode, FileType, RenameMode, SetAttr, SetXattrMode};

/// Whether a change of attributes must clear setuid and setgid.
///
/// The kernel leaves this to the server (`FUSE_HANDLE_KILLPRIV_V2`). It says so by a flag that fuser
/// does not pass on, so the rule follows `chown(2)` and `truncate(2)`: every change of owner clears
/// them on what is not a directory, a change of size does unless root asks. A mode that comes along
/// wins.
pub fn clears_setuid(asked: &SetAttr, file_type: FileType, by_root: bool) -> bool {
    let owner_changes = asked.uid.is_some() || asked.gid.is_some();
    let size_changes = asked.size.is_some() && !by_root;
    asked.perm.is_none()
        && file_type != FileType::Directory
        && file_type != FileType::Symlink
        && (owner_changes || size_changes)
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
        assert!(clears_setuid(&chown, FileType::Regular, true));
        assert!(clears_setuid(&chown, FileType::Regular, false));
        assert!(!clears_setuid(&chown, FileType::Directory, false));
    }

    #[test]
    fn a_change_of_size_clears_setuid_for_ordinary_users() {
        let truncate = SetAttr {
            size: Some(0),
            ..SetAttr::default()
        };
        assert!(clears_setuid(&truncate, FileType::Regular, false));
        assert!(!clears_setuid(&truncate, FileType::Regular, true));
    }

    #[test]
    fn a_mode_that_comes_along_wins() {
        let both = SetAttr {
            gid: Some(1),
            perm: Some(0o4755),
            ..SetAttr::default()
        };
        assert!(!clears_setuid(&both, FileType::Regular, false));
    }

    #[test]
    fn times_alone_clear_nothing() {
        let touch = SetAttr {
            mtime: Some(lwext4::Timestamp::default()),
            ..SetAttr::default()
        };
        assert!(!clears_setuid(&touch, FileType::Regular, false));
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
