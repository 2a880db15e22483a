//! Directories are read in parts, while they change.

use crate::image::{Image, NEEDS, Random};
use machine::requirements::can_run;
use std::collections::{BTreeMap, BTreeSet};

/// Reads the whole directory in parts of random sizes, changing it between the parts. Every name that
/// was there from start to end must be seen exactly once, and no name that never was.
fn read_while_changing(image: &mut Image, random: &mut Random, changes: usize, growing: usize) {
    let mut stable: BTreeSet<Vec<u8>> = image.model.keys().cloned().collect();
    let mut ever = stable.clone();
    let mut seen: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut at = 0;
    loop {
        let part = image.read(at, 1 + random.below(40));
        let Some((_, next)) = part.last() else { break };
        at = *next;
        assert!(at < i64::MAX as u64);
        for (name, _) in part {
            *seen.entry(name).or_insert(0) += 1;
        }
        for _ in 0..random.below(changes + 1) {
            if random.below(100) < growing || image.model.is_empty() {
                let name = random.name(1, 60);
                if !image.model.contains_key(&name) {
                    image.add(&name);
                    ever.insert(name);
                }
            } else {
                let start = random.name(1, 4);
                let name = image.model.range(start..).next();
                if let Some((name, _)) = name {
                    let name = name.clone();
                    image.remove(&name);
                    stable.remove(&name);
                }
            }
        }
    }
    assert_eq!(seen.remove(&b"."[..]), Some(1));
    assert_eq!(seen.remove(&b".."[..]), Some(1));
    for name in &stable {
        assert_eq!(seen.get(name), Some(&1), "{name:?}");
    }
    assert!(seen.keys().all(|name| ever.contains(name)));
}

fn rounds(image: &mut Image, seed: u64) {
    let random = &mut Random(seed);
    for round in 0..12 {
        read_while_changing(image, random, 30, [95, 90, 50, 60, 10][round % 5]);
    }
    image.check();
}

#[test]
fn reading_survives_changes_from_one_block_to_deep_trees() {
    if !can_run(
        "reading_survives_changes_from_one_block_to_deep_trees",
        &NEEDS,
    ) {
        return;
    }
    // The directory starts with one block: it becomes an htree, and splits, while it is read.
    let mut image = Image::new(&["-b", "1024"], &[], "64M");
    rounds(&mut image, 41);
    assert!(image.is_indexed());
    let mut image = Image::new(&["-b", "4096"], &[], "64M");
    rounds(&mut image, 42);
}

#[test]
fn reading_survives_the_change_to_an_htree_at_every_place() {
    if !can_run(
        "reading_survives_the_change_to_an_htree_at_every_place",
        &NEEDS,
    ) {
        return;
    }
    let names = |n: usize| (0..n).map(|i| format!("name{i:012}").into_bytes());
    for stop in 0..40 {
        let mut image = Image::new(&["-b", "1024", "-O", "^has_journal"], &[], "1M");
        names(35).for_each(|name| image.add(&name));
        assert!(!image.is_indexed());
        let mut seen = image.read(0, stop);
        let at = seen.last().map_or(0, |e| e.1);
        (0..30).for_each(|i| image.add(format!("later{i:012}").as_bytes()));
        assert!(image.is_indexed());
        seen.extend(image.read(at, usize::MAX));
        for name in names(35) {
            assert_eq!(seen.iter().filter(|e| e.0 == name).count(), 1);
        }
    }
}

#[test]
fn reading_survives_changes_of_linear_directories() {
    if !can_run("reading_survives_changes_of_linear_directories", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-b", "1024", "-O", "^dir_index"], &[], "64M");
    let random = &mut Random(43);
    for round in 0..20 {
        read_while_changing(&mut image, random, 12, [95, 50, 60, 10][round % 4]);
    }
    image.check();
}

#[test]
fn every_offset_is_a_place_to_go_on_from() {
    if !can_run("every_offset_is_a_place_to_go_on_from", &NEEDS) {
        return;
    }
    for features in ["dir_index", "^dir_index"] {
        for count in [0, 1, 20, 500] {
            let mut image = Image::new(&["-b", "1024", "-O", features], &[], "16M");
            let random = &mut Random(44);
            while image.model.len() < count {
                image.add(&random.name(10, 30));
            }
            let all = image.read(0, usize::MAX);
            assert_eq!(all.len(), count + 2);
            assert_eq!((all[0].1, all[1].1), (1, 2));
            for (i, (_, next)) in all.iter().enumerate() {
                assert_eq!(image.read(*next, usize::MAX), all[i + 1..]);
            }
            assert!(image.read(i64::MAX as u64, 1).is_empty());
            assert!(image.read(u64::MAX, 1).is_empty());
        }
    }
}
