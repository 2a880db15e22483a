//! What goes into a filesystem under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::NamedTempFile;

use super::command::{output, run, shell};
use super::full;
use super::image::Spec;

/// The directory below the mount point that a test fills: all of it can go again.
pub const TREE: &str = "tree";

/// A real root filesystem as a tar: `LIVEROOT_TEST_ROOTFS`, or where `scripts/test` keeps one.
pub fn rootfs() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let given = std::env::var_os("LIVEROOT_TEST_ROOTFS").map(PathBuf::from);
    let kept = cache.map(|cache| cache.join("liveroot/rootfs.tar"));
    given.or(kept).filter(|tar| tar.is_file())
}

/// A tar of some thousand files of this machine, for tests that need not be large. Each test program makes
/// its own anew, in the place of the last one: nothing is dropped at the end of a program that would delete it.
pub fn small_tar() -> &'static Path {
    static TAR: OnceLock<PathBuf> = OnceLock::new();
    TAR.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = match NamedTempFile::new_in(dir) {
            Ok(file) => file,
            Err(error) => panic!("no temporary file: {error}"),
        };
        let mut tar = Command::new("tar");
        tar.args(["--numeric-owner", "--xattrs", "--one-file-system", "-cf"])
            .arg(file.path())
            .args(["-C", "/", "etc", "-C", "usr", "sbin"]);
        // Files that come and go meanwhile make tar complain and carry on.
        let made = output(&mut tar);
        let path = dir.join(concat!("small-", env!("CARGO_CRATE_NAME"), ".tar"));
        if let Err(error) = file.persist(&path) {
            panic!("{error}: {}", String::from_utf8_lossy(&made.stderr));
        }
        path
    })
}

/// A few hundred files of a real root filesystem: the tar, and what to extract of it.
pub fn slice() -> (PathBuf, &'static [&'static str]) {
    match rootfs() {
        Some(tar) => (tar, &["./etc", "./usr/sbin"]),
        None => (small_tar().to_owned(), &["etc"]),
    }
}

/// Extracts a tar as the README says.
#[track_caller]
pub fn untar(tar: &Path, into: &Path) {
    untar_members(tar, &[], into);
}

/// Extracts some members of a tar, or all of it where none is named.
#[track_caller]
pub fn untar_members(tar: &Path, members: &[&str], into: &Path) {
    let mut command = Command::new("tar");
    command
        .args(["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xf"])
        .arg(tar)
        .arg("-C")
        .arg(into)
        .args(members);
    run(&mut command);
}

/// The tree of nasty things, within the limits of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nasty {
    /// One of the scales of `nasty_tree.py`.
    pub scale: &'static str,
    /// Bytes in a block, which bound attributes and symlinks.
    pub block_size: u32,
    /// Bytes in an inode, which bound times.
    pub inode_size: u32,
    /// Bytes in the largest sparse file, for images that hold none of the scale's size.
    pub sparse: Option<u64>,
}

impl Nasty {
    /// For an image, in the size that the run asks for.
    pub fn of(spec: &Spec) -> Self {
        Self {
            scale: if full() { "full" } else { "small" },
            block_size: spec.block_size,
            inode_size: spec.inode_size,
            sparse: None,
        }
    }

    /// Builds it at `at`.
    #[track_caller]
    pub fn build(&self, at: &Path) {
        let mut command = Command::new("python3");
        command
            .arg(tool("nasty_tree.py"))
            .arg(at)
            .args(["--scale", self.scale])
            .args(["--block-size", &self.block_size.to_string()])
            .args(["--inode-size", &self.inode_size.to_string()]);
        if let Some(sparse) = self.sparse {
            command.args(["--sparse", &sparse.to_string()]);
        }
        run(&mut command);
    }
}

/// Gives the directories that the test itself made the same times everywhere.
#[track_caller]
pub fn settle_times(mounted: &Path) {
    shell(
        "touch -d @1000000000 \"$1/tree/rootfs\" \"$1/tree\"",
        [mounted],
    );
}

/// A program in `tests/tools`.
pub fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tools")
        .join(name)
}
