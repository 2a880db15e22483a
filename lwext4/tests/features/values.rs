//! Attribute values in inodes of their own (feature ea_inode).

use crate::image::{Image, NEEDS, can_mount, create, find};
use crate::tree::{Content, Side, Tree, bytes, walk};
use crate::turns;
use lwext4::{FileType, Ino, SetXattrMode, Volume};
use machine::requirements::can_run;
use std::collections::BTreeMap;

/// With journals that have room for what the kernel writes into them: whole values.
const IMAGES: [&str; 4] = [
    "-t ext4 -b 1024 -J size=4 -O ea_inode",
    "-t ext4 -b 4096 -J size=8 -O ea_inode,metadata_csum_seed,orphan_file",
    "-t ext4 -b 1024 -J size=4 -I 128 -O ea_inode,^metadata_csum,^extent,^64bit",
    "-t ext4 -b 1024 -O ea_inode,inline_data,^has_journal",
];

/// The attributes of file `i`: some values are shared by several files, and some by several names.
fn sample(i: usize) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    all.insert("user.shared".into(), bytes(1, 30_000));
    all.insert("user.twin".into(), bytes(1, 30_000));
    all.insert("user.own".into(), bytes(i, 2100 + i));
    // Linux (6.18) counts a value too often in a block that several inodes share: none is equal.
    all.insert("user.zz".into(), bytes(i, 60));
    if i.is_multiple_of(2) {
        all.insert("user.largest".into(), bytes(i % 4, 65_536));
    }
    for n in 0..i % 4 {
        all.insert(format!("user.many{n}"), bytes(n, 400));
    }
    all
}

const FILES: usize = 20;

fn fill(side: &dyn Side, tree: &mut Tree) {
    for i in 0..FILES {
        let path = format!("f{i}");
        side.write(&path, 0, &bytes(i, i));
        for (name, value) in sample(i) {
            side.setxattr(&path, &name, &value);
        }
        tree.insert(path, (Content::File(bytes(i, i)), sample(i)));
    }
}

/// Replaces, adds and deletes.
fn change(side: &dyn Side, tree: &mut Tree) {
    for i in 0..FILES {
        let path = format!("f{i}");
        if i % 5 == 4 {
            side.unlink(&path);
            tree.remove(&path);
            continue;
        }
        let (_, attributes) = tree.get_mut(&path).expect("the file");
        let mut set = |name: &str, value: Vec<u8>| {
            side.setxattr(&path, name, &value);
            attributes.insert(name.into(), value);
        };
        match i % 4 {
            0 => set("user.shared", bytes(i, 9000)),
            1 => set("user.own", b"small now".to_vec()),
            2 => set("user.new", bytes(1, 30_000)),
            _ => set("user.small", vec![1; 50]),
        }
    }
}

/// Free blocks and inodes.
fn free(volume: &Volume) -> (u64, u64) {
    let stat = volume.statfs();
    (stat.free_blocks, stat.free_inodes)
}

#[test]
fn the_kernel_reads_our_values_in_inodes_and_goes_on() {
    if !can_mount("the_kernel_reads_our_values_in_inodes_and_goes_on") {
        return;
    }
    for options in IMAGES {
        turns::we_begin(options, fill, change, |_| ());
    }
}

#[test]
fn we_read_the_kernels_values_in_inodes_and_go_on() {
    if !can_mount("we_read_the_kernels_values_in_inodes_and_go_on") {
        return;
    }
    for options in IMAGES {
        // Deleting everything gives everything back.
        turns::the_kernel_begins(options, fill, change, free, |volume, before| {
            for path in volume.tree().keys() {
                Side::unlink(volume, path);
            }
            volume.sync().expect("synced");
            let root_grew = volume.getattr(Ino::ROOT).expect("the root").sectors * 512;
            let block = u64::from(volume.statfs().block_size);
            let (blocks, inodes) = free(volume);
            assert_eq!(inodes, before.1, "{options}");
            assert!(blocks + root_grew / block >= before.0, "{options}");
        });
    }
}

fn set(volume: &Volume, ino: Ino, name: &str, value: &[u8]) {
    volume
        .setxattr(ino, name.as_bytes(), value, SetXattrMode::Any)
        .expect(name);
}

#[test]
fn equal_values_share_an_inode_and_the_last_user_frees_it() {
    if !can_run(
        "equal_values_share_an_inode_and_the_last_user_frees_it",
        &NEEDS,
    ) {
        return;
    }
    let image = Image::make(IMAGES[0]);
    let volume = image.open();
    let before = free(&volume);
    let value = bytes(3, 5000);
    for i in 0..10 {
        let ino = create(&volume, &format!("f{i}"), FileType::Regular, 0o644);
        set(&volume, ino, "user.a", &value);
        set(&volume, ino, "user.b", &value);
    }
    // Ten files, and one inode for all of their values.
    assert_eq!(volume.statfs().free_inodes, before.1 - 11);
    // Each file counts the value's blocks twice.
    let attr = volume.getattr(find(&volume, "f0")).expect("attributes");
    assert_eq!(attr.sectors, 2 * 5 * 2);
    for i in 0..10 {
        let name = format!("f{i}");
        let ino = find(&volume, &name);
        match i % 3 {
            0 => Side::unlink(&volume, &name),
            1 => {
                volume.removexattr(ino, b"user.a").expect("removed");
                set(&volume, ino, "user.b", b"");
            }
            _ => {
                set(&volume, ino, "user.a", b"short");
                volume.removexattr(ino, b"user.b").expect("removed");
            }
        }
        let files = 10 - (i / 3 + 1);
        let value = u64::from(i < 9);
        assert_eq!(
            volume.statfs().free_inodes,
            before.1 - files - value,
            "after file {i}"
        );
    }
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn many_values_of_one_file_are_freed_in_several_transactions() {
    if !can_run(
        "many_values_of_one_file_are_freed_in_several_transactions",
        &NEEDS,
    ) {
        return;
    }
    let image = Image::make("-t ext4 -b 4096 -O ea_inode -J size=4");
    let volume = image.open();
    let before = free(&volume);
    let ino = create(&volume, "f", FileType::Regular, 0o644);
    for n in 0..100 {
        set(&volume, ino, &format!("user.{n}"), &bytes(n, 3000));
    }
    assert_eq!(volume.statfs().free_inodes, before.1 - 101);
    Side::unlink(&volume, "f");
    volume.sync().expect("synced");
    assert_eq!(free(&volume), before);
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn what_fits_nowhere_else_goes_into_an_inode() {
    if !can_run("what_fits_nowhere_else_goes_into_an_inode", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4 -b 1024 -O ea_inode");
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o644);
    for n in 0..8 {
        // Small enough for a table, and together too many.
        set(&volume, ino, &format!("user.{n}"), &bytes(n, 400));
    }
    for n in 0..8 {
        let value = volume.getxattr(ino, format!("user.{n}").as_bytes());
        assert!(value.expect("a value") == bytes(n, 400), "user.{n}");
    }
    let full = volume.setxattr(ino, b"user.x", &vec![0; 65_537], SetXattrMode::Any);
    assert!(full.is_err());
    volume.close().expect("closed");
    image.assert_consistent();
}

/// e2fsck 1.47.0 takes the target of a short link with such a value for block numbers.
#[test]
fn a_short_link_has_no_values_in_inodes() {
    if !can_run("a_short_link_has_no_values_in_inodes", &NEEDS) {
        return;
    }
    for options in IMAGES {
        let image = Image::make(options);
        let volume = image.open();
        let before = free(&volume);
        let link = |name: &str, target: &[u8]| {
            let made = volume.symlink(Ino::ROOT, name.as_bytes(), target, 0, 0);
            made.expect("a link").attr.ino
        };
        let (short, long) = (link("short", b"target"), link("long", &[b'x'; 60]));
        let set =
            |ino, len| volume.setxattr(ino, b"trusted.large", &bytes(3, len), SetXattrMode::Any);
        assert_eq!(set(short, 5000).expect_err("no room").errno(), 28);
        set(short, 300).expect("room");
        set(long, 5000).expect("room");
        volume.close().expect("closed");
        image.assert_consistent();
        let volume = image.open();
        for (name, target) in [("short", &b"target"[..]), ("long", &[b'x'; 60])] {
            let ino = volume
                .lookup(Ino::ROOT, name.as_bytes())
                .expect("a link")
                .attr
                .ino;
            assert_eq!(volume.readlink(ino).expect("a target"), target);
            volume.unlink(Ino::ROOT, name.as_bytes()).expect("deleted");
            volume.forget(ino, 1);
        }
        volume.sync().expect("synced");
        assert_eq!(free(&volume), before, "{options}");
        volume.close().expect("closed");
        image.assert_consistent();
    }
}

/// What a kernel may have written: the target stays a target.
#[test]
fn a_short_link_that_has_a_value_in_an_inode_is_read() {
    if !can_mount("a_short_link_that_has_a_value_in_an_inode_is_read") {
        return;
    }
    let image = Image::make("-t ext4 -b 4096 -O ea_inode -J size=4");
    let mounted = image.mount();
    std::os::unix::fs::symlink("target", mounted.join("l")).expect("a link");
    rustix::fs::lsetxattr(
        mounted.join("l"),
        "trusted.large",
        &bytes(3, 5000),
        rustix::fs::XattrFlags::empty(),
    )
    .expect("an attribute");
    drop(mounted);
    let volume = image.open();
    let before = free(&volume);
    let ino = volume.lookup(Ino::ROOT, b"l").expect("a link").attr.ino;
    assert_eq!(volume.readlink(ino).expect("a target"), b"target");
    assert!(volume.getxattr(ino, b"trusted.large").expect("a value") == bytes(3, 5000));
    volume.unlink(Ino::ROOT, b"l").expect("deleted");
    volume.forget(ino, 1);
    volume.sync().expect("synced");
    assert_eq!(free(&volume).1, before.1 + 2);
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn a_full_image_keeps_its_attributes() {
    if !can_run("a_full_image_keeps_its_attributes", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4 -b 1024 -N 32 -O ea_inode");
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o644);
    set(&volume, ino, "user.kept", &bytes(0, 2000));
    let mut n = 0;
    loop {
        n += 1;
        let name = format!("user.{n}");
        if let Err(error) = volume.setxattr(ino, name.as_bytes(), &bytes(n, 600), SetXattrMode::Any)
        {
            assert_eq!(error.errno(), 28, "{error}");
            break;
        }
    }
    let failed = volume.setxattr(ino, b"user.kept", &bytes(9, 3000), SetXattrMode::Any);
    assert_eq!(failed.expect_err("no inode is left").errno(), 28);
    assert!(volume.getxattr(ino, b"user.kept").expect("a value") == bytes(0, 2000));
    walk(&volume, "f");
    volume.close().expect("closed");
    image.assert_consistent();
}
