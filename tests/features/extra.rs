//! What some rows need beyond the reference tree to reach what their feature is about.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// More subdirectories than a link count can tell.
pub fn many_subdirectories(tree: &Path) {
    let place = tree.join("65001 subdirectories");
    fs::create_dir(&place).expect("a directory can be made");
    for number in 0..65_001 {
        fs::create_dir(place.join(number.to_string())).expect("a subdirectory can be made");
    }
}

/// As many subdirectories as a link count can tell, and no more.
pub fn all_subdirectories(tree: &Path) {
    let place = tree.join("64998 subdirectories");
    fs::create_dir(&place).expect("a directory can be made");
    for number in 0..64_998 {
        fs::create_dir(place.join(number.to_string())).expect("a subdirectory can be made");
    }
    let refused = fs::create_dir(place.join("one too many"));
    let errno = refused.expect_err("the links are used up").raw_os_error();
    assert_eq!(errno, Some(31), "EMLINK");
}

/// Names of the greatest length in one directory: three or so fill a block of 1 KiB.
fn long_names(place: &Path, count: u32) -> Result<(), (u32, std::io::Error)> {
    fs::create_dir(place).expect("a directory can be made");
    let first = place.join("first");
    File::create(&first).expect("a file can be made");
    for number in 0..count {
        fs::hard_link(&first, place.join(format!("{number:0255}")))
            .map_err(|error| (number, error))?;
    }
    Ok(())
}

/// A directory whose index has three levels.
pub fn three_levels(tree: &Path) {
    let made = long_names(&tree.join("three levels"), 55_000);
    assert!(made.is_ok(), "{made:?}");
}

/// Without large_dir the index has two levels, and then the directory is full.
pub fn two_levels(tree: &Path) {
    let place = tree.join("two levels");
    let (number, error) = long_names(&place, 60_000).expect_err("two levels hold no more");
    assert_eq!(error.raw_os_error(), Some(28), "ENOSPC");
    assert!(number > 20_000, "{number} names only");
}

/// A file with data in every part of an ext2 map: direct, indirect, double and triple indirect.
pub fn deep_map(tree: &Path) {
    let file = File::create(tree.join("deep map")).expect("a file can be made");
    // The map of 1 KiB blocks reaches to 16 GiB, that of 4 KiB to 4 TiB; i_blocks to 2 TiB.
    for shift in [0, 13, 14, 18, 20, 26, 27, 30, 33] {
        for around in 0..3u64 {
            let at = (1u64 << shift) + around * 1024;
            file.write_all_at(format!("at {at}").as_bytes(), at)
                .expect("it can be written");
        }
    }
}

/// Files whose blocks begin, end and have holes within clusters.
pub fn cut_clusters(tree: &Path) {
    let script = r#"
        mkdir "$1/cut"; cd "$1/cut"
        for at in 0 1 4096 5000 16384 70000; do
            for length in 1 4096 30000 200000; do
                f=$at-$length
                head -c $length /dev/urandom | dd of=hole-$f bs=1M seek=$at oflag=seek_bytes conv=notrunc status=none
                head -c 300000 /dev/urandom > punch-$f; fallocate -p -o $at -l $length punch-$f
                head -c 300000 /dev/urandom > again-$f; fallocate -p -o $at -l $length again-$f
                head -c $length /dev/urandom | dd of=again-$f bs=1M seek=$at oflag=seek_bytes conv=notrunc status=none
                head -c 300000 /dev/urandom > zero-$f; fallocate -z -o $at -l $length zero-$f
                head -c 300000 /dev/urandom > short-$f; truncate -s $((at + length)) short-$f
                fallocate -o $at -l $length space-$f
                echo x > behind-$f; fallocate -n -o $at -l $length behind-$f; echo y >> behind-$f
            done
        done
    "#;
    crate::support::command::shell(script, [tree]);
}
