//! What a test needs of the machine. A test that cannot run says so in one line, which `scripts/test` counts.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use super::command::output;

/// True for the superuser.
pub fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| output(Command::new("id").arg("-u")).stdout == b"0\n")
}

/// True where loop mounts of ext4 work, so that the kernel can be asked.
pub fn loop_works() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| {
        let kernel_has_ext4 = std::fs::read_to_string("/proc/filesystems")
            .is_ok_and(|list| list.lines().any(|line| line.trim() == "ext4"));
        is_root() && kernel_has_ext4 && Path::new("/dev/loop-control").exists()
    })
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
    /// A program in the path.
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
            Need::Loop if !loop_works() => Some("no loop mounts of ext4 here".into()),
            Need::Program(name) if !has_program(name) => Some(format!("{name} is not installed")),
            _ => None,
        }
    }
}

/// True if all needs are met; else says that `test` is skipped and why.
pub fn can_run(test: &str, needs: &[Need]) -> bool {
    match needs.iter().find_map(|need| need.unmet()) {
        None => true,
        Some(reason) => {
            skip(test, &reason);
            false
        }
    }
}

/// Reports a skipped test.
///
/// Written past the test harness's capture, which would swallow it as the output of a test that passed.
pub fn skip(test: &str, reason: &str) {
    let line = format!("skipped: {test}: {reason}\n");
    // With standard error closed there is nobody to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
