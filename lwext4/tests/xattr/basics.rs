//! Names, modes, limits, sharing.

use crate::image::{Image, NEEDS, create, find};
use lwext4::{Durability, Error, FileType, Ino, OpenOptions, SetXattrMode, Volume};
use machine::requirements::can_run;

const ANY: SetXattrMode = SetXattrMode::Any;

fn sorted(volume: &Volume, ino: Ino) -> Vec<String> {
    let names = volume.listxattr(ino).expect("names");
    let mut names: Vec<String> = names
        .into_iter()
        .map(|name| String::from_utf8(name).expect("text"))
        .collect();
    names.sort();
    names
}

#[test]
fn attributes_are_found_again_after_reopening() {
    if !can_run("attributes_are_found_again_after_reopening", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4 -b 4096");
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o644);
    let large = vec![b'x'; 3000];
    let all: [(&str, &[u8]); 5] = [
        ("user.small", b"1"),
        ("user.large", &large),
        ("user.empty", b""),
        ("trusted.overlay.opaque", b"y"),
        ("security.selinux", b"system_u:object_r:etc_t:s0\0"),
    ];
    for (name, value) in all {
        volume
            .setxattr(ino, name.as_bytes(), value, ANY)
            .expect(name);
    }
    volume.close().expect("closed");
    image.assert_consistent();
    let volume = image.open();
    for (name, value) in all {
        assert_eq!(volume.getxattr(ino, name.as_bytes()).expect(name), value);
    }
    let mut names = all.map(|(name, _)| name.to_owned());
    names.sort();
    assert_eq!(sorted(&volume, ino), names);
    assert_eq!(
        volume.getattr(ino).expect("attributes").sectors,
        8,
        "one block of 4 KiB"
    );
}

#[test]
fn modes_say_whether_an_attribute_must_or_must_not_exist() {
    if !can_run(
        "modes_say_whether_an_attribute_must_or_must_not_exist",
        &NEEDS,
    ) {
        return;
    }
    let image = Image::make("-t ext4 -b 1024");
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o644);
    let set = |value: &[u8], mode| volume.setxattr(ino, b"user.a", value, mode);
    assert!(matches!(
        set(b"1", SetXattrMode::Replace),
        Err(Error::NoAttribute)
    ));
    set(b"2", SetXattrMode::Create).expect("created");
    assert!(matches!(
        set(b"3", SetXattrMode::Create),
        Err(Error::Exists)
    ));
    set(b"4", SetXattrMode::Replace).expect("replaced");
    assert_eq!(volume.getxattr(ino, b"user.a").expect("a value"), b"4");
    volume.removexattr(ino, b"user.a").expect("removed");
    assert!(matches!(
        volume.removexattr(ino, b"user.a"),
        Err(Error::NoAttribute)
    ));
    assert!(matches!(
        volume.getxattr(ino, b"user.a"),
        Err(Error::NoAttribute)
    ));
}

#[test]
fn names_and_values_have_limits() {
    if !can_run("names_and_values_have_limits", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4 -b 4096");
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o644);
    let set = |name: &str, value: &[u8]| volume.setxattr(ino, name.as_bytes(), value, ANY);
    let longest = format!("user.{}", "n".repeat(250));
    set(&longest, b"v").expect("255 bytes");
    assert!(matches!(
        set(&format!("{longest}n"), b"v"),
        Err(Error::Range)
    ));
    assert!(matches!(set("", b"v"), Err(Error::Range)));
    assert!(matches!(set("user.", b"v"), Err(Error::InvalidArgument(_))));
    assert!(matches!(
        set("user.a\0b", b"v"),
        Err(Error::InvalidArgument(_))
    ));
    for name in [
        "system.data",
        "system.richacl",
        "encryption.c",
        "lustre.lov",
        "nothing",
        "users.a",
    ] {
        assert!(
            matches!(set(name, b"v"), Err(Error::NotSupported(_))),
            "{name}"
        );
        let got = volume.getxattr(ino, name.as_bytes());
        assert!(matches!(got, Err(Error::NotSupported(_))), "{name}");
    }
    volume
        .removexattr(ino, longest.as_bytes())
        .expect("removed");
    set("user.fits", &[1; 4096 - 32 - 4 - 20]).expect("a block full");
    assert!(matches!(
        set("user.fits", &[1; 4096 - 32 - 4 - 19]),
        Err(Error::NoSpace)
    ));
    assert!(matches!(set("user.big", &[1; 65_536]), Err(Error::NoSpace)));
    assert!(matches!(
        set("user.big", &[1; 65_537]),
        Err(Error::InvalidArgument(_))
    ));
    assert_eq!(
        volume
            .getxattr(ino, b"user.fits")
            .expect("the old value")
            .len(),
        4040
    );
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn the_last_attribute_takes_the_block_with_it() {
    if !can_run("the_last_attribute_takes_the_block_with_it", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4 -b 1024");
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o644);
    volume.sync().expect("synced");
    let free = volume.statfs().free_blocks;
    volume
        .setxattr(ino, b"user.a", &[1; 500], ANY)
        .expect("set");
    assert_eq!(volume.statfs().free_blocks, free - 1);
    volume
        .setxattr(ino, b"user.a", b"short", ANY)
        .expect("moved into the inode");
    volume.sync().expect("synced");
    assert_eq!(volume.statfs().free_blocks, free);
    assert_eq!(volume.getattr(ino).expect("attributes").sectors, 0);
    volume
        .setxattr(ino, b"user.a", &[1; 500], ANY)
        .expect("set");
    volume.unlink(Ino::ROOT, b"f").expect("deleted");
    volume.sync().expect("synced");
    assert_eq!(volume.statfs().free_blocks, free);
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn files_with_equal_attributes_share_blocks() {
    if !can_run("files_with_equal_attributes_share_blocks", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4 -b 1024 -N 4096");
    let volume = image.open();
    let names: Vec<String> = (0..1500).map(|i| format!("f{i}")).collect();
    let files: Vec<Ino> = names
        .iter()
        .map(|name| create(&volume, name, FileType::Regular, 0o644))
        .collect();
    volume.sync().expect("synced");
    let free = volume.statfs().free_blocks;
    for &ino in &files {
        volume
            .setxattr(ino, b"user.same", &[7; 700], ANY)
            .expect("set");
    }
    assert_eq!(volume.statfs().free_blocks, free - 2, "1024 users a block");
    volume
        .setxattr(files[0], b"user.same", &[8; 700], ANY)
        .expect("a copy");
    assert_eq!(volume.statfs().free_blocks, free - 3);
    assert_eq!(
        volume
            .getxattr(files[1], b"user.same")
            .expect("the old value"),
        [7; 700]
    );
    volume.close().expect("closed");
    image.assert_consistent();

    let volume = image.open();
    assert_eq!(
        volume
            .getxattr(files[0], b"user.same")
            .expect("the new value"),
        [8; 700]
    );
    for &ino in &files[..1400] {
        volume.removexattr(ino, b"user.same").expect("removed");
    }
    for name in &names[1400..] {
        volume.unlink(Ino::ROOT, name.as_bytes()).expect("deleted");
    }
    volume.sync().expect("synced");
    assert_eq!(volume.statfs().free_blocks, free);
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn many_threads_share_and_leave_blocks() {
    if !can_run("many_threads_share_and_leave_blocks", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4 -b 1024 -N 2048");
    let volume = image.open();
    let files: Vec<Ino> = (0..64)
        .map(|i| create(&volume, &format!("f{i}"), FileType::Regular, 0o644))
        .collect();
    std::thread::scope(|scope| {
        for part in files.chunks(16) {
            let volume = &volume;
            scope.spawn(move || {
                for round in 0..40u8 {
                    for &ino in part {
                        let value = [round % 3; 600];
                        volume.setxattr(ino, b"user.v", &value, ANY).expect("set");
                        if round % 7 == 6 {
                            volume.removexattr(ino, b"user.v").expect("removed");
                        }
                    }
                }
            });
        }
    });
    for &ino in &files {
        assert_eq!(volume.getxattr(ino, b"user.v").expect("a value"), [0; 600]);
    }
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn attributes_move_so_that_all_fit() {
    if !can_run("attributes_move_so_that_all_fit", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4 -b 1024 -I 256");
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o644);
    let set = |name: &str, len: usize| volume.setxattr(ino, name.as_bytes(), &vec![1; len], ANY);
    // 88 bytes of room inside, 988 outside; an entry with a one-byte name takes 20.
    set("user.a", 40).expect("inside");
    set("user.b", 900).expect("outside");
    set("user.c", 60).expect("inside, after a has moved outside");
    for (name, len) in [("user.a", 40), ("user.b", 900), ("user.c", 60)] {
        assert_eq!(
            volume.getxattr(ino, name.as_bytes()).expect(name).len(),
            len
        );
    }
    assert!(matches!(set("user.d", 0), Err(Error::NoSpace)));
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn images_without_the_feature_get_it_with_the_first_attribute() {
    if !can_run(
        "images_without_the_feature_get_it_with_the_first_attribute",
        &NEEDS,
    ) {
        return;
    }
    for options in [
        "-t ext2 -O ^ext_attr -I 128",
        "-t ext2 -r 0 -O none",
        "-t ext4 -O ^ext_attr,^has_journal",
    ] {
        let image = Image::make(options);
        let volume = image.open_with(OpenOptions {
            durability: Durability::None,
            ..OpenOptions::default()
        });
        let ino = create(&volume, "f", FileType::Regular, 0o644);
        volume
            .setxattr(ino, b"user.a", &[1; 500], ANY)
            .expect("set");
        volume.close().expect("closed");
        image.assert_consistent();
        let volume = image.open();
        assert_eq!(volume.getxattr(ino, b"user.a").expect("a value"), [1; 500]);
    }
}

#[test]
fn a_corrupt_area_is_an_error_that_names_the_inode() {
    if !can_run("a_corrupt_area_is_an_error_that_names_the_inode", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4 -O ^metadata_csum");
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o644);
    volume.setxattr(ino, b"user.a", b"value", ANY).expect("set");
    volume.close().expect("closed");
    let path = image.path();
    let bytes = std::fs::read(&path).expect("the image");
    // The entry of "a", one byte long, with a value of five.
    let at = bytes
        .windows(17)
        .position(|w| w[..2] == [1, 1] && w[8] == 5 && w[16] == b'a')
        .expect("the entry");
    let mut broken = bytes;
    broken[at + 9] = 0xFF;
    std::fs::write(&path, broken).expect("written");
    let volume = image.open();
    let ino = find(&volume, "f");
    for result in [
        volume.getxattr(ino, b"user.a").map(drop),
        volume.listxattr(ino).map(drop),
        volume.setxattr(ino, b"user.b", b"", ANY),
        volume.removexattr(ino, b"user.a"),
    ] {
        match result {
            Err(Error::Corrupt(corrupt)) => assert_eq!(corrupt.ino, Some(ino)),
            other => panic!("{other:?}"),
        }
    }
}
