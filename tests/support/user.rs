//! Being an ordinary user of any number, on a machine that need not have one.

use std::path::Path;
use std::process::{Command, Output};

use super::command::{command, output};
use super::image::LIVEROOT;
use super::requirements::{Need, can_run};

/// What it takes.
pub const NEEDS: [Need; 5] = [
    Need::Root,
    Need::Fuse,
    Need::Program("fusermount3"),
    Need::Program("unshare"),
    Need::Program("setpriv"),
];

/// True where scripts can be run as ordinary users with FUSE mounts of their own.
pub fn can_be_user(test: &str) -> bool {
    can_run(test, &NEEDS)
}

/// A piece of shell, run in `dir` by a user who has the number `id` for user and group, in a mount
/// namespace of its own. `$1` is the program under test, `as_root` is a piece of shell that the
/// superuser runs in the namespace before.
pub fn as_user(id: u32, dir: &Path, as_root: &str, script: &str) -> Output {
    // fusermount3 wants a name for its user.
    let enter = "set -eu; grep -v \"^[^:]*:[^:]*:$1:\" /etc/passwd > passwd || true
        echo \"tester:x:$1:$1::/:/bin/sh\" >> passwd; mount --bind passwd /etc/passwd
        eval \"$2\"
        exec setpriv --reuid=\"$1\" --regid=\"$1\" --clear-groups env -u XDG_RUNTIME_DIR \\
            sh -euc \"$3\" sh \"$4\"";
    let mut unshare = command("unshare", ["-m", "sh", "-c", enter, "sh"]);
    unshare.args([&id.to_string(), as_root, script, LIVEROOT]);
    output(unshare.current_dir(dir))
}

/// True where another user can run the program under test, which may lie in somebody's home.
pub fn program_is_reachable(id: u32, dir: &Path) -> bool {
    as_user(id, dir, "", "test -x \"$1\"").status.success()
}

/// A command that makes the directory everybody's.
pub fn open_to_all(dir: &Path) -> Command {
    let mut chmod = command("chmod", ["777"]);
    chmod.arg(dir);
    chmod
}
