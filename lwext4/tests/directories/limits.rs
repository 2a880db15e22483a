//! Full trees, deep trees, full images, and names that share one hash.

use crate::image::{Image, NEEDS, Random};
use lwext4::Error;
use machine::command::tool;
use machine::requirements::can_run;

/// Adds long names until `until` names are in, or the tree is full.
fn fill(image: &mut Image, random: &mut Random, until: usize) -> bool {
    while image.model.len() < until {
        match image.try_add(&random.name(240, 255)) {
            Ok(()) => {}
            Err(Error::NoSpace) => return false,
            Err(error) => panic!("{error}"),
        }
    }
    true
}

#[test]
fn a_tree_of_two_levels_fills_up_and_takes_names_again_when_others_go() {
    if !can_run(
        "a_tree_of_two_levels_fills_up_and_takes_names_again_when_others_go",
        &NEEDS,
    ) {
        return;
    }
    let mut image = Image::new(&["-b", "1024"], &[], "128M");
    let random = &mut Random(3);
    assert!(!fill(&mut image, random, 1 << 20));
    // 123 nodes of 126 leaves, each at least half full.
    assert!(image.model.len() > 10_000);
    image.check();
    let names: Vec<_> = image.model.keys().take(500).cloned().collect();
    for name in &names {
        image.remove(name);
    }
    for name in &names {
        image.add(name);
    }
    image.check();
}

#[test]
fn large_dir_has_a_third_level() {
    if !can_run("large_dir_has_a_third_level", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-b", "1024", "-O", "large_dir"], &[], "128M");
    image.viewable = false;
    let random = &mut Random(3);
    assert!(fill(&mut image, random, 45_000));
    image.check();
    image.close();
    let dump = tool(
        "debugfs",
        ["-R", "htree /dir", image.path.to_str().unwrap()],
    );
    assert!(dump.contains("Indirect levels: 2"), "{}", &dump[..400]);
    image.open();
    let names: Vec<_> = image.model.keys().step_by(2).cloned().collect();
    for name in &names {
        image.remove(name);
    }
    image.check();
}

#[test]
fn a_full_image_loses_no_name() {
    if !can_run("a_full_image_loses_no_name", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-b", "1024", "-O", "^has_journal"], &[], "4M");
    let random = &mut Random(5);
    assert!(!fill(&mut image, random, 1 << 20));
    image.check();
    let name = image.model.keys().next().unwrap().clone();
    image.remove(&name);
    image.add(&name);
    image.check();
}

/// The legacy hash, as two words of state.
fn legacy_step((last, before): (u32, u32), byte: u8) -> (u32, u32) {
    let hash = before.wrapping_add(last ^ u32::from(byte).wrapping_mul(7_152_373));
    let hash = if hash >> 31 == 1 {
        hash.wrapping_sub(0x7FFF_FFFF)
    } else {
        hash
    };
    (hash, last)
}

/// `count` names whose legacy hashes are equal, found by solving for the last byte.
fn same_hash(count: usize) -> Vec<Vec<u8>> {
    const TARGET: u32 = 0x1234_5678;
    let products: std::collections::HashMap<u32, u8> = (1..=126)
        .filter(|&byte| byte != b'/')
        .map(|byte| (u32::from(byte).wrapping_mul(7_152_373), byte))
        .collect();
    let mut low = vec![false; 1 << 16];
    for product in products.keys() {
        low[(product & 0xFFFF) as usize] = true;
    }
    let prefix = [b'p'; 100];
    let start = prefix
        .iter()
        .fold((0x12A3_FE2D, 0x37AB_E8F9), |s, &b| legacy_step(s, b));
    let mut names = Vec::new();
    let bytes = || (b'0'..=b'9').chain(b'a'..=b'z').chain(b'A'..=b'Z');
    for a in bytes() {
        let s1 = legacy_step(start, a);
        for b in bytes() {
            let s2 = legacy_step(s1, b);
            for c in bytes() {
                let s3 = legacy_step(s2, c);
                for d in bytes() {
                    let s4 = legacy_step(s3, d);
                    for e in bytes() {
                        let (last, before) = legacy_step(s4, e);
                        for sum in [TARGET, TARGET.wrapping_add(0x7FFF_FFFF)] {
                            let product = sum.wrapping_sub(before) ^ last;
                            if !low[(product & 0xFFFF) as usize] {
                                continue;
                            }
                            if let Some(&f) = products.get(&product)
                                && legacy_step((last, before), f).0 == TARGET
                            {
                                names.push([&prefix[..], &[a, b, c, d, e, f]].concat());
                            }
                        }
                        if names.len() == count {
                            return names;
                        }
                    }
                }
            }
        }
    }
    names
}

#[test]
fn names_of_one_hash_fill_several_leaves_and_are_read_once_each() {
    if !can_run(
        "names_of_one_hash_fill_several_leaves_and_are_read_once_each",
        &NEEDS,
    ) {
        return;
    }
    let mut image = Image::new(&["-b", "1024"], &["-E", "hash_alg=legacy"], "32M");
    let names = same_hash(40);
    assert_eq!(names.len(), 40);
    let random = &mut Random(9);
    for name in &names {
        image.add(name);
        for _ in 0..3 {
            image.add(&random.name(20, 60));
        }
    }
    image.check();
    for room in [1, 2, 7, 33] {
        let mut read = image.names(room);
        read.sort();
        assert!(read.iter().eq(image.model.keys()));
    }
    // Every place to go on from gives the rest, exactly.
    let all = image.read(0, usize::MAX);
    for (i, (_, next)) in all.iter().enumerate() {
        assert_eq!(image.read(*next, usize::MAX), all[i + 1..]);
    }
    for name in names.iter().step_by(2) {
        image.remove(name);
    }
    image.check();
}

#[test]
fn blocks_of_64_kib_hold_records_whose_length_needs_17_bits() {
    if !can_run(
        "blocks_of_64_kib_hold_records_whose_length_needs_17_bits",
        &NEEDS,
    ) {
        return;
    }
    for features in [
        "metadata_csum",
        "^metadata_csum",
        "^metadata_csum,^dir_index",
    ] {
        let mut image = Image::new(&["-b", "65536", "-O", features], &[], "64M");
        // ext4-view does not know that 65,535 stands for 65,536.
        image.viewable = false;
        let random = &mut Random(11);
        for _ in 0..3000 {
            image.add(&random.name(30, 60));
        }
        image.check();
        let names: Vec<_> = image.model.keys().cloned().collect();
        for name in &names {
            image.remove(name);
        }
        image.check();
        for name in &names[..100] {
            image.add(name);
        }
        image.check();
    }
}

#[test]
fn an_htree_is_a_linear_directory_once_the_image_lost_dir_index() {
    if !can_run(
        "an_htree_is_a_linear_directory_once_the_image_lost_dir_index",
        &NEEDS,
    ) {
        return;
    }
    let mut image = Image::new(&["-b", "1024", "-O", "^metadata_csum"], &[], "16M");
    let random = &mut Random(12);
    for _ in 0..500 {
        image.add(&random.name(20, 40));
    }
    assert!(image.is_indexed());
    image.close();
    let path = image.path.to_str().unwrap().to_owned();
    tool("debugfs", ["-w", "-R", "feature -dir_index", &path]);
    image.open();
    image.check_open();
    let name = image.model.keys().next().unwrap().clone();
    image.remove(&name);
    assert!(image.is_indexed());
    for _ in 0..100 {
        image.add(&random.name(20, 40));
    }
    assert!(!image.is_indexed());
    image.check();
}
