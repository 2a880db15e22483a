//! Names are added, removed, renamed and found.

use crate::image::{Image, NEEDS, Random};
use machine::command::tool;
use machine::e2fsprogs::assert_clean;
use machine::requirements::can_run;

fn random_changes(
    image: &mut Image,
    seed: u64,
    rounds: usize,
    steps: usize,
    max: usize,
    len: usize,
) {
    let random = &mut Random(seed);
    let mut names: Vec<Vec<u8>> = Vec::new();
    for round in 0..rounds {
        // The directory grows, then shrinks, then grows again.
        let adding = [70, 20, 60, 0][round % 4];
        for _ in 0..steps {
            let dice = random.below(100);
            if dice < adding && names.len() < max {
                let name = random.name(1, len);
                if image.model.contains_key(&name) {
                    assert!(image.try_add(&name).is_err());
                } else {
                    image.add(&name);
                    names.push(name);
                }
            } else if dice < 92 && !names.is_empty() {
                let name = names.swap_remove(random.below(names.len()));
                image.remove(&name);
                assert!(image.volume().lookup(image.dir, &name).is_err());
            } else if !names.is_empty() {
                let i = random.below(names.len());
                let to = if random.below(2) == 0 {
                    random.name(1, len)
                } else {
                    names[random.below(names.len())].clone()
                };
                image.rename(&names[i].clone(), &to);
                names = image.model.keys().cloned().collect();
            }
        }
        image.check();
    }
}

#[test]
fn random_changes_in_blocks_of_1_kib() {
    if !can_run("random_changes_in_blocks_of_1_kib", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-b", "1024"], &[], "64M");
    random_changes(&mut image, 1, 8, 3000, 10_000, 255);
    assert!(image.is_indexed());
}

#[test]
fn random_changes_in_blocks_of_4_kib() {
    if !can_run("random_changes_in_blocks_of_4_kib", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-b", "4096"], &[], "64M");
    random_changes(&mut image, 2, 4, 8000, 10_000, 60);
    assert!(image.is_indexed());
}

#[test]
fn random_changes_with_every_hash() {
    if !can_run("random_changes_with_every_hash", &NEEDS) {
        return;
    }
    for (seed, hash) in ["legacy", "half_md4", "tea"].into_iter().enumerate() {
        for features in ["metadata_csum", "^metadata_csum"] {
            let tune = format!("hash_alg={hash}");
            let mut image = Image::new(&["-b", "1024", "-O", features], &["-E", &tune], "32M");
            random_changes(&mut image, seed as u64 + 10, 2, 2000, 10_000, 100);
            assert!(image.is_indexed());
        }
    }
}

#[test]
fn random_changes_with_hashes_over_unsigned_bytes() {
    if !can_run("random_changes_with_hashes_over_unsigned_bytes", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-b", "1024"], &[], "32M");
    image.close();
    let path = image.path.to_str().unwrap();
    tool("debugfs", ["-w", "-R", "set_super_value flags 2", path]);
    image.open();
    random_changes(&mut image, 50, 2, 2000, 10_000, 100);
    assert!(image.is_indexed());
}

#[test]
fn random_changes_without_dir_index() {
    if !can_run("random_changes_without_dir_index", &NEEDS) {
        return;
    }
    for features in [
        "^dir_index",
        "^dir_index,^metadata_csum,^filetype,^extents,^64bit",
    ] {
        let mut image = Image::new(&["-b", "1024", "-O", features], &[], "32M");
        // ext4-view wants file types in directories.
        image.viewable = !features.contains("^filetype");
        random_changes(&mut image, 20, 4, 800, 400, 255);
        assert!(!image.is_indexed());
    }
}

#[test]
fn random_changes_in_small_directories() {
    if !can_run("random_changes_in_small_directories", &NEEDS) {
        return;
    }
    for seed in 30..34 {
        let mut image = Image::new(&["-b", "2048"], &[], "32M");
        random_changes(&mut image, seed, 4, 400, 20, 40);
    }
}

#[test]
fn a_directory_of_one_block_becomes_hashed_when_it_is_full_and_not_before() {
    if !can_run(
        "a_directory_of_one_block_becomes_hashed_when_it_is_full_and_not_before",
        &NEEDS,
    ) {
        return;
    }
    let mut image = Image::new(&["-b", "4096"], &[], "32M");
    // 24 bytes for the dots, 12 for the checksum; 16 for each of these.
    for i in 0..(4096 - 36) / 16 {
        assert!(!image.is_indexed());
        image.add(format!("name{i:04}").as_bytes());
    }
    assert!(!image.is_indexed());
    let blocks = |image: &Image| image.volume().getattr(image.dir).unwrap().size / 4096;
    image.add(b"one more");
    assert!(image.is_indexed());
    // The leaf has the room that the dots had: for this name, and no longer one.
    assert_eq!(blocks(&image), 2);
    image.add(b"and one more that does not fit");
    assert_eq!(blocks(&image), 3);
    image.check();
}

#[test]
fn removed_names_leave_room_that_new_names_take() {
    if !can_run("removed_names_leave_room_that_new_names_take", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-b", "1024"], &[], "32M");
    let name = |i: usize| format!("{i:0100}").into_bytes();
    for i in 0..200 {
        image.add(&name(i));
    }
    let size = image.volume().getattr(image.dir).unwrap().size;
    for _ in 0..5 {
        for i in 0..200 {
            image.remove(&name(i));
        }
        image.check();
        for i in 0..200 {
            image.add(&name(i));
        }
    }
    image.check();
    assert_eq!(image.volume().getattr(image.dir).unwrap().size, size);
}

#[test]
fn a_hundred_thousand_names() {
    if !can_run("a_hundred_thousand_names", &NEEDS) {
        return;
    }
    for block_size in ["1024", "4096"] {
        let mut image = Image::new(&["-b", block_size], &[], "128M");
        let random = &mut Random(7);
        while image.model.len() < 100_000 {
            let name = random.name(8, 24);
            if !image.model.contains_key(&name) {
                image.add(&name);
            }
        }
        image.check();
        let names: Vec<_> = image.model.keys().cloned().collect();
        for name in names.iter().step_by(3) {
            image.remove(name);
        }
        image.check();
    }
}

#[test]
fn dotdot_of_a_moved_directory_follows_even_in_a_root() {
    if !can_run("dotdot_of_a_moved_directory_follows_even_in_a_root", &NEEDS) {
        return;
    }
    let mut image = Image::new(&["-b", "1024"], &[], "32M");
    for i in 0..100 {
        image.add(format!("name{i:020}").as_bytes());
    }
    assert!(image.is_indexed());
    let volume = image.volume();
    let new = lwext4::NewFile::new(lwext4::FileType::Directory, 0o755);
    let root = lwext4::Ino::ROOT;
    let other = volume.create(root, b"other", &new).unwrap().attr.ino;
    let mode = lwext4::RenameMode::Replace;
    volume.rename(root, b"dir", other, b"dir", mode).unwrap();
    assert_eq!(volume.lookup(image.dir, b"..").unwrap().attr.ino, other);
    assert!(matches!(
        volume.rmdir(other, b"dir"),
        Err(lwext4::Error::NotEmpty)
    ));
    image.close();
    assert_clean(&image.path);
    image.open();
    let volume = image.volume();
    volume.rename(other, b"dir", root, b"dir", mode).unwrap();
    for name in image.model.keys() {
        image.volume().unlink(image.dir, name).unwrap();
    }
    image.model.clear();
    image.check();
    image.volume().rmdir(root, b"dir").unwrap();
    image.close();
    assert_clean(&image.path);
}
