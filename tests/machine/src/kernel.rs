//! The kernel's own ext4, over a loop device.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::command::{command, output, said};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// An image that the kernel has mounted, on a directory beside it. Unmounted when dropped: then the image is whole.
#[derive(Debug)]
pub struct Mounted {
    image: PathBuf,
    at: PathBuf,
}

impl Mounted {
    /// Mounts an image; an error with mount's words where this kernel cannot. `options` are for `mount -o`.
    pub fn new(image: &Path, options: &str) -> Result<Mounted, String> {
        let fail = |error: std::io::Error| format!("{}: {error}", image.display());
        let image = image.canonicalize().map_err(fail)?;
        let mut at = OsString::from(&image);
        at.push(".mounted");
        fs::create_dir_all(&at).map_err(fail)?;
        let at = PathBuf::from(at);
        let options = ["loop", options].join(",");
        let mut mount = command("mount", ["-t", "ext4", "-o", options.trim_end_matches(',')]);
        let mount = output(mount.args([&image, &at]).env("LC_ALL", "C"));
        if mount.status.success() {
            Ok(Mounted { image, at })
        } else {
            let _ = fs::remove_dir(&at);
            Err(said(&mount))
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// A path below that.
    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.at.join(path)
    }

    /// A process that copied all mounts into a namespace of its own keeps the file system; it is written when that
    /// goes.
    fn wait_for_loop(&self) {
        for _ in 0..600 {
            if !backs_a_loop_device(&self.image) {
                return;
            }
            sleep(PAUSE);
        }
        eprintln!("{} keeps its loop device", self.image.display());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let mut why = String::new();
        // A program that another test is starting may have our open files for a moment.
        for _ in 0..100 {
            let umount = output(command("umount", [&self.at]).env("LC_ALL", "C"));
            if umount.status.success() {
                self.wait_for_loop();
                let _ = fs::remove_dir(&self.at);
                return;
            }
            why = said(&umount);
            sleep(PAUSE);
        }
        // A test that fails already has more to say.
        if !std::thread::panicking() {
            panic!("{} stays mounted: {why}", self.at.display());
        }
    }
}

fn backs_a_loop_device(image: &Path) -> bool {
    fs::read_dir("/sys/block").is_ok_and(|devices| {
        devices.flatten().any(|device| {
            let file = device.path().join("loop/backing_file");
            fs::read_to_string(file).is_ok_and(|name| Path::new(name.trim_end()) == image)
        })
    })
}
