//! Numbers and structures of the kernel's protocol, as the engine has them, and back.

use fuser::{Errno, FileAttr, Generation, INodeNo, TimeOrNow};
use lwext4::{Attr, Error, FileType, Ino, Timestamp};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the kernel may remember what it was told: liveroot is the only writer, so for ever (136
/// years, which no kernel's clock overflows on).
pub const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// The engine's number for a node of the kernel. FUSE calls the root 1, ext4 calls it 2 and keeps 1
/// for bad blocks, which nobody gets to see; `None` for numbers that name no file.
pub fn ino_from_kernel(node: INodeNo) -> Option<Ino> {
    match node.0 {
        1 => Some(Ino::ROOT),
        0 | 2 => None,
        other => u32::try_from(other).ok().map(Ino),
    }
}

/// The kernel's number for an inode: [`ino_from_kernel`] backwards.
pub fn ino_to_kernel(ino: Ino) -> INodeNo {
    match ino {
        Ino::ROOT => INodeNo(1),
        other => INodeNo(u64::from(other.0)),
    }
}

/// Whether the kernel may be given `ino` as a node: not the two numbers that the root and the bad
/// blocks have, which no directory entry can carry.
pub fn can_be_child(ino: Ino) -> bool {
    ino.0 > Ino::ROOT.0
}

/// The kernel's form of attributes. The inode number is ext4's, for the root too: it is what
/// `stat(2)` shows.
pub fn attr_to_kernel(attr: &Attr, block_size: u32) -> FileAttr {
    FileAttr {
        ino: INodeNo(u64::from(attr.ino.0)),
        size: attr.size,
        blocks: attr.sectors,
        atime: time_to_kernel(attr.atime),
        mtime: time_to_kernel(attr.mtime),
        ctime: time_to_kernel(attr.ctime),
        crtime: UNIX_EPOCH,
        kind: type_to_kernel(attr.file_type),
        perm: attr.perm,
        nlink: attr.nlink,
        uid: attr.uid,
        gid: attr.gid,
        rdev: device_to_kernel(attr.device),
        blksize: block_size,
        flags: 0,
    }
}

/// Attributes of a node that does not exist: the kernel takes number 0 as "no such file", and
/// remembers that.
pub fn no_such_file() -> FileAttr {
    let attr = Attr {
        ino: Ino(0),
        generation: 0,
        file_type: FileType::Regular,
        perm: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        size: 0,
        sectors: 0,
        device: (0, 0),
        atime: Timestamp::default(),
        mtime: Timestamp::default(),
        ctime: Timestamp::default(),
        crtime: None,
        flags: 0,
        projid: 0,
    };
    attr_to_kernel(&attr, 0)
}

/// The generation of an inode, as the kernel has it.
pub fn generation_to_kernel(attr: &Attr) -> Generation {
    Generation(u64::from(attr.generation))
}

/// The kernel's error number for an error of the engine.
pub fn errno(error: &Error) -> Errno {
    Errno::from_i32(error.errno())
}

/// A file type in fuser's form.
pub fn type_to_kernel(file_type: FileType) -> fuser::FileType {
    match file_type {
        FileType::Regular => fuser::FileType::RegularFile,
        FileType::Directory => fuser::FileType::Directory,
        FileType::CharDevice => fuser::FileType::CharDevice,
        FileType::BlockDevice => fuser::FileType::BlockDevice,
        FileType::Fifo => fuser::FileType::NamedPipe,
        FileType::Socket => fuser::FileType::Socket,
        FileType::Symlink => fuser::FileType::Symlink,
    }
}

/// A device number in the kernel's 32-bit form: 12 bits of major, 20 of minor, mixed.
pub fn device_to_kernel((major, minor): (u32, u32)) -> u32 {
    (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)
}

/// Major and minor of a device number in the kernel's 32-bit form.
pub fn device_from_kernel(rdev: u32) -> (u32, u32) {
    (
        (rdev & 0xfff00) >> 8,
        (rdev & 0xff) | ((rdev >> 12) & 0xfff00),
    )
}

fn time_to_kernel(time: Timestamp) -> SystemTime {
    let whole = Duration::from_secs(time.secs.unsigned_abs());
    let start = if time.secs < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    start
        .and_then(|t| t.checked_add(Duration::from_nanos(u64::from(time.nanos))))
        .unwrap_or(UNIX_EPOCH)
}

/// A time that `setattr` carries.
///
/// fuser 0.18 turns the kernel's (-s seconds, n nanoseconds), which means -s + n/10⁹, into the
/// instant s + n/10⁹ *before* the epoch; this undoes it.
pub fn time_from_setattr(time: SystemTime) -> Timestamp {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp {
            secs: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: since.subsec_nanos(),
        },
        Err(before) => Timestamp {
            secs: 0i64.saturating_sub_unsigned(before.duration().as_secs()),
            nanos: before.duration().subsec_nanos(),
        },
    }
}

/// Likewise, where the kernel may leave the time to the server.
pub fn time_or_now(time: TimeOrNow) -> Timestamp {
    match time {
        TimeOrNow::SpecificTime(time) => time_from_setattr(time),
        TimeOrNow::Now => Timestamp::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_two_numbers_and_others_one() {
        assert_eq!(ino_from_kernel(INodeNo(1)), Some(Ino::ROOT));
        assert_eq!(ino_from_kernel(INodeNo(2)), None);
        assert_eq!(ino_to_kernel(Ino::ROOT), INodeNo(1));
        assert_eq!(ino_to_kernel(Ino(11)), INodeNo(11));
        assert_eq!(ino_from_kernel(INodeNo(11)), Some(Ino(11)));
        assert_eq!(ino_from_kernel(INodeNo(1 << 32)), None);
        assert!(!can_be_child(Ino(1)) && !can_be_child(Ino(2)) && can_be_child(Ino(11)));
    }

    #[test]
    fn device_numbers_survive() {
        for device in [(1, 3), (8, 1), (259, 65536), (4095, 0xfffff), (0, 0)] {
            assert_eq!(device_from_kernel(device_to_kernel(device)), device);
        }
        assert_eq!(
            device_to_kernel((259, 65536 + 3)),
            libc_makedev(259, 65536 + 3)
        );
    }

    fn libc_makedev(major: u32, minor: u32) -> u32 {
        u32::try_from(libc::makedev(major, minor)).unwrap()
    }

    #[test]
    fn times_before_the_epoch_keep_their_nanoseconds() {
        // -6 s + 700,000,000 ns, as the kernel sends it and fuser misreads it.
        let from_fuser = UNIX_EPOCH - Duration::new(6, 700_000_000);
        let time = time_from_setattr(from_fuser);
        assert_eq!(
            time,
            Timestamp {
                secs: -6,
                nanos: 700_000_000
            }
        );
        // On the way back fuser is right: the instant is 5.3 s before the epoch.
        assert_eq!(
            time_to_kernel(time),
            UNIX_EPOCH - Duration::new(5, 300_000_000)
        );
    }

    #[test]
    fn times_of_every_century_survive() {
        for secs in [-2_147_483_648, -1, 0, 1, 15_032_385_535] {
            let time = Timestamp { secs, nanos: 1 };
            let instant = time_to_kernel(time);
            if secs >= 0 {
                assert_eq!(time_from_setattr(instant), time);
            }
        }
    }
}
