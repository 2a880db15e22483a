//! Giving up what a daemon does not need, so that an image which gets the better of it gets nothing
//! else: no file but those that are open, no network, no other program, no privilege.
//!
//! In two steps. [`give_up_privileges`] comes before the image is looked at, and before any thread is
//! started: capabilities, the way to new ones, and the host's files (`files`). [`give_up_calls`]
//! comes when everything is set up: all system calls but those of `calls`, in all threads.
//! What a kernel does not have is left out, and named.

mod calls;
mod files;
mod privileges;

use std::path::Path;

/// What the kernel did not do, for a message: empty when everything is in force.
pub type Missing = Vec<String>;

/// Drops all capabilities and closes the way to new privileges and to all files, for this thread and
/// those that it will start. `allowed` are files that may still be opened.
pub fn give_up_privileges(allowed: &[&Path]) -> Missing {
    let mut missing = Missing::new();
    if let Err(error) = privileges::drop_all() {
        missing.push(format!("capabilities: {error}"));
    }
    if let Err(why) = files::close_all_but(allowed) {
        missing.push(format!("files (Landlock): {why}"));
    }
    missing
}

/// Leaves only the system calls that serving a mount takes, in all threads. Others fail with EPERM.
pub fn give_up_calls() -> Missing {
    match calls::restrict() {
        Ok(()) => Missing::new(),
        Err(why) => vec![format!("system calls (seccomp): {why}")],
    }
}

/// Both steps at once, for a process with one thread.
pub fn enter() -> Missing {
    let mut missing = give_up_privileges(&[]);
    missing.extend(give_up_calls());
    missing
}
