//! Options that make no sense: each is refused with a text that says what and why.

use super::{GIB, MIB, TIB, options};
use lwext4::{Error, FormatOptions, JournalSize, MemDevice, format};

fn assert_refused(size: u64, options: &FormatOptions, words: &str) {
    let error = format(&MemDevice::new(size), options).unwrap_err();
    assert!(matches!(error, Error::InvalidOption(_)), "{error:?}");
    assert_eq!(error.errno(), 22);
    let text = error.to_string();
    assert!(text.contains(words), "{text:?} lacks {words:?}");
}

#[test]
fn devices_of_the_wrong_size() {
    for size in [0, 1, 1000, 40 * 1024] {
        assert_refused(size, &options(""), "too small");
    }
    assert_refused(20 * TIB, &options("^64bit"), "64bit");
    assert_refused(u64::MAX, &options(""), "too large");
}

#[test]
fn bad_block_sizes() {
    for block_size in [0, 1, 512, 3000, 131_072, u32::MAX] {
        let options = FormatOptions {
            block_size: Some(block_size),
            ..options("")
        };
        assert_refused(GIB, &options, &format!("bad block size {block_size}"));
    }
}

#[test]
fn bad_cluster_sizes() {
    for cluster_size in [0, 1024, 4096, 5000, 1 << 30] {
        let options = FormatOptions {
            block_size: Some(4096),
            cluster_size: Some(cluster_size),
            ..options("bigalloc")
        };
        let words = format!("bad cluster size {cluster_size}");
        assert_refused(GIB, &options, &words);
    }
    let options = FormatOptions {
        cluster_size: Some(65536),
        ..options("")
    };
    assert_refused(GIB, &options, "needs the feature bigalloc");
}

#[test]
fn bad_inode_sizes() {
    for inode_size in [0, 64, 200, 2048, u16::MAX] {
        let options = FormatOptions {
            inode_size: Some(inode_size),
            ..options("")
        };
        assert_refused(16 * MIB, &options, &format!("bad inode size {inode_size}"));
    }
}

#[test]
fn too_many_inodes() {
    for inodes in [65536, 1 << 20, 1 << 33, u64::MAX] {
        let options = FormatOptions {
            inodes: Some(inodes),
            ..options("")
        };
        assert_refused(16 * MIB, &options, &format!("{inodes} inodes"));
    }
    for ratio in [0, 1023, 1 << 40] {
        let options = FormatOptions {
            bytes_per_inode: Some(ratio),
            ..options("")
        };
        assert_refused(16 * MIB, &options, "bytes per inode");
    }
}

#[test]
fn long_labels() {
    let options = FormatOptions {
        label: b"seventeen bytes !".to_vec(),
        ..options("")
    };
    assert_refused(16 * MIB, &options, "label has 17 bytes");
}

#[test]
fn bad_shares_of_reserved_blocks() {
    for reserved_percent in [-1.0, 50.5, f64::NAN, f64::INFINITY] {
        let options = FormatOptions {
            reserved_percent,
            ..options("")
        };
        assert_refused(16 * MIB, &options, "reserved");
    }
}

#[test]
fn bad_journal_sizes() {
    for (journal, features, words) in [
        (JournalSize::Blocks(0), "", "journal size"),
        (JournalSize::Blocks(1023), "", "journal size"),
        (JournalSize::MiB(u32::MAX), "", "journal size"),
        (JournalSize::MiB(8), "", "too large"),
        (JournalSize::MiB(4), "^has_journal", "has_journal"),
        (JournalSize::None, "orphan_file", "orphan_file"),
    ] {
        let options = FormatOptions {
            journal,
            ..options(features)
        };
        assert_refused(16 * MIB, &options, words);
    }
}

#[test]
fn odd_sizes_never_panic() {
    for size in (0..2 * MIB).step_by(7919) {
        for features in ["", "^resize_inode,meta_bg", "none"] {
            for block_size in [None, Some(4096), Some(65536)] {
                let options = FormatOptions {
                    block_size,
                    ..options(features)
                };
                if let Err(error) = format(&MemDevice::new(size), &options) {
                    assert!(matches!(error, Error::InvalidOption(_)), "{error:?}");
                }
            }
        }
    }
}
