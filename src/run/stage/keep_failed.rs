//! A shell on what a failed command left.

use crate::run::Order;
use crate::run::program;
use crate::sys::{self, Fork, SignalMask};
use rustix::process::Pid;
use std::ffi::OsString;

/// Starts a shell in the place of the command that has ended with `code`, and waits for it with `wait`.
pub fn look_around(order: &Order, code: u8, mask: SignalMask, wait: impl Fn(Pid) -> u8) {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty() && !order.view.inside);
    let shell = shell.unwrap_or_else(|| OsString::from("/bin/sh"));
    eprintln!(
        "liveroot: the command ended with {code}; here is a shell to look at what it left: nothing of that goes \
         into the image"
    );
    match sys::fork() {
        Ok(Fork::Child) => std::process::exit(program::execute(order, &[shell], mask).into()),
        Ok(Fork::Parent(pid)) => {
            wait(pid);
        }
        Err(error) => eprintln!("liveroot: starting a shell: {error}"),
    }
}
