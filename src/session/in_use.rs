//! Who else has an image file: another liveroot, QEMU, or the kernel's loop driver.

use super::control;
use super::loops;
use super::mounts;
use crate::failure::{Failure, Result};
use crate::sys::{Access, ByteRange, lock_conflict, try_lock};
use std::fs::{self, File, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A file's identity: the device it is on and its number there; for a block device, the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileId {
    /// Device number.
    pub device: u64,
    /// Inode number; 0 for a block device.
    pub inode: u64,
}

impl FileId {
    /// The identity of what `metadata` describes.
    pub fn of(metadata: &Metadata) -> FileId {
        if metadata.file_type().is_block_device() {
            FileId {
                device: metadata.rdev(),
                inode: 0,
            }
        } else {
            FileId {
                device: metadata.dev(),
                inode: metadata.ino(),
            }
        }
    }
}

/// QEMU marks what it does with an image by shared locks on single bytes from 100 on, and what it
/// cannot stand others doing from 200 on; the second byte of each stands for writing (QEMU,
/// block/file-posix.c). A lock on the whole file meets these; a lock on a partition does not.
const QEMU_WRITES: ByteRange = ByteRange { start: 101, len: 1 };
const QEMU_MINDS_WRITES: ByteRange = ByteRange { start: 201, len: 1 };

fn misses_qemu(range: ByteRange) -> bool {
    range.start > QEMU_MINDS_WRITES.start
}

/// Locks the part of `file` that holds the file system, for as long as `file` is open.
///
/// # Errors
/// Somebody else holds it.
pub fn lock(path: &Path, file: &File, id: FileId, range: ByteRange, access: Access) -> Result<()> {
    let taken = try_lock(file, access, range)
        .and_then(|free| {
            let qemu = misses_qemu(range) && lock_conflict(file, Access::Write, QEMU_WRITES)?;
            if misses_qemu(range) {
                // A courtesy: QEMU will not start to write the disk.
                let _ = try_lock(file, Access::Read, QEMU_MINDS_WRITES);
            }
            Ok(!free || qemu)
        })
        .map_err(|e| Failure::of(path, format!("locking: {e}")))?;
    if !taken {
        return Ok(());
    }
    let holders = control::find(|hello| hello.image_id == id);
    Err(match holders.first() {
        Some(holder) => {
            let point = holder.hello.mountpoint.display();
            Failure::of(
                path,
                format!(
                    "in use by another liveroot, process {}, mounted on {point}",
                    holder.hello.pid
                ),
            )
            .remedy(format!("unmount it first: liveroot umount {point}"))
        }
        None => Failure::of(path, "in use by another process (liveroot or QEMU)")
            .remedy("wait until it ends, or stop it"),
    })
}

/// Refuses an image that the kernel has: as a loop device, or mounted (when it is a block device).
/// A reader shares with read-only loop devices.
///
/// # Errors
/// The kernel has it.
pub fn check_kernel(path: &Path, metadata: &Metadata, access: Access) -> Result<()> {
    if metadata.file_type().is_block_device() {
        let (major, minor) = (libc::major(metadata.rdev()), libc::minor(metadata.rdev()));
        let mounted = mounts::all()?
            .into_iter()
            .find(|m| m.device == (major, minor));
        return match mounted {
            Some(mount) => Err(Failure::of(
                path,
                format!("mounted by the kernel on {}", mount.point.display()),
            )
            .remedy("unmount it first: umount")),
            None => Ok(()),
        };
    }
    match loop_device(FileId::of(metadata), access) {
        Some(device) => Err(Failure::of(
            path,
            format!("in use by the kernel as {}", device.display()),
        )
        .remedy(format!(
            "unmount that and detach it: losetup -d {}",
            device.display()
        ))),
        None => Ok(()),
    }
}

fn loop_device(id: FileId, access: Access) -> Option<PathBuf> {
    let in_the_way = loops::all().find(|found| {
        fs::metadata(&found.file).is_ok_and(|metadata| FileId::of(&metadata) == id)
            && !(access == Access::Read && found.is_read_only())
    });
    Some(in_the_way?.device)
}
