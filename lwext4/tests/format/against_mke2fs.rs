//! Images equal to those of mke2fs 1.47.0, the version of Debian 12.

use super::image::{DEBIAN_12, Image, PIECE};
use super::{FEATURES, GIB, MIB, TIB, made, options};
use lwext4::{FormatOptions, Timestamp};
use machine::command::{command, output, run, said, tool};
use machine::e2fsprogs::{DUMPE2FS, MKE2FS};
use machine::requirements::{can_run, skip};
use std::collections::BTreeMap;

fn is_1_47_0(test: &str) -> bool {
    if !can_run(test, &[MKE2FS, DUMPE2FS]) {
        return false;
    }
    let is = said(&output(&mut command("mke2fs", ["-V"]))).contains("1.47.0");
    if !is {
        skip(test, "needs mke2fs 1.47.0");
    }
    is
}

/// What mke2fs makes, with fixed time and identifiers.
fn reference(size: u64, features: &str) -> Image {
    let image = Image::new(size);
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), DEBIAN_12).unwrap();
    let mut mke2fs = command("mke2fs", ["-q", "-F", "-t", "ext4", "-O", features]);
    mke2fs
        .env("MKE2FS_CONFIG", config.path())
        .env("E2FSPROGS_FAKE_TIME", "1700000000")
        .args(["-U", "30313233-3435-3637-3839-616263646566"])
        .args(["-E", "hash_seed=30313233-3435-3637-3839-616263646566"])
        .arg(image.path());
    run(&mut mke2fs);
    image
}

/// What we make, with the same time and identifiers.
fn ours(size: u64, features: &str) -> Image {
    let options = FormatOptions {
        uuid: Some(*b"0123456789abcdef"),
        hash_seed: Some(*b"0123456789abcdef"),
        time: Some(Timestamp {
            secs: 1_700_000_000,
            nanos: 0,
        }),
        ..options(features)
    };
    made(size, &options).0
}

/// The pieces of the image that are not zero, without what differs on purpose: the count of KiB
/// written in superblocks, and with it their checksums.
fn content(image: &Image) -> BTreeMap<u64, Vec<u8>> {
    let mut content = image.pieces();
    for bytes in content.values_mut() {
        if bytes[0x38..0x3A] == [0x53, 0xEF] {
            bytes[0x178..0x180].fill(0);
            bytes[0x3FC..].fill(0);
        }
    }
    content
}

fn assert_equal(size: u64, features: &str) {
    let (theirs, ours) = (
        content(&reference(size, features)),
        content(&ours(size, features)),
    );
    let zero = vec![0; PIECE];
    for at in theirs.keys().chain(ours.keys()) {
        let same = theirs.get(at).unwrap_or(&zero) == ours.get(at).unwrap_or(&zero);
        assert!(same, "{features:?}, {size} bytes: differs behind byte {at}");
    }
}

#[test]
fn images_are_equal_byte_for_byte() {
    if !is_1_47_0("images_are_equal_byte_for_byte") {
        return;
    }
    for size in [
        MIB,
        4 * MIB,
        64 * MIB,
        100 * MIB + 5000,
        600 * MIB,
        GIB,
        10 * GIB,
    ] {
        for features in FEATURES {
            // Where the device is too small for the journal that these need, mke2fs fails or keeps
            // the feature without it.
            let journaled = ["orphan_file", "fast_commit"];
            if size > 3 * MIB || !journaled.iter().any(|name| features.contains(name)) {
                assert_equal(size, features);
            }
        }
    }
    for features in [
        "",
        "metadata_csum_seed,orphan_file",
        "^has_journal,^flex_bg",
    ] {
        assert_equal(100 * GIB, features);
    }
}

#[test]
fn dumpe2fs_lists_the_same_for_a_tebibyte() {
    if !is_1_47_0("dumpe2fs_lists_the_same_for_a_tebibyte") {
        return;
    }
    let listing = |image: &Image| -> Vec<String> {
        tool("dumpe2fs", [image.path()])
            .lines()
            .filter(|line| !line.starts_with("Lifetime writes:"))
            .filter(|line| !line.starts_with("Checksum:"))
            .map(str::to_owned)
            .collect()
    };
    let (theirs, ours) = (listing(&reference(TIB, "")), listing(&ours(TIB, "")));
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(theirs, ours);
    }
    assert_eq!(theirs.len(), ours.len());
}
