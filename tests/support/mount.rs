//! Mounting an image in one of several ways, so that a test can be run against liveroot and, to show that it can
//! pass and fail, against others.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::command::{command, output, run, said};
use super::image::{Image, LIVEROOT};
use super::requirements::Need;

/// Who serves the mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Liveroot,
    /// The kernel's ext4 over a loop device.
    Loop,
    /// The FUSE server of e2fsprogs.
    Fuse2fs,
}

impl How {
    /// Who is under test: `LIVEROOT_TEST_MOUNT`, by default liveroot.
    pub fn under_test() -> Self {
        match std::env::var("LIVEROOT_TEST_MOUNT").as_deref() {
            Err(_) | Ok("" | "liveroot") => How::Liveroot,
            Ok("loop") => How::Loop,
            Ok("fuse2fs") => How::Fuse2fs,
            Ok(other) => panic!("LIVEROOT_TEST_MOUNT={other}: use liveroot, loop or fuse2fs"),
        }
    }

    /// What it takes to mount this way.
    pub fn need(self) -> Need {
        match self {
            How::Liveroot | How::Fuse2fs => Need::Fuse,
            How::Loop => Need::Loop,
        }
    }

    fn mount_command(self, image: &Path, at: &Path, options: &str) -> Command {
        let mut mount = match self {
            How::Liveroot => command(LIVEROOT, ["mount"]),
            How::Loop => command("mount", ["-o", "loop"]),
            How::Fuse2fs => {
                let options = "allow_other,default_permissions,suid,dev,fakeroot";
                command("fuse2fs", ["-o", options])
            }
        };
        if !options.is_empty() {
            mount.args(["-o", options]);
        }
        mount.arg(image).arg(at);
        mount
    }

    fn umount_command(self, at: &Path) -> Command {
        let mut umount = match self {
            How::Liveroot => command(LIVEROOT, ["umount"]),
            How::Loop | How::Fuse2fs => Command::new("umount"),
        };
        umount.arg(at);
        umount
    }
}

/// A mounted image. Unmounts when dropped, for tests that fail; those that pass call [`Mounted::umount`].
#[derive(Debug)]
pub struct Mounted {
    how: How,
    image: PathBuf,
    dir: TempDir,
    mounted: bool,
}

impl Mounted {
    /// Mounts an image on a directory of its own.
    #[track_caller]
    pub fn new(how: How, image: &Image) -> Self {
        Self::with_options(how, image, "")
    }

    /// Likewise, with more options.
    #[track_caller]
    pub fn with_options(how: How, image: &Image, options: &str) -> Self {
        let dir = match TempDir::with_prefix("liveroot-mnt-") {
            Ok(dir) => dir,
            Err(error) => panic!("no temporary directory: {error}"),
        };
        run(&mut how.mount_command(&image.path, dir.path(), options));
        Self {
            how,
            image: image.path.clone(),
            dir,
            mounted: true,
        }
    }

    /// The mount point.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A path below the mount point.
    pub fn join(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Unmounts; when this returns, the image is complete and closed.
    #[track_caller]
    pub fn umount(mut self) {
        self.mounted = false;
        let umount = output(&mut self.how.umount_command(self.dir.path()));
        assert!(
            umount.status.success(),
            "umount failed with {}\n{}",
            umount.status,
            said(&umount)
        );
        if self.how == How::Fuse2fs {
            // Its daemon goes on after the unmount and holds the image open until it is done.
            wait_until_closed(&self.image);
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.mounted {
            // The test has failed already; what matters is that nothing stays mounted.
            let _ = Command::new("umount")
                .arg("-l")
                .arg(self.dir.path())
                .output();
        }
    }
}

/// Waits, up to a minute, until no process has the file open.
fn wait_until_closed(file: &Path) {
    for _ in 0..1200 {
        let open = std::fs::read_dir("/proc").is_ok_and(|processes| {
            processes
                .flatten()
                .any(|process| has_open(&process.path(), file))
        });
        if !open {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{} is still open a minute after unmounting", file.display());
}

fn has_open(process: &Path, file: &Path) -> bool {
    std::fs::read_dir(process.join("fd")).is_ok_and(|descriptors| {
        descriptors
            .flatten()
            .any(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| target == file))
    })
}
