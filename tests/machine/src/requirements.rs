//! What a test needs of the machine. A test that cannot run says so in one line, which `scripts/test` counts.

use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::e2fsprogs::mke2fs;
use crate::kernel::Mounted;

/// True for the superuser.
pub fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| {
        // `Uid: REAL EFFECTIVE SAVED FILESYSTEM`
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mut lines = status.lines();
        let uids = lines.find_map(|line| line.strip_prefix("Uid:"));
        uids.and_then(|uids| uids.split_whitespace().nth(1)) == Some("0")
    })
}

/// True where loop mounts of ext4 work, so that the kernel can be asked.
pub fn loop_works() -> bool {
    no_loop().is_none()
}

/// Why loop mounts of ext4 do not work, if they do not. Root alone is not enough: containers and kernels differ.
fn no_loop() -> Option<&'static str> {
    static WHY: OnceLock<Option<String>> = OnceLock::new();
    let why = WHY.get_or_init(|| {
        if !is_root() {
            return Some("needs root".into());
        }
        let missing = ["mke2fs", "mount", "umount"]
            .into_iter()
            .find_map(|name| Need::Program(name).unmet());
        if missing.is_some() {
            return missing;
        }
        let dir = TempDir::with_prefix("liveroot-loop-").expect("a temporary directory");
        let image = dir.path().join("image");
        mke2fs(&image, 1 << 20, ["-t", "ext4", "-O", "^has_journal"]);
        Mounted::new(&image, "").err()
    });
    why.as_deref()
}

/// True where the program is in the path.
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
}

/// Something that a test cannot do without.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// The superuser: devices, owners, trusted attributes.
    Root,
    /// FUSE, by the device and, without root, `fusermount3`.
    Fuse,
    /// The kernel's own ext4.
    Loop,
    /// A program in the path. `scripts/test` adds the directories of e2fsprogs, which not every user has in it.
    Program(&'static str),
}

impl Need {
    /// Why the need is not met, if it is not.
    fn unmet(self) -> Option<String> {
        match self {
            Need::Root if !is_root() => Some("needs root".into()),
            Need::Fuse if !Path::new("/dev/fuse").exists() => Some("no /dev/fuse".into()),
            Need::Fuse if !is_root() && !has_program("fusermount3") => {
                Some("no fusermount3".into())
            }
            Need::Loop => no_loop().map(|why| format!("no loop mounts of ext4 here: {why}")),
            Need::Program(name) if !has_program(name) => Some(format!("{name} is not in the path")),
            _ => None,
        }
    }
}

/// True if all needs are met; else says that `test` is skipped and why.
pub fn can_run(test: &str, needs: &[Need]) -> bool {
    met_or(needs, |why| skip(test, why))
}

/// True if all needs of a part of `test` are met; else says what is skipped and why. The test goes on without it.
pub fn can_do(test: &str, part: &str, needs: &[Need]) -> bool {
    met_or(needs, |why| skip(test, &format!("not done: {part}: {why}")))
}

fn met_or(needs: &[Need], tell: impl FnOnce(&str)) -> bool {
    let why = needs.iter().find_map(|need| need.unmet());
    if let Some(why) = &why {
        tell(why);
    }
    why.is_none()
}

/// Reports a skipped test, in one line.
///
/// Written past the test harness's capture, which would swallow it as the output of a test that passed.
pub fn skip(test: &str, reason: &str) {
    let reason: Vec<&str> = reason.split_whitespace().collect();
    let line = format!("skipped: {test}: {}\n", reason.join(" "));
    // With standard error closed there is nobody to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// `LIVEROOT_TEST_FULL=1`: the sizes that the project promises, instead of those that a developer waits for.
pub fn full() -> bool {
    std::env::var_os("LIVEROOT_TEST_FULL").is_some_and(|value| value != "0" && !value.is_empty())
}
