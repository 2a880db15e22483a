//! Giving space back where the unit of allocation is a cluster.

use crate::image::{Image, available, content, fill, new_file};
use lwext4::*;
use std::os::unix::fs::MetadataExt;

const MIB: u64 = 1 << 20;
const CLUSTERS: (&str, &[&str]) = ("bigalloc", &["-b", "4096", "-O", "bigalloc", "-C", "65536"]);

/// Bytes that the file takes on the host.
fn taken(image: &Image) -> u64 {
    std::fs::metadata(&image.path).unwrap().blocks() * 512
}

/// Writes files of 1 MiB and removes them, all in one session.
fn wear(image: &Image, options: OpenOptions) {
    let volume = image.open_with(options);
    fill(&volume, "kept", 60, 3_000);
    for i in 0..40u64 {
        let name = format!("gone-{i}");
        let new = volume
            .create(Ino::ROOT, name.as_bytes(), &new_file(FileType::Regular))
            .unwrap();
        let bytes = content(i + 1, 1 << 20);
        volume
            .write(new.attr.ino, 0, &bytes, WriteMode::Plain)
            .unwrap();
        volume.sync().unwrap();
    }
    for i in 0..40u64 {
        volume
            .unlink(Ino::ROOT, format!("gone-{i}").as_bytes())
            .unwrap();
    }
    volume.close().unwrap();
}

#[test]
fn free_clusters_go_back_and_no_others() {
    if !available("free_clusters_go_back_and_no_others") {
        return;
    }
    // The last cluster is not whole.
    let image = Image::new(&CLUSTERS, 200 * MIB + 20 * 1024);
    wear(&image, OpenOptions::default());
    let (before, full) = (image.read(), taken(&image));
    let volume = image.open();
    let free = volume.statfs().free_blocks * 4096;
    let given = volume.trim(0, u64::MAX, 0).unwrap();
    assert!(given <= free && given + 65536 >= free, "{given} of {free}");
    // A range of which no cluster is whole.
    assert_eq!(volume.trim(4096, 65536, 0).unwrap(), 0);
    volume.close().unwrap();
    assert!(taken(&image) + 39 * MIB < full, "{full}");
    image.fsck("trimmed");
    assert!(before == image.read());
}

#[test]
fn freed_clusters_go_back_with_discard() {
    if !available("freed_clusters_go_back_with_discard") {
        return;
    }
    let image = Image::new(&CLUSTERS, 200 * MIB);
    let fresh = taken(&image);
    let options = OpenOptions {
        discard: true,
        ..OpenOptions::default()
    };
    wear(&image, options);
    assert!(taken(&image) < fresh + 12 * MIB, "{}", taken(&image));
    image.fsck("discarded");
}

#[test]
fn clusters_keep_their_number() {
    if !available("clusters_keep_their_number") {
        return;
    }
    let image = Image::new(&CLUSTERS, 100 * MIB);
    let volume = image.open();
    let error = volume.grow(200 * MIB).unwrap_err().to_string();
    assert!(error.contains("bigalloc"), "{error}");
    volume.close().unwrap();
    image.fsck("as it was");
}
