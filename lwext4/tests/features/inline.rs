//! Files and directories inside their inodes (feature inline_data).

use crate::image::{Image, NEEDS, can_mount, create, find};
use crate::tree::{Content, Side, Tree, bytes, walk};
use crate::turns;
use lwext4::{FallocateMode, FileType, Ino, SetXattrMode, Volume, WriteMode};
use machine::command::{command, run};
use machine::e2fsprogs::{DEBUGFS, E2FSCK, MKE2FS};
use machine::requirements::can_run;
use std::collections::BTreeMap;

const IMAGES: [&str; 4] = [
    "-t ext4 -b 4096 -O inline_data",
    "-t ext4 -b 1024 -I 512 -O inline_data,metadata_csum_seed,orphan_file",
    "-t ext4 -b 1024 -I 1024 -O inline_data,^dir_index,^filetype",
    "-t ext4 -b 2048 -I 256 -O inline_data,^metadata_csum,^extent,^64bit,^has_journal",
];

const INLINE_DATA: u32 = 0x1000_0000;

fn is_inline(volume: &Volume, ino: Ino) -> bool {
    volume.getattr(ino).expect("attributes").flags & INLINE_DATA != 0
}

/// Sizes around every border there is.
const SIZES: [usize; 14] = [
    0, 1, 59, 60, 61, 100, 124, 128, 132, 160, 300, 400, 900, 5000,
];

fn add(tree: &mut Tree, path: &str, content: Content) {
    tree.insert(path.into(), (content, BTreeMap::new()));
}

/// Writes files and directories of all sizes.
fn fill(side: &dyn Side, tree: &mut Tree) {
    for (n, len) in SIZES.into_iter().enumerate() {
        let path = format!("f{len}");
        side.write(&path, 0, &bytes(n, len));
        add(tree, &path, Content::File(bytes(n, len)));
        // Attributes that fit beside the data, and such that do not.
        if n % 3 > 0 {
            let value = bytes(n, n * 9);
            side.setxattr(&path, "user.x", &value);
            let (_, attributes) = tree.get_mut(&path).expect("the file");
            attributes.insert("user.x".into(), value);
        }
    }
    for (n, entries) in [0, 1, 3, 5, 9, 20, 60, 200].into_iter().enumerate() {
        let dir = format!("d{entries}");
        side.mkdir(&dir);
        add(tree, &dir, Content::Dir);
        for i in 0..entries {
            let path = format!("{dir}/{}{i}", "n".repeat(i * (n + 1) % 17));
            if i % 5 == 4 {
                side.mkdir(&path);
                add(tree, &path, Content::Dir);
            } else {
                side.write(&path, 0, &bytes(i, i));
                add(tree, &path, Content::File(bytes(i, i)));
            }
        }
    }
    for len in [1, 59, 60, 90, 200] {
        let path = format!("s{len}");
        let target = vec![b't'; len];
        side.symlink(&path, &target);
        add(tree, &path, Content::Symlink(target));
    }
}

/// Goes on with what `fill` wrote, so that files and directories leave their inodes.
fn change(side: &dyn Side, tree: &mut Tree) {
    for (n, len) in SIZES.into_iter().enumerate() {
        let path = format!("f{len}");
        let Some((Content::File(content), attributes)) = tree.get_mut(&path) else {
            panic!("{path} is not a file");
        };
        match n % 5 {
            0 => {
                side.write(&path, len as u64, b"appended");
                content.extend(b"appended");
            }
            1 => {
                side.truncate(&path, len as u64 / 2);
                side.truncate(&path, len as u64 + 7);
                content[len / 2..].fill(0);
                content.resize(len + 7, 0);
            }
            2 => {
                side.write(&path, 3000, b"far");
                content.resize(content.len().max(3003), 0);
                content[3000..3003].copy_from_slice(b"far");
            }
            3 => {
                side.setxattr(&path, "user.more", &[n as u8; 70]);
                attributes.insert("user.more".into(), vec![n as u8; 70]);
            }
            _ => {
                side.write(&path, 2, b"over");
                content.resize(content.len().max(6), 0);
                content[2..6].copy_from_slice(b"over");
            }
        }
    }
    for entries in [0, 1, 3, 5, 9, 20, 60, 200] {
        let dir = format!("d{entries}");
        let first = tree
            .keys()
            .find(|path| path.starts_with(&format!("{dir}/")) && !path.ends_with('4'))
            .cloned();
        if let Some(first) = first.filter(|first| matches!(tree[first].0, Content::File(_))) {
            side.unlink(&first);
            tree.remove(&first);
        }
        let path = format!("{dir}/another name of some length");
        side.write(&path, 0, b"new");
        add(tree, &path, Content::File(b"new".to_vec()));
        let path = format!("{dir}/sub");
        side.mkdir(&path);
        side.rename(&path, &format!("moved{entries}"));
        add(tree, &format!("moved{entries}"), Content::Dir);
    }
}

#[test]
fn the_kernel_reads_what_we_wrote_inside_inodes_and_goes_on() {
    if !can_mount("the_kernel_reads_what_we_wrote_inside_inodes_and_goes_on") {
        return;
    }
    for options in IMAGES {
        turns::we_begin(options, fill, change, |volume| {
            assert!(is_inline(volume, walk(volume, "f60")), "{options}");
            assert!(is_inline(volume, walk(volume, "d1")), "{options}");
        });
    }
}

#[test]
fn we_read_what_the_kernel_wrote_inside_inodes_and_go_on() {
    if !can_mount("we_read_what_the_kernel_wrote_inside_inodes_and_go_on") {
        return;
    }
    for options in IMAGES {
        turns::the_kernel_begins(options, fill, change, |_| (), |_, ()| ());
    }
}

#[test]
fn symlinks_inside_inodes_are_read_renamed_and_deleted() {
    if !can_run(
        "symlinks_inside_inodes_are_read_renamed_and_deleted",
        &[MKE2FS, E2FSCK, DEBUGFS],
    ) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let target = "t".repeat(100);
    std::os::unix::fs::symlink(&target, dir.path().join("link")).expect("a link");
    let image = Image::make(&format!(
        "-t ext4 -O inline_data -d {}",
        dir.path().to_str().expect("a path")
    ));
    let mut debugfs = command("debugfs", ["-R", "stat /link"]);
    let stat = run(debugfs.arg(image.path()));
    assert!(stat.contains("Flags: 0x10000000"), "{stat}");
    let volume = image.open();
    let free = volume.statfs().free_inodes;
    assert_eq!(
        volume.readlink(find(&volume, "link")).expect("a target"),
        target.as_bytes()
    );
    Side::rename(&volume, "link", "other");
    Side::unlink(&volume, "other");
    assert_eq!(volume.statfs().free_inodes, free + 1);
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn a_file_leaves_its_inode_for_good() {
    if !can_run("a_file_leaves_its_inode_for_good", &NEEDS) {
        return;
    }
    let image = Image::make(IMAGES[0]);
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o644);
    assert!(is_inline(&volume, ino));
    volume
        .write(ino, 0, &[1; 100], WriteMode::Writeback)
        .expect("written");
    let attr = volume.getattr(ino).expect("attributes");
    assert!(is_inline(&volume, ino));
    // tar takes a file without sectors for a hole.
    assert_eq!((attr.size, attr.sectors), (100, 1));
    assert_eq!(volume.seek_data(ino, 50).expect("data"), Some(50));
    assert_eq!(volume.seek_hole(ino, 50).expect("a hole"), Some(100));
    let free = volume.statfs().free_blocks;
    volume
        .write(ino, 100, &[2; 100], WriteMode::Writeback)
        .expect("written");
    assert!(!is_inline(&volume, ino));
    assert_eq!(volume.statfs().free_blocks, free - 1);
    Side::truncate(&volume, "f", 0);
    volume
        .write(ino, 0, b"small", WriteMode::Writeback)
        .expect("written");
    assert!(!is_inline(&volume, ino));
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn space_that_must_be_blocks_moves_data_out() {
    if !can_run("space_that_must_be_blocks_moves_data_out", &NEEDS) {
        return;
    }
    let image = Image::make(IMAGES[0]);
    let volume = image.open();
    for (name, mode) in [
        ("allocate", FallocateMode::Allocate { keep_size: true }),
        ("punch", FallocateMode::PunchHole),
        ("zero", FallocateMode::ZeroRange { keep_size: false }),
    ] {
        let ino = create(&volume, name, FileType::Regular, 0o644);
        volume
            .write(ino, 0, &[7; 90], WriteMode::Plain)
            .expect("written");
        volume
            .fallocate(ino, 10, 20, mode, WriteMode::Plain)
            .expect(name);
        assert!(!is_inline(&volume, ino), "{name}");
        let mut wanted = vec![7; 90];
        if mode != (FallocateMode::Allocate { keep_size: true }) {
            wanted[10..30].fill(0);
        }
        let mut found = vec![0; 90];
        volume.read(ino, 0, &mut found).expect("read");
        assert_eq!(found, wanted, "{name}");
    }
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn attributes_that_fit_nowhere_else_move_data_out() {
    if !can_run("attributes_that_fit_nowhere_else_move_data_out", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4 -b 1024 -I 256 -O inline_data");
    let volume = image.open();
    let file = create(&volume, "f", FileType::Regular, 0o644);
    volume
        .write(file, 0, &[3; 110], WriteMode::Plain)
        .expect("written");
    let dir = create(&volume, "d", FileType::Directory, 0o755);
    Side::write(&volume, "d/entry", 0, b"");
    for ino in [file, dir] {
        // The block takes 988 bytes; two attributes need more than that beside the data.
        for (name, len) in [("user.a", 940), ("user.b", 60)] {
            volume
                .setxattr(ino, name.as_bytes(), &vec![b'v'; len], SetXattrMode::Any)
                .expect(name);
        }
        assert!(!is_inline(&volume, ino));
        // The attribute of the data itself is nobody's business.
        let mut names = volume.listxattr(ino).expect("names");
        names.sort();
        assert_eq!(names, [b"user.a", b"user.b"]);
    }
    let mut found = [0; 110];
    volume.read(file, 0, &mut found).expect("read");
    assert_eq!(found, [3; 110]);
    walk(&volume, "d/entry");
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn reading_a_directory_goes_on_where_it_was_when_the_directory_leaves_its_inode() {
    if !can_run(
        "reading_a_directory_goes_on_where_it_was_when_the_directory_leaves_its_inode",
        &NEEDS,
    ) {
        return;
    }
    for options in IMAGES {
        let image = Image::make(options);
        let volume = image.open();
        let dir = create(&volume, "d", FileType::Directory, 0o755);
        for i in 0..4 {
            Side::write(&volume, &format!("d/old{i}"), 0, b"");
        }
        let mut seen = Vec::new();
        let mut next = 0;
        volume
            .read_dir(dir, 0, &mut |entry| {
                if seen.len() == 4 {
                    return false;
                }
                seen.push(entry.name.to_vec());
                next = entry.next;
                true
            })
            .expect("read");
        assert!(is_inline(&volume, dir));
        for i in 0..200 {
            Side::write(&volume, &format!("d/new{i}"), 0, b"");
        }
        assert!(!is_inline(&volume, dir));
        volume
            .read_dir(dir, next, &mut |entry| {
                seen.push(entry.name.to_vec());
                true
            })
            .expect("read");
        for i in 0..4 {
            let name = format!("old{i}").into_bytes();
            let times = seen.iter().filter(|seen| **seen == name).count();
            assert_eq!(times, 1, "{options}: old{i}");
        }
    }
}
