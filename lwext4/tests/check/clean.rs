//! Clean images: `check` must not call one broken.

use crate::image::{Image, check};
use lwext4::FormatOptions;
use machine::e2fsprogs::{E2FSCK, MKE2FS, e2fsck};
use machine::requirements::{can_run, skip};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Options of mke2fs, and whether the engine can fill such an image.
const IMAGES: &[&str] = &[
    "-t ext4",
    "-t ext4 -O metadata_csum_seed,orphan_file",
    "-t ext4 -O ^metadata_csum",
    "-t ext4 -O ^metadata_csum,uninit_bg",
    "-t ext4 -O ^has_journal",
    "-t ext4 -O ^extent,^64bit",
    "-t ext4 -O ^flex_bg",
    "-t ext4 -O ^64bit",
    "-t ext4 -O ^resize_inode",
    "-t ext4 -O ^resize_inode,meta_bg",
    "-t ext4 -O ^sparse_super,^resize_inode",
    "-t ext4 -O sparse_super2",
    "-t ext4 -O ^filetype",
    "-t ext4 -O ^dir_index",
    "-t ext4 -O large_dir",
    "-t ext4 -O stable_inodes",
    "-t ext4 -O fast_commit",
    "-t ext4 -O mmp",
    "-t ext4 -O quota,project",
    "-t ext4 -O inline_data",
    "-t ext4 -O ea_inode",
    "-t ext4 -O bigalloc -C 16384",
    "-t ext4 -b 1024 -O bigalloc -C 65536",
    "-t ext4 -O casefold -E encoding=utf8",
    "-t ext4 -O encrypt",
    "-t ext4 -O verity",
    "-t ext4 -b 1024",
    "-t ext4 -b 2048",
    "-t ext4 -b 4096",
    "-t ext4 -b 65536",
    "-t ext4 -I 128",
    "-t ext4 -I 1024",
    "-t ext4 -E lazy_itable_init=0",
    "-t ext2",
    "-t ext2 -r 0",
    "-t ext3",
    "-t ext3 -b 4096 -I 128",
];

#[track_caller]
fn assert_clean(image: &Image, what: &str) {
    e2fsck(&image.path).assert_clean(what);
    let (problems, summary) = check(&image.path);
    assert!(
        problems.is_empty() && summary.problems == 0,
        "{what}: {problems:#?}"
    );
    assert!(
        summary.inodes >= 11 && summary.directories >= 2,
        "{what}: {summary:?}"
    );
}

#[test]
fn images_of_mke2fs_are_clean_empty_and_filled() {
    let name = "images_of_mke2fs_are_clean_empty_and_filled";
    if !can_run(name, &[MKE2FS, E2FSCK]) {
        return;
    }
    let refused = Mutex::new(Vec::new());
    let filled = AtomicUsize::new(0);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(options) = IMAGES.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let image = match Image::mke2fs(options, 64) {
                        Ok(image) => image,
                        Err(why) => {
                            let mut refused = refused.lock().expect("no panic");
                            refused.push(format!("{options} ({why})"));
                            continue;
                        }
                    };
                    assert_clean(&image, options);
                    // What the engine does not write stays empty.
                    if image.open().and_then(|volume| volume.close()).is_ok() {
                        image.fill();
                        assert_clean(&image, &format!("{options}, filled"));
                        filled.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(filled.into_inner() >= 20);
    let refused = refused.into_inner().expect("no panic");
    if !refused.is_empty() {
        let refused = refused.join("; ");
        skip(name, &format!("not done: what mke2fs refused: {refused}"));
    }
}

#[test]
fn images_of_the_engine_are_clean() {
    if !can_run("images_of_the_engine_are_clean", &[E2FSCK]) {
        return;
    }
    for (block_size, inode_size, edits) in [
        (None, None, ""),
        (Some(1024), None, ""),
        (Some(4096), Some(128), "^64bit"),
        (None, None, "^metadata_csum"),
        (None, None, "^has_journal"),
        (None, None, "metadata_csum_seed,orphan_file"),
    ] {
        let options = FormatOptions {
            block_size,
            inode_size,
            features: edits.parse().unwrap(),
            ..FormatOptions::default()
        };
        let what = format!("{block_size:?} {inode_size:?} {edits}");
        let image = Image::format(&options, 64);
        assert_clean(&image, &what);
        image.fill();
        assert_clean(&image, &what);
    }
}
