//! Images by mke2fs, and e2fsck's verdict on them.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use crate::command::{command, output, run};
use crate::requirements::Need;

/// To make images.
pub const MKE2FS: Need = Need::Program("mke2fs");
/// To have them judged.
pub const E2FSCK: Need = Need::Program("e2fsck");
/// To look into them and to break them.
pub const DEBUGFS: Need = Need::Program("debugfs");
/// To look at their superblocks.
pub const DUMPE2FS: Need = Need::Program("dumpe2fs");
/// To change them afterwards.
pub const TUNE2FS: Need = Need::Program("tune2fs");

/// Makes an image of `size` bytes, with holes, as these options say.
#[track_caller]
pub fn mke2fs<S: AsRef<OsStr>>(image: &Path, size: u64, options: impl IntoIterator<Item = S>) {
    let made = File::create(image).and_then(|file| file.set_len(size));
    if let Err(error) = made {
        panic!("{}: {error}", image.display());
    }
    run(command("mke2fs", ["-q", "-F"]).args(options).arg(image));
}

/// What e2fsck says of an image that it only looks at.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Nothing is wrong.
    pub clean: bool,
    /// In its own words.
    pub text: String,
}

/// Asks `e2fsck -fn`.
#[track_caller]
pub fn e2fsck(image: &Path) -> Verdict {
    let said = output(command("e2fsck", ["-fn"]).arg(image).env("LC_ALL", "C"));
    Verdict {
        clean: said.status.success(),
        text: [said.stdout, said.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat(),
    }
}

impl Verdict {
    /// Fails unless nothing is wrong. `what` names the image.
    #[track_caller]
    pub fn assert_clean(&self, what: &str) {
        assert!(self.clean, "{what}: e2fsck -fn:\n{}", self.text);
    }
}

/// `e2fsck -fn` must find nothing.
#[track_caller]
pub fn assert_clean(image: &Path) {
    e2fsck(image).assert_clean(&image.display().to_string());
}
