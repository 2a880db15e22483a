//! Rows that liveroot does not write: the refusal names the feature, and the image stays as it is.

use std::fs;

use crate::row::{Row, kernel_mounts, refusal};
use crate::support::command::shell;
use crate::support::image::Image;
use crate::support::mount::{How, Mounted};
use crate::support::oracle::{assert_same, manifest};
use crate::support::tree::{self, TREE};

/// Bytes of the image that tell whether anything was written.
fn superblock(image: &Image) -> Vec<u8> {
    let bytes = fs::read(&image.path).expect("an image can be read");
    bytes.get(1024..2048).unwrap_or_default().to_vec()
}

/// Written by nobody here; what the kernel wrote is read.
#[track_caller]
pub fn only_read(row: &Row, why: &str) {
    let image = row.make_plain();
    let wanted = kernel_mounts(&image, "loop,rw").then(|| {
        let mounted = Mounted::new(How::Loop, &image);
        let place = mounted.join(TREE);
        fs::create_dir(&place).expect("a directory can be made");
        let (tar, members) = tree::slice();
        tree::untar_members(&tar, members, &place);
        let seen = manifest(mounted.path());
        mounted.umount();
        seen
    });
    shell(row.then, [&image.path]);
    let before = superblock(&image);
    let text = refusal(&image, &[]);
    assert!(text.contains(why), "{text}");
    assert!(text.contains("--read-only"), "{text}");
    let mounted = Mounted::with_options(How::Liveroot, &image, "ro");
    let seen = manifest(mounted.path());
    mounted.umount();
    if let Some(wanted) = wanted {
        assert_same(&wanted, &seen, "what a mount for reading sees");
    }
    assert_eq!(before, superblock(&image), "the superblock is untouched");
}

/// Neither read nor written.
#[track_caller]
pub fn refused(row: &Row, why: &str) {
    let image = row.make();
    let before = superblock(&image);
    for options in [&[][..], &["--read-only"]] {
        let text = refusal(&image, options);
        assert!(text.contains(why), "{text}");
    }
    assert_eq!(before, superblock(&image), "the superblock is untouched");
}
