//! Random changes against a model in memory.

use crate::image::{Image, NEEDS, create};
use lwext4::{Error, FileType, Ino, SetXattrMode, Volume};
use machine::requirements::can_run;
use std::collections::{BTreeMap, BTreeSet};

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ z >> 31) as usize % n
    }
}

type Attributes = BTreeMap<Vec<u8>, Vec<u8>>;

/// Whether attributes fit `inside` bytes in the inode and `outside` bytes in a block, however they are
/// distributed.
fn fit(attributes: &Attributes, inside: usize, outside: usize) -> bool {
    let mut sums = BTreeSet::from([0]);
    let mut total = 0;
    for (name, value) in attributes {
        let suffix = name.len() - name.iter().position(|&b| b == b'.').expect("a dot") - 1;
        let space = (16 + suffix).next_multiple_of(4) + value.len().next_multiple_of(4);
        total += space;
        let more: Vec<usize> = sums.iter().map(|sum| sum + space).collect();
        sums.extend(more.into_iter().filter(|&sum| sum <= inside));
    }
    total - sums.last().expect("0") <= outside
}

fn names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        "user.a",
        "user.b",
        "user.mime_type",
        "trusted.x",
        "security.y",
    ]
    .iter()
    .map(|name| name.as_bytes().to_vec())
    .collect();
    names.push([&b"user."[..], &[0xFF, 0x80, 0xC3, 0xA9]].concat());
    names.push([&b"user."[..], &[b'l'; 250]].concat());
    names.push([&b"trusted."[..], &[b't'; 100]].concat());
    names.push(b"security.selinux".to_vec());
    names
}

fn value(random: &mut Random, block: usize) -> Vec<u8> {
    let len = match random.below(12) {
        0 => 0,
        1..=5 => random.below(24),
        6..=8 => random.below(120),
        9 => random.below(block / 3),
        10 => random.below(block),
        _ => random.below(65_537),
    };
    // Few different contents, so that files come to have equal blocks.
    vec![random.below(2) as u8 * 0xFF; len]
}

fn assert_equal(volume: &Volume, ino: Ino, model: &Attributes) {
    let mut names = volume.listxattr(ino).expect("names");
    names.sort();
    assert!(names.iter().eq(model.keys()), "{names:?}");
    for (name, value) in model {
        assert!(volume.getxattr(ino, name).expect("a value") == *value);
    }
}

fn random_changes(options: &str, inode_size: usize, block: usize) {
    let image = Image::make(&format!("{options} -I {inode_size} -b {block}"));
    let inside = if inode_size == 128 {
        0
    } else {
        inode_size - 128 - 32 - 8
    };
    let outside = block - 36;
    let names = names();
    let mut random = Random(inode_size as u64 * 7 + block as u64);
    let mut files: Vec<(Ino, Attributes)> = Vec::new();
    let mut free = 0;
    let (mut set, mut full) = (0, 0);
    for round in 0..3 {
        let volume = image.open();
        if round == 0 {
            for i in 0..6 {
                let ino = create(&volume, &format!("f{i}"), FileType::Regular, 0o644);
                files.push((ino, Attributes::new()));
            }
            volume.sync().expect("synced");
            free = volume.statfs().free_blocks;
        }
        for (ino, model) in &files {
            assert_equal(&volume, *ino, model);
        }
        for _ in 0..700 {
            let at = random.below(files.len());
            let other = files[random.below(files.len())].1.clone();
            let (ino, model) = &mut files[at];
            let name = &names[random.below(names.len())];
            match random.below(20) {
                0 => {
                    // Become like another file, attribute by attribute.
                    for name in model.keys() {
                        volume.removexattr(*ino, name).expect("removed");
                    }
                    for (name, value) in &other {
                        volume
                            .setxattr(*ino, name, value, SetXattrMode::Create)
                            .expect("set");
                    }
                    *model = other;
                }
                1..=6 => {
                    let removed = volume.removexattr(*ino, name);
                    match model.remove(name) {
                        Some(_) => removed.expect("removed"),
                        None => assert!(matches!(removed, Err(Error::NoAttribute))),
                    }
                }
                _ => {
                    let value = value(&mut random, block);
                    let mut wanted = model.clone();
                    wanted.insert(name.clone(), value.clone());
                    match volume.setxattr(*ino, name, &value, SetXattrMode::Any) {
                        Ok(()) => {
                            *model = wanted;
                            set += 1;
                        }
                        Err(Error::NoSpace) => {
                            assert!(!fit(&wanted, inside, outside), "there was room");
                            full += 1;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            assert_equal(&volume, *ino, model);
        }
        volume.close().expect("closed");
        image.assert_consistent();
    }
    assert!(set > 400 && full > 50, "{set} set, {full} refused");
    let volume = image.open();
    for (ino, model) in &files {
        for name in model.keys() {
            volume.removexattr(*ino, name).expect("removed");
        }
    }
    volume.sync().expect("synced");
    assert_eq!(volume.statfs().free_blocks, free);
    volume.close().expect("closed");
    image.assert_consistent();
    std::fs::remove_file(image.path()).expect("removed");
}

#[test]
fn random_changes_without_room_inside() {
    if !can_run("random_changes_without_room_inside", &NEEDS) {
        return;
    }
    random_changes("-t ext4", 128, 1024);
    random_changes("-t ext2", 128, 4096);
}

#[test]
fn random_changes_with_the_usual_inode() {
    if !can_run("random_changes_with_the_usual_inode", &NEEDS) {
        return;
    }
    random_changes("-t ext4", 256, 1024);
    random_changes("-t ext4", 256, 4096);
    random_changes("-t ext4 -O metadata_csum_seed", 256, 2048);
}

#[test]
fn random_changes_with_large_inodes() {
    if !can_run("random_changes_with_large_inodes", &NEEDS) {
        return;
    }
    random_changes("-t ext4", 512, 1024);
    random_changes("-t ext4 -O ^metadata_csum", 512, 4096);
    random_changes("-t ext4", 1024, 1024);
}
