//! Descriptors that a process did not open itself.

/// Closes every descriptor from 3 on: a daemon must not keep pipes and lock files of the shell or
/// build tool that started it. To be called before the program has opened anything. Kernels before
/// 5.9 do not know the call, and nothing happens.
pub fn close_inherited() {
    // SAFETY: nothing of this program owns a descriptor yet but the three standard ones, which stay:
    // the standard library opens none at start, and the caller has opened none.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}
