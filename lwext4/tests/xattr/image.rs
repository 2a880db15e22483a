//! Images to test with, and the programs that judge them.

use lwext4::{Durability, FileDevice, FileType, Ino, NewFile, OpenOptions, Volume};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// An image in a directory of its own, removed with it.
pub struct Image {
    dir: TempDir,
}

/// Runs a program; it must succeed. Returns what it prints.
pub fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {args:?}: {}\n{text}{errors}",
        output.status
    );
    text
}

/// Whether this host lets us mount images with the kernel's ext4.
pub fn can_mount() -> bool {
    let root = Command::new("id").arg("-u").output();
    root.is_ok_and(|o| o.stdout == b"0\n") && Path::new("/dev/loop-control").exists()
}

impl Image {
    /// A new image of 24 MiB that mke2fs makes with `options`.
    pub fn make(options: &str) -> Image {
        let image = Image {
            dir: TempDir::new().expect("a directory"),
        };
        let path = image.path();
        run("truncate", &["-s", "24M", path.to_str().unwrap()]);
        let mut args = vec!["-q", "-F"];
        args.extend(options.split_whitespace());
        args.push(path.to_str().unwrap());
        run("mke2fs", &args);
        image
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    pub fn open(&self) -> Volume {
        self.open_with(OpenOptions {
            durability: Durability::Process,
            ..OpenOptions::default()
        })
    }

    pub fn open_with(&self, options: OpenOptions) -> Volume {
        let file = File::options()
            .read(true)
            .write(!options.read_only)
            .open(self.path());
        let device = FileDevice::new(file.expect("the image")).expect("a device");
        Volume::open(Arc::new(device), options).expect("a volume")
    }

    /// e2fsck must find nothing to mend.
    pub fn assert_consistent(&self) {
        run("e2fsck", &["-fn", self.path().to_str().unwrap()]);
    }

    /// Mounts the image with the kernel.
    pub fn mount(&self) -> Mounted {
        let at = self.dir.path().join("mnt");
        std::fs::create_dir_all(&at).expect("a mount point");
        let image = self.path();
        run(
            "mount",
            &["-o", "loop", image.to_str().unwrap(), at.to_str().unwrap()],
        );
        Mounted { at }
    }
}

/// An image that the kernel has mounted.
pub struct Mounted {
    at: PathBuf,
}

impl Mounted {
    pub fn file(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A program that another test starts may have our open files for a moment.
        for _ in 0..100 {
            let umount = Command::new("umount").arg(&self.at).output();
            if umount.is_ok_and(|output| output.status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        run("umount", &[self.at.to_str().unwrap()]);
    }
}

/// Makes a file in the root directory.
pub fn create(volume: &Volume, name: &str, file_type: FileType, perm: u16) -> Ino {
    create_in(volume, Ino::ROOT, name, file_type, perm, 0)
}

pub fn create_in(
    volume: &Volume,
    parent: Ino,
    name: &str,
    file_type: FileType,
    perm: u16,
    umask: u16,
) -> Ino {
    let new = NewFile {
        file_type,
        perm,
        umask,
        uid: 0,
        gid: 0,
        device: (0, 0),
    };
    let entry = volume.create(parent, name.as_bytes(), &new);
    let ino = entry.expect("a new file").attr.ino;
    volume.forget(ino, 1);
    ino
}

/// The inode of a name in the root directory.
pub fn find(volume: &Volume, name: &str) -> Ino {
    let ino = volume
        .lookup(Ino::ROOT, name.as_bytes())
        .expect(name)
        .attr
        .ino;
    volume.forget(ino, 1);
    ino
}
