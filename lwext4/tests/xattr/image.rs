//! Images to test with, and the programs that judge them.

use lwext4::{Durability, FileDevice, FileType, Ino, NewFile, OpenOptions, Volume};
use machine::e2fsprogs::{E2FSCK, MKE2FS, assert_clean, mke2fs};
use machine::kernel::Mounted;
use machine::requirements::{Need, can_run};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// Who makes the images and judges them.
pub const NEEDS: [Need; 2] = [MKE2FS, E2FSCK];

/// An image in a directory of its own, removed with it.
pub struct Image {
    dir: TempDir,
}

/// Whether the kernel can judge too, for this test; says so if not.
pub fn can_mount(test: &str) -> bool {
    can_run(test, &[MKE2FS, E2FSCK, Need::Loop])
}

impl Image {
    /// A new image of 24 MiB that mke2fs makes with `options`.
    pub fn make(options: &str) -> Image {
        let image = Image {
            dir: TempDir::new().expect("a directory"),
        };
        mke2fs(&image.path(), 24 << 20, options.split_whitespace());
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
        assert_clean(&self.path());
    }

    /// Mounts the image with the kernel.
    pub fn mount(&self) -> Mounted {
        Mounted::new(&self.path(), "").expect("mounted")
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
