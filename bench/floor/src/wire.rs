//! Conversions between what fuser hands over and what the tree keeps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, FileType, INodeNo, TimeOrNow};

/// The file type in a mode's upper bits.
pub fn kind(mode: u32) -> Option<FileType> {
    Some(match mode & libc::S_IFMT {
        0 | libc::S_IFREG => FileType::RegularFile,
        libc::S_IFDIR => FileType::Directory,
        libc::S_IFLNK => FileType::Symlink,
        libc::S_IFIFO => FileType::NamedPipe,
        libc::S_IFSOCK => FileType::Socket,
        libc::S_IFCHR => FileType::CharDevice,
        libc::S_IFBLK => FileType::BlockDevice,
        _ => return None,
    })
}

/// The permissions after a change of owner or contents: no setuid, and no setgid where the group may execute
/// (without that bit it meant mandatory locking).
pub fn without_setid(perm: u16) -> u16 {
    let kept = perm & !0o4000;
    if kept & 0o010 != 0 {
        kept & !0o2000
    } else {
        kept
    }
}

/// A SETATTR time.
pub fn time(time: TimeOrNow, now: SystemTime) -> SystemTime {
    match time {
        TimeOrNow::SpecificTime(time) => system_time(time),
        TimeOrNow::Now => now,
    }
}

/// Puts right what fuser 0.18 makes of a time before 1970: for seconds -s and nanoseconds n it yields
/// `epoch - (s + n)` where `epoch - s + n` is meant.
pub fn system_time(time: SystemTime) -> SystemTime {
    match UNIX_EPOCH.duration_since(time) {
        Ok(before) => {
            let nanos = Duration::from_nanos(before.subsec_nanos().into());
            UNIX_EPOCH - Duration::from_secs(before.as_secs()) + nanos
        }
        Err(_) => time,
    }
}

/// The attributes in a negative entry: node id 0 says that there is no such file.
pub fn absent() -> FileAttr {
    FileAttr {
        ino: INodeNo(0),
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: FileType::RegularFile,
        perm: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 0,
        flags: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_keep_their_nanoseconds() {
        // What fuser makes of -5 s, 300 ns.
        let from_fuser = UNIX_EPOCH - Duration::new(5, 300);
        let meant = UNIX_EPOCH - Duration::from_secs(5) + Duration::from_nanos(300);
        assert_eq!(system_time(from_fuser), meant);
        let after = UNIX_EPOCH + Duration::new(5, 300);
        assert_eq!(system_time(after), after);
    }

    #[test]
    fn setgid_without_group_execute_stays() {
        assert_eq!(without_setid(0o6755), 0o755);
        assert_eq!(without_setid(0o6745), 0o2745);
    }
}
