//! The main job in its three parts: an image is filled through a mount, read back by others, and emptied again.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::command::shell;
use super::image::{Free, Image};
use super::mount::{How, Mounted};
use super::oracle::{assert_same, manifest};
use super::tree::{self, Nasty, TREE};
use super::view;

/// What an image is filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// A tar of real files.
    pub tar: PathBuf,
    /// What to extract of it; empty: all.
    pub members: &'static [&'static str],
    pub nasty: Nasty,
}

/// An image that was filled, and is still mounted.
#[derive(Debug)]
pub struct Filled {
    mounted: Mounted,
    /// Percentage of files that lie in more than one piece, of those from the tar.
    pub non_contiguous: f64,
}

impl Filled {
    /// The directory that was filled.
    pub fn tree(&self) -> PathBuf {
        self.mounted.join(TREE)
    }

    /// The tree as seen where it was made.
    #[track_caller]
    pub fn manifest(&self) -> String {
        manifest(&self.tree())
    }

    /// Another session on the same image, after e2fsck.
    #[track_caller]
    pub fn again(self, how: How, image: &Image) -> Self {
        let non_contiguous = self.non_contiguous;
        self.close(image);
        Self {
            mounted: Mounted::new(how, image),
            non_contiguous,
        }
    }

    /// Unmounts, and asks e2fsck.
    #[track_caller]
    pub fn close(self, image: &Image) {
        self.mounted.umount();
        image.fsck();
    }
}

/// Fills an image in two sessions, with e2fsck after the first.
#[track_caller]
pub fn fill(how: How, image: &Image, load: &Load) -> Filled {
    let mounted = Mounted::new(how, image);
    let rootfs = mounted.join(TREE).join("rootfs");
    fs::create_dir_all(&rootfs).expect("directories can be made");
    tree::untar_members(&load.tar, load.members, &rootfs);
    mounted.umount();
    let non_contiguous = image.fsck();

    let mounted = Mounted::new(how, image);
    load.nasty.build(&mounted.join(TREE).join("nasty"));
    tree::settle_times(mounted.path());
    Filled {
        mounted,
        non_contiguous,
    }
}

/// Who reads an image back, besides a second mount.
#[derive(Clone, Copy, Debug)]
pub struct Readers {
    /// The kernel's ext4.
    pub kernel: bool,
    pub ext4_view: bool,
}

/// Compares what is in the image with what is wanted.
#[track_caller]
pub fn read_back(how: How, image: &Image, wanted: &str, readers: Readers) {
    let compare = |how, viewed, who: &str| {
        // A kernel that cannot write a feature may read it.
        let mounted = Mounted::with_options(how, image, "ro");
        let found = manifest(&mounted.join(TREE));
        assert_same(wanted, &found, who);
        if viewed {
            assert!(view::assert_agrees(image, mounted.path()) > 1000);
        }
        mounted.umount();
    };
    if readers.kernel {
        compare(How::Loop, readers.ext4_view, "what the kernel sees");
    }
    let viewed = readers.ext4_view && !readers.kernel;
    compare(how, viewed, "what a second mount sees");
    if !readers.kernel && !readers.ext4_view {
        let mounted = Mounted::new(how, image);
        debugfs_agrees(image, &mounted);
        mounted.umount();
    }
}

/// Where nobody else reads the image: debugfs copies the real files out of it, but for devices, which it cannot make.
#[track_caller]
fn debugfs_agrees(image: &Image, mounted: &Mounted) {
    let out = TempDir::with_prefix("liveroot-dump-").expect("a temporary directory");
    let from = format!("{TREE}/rootfs");
    let script = r#"
        described() {
            cd "$1"
            find . \( -type d -o -type f -o -type l \) -printf '%p %y %l\n' | sort
            find . -type f -print0 | sort -z | xargs -0 sha256sum
        }
        debugfs -R "rdump /$2 $3" "$1" >/dev/null 2>&1
        (described "$4/$2") >"$3/wanted"
        (described "$3/rootfs") >"$3/found"
        diff "$3/wanted" "$3/found"
    "#;
    shell(
        script,
        [
            image.path.as_os_str(),
            from.as_ref(),
            out.path().as_os_str(),
            mounted.path().as_os_str(),
        ],
    );
}

/// Deletes everything; then as much must be unused as there was before.
#[track_caller]
pub fn empty(how: How, image: &Image, before: Free) {
    let mounted = Mounted::new(how, image);
    shell("rm -rf \"$1\"", [mounted.join(TREE)]);
    mounted.umount();
    image.fsck();
    assert_eq!(
        image.unused(),
        before,
        "deleting everything gives everything back"
    );
}
