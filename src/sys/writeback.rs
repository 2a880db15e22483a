//! Telling the kernel when to write.

use std::fs::File;
use std::os::fd::AsRawFd;

/// Has the kernel begin to write to the disk what it has cached of `len` bytes at `offset`, without
/// waiting for it. Nothing depends on whether it does.
pub fn start_writing(file: &File, offset: u64, len: u64) {
    let (Ok(offset), Ok(len)) = (i64::try_from(offset), i64::try_from(len)) else {
        return;
    };
    // SAFETY: a call with numbers only, on a descriptor that is open.
    unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
}
