//! One row: an image, and what liveroot does with it.

use std::path::Path;

use crate::support::command::{command, output, run, said, shell};
use crate::support::full;
use crate::support::image::{Image, LIVEROOT, Maker};
use crate::support::requirements::{Need, can_run};

/// How far liveroot goes with the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    ReadWrite,
    /// Only reads it; the text of the refusal to write.
    ReadOnly(&'static str),
    /// Does not touch it; the text of the refusal.
    Refused(&'static str),
}

/// An image, and what is tried on it.
#[derive(Clone, Copy)]
pub struct Row {
    pub maker: Maker,
    /// Options for the maker, separated by blanks.
    pub options: &'static str,
    pub mib: u64,
    /// With `LIVEROOT_TEST_FULL=1`.
    pub full_mib: u64,
    /// Shell that changes the fresh image `$1`.
    pub then: &'static str,
    /// Shell that changes the image `$1` between filling it and reading it back.
    pub between: &'static str,
    /// What else is done in the mounted image, in the directory given, before it is read back.
    pub extra: Option<fn(&Path)>,
    /// Whether ext4-view is asked, if it knows the image's features.
    pub ext4_view: bool,
    pub support: Support,
}

/// A row that mke2fs makes with these options, and that is read and written.
pub const fn row(options: &'static str) -> Row {
    Row {
        maker: Maker::Mke2fs,
        options,
        mib: 256,
        full_mib: 2048,
        then: "",
        between: "",
        extra: None,
        ext4_view: true,
        support: Support::ReadWrite,
    }
}

/// Likewise, made by `liveroot create`.
pub const fn created(options: &'static str) -> Row {
    Row {
        maker: Maker::Create,
        ..row(options)
    }
}

impl Row {
    pub const fn mib(self, mib: u64) -> Row {
        Row { mib, ..self }
    }

    /// The size with `LIVEROOT_TEST_FULL=1`, where 2 GiB are not enough.
    pub const fn full_mib(self, full_mib: u64) -> Row {
        Row { full_mib, ..self }
    }

    pub const fn then(self, then: &'static str) -> Row {
        Row { then, ..self }
    }

    pub const fn between(self, between: &'static str) -> Row {
        Row { between, ..self }
    }

    pub const fn extra(self, extra: fn(&Path)) -> Row {
        Row {
            extra: Some(extra),
            ..self
        }
    }

    pub const fn without_ext4_view(self) -> Row {
        Row {
            ext4_view: false,
            ..self
        }
    }

    pub const fn read_only(self, why: &'static str) -> Row {
        Row {
            support: Support::ReadOnly(why),
            ..self
        }
    }

    pub const fn refused(self, why: &'static str) -> Row {
        Row {
            support: Support::Refused(why),
            ..self
        }
    }

    /// The fresh image.
    #[track_caller]
    pub fn make(&self) -> Image {
        let image = self.make_plain();
        shell(self.then, [&image.path]);
        image
    }

    /// The image as its maker makes it.
    #[track_caller]
    pub fn make_plain(&self) -> Image {
        let options: Vec<&str> = self.options.split_whitespace().collect();
        let mib = if full() && self.support == Support::ReadWrite {
            self.full_mib.max(self.mib)
        } else {
            self.mib
        };
        match self.maker {
            Maker::Mke2fs => Image::mke2fs(&options, mib),
            Maker::Create => Image::create(&options, mib),
        }
    }

    /// Does with the image what its support asks for.
    #[track_caller]
    pub fn run(&self, name: &str) {
        let needs = [
            Need::Root,
            Need::Fuse,
            Need::Program("mke2fs"),
            Need::Program("debugfs"),
            Need::Program("python3"),
        ];
        if !can_run(name, &needs) {
            return;
        }
        match self.support {
            Support::ReadWrite => crate::written::run(self),
            Support::ReadOnly(why) => crate::refused::only_read(self, why),
            Support::Refused(why) => crate::refused::refused(self, why),
        }
    }
}

/// Whether the kernel mounts the image with these options: its ext4 may lack a feature, or want blocks no larger than a page.
pub fn kernel_mounts(image: &Image, options: &str) -> bool {
    crate::support::requirements::loop_works()
        && tempfile::TempDir::with_prefix("liveroot-mnt-").is_ok_and(|dir| {
            let mounted = output(
                command("mount", ["-o", options])
                    .arg(&image.path)
                    .arg(dir.path()),
            )
            .status
            .success();
            if mounted {
                run(&mut command("umount", [dir.path()]));
            }
            mounted
        })
}

/// What mounting the image says, which must fail.
#[track_caller]
pub fn refusal(image: &Image, options: &[&str]) -> String {
    let dir = tempfile::TempDir::with_prefix("liveroot-mnt-").expect("a temporary directory");
    let tried = output(
        command(LIVEROOT, ["mount"])
            .args(options)
            .arg(&image.path)
            .arg(dir.path()),
    );
    assert_eq!(tried.status.code(), Some(1), "{}", said(&tried));
    let text = String::from_utf8_lossy(&tried.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "one line, not {text}");
    text
}
