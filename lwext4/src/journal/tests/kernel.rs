//! Journals that the kernel and debugfs left behind, recovered by us and by them.

use super::oracle;
use super::power::Random;
use crate::journal::overlay::RecoveredDevice;
use crate::journal::recovery::recover;
use crate::ondisk::jbd2::{Checksums, MAGIC};
use crate::ondisk::superblock;
use machine::command::tool;
use machine::e2fsprogs::assert_clean;
use machine::kernel::Mounted;
use machine::requirements::can_run;
use std::fs;
use std::io::Write;
use std::path::Path;

/// How images are made and mounted, and what their journals must then look like.
struct Variant {
    mke2fs: &'static [&'static str],
    mount: &'static str,
    checksums: Checksums,
}

const VARIANTS: &[Variant] = &[
    Variant {
        mke2fs: &["-t", "ext4", "-O", "^metadata_csum,^64bit"],
        mount: "",
        checksums: Checksums::None,
    },
    Variant {
        mke2fs: &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-J",
            "size=1",
            "-O",
            "^metadata_csum",
        ],
        mount: "journal_checksum",
        checksums: Checksums::V1,
    },
    Variant {
        mke2fs: &["-t", "ext4"],
        mount: "",
        checksums: Checksums::V3,
    },
    Variant {
        mke2fs: &["-t", "ext4", "-b", "1024", "-J", "size=1"],
        mount: "",
        checksums: Checksums::V3,
    },
    Variant {
        mke2fs: &["-t", "ext4", "-b", "1024", "-J", "size=1", "-O", "^64bit"],
        mount: "data=journal",
        checksums: Checksums::V3,
    },
    Variant {
        mke2fs: &["-t", "ext4", "-b", "2048", "-O", "^metadata_csum"],
        mount: "journal_async_commit,data=writeback",
        checksums: Checksums::V1,
    },
    Variant {
        mke2fs: &["-t", "ext4"],
        mount: "journal_async_commit,data=writeback",
        checksums: Checksums::V3,
    },
    Variant {
        mke2fs: &["-t", "ext3"],
        mount: "data=journal",
        checksums: Checksums::None,
    },
];

/// Makes, changes and removes files at random, with a commit now and then; the last ones are lost.
/// Returns a file that is open: with `orphan`, it has no name any more.
fn work(at: &Mounted, random: &mut Random, orphan: bool) -> fs::File {
    let root = at.path();
    let path = root.join("open");
    let mut open = fs::File::create(&path).unwrap();
    open.write_all(&[1; 10_000]).unwrap();
    oracle::sync(at);
    if orphan {
        fs::remove_file(path).unwrap();
    }
    for step in 0..300u64 {
        let path = root.join(format!("d{}", random.below(8)));
        let file = path.join(format!("f{}", random.below(10)));
        match random.below(10) {
            0..=4 => {
                let _ = fs::create_dir(&path);
                let mut content = MAGIC.to_be_bytes().to_vec();
                content.resize(1024, step as u8);
                let content = content.repeat(1 + random.below(9) as usize);
                fs::File::create(&file)
                    .and_then(|mut f| f.write_all(&content))
                    .unwrap();
            }
            5 => drop(fs::remove_file(&file)),
            6 => drop(fs::remove_dir_all(&path)),
            7 => {
                let to = root.join(format!("d{}", random.below(8)));
                let _ = fs::rename(&path, to);
            }
            8 => drop(std::os::unix::fs::symlink("x".repeat(100), &file)),
            _ => {
                if let Ok(file) = fs::File::open(&file) {
                    file.sync_all().unwrap();
                }
            }
        }
        if step % 25 == 20 && step < 280 {
            oracle::sync(at);
        }
    }
    open
}

/// An image that the kernel left in the middle of its work.
fn left_behind(dir: &Path, variant: &Variant, seed: u64) -> std::path::PathBuf {
    let image = oracle::make(dir, 64, variant.mke2fs);
    let mounted = Mounted::new(&image, variant.mount).unwrap();
    let open = work(&mounted, &mut Random(seed | 1), seed.is_multiple_of(2));
    oracle::shut_down(mounted, open);
    image
}

/// What both recoveries must agree on: all but the two superblocks, where each leaves its own marks.
fn without_superblocks(image: &Path, journal_superblock: u64) -> Vec<u8> {
    let mut bytes = fs::read(image).unwrap();
    for at in [superblock::OFFSET, journal_superblock] {
        bytes[at as usize..at as usize + 1024].fill(0);
    }
    bytes
}

/// Byte places where two images differ, in blocks of 1 KiB.
fn differences(a: &[u8], b: &[u8]) -> Vec<usize> {
    let pairs = a.chunks(1024).zip(b.chunks(1024)).enumerate();
    pairs.filter(|(_, (a, b))| a != b).map(|(i, _)| i).collect()
}

#[test]
fn journals_of_the_kernel_are_recovered_as_the_kernel_and_e2fsck_do() {
    if !oracle::can_mount("journals_of_the_kernel_are_recovered_as_the_kernel_and_e2fsck_do") {
        return;
    }
    let rounds = std::env::var("LWEXT4_KERNEL_JOURNALS").map_or(1, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for round in 0..rounds {
        for (i, variant) in VARIANTS.iter().enumerate() {
            let what = format!("round {round}, variant {i}");
            let image = left_behind(dir.path(), variant, round * 101 + i as u64 + 1);
            let journal = oracle::journal(&image);
            let recovery = recover(&journal).unwrap();
            let format = journal.read_superblock().unwrap().format();
            assert_eq!(format.checksums, variant.checksums, "{what}");
            assert!(
                recovery.transactions() > 1 && recovery.blocks() > 10,
                "{what}"
            );
            let theirs = oracle::copy(&image, "e2fsck");
            let kernels = oracle::copy(&image, "kernel");
            let view = super::bytes(&RecoveredDevice::new(recover(&journal).unwrap()));

            recovery.write_home().unwrap();
            oracle::set_needs_recovery(&image, false);
            assert!(recover(&journal).unwrap().is_clean());
            // Orphans are left: -p deletes them, and finds nothing else.
            let checked = oracle::copy(&image, "checked");
            oracle::run(&[0, 1], "e2fsck", &["-p", checked.to_str().unwrap()]);
            assert_clean(&checked);

            let (place, _) = place_of_journal(&image);
            let ours = without_superblocks(&image, place);
            // Where there are orphans, e2fsck goes on and deletes them.
            if oracle::device(&image).1.last_orphan() == 0 {
                let name = theirs.to_str().unwrap();
                oracle::run(&[0, 1], "e2fsck", &["-p", "-E", "journal_only", name]);
                let same = differences(&ours, &without_superblocks(&theirs, place));
                assert_eq!(same, [], "{what}: differs from e2fsck's");
                compared += 1;
            }
            let mut view = view;
            for at in [superblock::OFFSET as usize, place as usize] {
                view[at..at + 1024].fill(0);
            }
            assert_eq!(differences(&ours, &view), [], "{what}: the view differs");

            let expected = oracle::listing(&Mounted::new(&kernels, variant.mount).unwrap());
            let found = oracle::listing(&Mounted::new(&image, variant.mount).unwrap());
            assert_eq!(found, expected, "{what}: differs from the kernel's");
        }
    }
    assert!(compared > 0);
}

/// Where the journal's superblock is, in bytes, and the block size.
fn place_of_journal(image: &Path) -> (u64, u64) {
    let (_, sb) = oracle::device(image);
    let size = u64::from(sb.block_size().unwrap());
    let blocks = oracle::debugfs(image, "blocks <8>");
    let first: u64 = blocks.split_whitespace().next().unwrap().parse().unwrap();
    (first * size, size)
}

#[test]
fn journals_that_debugfs_writes_are_recovered() {
    if !can_run("journals_that_debugfs_writes_are_recovered", &oracle::NEEDS) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (version, wide) in [(2, "64bit"), (2, "^64bit"), (3, "64bit"), (3, "^64bit")] {
        let image = oracle::make(dir.path(), 16, &["-t", "ext4", "-b", "1024", "-O", wide]);
        let data = image.with_file_name("data");
        let mut content = vec![0x42; 1024];
        content[..4].copy_from_slice(&MAGIC.to_be_bytes());
        content.extend(vec![0x43; 1024]);
        content.extend(vec![0x44; 1024]);
        fs::write(&data, &content).unwrap();
        let data = data.to_str().unwrap();
        oracle::debugfs_write(
            &image,
            &format!(
                "jo -c -v {version}\njw -b 8190,8191,8192 {data}\njw -r 8191,77\njw -b 8000 {data}\njc\n"
            ),
        );
        let journal = oracle::journal(&image);
        let format = journal.read_superblock().unwrap().format();
        let expected = [Checksums::V2, Checksums::V3][version - 2];
        assert_eq!(format.checksums, expected);
        assert_eq!(format.wide, wide == "64bit");
        let recovery = recover(&journal).unwrap();
        assert_eq!(recovery.transactions(), 3);
        let mut block = vec![0; 1024];
        let mut read = |n| {
            let found = recovery.read(crate::BlockNo(n), &mut block).unwrap();
            found.then(|| block.clone())
        };
        assert_eq!(read(8190).as_deref(), Some(&content[..1024]));
        assert_eq!(read(8191), None);
        assert_eq!(read(8192).as_deref(), Some(&content[2048..]));
        assert_eq!(read(8000).as_deref(), Some(&content[..1024]));
    }
}

#[test]
fn pending_fast_commits_are_refused_by_name() {
    if !oracle::can_mount("pending_fast_commits_are_refused_by_name") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let options = ["-t", "ext4", "-O", "fast_commit", "-J", "size=8"];
    for fsyncs in [0, 1, 5] {
        let image = oracle::make(dir.path(), 64, &options);
        let mounted = Mounted::new(&image, "commit=300").unwrap();
        fs::write(mounted.join("a"), "a").unwrap();
        oracle::sync(&mounted);
        tool("sync", ["-f", mounted.path().to_str().unwrap()]);
        for n in 0..fsyncs {
            let mut file = fs::File::create(mounted.join(format!("f{n}"))).unwrap();
            file.write_all(b"content").unwrap();
            file.sync_all().unwrap();
        }
        oracle::shut_down(mounted, ());
        let before = fs::read(&image).unwrap();
        let result = recover(&oracle::journal(&image));
        if fsyncs == 0 {
            assert!(result.unwrap().transactions() > 0);
        } else {
            let error = result.err().expect("fast commits pending").to_string();
            assert!(error.contains("e2fsck -p"), "{error}");
        }
        assert!(before == fs::read(&image).unwrap());
        // What the message advises helps.
        oracle::run(&[0, 1], "e2fsck", &["-p", image.to_str().unwrap()]);
        assert!(recover(&oracle::journal(&image)).unwrap().is_clean());
    }
}
