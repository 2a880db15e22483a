//! What the tests share: images filled by liveroot, and the kernel's view of them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::command::{command, output, run};
use crate::support::image::{LIVEROOT, Spec};
use crate::support::oracle::manifest;
use crate::support::tree::Nasty;

/// A directory of a test's own.
pub struct Work {
    dir: TempDir,
}

impl Work {
    pub fn new() -> Work {
        Work {
            dir: TempDir::with_prefix("liveroot-import-")
                .expect("temporary directories can be made"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A new image with what `source` has.
    #[track_caller]
    pub fn create(&self, name: &str, source: &Path, more: &[&str]) -> PathBuf {
        let image = self.path(name);
        let mut create = command(LIVEROOT, ["create", "--quiet"]);
        if !more.contains(&"--size") {
            create.args(["--size", "512M", "--inodes", "30000"]);
        }
        run(create.args(more).arg("--from").arg(source).arg(&image));
        fsck(&image);
        image
    }

    /// The tree of nasty things, small enough for these images.
    pub fn nasty(&self, at: &Path) {
        let spec = Spec::default();
        let nasty = Nasty {
            scale: "small",
            ..Nasty::of(&spec)
        };
        nasty.build(at);
    }

    /// An empty image of e2fsprogs.
    #[track_caller]
    pub fn mke2fs(&self, name: &str) -> PathBuf {
        let image = self.path(name);
        let size = ["512M"];
        run(command(
            "mke2fs",
            ["-q", "-F", "-t", "ext4", "-b", "4096", "-N", "30000"],
        )
        .arg(&image)
        .args(size));
        image
    }

    /// What the kernel finds in an image.
    #[track_caller]
    pub fn manifest(&self, image: &Path) -> String {
        let mounted = Mounted::new(image, "ro");
        manifest(mounted.path())
    }

    /// Runs `work` in an image that the kernel has mounted.
    pub fn mounted<R>(&self, image: &Path, work: impl FnOnce(&Path) -> R) -> R {
        let mounted = Mounted::new(image, "rw");
        work(mounted.path())
    }
}

/// A loop mount, for as long as it lives.
struct Mounted {
    dir: TempDir,
}

impl Mounted {
    #[track_caller]
    fn new(image: &Path, options: &str) -> Mounted {
        let dir = TempDir::with_prefix("liveroot-mnt-").expect("temporary directories can be made");
        run(command("mount", ["-o", &format!("loop,{options}")])
            .arg(image)
            .arg(dir.path()));
        Mounted { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.dir.path()).output();
    }
}

/// e2fsck must find nothing.
#[track_caller]
pub fn fsck(image: &Path) {
    run(Command::new("e2fsck").arg("-fn").arg(image));
}

/// Runs liveroot.
pub fn liveroot<const N: usize>(args: [&str; N]) -> Command {
    command(LIVEROOT, args)
}

/// Fails unless the command failed with one line that has `word` in it.
#[track_caller]
pub fn assert_refused(command: &mut Command, word: &str) -> Output {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let errors: Vec<&str> = said
        .lines()
        .filter(|line| !line.contains("warning:"))
        .collect();
    assert!(
        errors.len() == 1 && errors[0].contains(word),
        "wanted {word}: {said}"
    );
    output
}

/// Manifest lines without the root's own, whose times differ where the archive does not have it.
pub fn without_root(manifest: &str) -> String {
    let lines = manifest.lines().filter(|line| !line.starts_with(". "));
    lines.map(|line| format!("{line}\n")).collect()
}
