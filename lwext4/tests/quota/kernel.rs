//! The kernel and we take turns at one image, and agree on who has what. Needs root and loop devices.

use crate::image::{Image, NEEDS, QUOTA};
use lwext4::*;
use machine::command::tool;
use machine::kernel::Mounted;
use machine::requirements::{Need, can_run, skip};
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

/// For the kernel to enforce all quotas.
const OPTIONS: &str = "usrquota,grpquota,prjquota";

/// KiB and inodes of an id, as the kernel counts them.
fn kernel_usage(at: &Path, kind: &str, id: u32) -> (u64, u64) {
    let said = tool("repquota", [kind, "-n", at.to_str().unwrap()]);
    let row = said
        .lines()
        .find(|line| line.starts_with(&format!("#{id} ")))
        .unwrap_or_else(|| panic!("no {id} in {said}"));
    let words: Vec<&str> = row.split_whitespace().collect();
    let kib = words[2].parse().unwrap();
    (kib, words[5].parse().unwrap())
}

#[test]
fn the_kernel_counts_on_from_us_and_we_from_it() {
    let name = "the_kernel_counts_on_from_us_and_we_from_it";
    let others = [
        Need::Loop,
        Need::Program("repquota"),
        Need::Program("setquota"),
    ];
    if !can_run(name, &NEEDS) || !can_run(name, &others) {
        return;
    }
    let mut image = Image::new(&["-b", "4096", "-O", QUOTA]);
    let dir = image.make(Ino::ROOT, "dir", FileType::Directory, (1000, 100));
    for i in 0..40 {
        let file = image.file(dir, &format!("file{i}"), (1000 + i, 100));
        let data = vec![b'd'; 5000];
        image.v().write(file, 0, &data, WriteMode::Plain).unwrap();
        image.v().set_project(file, 7).unwrap();
    }
    image.close();
    let mounted = match Mounted::new(&image.path, OPTIONS) {
        Ok(mounted) => mounted,
        // Few kernels are built with what quota needs.
        Err(why) => return skip(name, &format!("this kernel has no quota: {why}")),
    };
    let at = mounted.path();
    assert_eq!(kernel_usage(at, "-u", 1000), (4 + 8, 2));
    assert_eq!(kernel_usage(at, "-u", 1039), (8, 1));
    assert_eq!(kernel_usage(at, "-g", 100), (4 + 40 * 8, 41));
    assert_eq!(kernel_usage(at, "-P", 7), (40 * 8, 40));
    for i in 0..40 {
        let path = at.join(format!("dir/file{i}"));
        match i % 3 {
            0 => fs::remove_file(path).unwrap(),
            1 => chown(path, Some(5000 + i), None).unwrap(),
            _ => fs::write(path, vec![b'k'; 60_000]).unwrap(),
        }
    }
    symlink("x".repeat(100), at.join("link")).unwrap();
    let point = at.to_str().unwrap();
    tool("setquota", ["-u", "1002", "200", "300", "10", "20", point]);
    drop(mounted);
    image.open();
    let mut seen = 0;
    let mut names = Vec::new();
    image
        .v()
        .read_dir(dir, 0, &mut |entry| {
            names.push(entry.name.to_vec());
            true
        })
        .unwrap();
    for name in names.iter().filter(|name| name.starts_with(b"file")) {
        let ino = image.v().lookup(dir, name).unwrap().attr.ino;
        let set = SetAttr {
            gid: Some(300),
            size: Some(4096),
            ..SetAttr::default()
        };
        image.v().setattr(ino, &set).unwrap();
        seen += 1;
    }
    // Limits are kept, and nobody is held to them.
    let more = image.file(dir, "more", (1002, 100));
    let data = vec![b'm'; 500_000];
    image.v().write(more, 0, &data, WriteMode::Plain).unwrap();
    image.close();
    let mounted = Mounted::new(&image.path, OPTIONS).unwrap();
    let at = mounted.path();
    assert_eq!(kernel_usage(at, "-g", 300), (seen * 4, seen));
    let (kib, inodes) = kernel_usage(at, "-u", 1002);
    assert_eq!((kib, inodes), (4 + 492, 2));
    let said = tool("repquota", ["-u", "-n", at.to_str().unwrap()]);
    let row = said.lines().find(|line| line.starts_with("#1002 "));
    let words: Vec<&str> = row.unwrap().split_whitespace().collect();
    assert!(
        words.windows(2).any(|pair| pair == ["200", "300"]),
        "{said}"
    );
    drop(mounted);
    image.open();
    image.close();
}
