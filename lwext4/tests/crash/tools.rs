//! e2fsprogs, for images and verdicts.

use machine::command::{command, output, run};
use machine::e2fsprogs::{E2FSCK, MKE2FS, mke2fs};
use machine::requirements::can_run;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A kind of file system.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    pub name: &'static str,
    pub size: u64,
    /// What mke2fs is given.
    pub options: &'static str,
}

/// The kinds that must survive everything: journals on 1 KiB and 4 KiB blocks, small enough to wrap.
pub const JOURNALED: &[Family] = &[
    Family {
        name: "4k",
        size: 16 << 20,
        options: "-t ext4 -b 4096 -J size=4",
    },
    Family {
        name: "1k",
        size: 8 << 20,
        options: "-t ext4 -b 1024 -J size=1",
    },
    Family {
        name: "seed+orphan_file",
        // With a backup superblock: without one, e2fsck -p forgets to empty the orphan file, also that
        // of a kernel.
        size: 16 << 20,
        options: "-t ext4 -b 1024 -J size=1 -O metadata_csum_seed,orphan_file",
    },
    Family {
        name: "^metadata_csum",
        size: 8 << 20,
        options: "-t ext4 -b 1024 -J size=1 -O ^metadata_csum,^64bit",
    },
    Family {
        name: "inline_data+ea_inode",
        size: 8 << 20,
        options: "-t ext4 -b 1024 -J size=1 -O inline_data,ea_inode",
    },
    Family {
        name: "quota",
        size: 8 << 20,
        options: "-t ext4 -b 1024 -J size=1 -O quota,project",
    },
    Family {
        name: "ext3",
        size: 8 << 20,
        options: "-t ext3 -b 1024 -J size=1 -I 128",
    },
];

impl Family {
    /// A new file system of this kind.
    pub fn image(&self, dir: &Dir) -> Vec<u8> {
        let path = dir.file("new");
        // A file system, but for its size, as mke2fs makes it by default.
        let fixed = ["-E", "lazy_itable_init=1"];
        mke2fs(
            &path,
            self.size,
            fixed.into_iter().chain(self.options.split_whitespace()),
        );
        std::fs::read(&path).unwrap()
    }
}

/// Whether the tools are there that every test takes; says so if not.
pub fn available(test: &str) -> bool {
    can_run(test, &[MKE2FS, E2FSCK])
}

/// A directory for images, in memory where that is possible.
pub struct Dir(tempfile::TempDir);

impl Dir {
    pub fn new() -> Dir {
        let memory = Path::new("/dev/shm");
        Dir(if memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Writes an image to a file, holes where it is zero. Always a new file: mount(8) takes a loop device that
/// still has the old one, with what that remembers of it.
pub fn write_image(path: &Path, bytes: &[u8]) {
    let _ = std::fs::remove_file(path);
    let file = File::create(path).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (i, part) in bytes.chunks(16_384).enumerate() {
        if part.iter().any(|&byte| byte != 0) {
            file.write_all_at(part, i as u64 * 16_384).unwrap();
        }
    }
}

/// Leaves an image that something is wrong with in the directory that `LWEXT4_CRASH_KEEP` names.
pub fn keep(name: &str, bytes: &[u8]) {
    if let Some(dir) = std::env::var_os("LWEXT4_CRASH_KEEP") {
        write_image(&Path::new(&dir).join(name), bytes);
    }
}

/// `e2fsck -p`, after which `e2fsck -fn` finds nothing but what e2fsck (1.47.0) itself gets wrong in the
/// first run, and mends in a second:
///
/// - of quota it forgets the blocks of the maps that it cuts off, and what it does to directories;
/// - of an orphan that it deletes, it leaves the values that the orphan's attributes have in inodes of their
///   own, as they are counted and even if nobody else has them; and the attribute block of one whose data is
///   inline. It does that to the kernel's images, too: `kernel::e2fsck_forgets_what_orphans_have`.
pub fn repair(family: &str, path: &Path) -> Result<(), String> {
    e2fsck("-p", path, &[0, 1])?;
    if family == "quota" {
        e2fsck("-fy", path, &[0, 1])?;
    }
    let Err(found) = e2fsck("-fn", path, &[0]) else {
        return Ok(());
    };
    if !only_forgotten(&found, path) {
        return Err(format!("after -p: {found}"));
    }
    e2fsck("-fy", path, &[1])?;
    e2fsck("-fn", path, &[0]).map(|_| ())
}

/// Whether e2fsck found nothing else than what it leaves of orphans.
fn only_forgotten(found: &str, path: &Path) -> bool {
    let mut any = false;
    let known = found.lines().all(|line| {
        let forgotten = if let Some(ino) = line.strip_prefix("Unattached inode ") {
            is_value(ino, path)
        } else if let Some(blocks) = line.strip_prefix("Block bitmap differences:") {
            // In use by the bitmap, and by nobody.
            blocks.split_whitespace().all(|run| run.starts_with('-'))
        } else {
            line.starts_with("Extended attribute inode ") && line.contains(" ref count is ")
                || line.starts_with("Extended attribute block ")
                    && line.contains(" has reference count ")
        };
        any |= forgotten;
        forgotten
            || line.is_empty()
            || line.starts_with("e2fsck ")
            || line.starts_with("Pass ")
            || line.starts_with("Fix? no")
            || line.starts_with("Connect to /lost+found? no")
            || line.contains("WARNING: Filesystem still has errors")
            || line.contains("non-contiguous")
    });
    known && any
}

/// Whether an inode has the value of an extended attribute: its flag is 0x200000.
fn is_value(ino: &str, path: &Path) -> bool {
    let stat = format!("stat <{ino}>");
    run(command("debugfs", ["-R", &stat]).arg(path))
        .split_once("Flags: 0x")
        .and_then(|(_, rest)| u32::from_str_radix(rest.split_whitespace().next()?, 16).ok())
        .is_some_and(|flags| flags & 0x20_0000 != 0)
}

/// `e2fsck` with a flag, as an error unless its exit code is one of `codes`.
pub fn e2fsck(flag: &str, path: &Path, codes: &[i32]) -> Result<i32, String> {
    let mut e2fsck = command("e2fsck", [flag]);
    let out = output(e2fsck.arg(path).env("LC_ALL", "C"));
    match out.status.code() {
        Some(code) if codes.contains(&code) => Ok(code),
        code => Err(format!(
            "e2fsck {flag}: {code:?}\n{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        )),
    }
}
