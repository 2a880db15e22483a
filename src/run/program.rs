//! The process that becomes the command.

use super::Order;
use super::init::Go;
use super::supervisor::filter;
use crate::failure::{EXIT_RUN_FAILED, Failure};
use crate::session::monitor::message;
use crate::sys::{Listener, SignalMask};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// There is such a command, but it cannot be executed.
const EXIT_NOT_EXECUTABLE: u8 = 126;
/// There is no such command.
const EXIT_NOT_FOUND: u8 = 127;

const ROOTS_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the command gets of the caller's environment when it runs inside the image: names of the
/// terminal and of proxies, which lead out of every file tree alike.
const HANDED_OVER: [&str; 10] = [
    "TERM",
    "COLORTERM",
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
];

/// Becomes the command; returns an exit code only where it cannot. Where it is supervised, the
/// keeper gets the listener of its filter.
pub fn run(order: &Order, keeper: &OwnedFd, supervised: bool, mask: SignalMask) -> u8 {
    let told = if supervised {
        supervise(keeper)
    } else {
        tell(keeper, None)
    };
    if let Err(error) = told {
        eprintln!(
            "liveroot: {}",
            Failure::new(format!("reaching the keeper: {error}"))
        );
        return EXIT_RUN_FAILED;
    }
    execute(order, &order.command, mask)
}

/// Becomes `words`, with the environment of the command; returns an exit code only where it cannot.
pub fn execute(order: &Order, words: &[OsString], mask: SignalMask) -> u8 {
    let Some((name, args)) = words.split_first() else {
        return EXIT_RUN_FAILED;
    };
    let mut command = Command::new(name);
    command.args(args);
    if order.view.inside {
        command.env_clear();
        command.envs(
            HANDED_OVER
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        );
        command
            .env("PATH", ROOTS_PATH)
            .env("HOME", "/root")
            .env("LIVEROOT", "/");
    } else {
        command.env("LIVEROOT", &order.view.mount);
    }
    command.envs(order.env.iter().map(|(name, value)| (name, value)));
    mask.restore();
    let error = command.exec();
    let (code, failure) = explain(name, &error);
    eprintln!("liveroot: {failure}");
    code
}

/// Gives up the calls that the supervisor answers. Without it the command runs all the same.
fn supervise(keeper: &OwnedFd) -> io::Result<()> {
    let listener = filter::program()
        .ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
        .and_then(|program| Listener::install(&program));
    match listener {
        Ok(listener) => tell(keeper, Some(&listener)),
        Err(error) => {
            log::warn!(
                "no supervision ({error}), so that mknod of devices fails; see: liveroot doctor"
            );
            tell(keeper, None)
        }
    }
}

fn tell(keeper: &OwnedFd, listener: Option<&Listener>) -> io::Result<()> {
    message::send(keeper, &Go, listener.map(AsFd::as_fd))
}

fn explain(name: &OsStr, error: &io::Error) -> (u8, Failure) {
    let path = Path::new(name);
    match error.kind() {
        // The file is there: it is its interpreter that is not.
        io::ErrorKind::NotFound if path.is_absolute() && path.exists() => (
            EXIT_NOT_EXECUTABLE,
            Failure::of(
                path,
                "its interpreter is missing (the program after #!, or the linker)",
            ),
        ),
        io::ErrorKind::NotFound => (EXIT_NOT_FOUND, Failure::of(path, "no such command")),
        io::ErrorKind::PermissionDenied => (
            EXIT_NOT_EXECUTABLE,
            Failure::of(path, "not executable (permission denied)"),
        ),
        _ => (
            EXIT_NOT_EXECUTABLE,
            Failure::of(path, format!("not executable: {error}")),
        ),
    }
}
