//! e2fsprogs and the kernel, for tests to compare with.

use crate::device::{BlockDevice, FileDevice};
use crate::journal::file::{JournalFile, Run};
use crate::ondisk::features::Incompat;
use crate::ondisk::superblock::{self, Superblock};
use crate::types::BlockNo;
use machine::command::{command, output, said, shell, tool};
use machine::e2fsprogs::{DEBUGFS, E2FSCK, MKE2FS, mke2fs};
use machine::kernel::Mounted;
use machine::requirements::{Need, can_run};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs a program; its exit status must be one of `good`.
pub(crate) fn run(good: &[i32], program: &str, args: &[&str]) -> String {
    let out = output(command(program, args).env("LC_ALL", "C"));
    assert!(
        out.status.code().is_some_and(|code| good.contains(&code)),
        "{program} {args:?}: {}\n{}",
        out.status,
        said(&out)
    );
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Who makes the images, judges them and shows their journals.
pub(crate) const NEEDS: [Need; 3] = [MKE2FS, E2FSCK, DEBUGFS];

/// Whether `test` can also mount images, and shut file systems down; says so if not.
pub(crate) fn can_mount(test: &str) -> bool {
    let python = Need::Program("python3");
    can_run(test, &NEEDS) && can_run(test, &[Need::Loop, python])
}

/// A new image of `mib` MiB, made by mke2fs with `options`.
pub(crate) fn make(dir: &Path, mib: u64, options: &[&str]) -> PathBuf {
    let path = dir.join("image");
    let _ = std::fs::remove_file(&path);
    let fixed = ["-E", "lazy_itable_init=0"];
    mke2fs(&path, mib << 20, fixed.iter().chain(options));
    path
}

/// A copy of an image beside it.
pub(crate) fn copy(image: &Path, name: &str) -> PathBuf {
    let to = image.with_file_name(name);
    let paths = [Path::new("--sparse=always"), image, &to];
    tool("cp", paths);
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
    tool("debugfs", ["-c", "-R", request, image.to_str().unwrap()])
}

/// What debugfs answers when it may write.
pub(crate) fn debugfs_write(image: &Path, commands: &str) -> String {
    let script = image.with_file_name("commands");
    std::fs::write(&script, commands).unwrap();
    let script = script.to_str().unwrap();
    tool("debugfs", ["-w", "-f", script, image.to_str().unwrap()])
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

/// Cuts a mounted file system off: what is not on disk by now never gets there. What is `open` is
/// closed after that.
pub(crate) fn shut_down<T>(mounted: Mounted, open: T) {
    const SCRIPT: &str = "import fcntl, os, struct, sys\n\
        fd = os.open(sys.argv[1], os.O_RDONLY)\n\
        fcntl.ioctl(fd, 0x8004587D, struct.pack('I', 2))\n";
    let at = mounted.path().to_str().unwrap();
    tool("python3", ["-c", SCRIPT, at]);
    drop(open);
}

/// Commits the running transaction of a mounted file system.
pub(crate) fn sync(mounted: &Mounted) {
    File::open(mounted.path()).unwrap().sync_all().unwrap();
}

/// Every file with its attributes and content, in words.
pub(crate) fn listing(mounted: &Mounted) -> String {
    let script = "cd \"$1\" && find . -printf '%P %y %m %U:%G %n %s %T@ %l\\n' | sort \
        && find . -type f -print0 | sort -z | xargs -0r sha256sum";
    shell(script, [mounted.path()])
}
