//! New file systems against e2fsck, the kernel and mke2fs.

mod against_mke2fs;
mod image;
mod refused;

use image::Image;
use lwext4::{
    BlockDevice, Erase, Error, FileDevice, FormatOptions, FormatReport, JournalSize, MemDevice,
    format,
};
use machine::command::tool;
use machine::e2fsprogs::{DEBUGFS, DUMPE2FS, E2FSCK, e2fsck};
use machine::kernel::Mounted;
use machine::requirements::{Need, can_run};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

fn options(features: &str) -> FormatOptions {
    FormatOptions {
        features: features.parse().unwrap(),
        erase: Erase::Nothing,
        ..FormatOptions::default()
    }
}

fn made(size: u64, options: &FormatOptions) -> (Image, FormatReport) {
    let image = Image::new(size);
    let device = FileDevice::new(image.file()).unwrap();
    let report = format(&device, options).unwrap();
    (image, report)
}

fn clean(size: u64, options: &FormatOptions) -> FormatReport {
    let (image, report) = made(size, options);
    e2fsck(image.path()).assert_clean(&format!("{size} bytes, {options:?}"));
    report
}

const FEATURES: &[&str] = &[
    "",
    "metadata_csum_seed,orphan_file",
    "^has_journal",
    "^resize_inode,meta_bg",
    "^resize_inode,meta_bg,^flex_bg",
    "sparse_super2",
    "^resize_inode,^sparse_super",
    "^flex_bg",
    "^64bit",
    "^64bit,^extent",
    "^metadata_csum",
    "^metadata_csum,^flex_bg",
    "^metadata_csum,uninit_bg",
    "fast_commit,large_dir,stable_inodes",
    "^filetype,^dir_index,^ext_attr,^extra_isize,^huge_file,^dir_nlink",
    "none",
    // ext2 and ext3 as mke2fs makes them.
    "none,ext_attr,resize_inode,dir_index,filetype,sparse_super,large_file",
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,sparse_super,large_file",
];

/// With clusters, things lie elsewhere than mke2fs puts them.
const CLUSTERS: &[&str] = &[
    "bigalloc",
    "bigalloc,^flex_bg,^64bit",
    "bigalloc,meta_bg,orphan_file",
    "bigalloc,^metadata_csum,^has_journal",
];

#[test]
fn every_feature_set_is_clean_at_every_size() {
    if !can_run("every_feature_set_is_clean_at_every_size", &[E2FSCK]) {
        return;
    }
    let sizes = [
        MIB,
        2 * MIB + 12345,
        16 * MIB,
        64 * MIB,
        513 * MIB,
        3 * GIB + 77 * 4096,
        20 * GIB,
    ];
    for features in FEATURES.iter().chain(CLUSTERS) {
        for size in sizes {
            clean(size, &options(features));
        }
    }
}

#[test]
fn every_block_and_inode_size_is_clean() {
    if !can_run("every_block_and_inode_size_is_clean", &[E2FSCK]) {
        return;
    }
    for shift in 10..=16 {
        let block_size = 1 << shift;
        for inode_size in [128, 256, 1024] {
            for features in ["orphan_file", "^64bit,^extent", "^resize_inode,meta_bg"] {
                let options = FormatOptions {
                    block_size: Some(block_size),
                    inode_size: Some(inode_size),
                    ..options(features)
                };
                let report = clean(2 * GIB, &options);
                assert_eq!(report.block_size, block_size);
                assert_eq!(report.inode_size, inode_size);
            }
        }
    }
}

#[test]
fn every_cluster_size_is_clean() {
    if !can_run("every_cluster_size_is_clean", &[E2FSCK]) {
        return;
    }
    for block_shift in [10, 12, 16] {
        for cluster_shift in [block_shift + 1, block_shift + 4, 20, 24] {
            for features in CLUSTERS {
                let options = FormatOptions {
                    block_size: Some(1 << block_shift),
                    cluster_size: Some(1 << cluster_shift),
                    ..options(features)
                };
                let report = clean(4 * GIB, &options);
                assert_eq!(report.cluster_size, 1 << cluster_shift);
            }
        }
    }
}

#[test]
fn a_small_last_group_is_kept_or_dropped_but_clean() {
    if !can_run("a_small_last_group_is_kept_or_dropped_but_clean", &[E2FSCK]) {
        return;
    }
    let group = 8192 * 1024;
    for features in ["", "^flex_bg", "^resize_inode,^sparse_super"] {
        for rest in [1, 60, 150, 300, 564, 600, 900, 8191] {
            clean(5 * group + rest * 1024, &options(features));
        }
    }
}

#[test]
fn inode_counts_are_at_least_what_was_asked_for() {
    if !can_run("inode_counts_are_at_least_what_was_asked_for", &[E2FSCK]) {
        return;
    }
    for inodes in [1, 12, 100, 5000, 400_000] {
        let options = FormatOptions {
            inodes: Some(inodes),
            ..options("")
        };
        assert!(u64::from(clean(GIB, &options).inodes) >= inodes);
    }
    for ratio in [1024, 2048, 1 << 20] {
        let options = FormatOptions {
            bytes_per_inode: Some(ratio),
            ..options("")
        };
        assert!(u64::from(clean(GIB, &options).inodes) >= GIB / ratio);
    }
}

#[test]
fn journals_have_the_size_that_was_asked_for() {
    if !can_run("journals_have_the_size_that_was_asked_for", &[E2FSCK]) {
        return;
    }
    for (journal, features, blocks) in [
        (JournalSize::Auto, "", 16384),
        (JournalSize::None, "", 0),
        (JournalSize::Blocks(1024), "", 1024),
        (JournalSize::Blocks(12345), "^64bit,^extent", 12345),
        (JournalSize::MiB(1024), "", 262_144),
        (JournalSize::MiB(1024), "^64bit,^extent", 262_144),
        (JournalSize::MiB(8), "none", 2048),
    ] {
        let options = FormatOptions {
            journal,
            ..options(features)
        };
        let report = clean(4 * GIB, &options);
        assert_eq!(report.journal_blocks, blocks, "{journal:?} {features}");
    }
}

#[test]
fn a_device_too_small_for_a_journal_gets_none() {
    if !can_run("a_device_too_small_for_a_journal_gets_none", &[E2FSCK]) {
        return;
    }
    let report = clean(MIB, &options("orphan_file"));
    assert_eq!(report.journal_blocks, 0);
    let names = report.features.names();
    assert!(!names.contains(&"has_journal".to_owned()));
    assert!(!names.contains(&"orphan_file".to_owned()));
}

#[test]
fn a_tebibyte_is_made_in_a_moment_and_in_little_space() {
    if !can_run(
        "a_tebibyte_is_made_in_a_moment_and_in_little_space",
        &[E2FSCK],
    ) {
        return;
    }
    let start = std::time::Instant::now();
    let (image, report) = made(TIB, &options(""));
    let took = start.elapsed();
    assert!(took.as_secs() < 5, "took {took:?}");
    assert_eq!(report.groups, 8192);
    assert!(image.allocated() < 32 * MIB, "{}", image.allocated());
    e2fsck(image.path()).assert_clean("1 TiB");
    clean(100 * GIB, &options("metadata_csum_seed,orphan_file"));
    clean(5 * TIB, &options("^resize_inode,meta_bg"));
}

#[test]
fn label_uuid_owner_and_reserve_are_stored() {
    if !can_run(
        "label_uuid_owner_and_reserve_are_stored",
        &[E2FSCK, DUMPE2FS, DEBUGFS],
    ) {
        return;
    }
    let options = FormatOptions {
        label: b"sixteen bytes ok".to_vec(),
        uuid: Some(*b"0123456789abcdef"),
        root_uid: 100_000,
        root_gid: 200_000,
        root_perm: 0o1777,
        reserved_percent: 10.0,
        ..options("")
    };
    let (image, report) = made(64 * MIB, &options);
    assert_eq!(report.reserved_blocks, 6553);
    let header = tool("dumpe2fs", [Path::new("-h"), image.path()]);
    assert!(header.contains("sixteen bytes ok"));
    assert!(header.contains("30313233-3435-3637-3839-616263646566"));
    let stat = [Path::new("-R"), Path::new("stat <2>"), image.path()];
    let root = tool("debugfs", stat);
    assert!(root.contains("Mode:  01777"), "{root}");
    assert!(root.contains("User: 100000   Group: 200000"), "{root}");
    e2fsck(image.path()).assert_clean("owner and label");
}

#[test]
fn two_file_systems_differ_in_uuid() {
    let [one, other] = [(); 2].map(|()| made(16 * MIB, &options("")).1.uuid);
    assert_ne!(one, other);
}

#[test]
fn old_bytes_do_not_shine_through() {
    if !can_run("old_bytes_do_not_shine_through", &[E2FSCK]) {
        return;
    }
    let old = vec![0xFF; 16 << 20];
    for erase in [Erase::Metadata, Erase::Everything] {
        for features in ["orphan_file", "^metadata_csum,uninit_bg", "^64bit,^extent"] {
            let device = MemDevice::from_bytes(&old);
            let options = FormatOptions {
                erase,
                ..options(features)
            };
            format(&device, &options).unwrap();
            let image = Image::new(0);
            device.write_to(&image.file()).unwrap();
            e2fsck(image.path()).assert_clean(&format!("{erase:?} {features}"));
        }
    }
}

/// Fails every write after the first `left`.
struct Failing {
    inner: MemDevice,
    left: AtomicUsize,
}

impl BlockDevice for Failing {
    fn size(&self) -> u64 {
        self.inner.size()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.inner.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let spend = |left: usize| left.checked_sub(1);
        match self.left.fetch_update(set, fetch, spend) {
            Ok(_) => self.inner.write_at(buf, offset),
            Err(_) => Err(io::Error::other("no more")),
        }
    }
    fn flush(&self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[test]
fn an_interrupted_format_leaves_no_superblock() {
    for writes in 0.. {
        let device = Failing {
            inner: MemDevice::new(64 * MIB),
            left: AtomicUsize::new(writes),
        };
        match format(&device, &options("")) {
            Ok(_) => {
                assert!(writes > 5);
                return;
            }
            Err(error) => {
                assert!(matches!(error, Error::Io { .. }), "{error}");
                let mut magic = [0; 2];
                device.read_at(&mut magic, 1024 + 0x38).unwrap();
                assert_eq!(magic, [0; 2], "after {writes} writes");
            }
        }
    }
}

#[test]
fn the_kernel_mounts_and_writes_what_we_make() {
    if !can_run(
        "the_kernel_mounts_and_writes_what_we_make",
        &[E2FSCK, Need::Loop],
    ) {
        return;
    }
    for features in FEATURES {
        for (size, block_size) in [(64 * MIB, 1024), (300 * MIB, 2048), (3 * GIB, 4096)] {
            let options = FormatOptions {
                block_size: Some(block_size),
                ..options(features)
            };
            let (image, _) = made(size, &options);
            let case = format!("{features:?} {size} {block_size}");
            let mounted = Mounted::new(image.path(), "").expect(&case);
            assert!(mounted.join("lost+found").is_dir(), "{case}");
            for n in 0..20 {
                let sub = mounted.join(format!("dir{n}"));
                std::fs::create_dir(&sub).unwrap();
                std::fs::write(sub.join("file"), vec![n; 100_000]).unwrap();
            }
            drop(mounted);
            e2fsck(image.path()).assert_clean(&case);
        }
    }
}
