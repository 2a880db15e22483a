//! A place to try commands in, and what they are judged by.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use crate::support::command::{command, output, run, said};
use crate::support::image::LIVEROOT;
use crate::support::requirements::{Need, can_run, is_root, skip};
use tempfile::TempDir;

/// A directory with an image and a mount point; what is mounted there is unmounted in the end.
pub struct Bench {
    pub dir: TempDir,
}

impl Bench {
    pub fn new() -> Bench {
        let dir = TempDir::with_prefix("liveroot-cli-").unwrap();
        // The other user must get in.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(dir.path().join("mnt")).unwrap();
        Bench { dir }
    }

    pub fn with_image() -> Bench {
        let bench = Bench::new();
        bench.ok(&["create", "image.ext4", "--size", "64M", "--quiet"]);
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn liveroot(&self, args: &[&str]) -> Command {
        let mut command = command(LIVEROOT, args);
        command.current_dir(self.dir.path());
        command
    }

    pub fn ok(&self, args: &[&str]) -> String {
        run(&mut self.liveroot(args))
    }

    /// Runs a command that must fail with one line; gives that line.
    #[track_caller]
    pub fn fails(&self, args: &[&str]) -> String {
        one_line(&output(&mut self.liveroot(args)), 1)
    }

    pub fn is_mounted(&self) -> bool {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        table.contains(&format!(" {} ", self.path("mnt").display()))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.is_mounted() {
            let _ = command("umount", ["-l"]).arg(self.path("mnt")).output();
        }
    }
}

/// The one line on standard error of a command that failed with `code`, without the program's name.
#[track_caller]
pub fn one_line(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    match text.strip_prefix("liveroot: ") {
        Some(line) => line.trim_end().to_owned(),
        None => panic!("no name in front of {text}"),
    }
}

#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "not so: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn mount_works(test: &str) -> bool {
    can_run(test, &[Need::Fuse])
}

pub fn e2fsck(image: &Path) {
    run(command("e2fsck", ["-fn"]).arg(image));
}

/// Commands of a user who is not root, in the bench's directory: by name if this is root.
pub fn as_user(test: &str, bench: &Bench, script: &str) -> Option<Output> {
    let mut command = if is_root() {
        if !Path::new("/usr/sbin/runuser").exists() && !Path::new("/sbin/runuser").exists() {
            skip(test, "no runuser to become another user with");
            return None;
        }
        let reachable = command("runuser", ["-u", "nobody", "--", "test", "-x", LIVEROOT]);
        if !{ reachable }.status().is_ok_and(|status| status.success()) {
            skip(test, "the user nobody cannot run the program where it lies");
            return None;
        }
        command("runuser", ["-u", "nobody", "--", "sh", "-c", script, "sh"])
    } else {
        command("sh", ["-c", script, "sh"])
    };
    Some(output(command.arg(LIVEROOT).current_dir(bench.dir.path())))
}

pub fn sleeper_in(dir: &Path) -> Child {
    Command::new("sleep")
        .arg("600")
        .current_dir(dir)
        .spawn()
        .unwrap()
}

pub fn end(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

pub fn daemon_of(bench: &Bench) -> String {
    let json: serde_json::Value =
        serde_json::from_str(&bench.ok(&["info", "image.ext4", "--json"])).unwrap();
    json["mounted"]["pid"].to_string()
}

pub fn is_clean(bench: &Bench) -> bool {
    bench
        .ok(&["info", "image.ext4"])
        .contains("State:        clean")
}

pub trait ArgPath {
    fn arg_path(self, path: &Path) -> Command;
}

impl ArgPath for Command {
    fn arg_path(mut self, path: &Path) -> Command {
        self.arg(path);
        self
    }
}
