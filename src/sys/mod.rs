//! System calls that the standard library and rustix do not offer safely.
//!
//! This module is the only one in the workspace with `unsafe` code.

mod fds;
mod fork;
mod lock;
mod namespace;
mod signal;

pub use fds::close_inherited;
pub use fork::{Fork, fork};
pub use lock::{Access, ByteRange, lock_conflict, try_lock};
pub use namespace::{Unshared, unshare};
pub use signal::{block_termination, wait_termination};
