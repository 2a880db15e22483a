//! e2fsprogs and the kernel, for tests to compare with.

use crate::device::{BlockDevice, FileDevice};
use crate::journal::file::{JournalFile, Run};
use crate::ondisk::features::Incompat;
use crate::ondisk::superblock::{self, Superblock};
use crate::types::BlockNo;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

/// Runs a program; its exit status must be one of `good`.
pub(crate) fn run(good: &[i32], program: &str, args: &[&str]) -> String {
    let output = output(program, args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output
            .status
            .code()
            .is_some_and(|code| good.contains(&code)),
        "{program} {args:?}: {}\n{text}{errors}",
        output.status
    );
    text
}

fn output(program: &str, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"))
}

/// Whether a program is installed.
pub(crate) fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Whether this host lets us mount loop devices and shut a file system down.
pub(crate) fn can_mount() -> bool {
    let root = Command::new("id").arg("-u").output();
    root.is_ok_and(|o| o.stdout == b"0\n")
        && Path::new("/dev/loop-control").exists()
        && has("python3")
}

/// A new image of `size` bytes (as truncate(1) writes it), made by mke2fs with `options`.
pub(crate) fn make(dir: &Path, size: &str, options: &[&str]) -> PathBuf {
    let path = dir.join("image");
    let _ = std::fs::remove_file(&path);
    let name = path.to_str().unwrap();
    run(&[0], "truncate", &["-s", size, name]);
    let mut args = vec!["-q", "-F", "-E", "lazy_itable_init=0"];
    args.extend(options);
    args.push(name);
    run(&[0], "mke2fs", &args);
    path
}

/// A copy of an image beside it.
pub(crate) fn copy(image: &Path, name: &str) -> PathBuf {
    let to = image.with_file_name(name);
    run(
        &[0],
        "cp",
        &[
            "--sparse=always",
            image.to_str().unwrap(),
            to.to_str().unwrap(),
        ],
    );
    to
}

/// An image's device and superblock.
pub(crate) fn device(image: &Path) -> (Arc<dyn BlockDevice>, Superblock) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(image)
        .unwrap();
    let device = FileDevice::new(file).unwrap();
    let mut bytes = [0; superblock::SIZE];
    device.read_at(&mut bytes, superblock::OFFSET).unwrap();
    (Arc::new(device), Superblock::from_bytes(&bytes).unwrap())
}

/// An image's journal, whose place debugfs tells.
pub(crate) fn journal(image: &Path) -> Arc<JournalFile> {
    let (device, sb) = device(image);
    Arc::new(JournalFile::new(device, &sb, runs(image)).unwrap())
}

/// The journal's runs out of lines such as `(0-11):100-111, (IND):112, (12):113`.
fn runs(image: &Path) -> Vec<Run> {
    let text = debugfs(image, "stat <8>");
    let (_, list) = text
        .split_once("EXTENTS:")
        .or_else(|| text.split_once("BLOCKS:"))
        .unwrap();
    let range = |text: &str| -> Option<(u64, u64)> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    let mut runs = Vec::new();
    for item in list.split([',', '\n', ' ']).filter(|item| !item.is_empty()) {
        let Some((file, blocks)) = item.trim_start_matches('(').split_once("):") else {
            continue;
        };
        if let (Some(file), Some(blocks)) = (range(file), range(blocks)) {
            runs.push(Run {
                first: file.0 as u32,
                block: BlockNo(blocks.0),
                len: (file.1 - file.0 + 1) as u32,
            });
        }
    }
    runs
}

/// What debugfs answers. Before recovery bitmaps and their checksums may disagree: -c skips them.
pub(crate) fn debugfs(image: &Path, request: &str) -> String {
    run(
        &[0],
        "debugfs",
        &["-c", "-R", request, image.to_str().unwrap()],
    )
}

/// What debugfs answers when it may write.
pub(crate) fn debugfs_write(image: &Path, commands: &str) -> String {
    let script = image.with_file_name("commands");
    std::fs::write(&script, commands).unwrap();
    let script = script.to_str().unwrap();
    run(
        &[0],
        "debugfs",
        &["-w", "-f", script, image.to_str().unwrap()],
    )
}

/// Sets or clears `needs_recovery` in an image's superblock, as whoever recovers it must.
pub(crate) fn set_needs_recovery(image: &Path, on: bool) {
    let (device, mut sb) = device(image);
    let mut features = sb.features();
    features.incompat.set(Incompat::RECOVER, on);
    sb.set_features(features);
    write_superblock(&*device, &mut sb);
}

/// Writes the file system's superblock with the right checksum.
pub(crate) fn write_superblock(device: &dyn BlockDevice, sb: &mut Superblock) {
    if sb.checksum_type() == 1 {
        sb.set_checksum(sb.computed_checksum());
    }
    device
        .write_at(&sb.as_bytes()[..], superblock::OFFSET)
        .unwrap();
    device.flush().unwrap();
}

/// `e2fsck -fn`: nothing is wrong.
pub(crate) fn assert_consistent(image: &Path) {
    run(&[0], "e2fsck", &["-fn", image.to_str().unwrap()]);
}

/// A loop mount; unmounted when dropped.
pub(crate) struct Mounted {
    pub(crate) at: PathBuf,
}

impl Mounted {
    pub(crate) fn new(image: &Path, options: &str) -> Mounted {
        let at = image.with_file_name("mounted");
        std::fs::create_dir_all(&at).unwrap();
        let options = if options.is_empty() {
            "loop".to_owned()
        } else {
            format!("loop,{options}")
        };
        let names = [image.to_str().unwrap(), at.to_str().unwrap()];
        run(
            &[0],
            "mount",
            &["-t", "ext4", "-o", &options, names[0], names[1]],
        );
        Mounted { at }
    }

    /// Cuts the file system off: what is not on disk by now never gets there. What is
    /// `open` is closed after that.
    pub(crate) fn shut_down<T>(self, open: T) {
        const SCRIPT: &str = "import fcntl, os, struct, sys\n\
            fd = os.open(sys.argv[1], os.O_RDONLY)\n\
            fcntl.ioctl(fd, 0x8004587D, struct.pack('I', 2))\n";
        run(&[0], "python3", &["-c", SCRIPT, self.at.to_str().unwrap()]);
        drop(open);
    }

    /// Commits the running transaction.
    pub(crate) fn sync(&self) {
        File::open(&self.at).unwrap().sync_all().unwrap();
    }

    /// Every file with its attributes and content, in words.
    pub(crate) fn listing(&self) -> String {
        let at = self.at.to_str().unwrap();
        let script = "cd \"$1\" && find . -printf '%P %y %m %U:%G %n %s %T@ %l\\n' | sort \
            && find . -type f -print0 | sort -z | xargs -0r sha256sum";
        run(&[0], "sh", &["-c", script, "sh", at])
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Another test's child process may hold our files for a moment, between fork and exec.
        for _ in 0..100 {
            if output("umount", &[self.at.to_str().unwrap()])
                .status
                .success()
            {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        eprintln!("{} stays mounted", self.at.display());
    }
}
