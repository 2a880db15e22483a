//! System calls that the standard library and rustix do not offer safely.
//!
//! This module is the only one in the workspace with `unsafe` code.

mod fds;
mod fork;
mod lock;
mod namespace;
mod seccomp;
mod signal;

pub use fds::close_inherited;
pub use fork::{Fork, fork, fork_as_init};
pub use lock::{Access, ByteRange, lock_conflict, try_lock};
pub use namespace::{Unshared, make_read_only, unshare};
pub use seccomp::{Answer, Listener, Notification};
pub use signal::{Received, SignalMask, block_termination, wait_termination};
