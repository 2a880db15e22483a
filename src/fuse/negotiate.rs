//! What liveroot asks of the kernel when a mount begins.

use fuser::{InitFlags, KernelConfig};
use std::io;

/// The largest write request in bytes. 256 pages are what the kernel allows by default
/// (`fs.fuse.max_pages_limit`).
const MAX_WRITE: u32 = 1 << 20;

/// Requests that the kernel may have under way without anybody waiting: readahead and writeback.
const MAX_BACKGROUND: u16 = 64;

/// Each flag is taken where the kernel offers it; none is needed for correctness but the first.
///
/// - `POSIX_ACL` with `DONT_MASK`: the kernel enforces and caches ACLs; the engine inherits default
///   ACLs, which replace the umask, so the umask must arrive with the mode instead of being applied.
/// - `HANDLE_KILLPRIV_V2`: no question about `security.capability` before every write.
/// - `WRITEBACK_CACHE`: small writes are gathered; the kernel owns size and times of open files.
/// - `NO_OPEN`, `NO_OPENDIR`: opening costs no request after the first, which is answered ENOSYS.
/// - `READDIRPLUS` (adaptive): a walk with stat costs no lookups.
const WANTED: InitFlags = InitFlags::FUSE_ASYNC_READ
    .union(InitFlags::FUSE_BIG_WRITES)
    .union(InitFlags::FUSE_DONT_MASK)
    .union(InitFlags::FUSE_POSIX_ACL)
    .union(InitFlags::FUSE_HANDLE_KILLPRIV_V2)
    .union(InitFlags::FUSE_WRITEBACK_CACHE)
    .union(InitFlags::FUSE_NO_OPEN_SUPPORT)
    .union(InitFlags::FUSE_NO_OPENDIR_SUPPORT)
    .union(InitFlags::FUSE_DO_READDIRPLUS)
    .union(InitFlags::FUSE_READDIRPLUS_AUTO)
    .union(InitFlags::FUSE_PARALLEL_DIROPS)
    .union(InitFlags::FUSE_CACHE_SYMLINKS)
    .union(InitFlags::FUSE_ASYNC_DIO)
    .union(InitFlags::FUSE_MAX_PAGES);

/// Sets the connection up. Fails on a kernel that cannot enforce POSIX ACLs (before Linux 4.9).
///
/// Where the kernel is not to check permissions, it must not be asked for ACLs either: with them it
/// checks everything. They then reach the engine as they are.
pub fn ask_for(config: &mut KernelConfig, kernel_checks: bool) -> io::Result<()> {
    let mut available = config.capabilities();
    let needed = InitFlags::FUSE_POSIX_ACL | InitFlags::FUSE_DONT_MASK;
    if !available.contains(needed) {
        return Err(io::Error::from_raw_os_error(libc::EPROTONOSUPPORT));
    }
    available.set(InitFlags::FUSE_POSIX_ACL, kernel_checks);
    // The setters fail only for values out of range, and then leave their defaults.
    let _ = config.add_capabilities(WANTED & available);
    let _ = config.set_max_write(MAX_WRITE);
    let _ = config.set_max_background(MAX_BACKGROUND);
    Ok(())
}
