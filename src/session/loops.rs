//! The kernel's loop devices, as sysfs has them (Documentation/ABI/testing/sysfs-block-loop).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A loop device that has a file.
#[derive(Debug)]
pub struct LoopDevice {
    /// Its node in /dev.
    pub device: PathBuf,
    /// The file behind it, by the name that the kernel knows.
    pub file: PathBuf,
    sysfs: PathBuf,
}

impl LoopDevice {
    /// Whether it only reads its file.
    pub fn is_read_only(&self) -> bool {
        fs::read_to_string(self.sysfs.join("ro")).is_ok_and(|ro| ro.trim() == "1")
    }
}

/// All loop devices that have a file.
pub fn all() -> impl Iterator<Item = LoopDevice> {
    let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    devices.filter_map(|entry| {
        let sysfs = entry.path();
        let line = fs::read(sysfs.join("loop/backing_file")).ok()?;
        let file = line.strip_suffix(b"\n").unwrap_or(&line);
        Some(LoopDevice {
            device: Path::new("/dev").join(entry.file_name()),
            file: OsStr::from_bytes(file).into(),
            sysfs,
        })
    })
}
