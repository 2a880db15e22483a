//! The kernel reads what we wrote, and we read what the kernel wrote.

use crate::acls::{GROUP_OBJ, MASK, OTHER, USER_OBJ, acl, user};
use crate::image::{Image, can_mount, create, create_in, find};
use lwext4::{FileType, OpenOptions, SetXattrMode};
use machine::command::{command, run};
use machine::requirements::{Need, can_run};
use rustix::fs::{XattrFlags, getxattr, listxattr, removexattr, setxattr};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

type Attributes = BTreeMap<Vec<u8>, Vec<u8>>;

const IMAGES: [&str; 5] = [
    "-t ext4 -b 1024 -I 128",
    "-t ext4 -b 1024 -I 256",
    "-t ext4 -b 4096 -I 512",
    "-t ext4 -b 4096 -O metadata_csum_seed",
    "-t ext2 -b 4096 -I 256",
];

/// All attributes of a file, by the kernel.
fn by_kernel(path: &Path) -> Attributes {
    let mut names = vec![0; 65_536];
    let len = listxattr(path, &mut names[..]).expect("names");
    names[..len]
        .split(|&b| b == 0)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let mut value = vec![0; 65_536];
            let len = getxattr(path, name, &mut value[..]).expect("a value");
            value.truncate(len);
            (name.to_vec(), value)
        })
        .collect()
}

/// All attributes of a file, by the engine.
fn by_engine(volume: &lwext4::Volume, name: &str) -> Attributes {
    let ino = find(volume, name);
    let names = volume.listxattr(ino).expect("names");
    names
        .into_iter()
        .map(|name| {
            let value = volume.getxattr(ino, &name).expect("a value");
            (name, value)
        })
        .collect()
}

/// Attributes for file `i`, small and large, some equal in several files.
fn sample(i: usize) -> Attributes {
    let mut all = Attributes::new();
    let mut add = |name: &str, value: Vec<u8>| all.insert(name.as_bytes().to_vec(), value);
    add("user.a", vec![i as u8; i % 50]);
    if i.is_multiple_of(2) {
        add("user.large", vec![b'L'; 400 + i % 4]);
    }
    if i.is_multiple_of(3) {
        add("trusted.naïve", b"v".to_vec());
    }
    if i.is_multiple_of(5) {
        add("security.selinux", b"system_u:object_r:usr_t:s0\0".to_vec());
        add(&format!("user.{}", "n".repeat(200)), b"".to_vec());
    }
    if i.is_multiple_of(4) {
        let entries = [
            (USER_OBJ, 6),
            (user(i as u32), 7),
            (GROUP_OBJ, 5),
            (MASK, 4),
            (OTHER, 0),
        ];
        add("system.posix_acl_access", acl(&entries));
    }
    all
}

const FILES: usize = 60;

#[test]
fn the_kernel_reads_what_we_wrote_and_goes_on_with_it() {
    if !can_mount("the_kernel_reads_what_we_wrote_and_goes_on_with_it") {
        return;
    }
    for options in IMAGES {
        let image = Image::make(options);
        let volume = image.open();
        for i in 0..FILES {
            let ino = create(&volume, &format!("f{i}"), FileType::Regular, 0o644);
            for (name, value) in sample(i) {
                volume
                    .setxattr(ino, &name, &value, SetXattrMode::Create)
                    .expect("set");
            }
        }
        volume.close().expect("closed");
        image.assert_consistent();
        let mounted = image.mount();
        for i in 0..FILES {
            let path = mounted.join(format!("f{i}"));
            assert_eq!(by_kernel(&path), sample(i), "{options}, file {i}");
            let mode = path.metadata().expect("metadata").permissions().mode();
            assert_eq!(
                mode & 0o777,
                if i.is_multiple_of(4) { 0o640 } else { 0o644 }
            );
            // The kernel's own changes of our tables: grow, shrink, remove.
            setxattr(&path, "user.k", &[1; 100], XattrFlags::CREATE).expect("set");
            if i.is_multiple_of(2) {
                setxattr(&path, "user.large", &[2; 20], XattrFlags::REPLACE).expect("set");
            }
            if i.is_multiple_of(3) {
                removexattr(&path, "trusted.naïve").expect("removed");
            }
        }
        drop(mounted);
        image.assert_consistent();
        let volume = image.open();
        for i in 0..FILES {
            let mut wanted = sample(i);
            wanted.insert(b"user.k".to_vec(), vec![1; 100]);
            if i.is_multiple_of(2) {
                wanted.insert(b"user.large".to_vec(), vec![2; 20]);
            }
            wanted.remove("trusted.naïve".as_bytes());
            assert_eq!(
                by_engine(&volume, &format!("f{i}")),
                wanted,
                "{options}, file {i}"
            );
        }
    }
}

#[test]
fn we_read_what_the_kernel_wrote_and_go_on_with_it() {
    let name = "we_read_what_the_kernel_wrote_and_go_on_with_it";
    let programs = ["setcap", "setfacl"].map(Need::Program);
    if !can_mount(name) || !can_run(name, &programs) {
        return;
    }
    for options in IMAGES {
        let image = Image::make(options);
        let mounted = image.mount();
        for i in 0..FILES {
            let path = mounted.join(format!("f{i}"));
            std::fs::write(&path, b"").expect("a file");
            for (name, value) in sample(i) {
                setxattr(&path, &name[..], &value, XattrFlags::CREATE).expect("set");
            }
        }
        let tool = mounted.join("tool");
        std::fs::write(&tool, b"").expect("a file");
        run(command("setcap", ["cap_net_raw+ep"]).arg(&tool));
        run(command("setfacl", ["-m", "u:1234:rw,g:70000:r"]).arg(&tool));
        let kept = by_kernel(&tool);
        assert_eq!(kept.len(), 2);
        drop(mounted);

        let volume = image.open();
        assert_eq!(by_engine(&volume, "tool"), kept);
        for i in 0..FILES {
            let name = format!("f{i}");
            assert_eq!(by_engine(&volume, &name), sample(i), "{options}, file {i}");
            let ino = find(&volume, &name);
            // The kernel shares blocks: these changes part them.
            volume
                .setxattr(ino, b"user.ours", &[i as u8; 100], SetXattrMode::Create)
                .expect("set");
            if i.is_multiple_of(2) {
                volume.removexattr(ino, b"user.large").expect("removed");
            }
        }
        volume.close().expect("closed");
        image.assert_consistent();
        let mounted = image.mount();
        for i in 0..FILES {
            let mut wanted = sample(i);
            wanted.insert(b"user.ours".to_vec(), vec![i as u8; 100]);
            wanted.remove(&b"user.large"[..]);
            assert_eq!(
                by_kernel(&mounted.join(format!("f{i}"))),
                wanted,
                "{options}, file {i}"
            );
        }
    }
}

#[test]
fn inherited_acls_are_those_of_the_kernel() {
    let name = "inherited_acls_are_those_of_the_kernel";
    if !can_mount(name) || !can_run(name, &[Need::Program("setfacl")]) {
        return;
    }
    let image = Image::make("-t ext4");
    let mounted = image.mount();
    let dir = mounted.join("d");
    std::fs::create_dir(&dir).expect("a directory");
    run(command("setfacl", ["-d", "-m", "u:77:rwx,g:78:r,o:-"]).arg(&dir));
    let file = mounted.join("d/kernel-file");
    let sub = mounted.join("d/kernel-dir");
    std::fs::write(&file, b"").expect("a file");
    std::fs::create_dir(&sub).expect("a directory");
    drop(mounted);
    let volume = image.open();
    let parent = find(&volume, "d");
    create_in(&volume, parent, "our-file", FileType::Regular, 0o666, 0o022);
    create_in(
        &volume,
        parent,
        "our-dir",
        FileType::Directory,
        0o777,
        0o022,
    );
    volume.close().expect("closed");
    image.assert_consistent();
    let mounted = image.mount();
    for kind in ["file", "dir"] {
        let theirs = mounted.join(format!("d/kernel-{kind}"));
        let ours = mounted.join(format!("d/our-{kind}"));
        assert_eq!(by_kernel(&ours), by_kernel(&theirs));
        assert_eq!(
            ours.metadata().expect("metadata").permissions(),
            theirs.metadata().expect("metadata").permissions()
        );
    }
}

#[test]
fn values_in_inodes_are_read() {
    if !can_mount("values_in_inodes_are_read") {
        return;
    }
    let image = Image::make("-t ext4 -b 1024 -O ea_inode");
    let value: Vec<u8> = (0..60_000u32).map(|i| (i / 7) as u8).collect();
    let mounted = image.mount();
    let path = mounted.join("f");
    std::fs::write(&path, b"").expect("a file");
    setxattr(&path, "user.huge", &value, XattrFlags::CREATE).expect("set");
    setxattr(&path, "user.small", b"1", XattrFlags::CREATE).expect("set");
    drop(mounted);
    let volume = image.open_with(OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    });
    let ino = find(&volume, "f");
    assert!(volume.getxattr(ino, b"user.huge").expect("a value") == value);
    assert_eq!(volume.getxattr(ino, b"user.small").expect("a value"), b"1");
}
