//! Damaged tables: errors, never a panic or a hang.

use crate::image::{Image, NEEDS, create, find};
use lwext4::{Durability, Error, FileType, Ino, MemDevice, OpenOptions, SetXattrMode, Volume};
use machine::requirements::can_run;
use std::sync::Arc;

const ACCESS: &[u8] = b"system.posix_acl_access";
const MAGIC: [u8; 4] = [0, 0, 2, 0xEA];

/// Where tables start: behind the magic number, in blocks and in inodes.
fn tables(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len() - 4)
        .step_by(4)
        .filter(|&at| bytes[at..at + 4] == MAGIC)
        .collect()
}

fn use_everything(volume: &Volume, ino: Ino) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut note = |result: lwext4::Result<()>| errors.extend(result.err());
    note(volume.listxattr(ino).map(drop));
    for name in [&b"user.inside"[..], b"user.outside", ACCESS, b"user.none"] {
        note(volume.getxattr(ino, name).map(drop));
    }
    note(volume.setxattr(ino, b"user.more", &[3; 30], SetXattrMode::Any));
    note(volume.setxattr(ino, b"user.outside", &[3; 500], SetXattrMode::Any));
    let set = lwext4::SetAttr {
        perm: Some(0o600),
        ..Default::default()
    };
    note(volume.setattr(ino, &set).map(drop));
    note(volume.removexattr(ino, b"user.inside"));
    errors
}

#[test]
fn damaged_tables_are_errors() {
    if !can_run("damaged_tables_are_errors", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext2 -b 1024 -I 256 -N 64");
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o644);
    let acl = crate::acls::acl(&[
        (crate::acls::USER_OBJ, 6),
        (crate::acls::user(7), 7),
        (crate::acls::GROUP_OBJ, 5),
        (crate::acls::MASK, 4),
        (crate::acls::OTHER, 0),
    ]);
    for (name, value) in [
        (&b"user.inside"[..], &[1; 8][..]),
        (ACCESS, &acl),
        (b"user.outside", &[2; 300]),
    ] {
        volume
            .setxattr(ino, name, value, SetXattrMode::Any)
            .expect("set");
    }
    volume.close().expect("closed");
    let bytes = std::fs::read(image.path()).expect("the image");
    let used = 2 << 20;
    let tables = tables(&bytes[..used]);
    assert_eq!(tables.len(), 2, "one in an inode, one in a block");
    let mut state = 7u32;
    let mut random = |n: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state % n) as usize
    };
    let (mut broken, mut sound) = (0, 0);
    for _ in 0..400 {
        let mut bytes = bytes.clone();
        for _ in 0..=random(3) {
            let at = tables[random(2)] + random(96);
            bytes[at] = [0, 1, 0xFF, random(256) as u8][random(4)];
        }
        let device = MemDevice::from_bytes(&bytes);
        let options = OpenOptions {
            durability: Durability::None,
            ..OpenOptions::default()
        };
        let volume = Volume::open(Arc::new(device), options).expect("a volume");
        let ino = find(&volume, "f");
        let errors = use_everything(&volume, ino);
        match errors
            .iter()
            .any(|error| matches!(error, Error::Corrupt(_)))
        {
            true => broken += 1,
            false => sound += 1,
        }
        volume.close().expect("closed");
    }
    assert!(broken > 100 && sound > 20, "{broken} broken, {sound} sound");
}
