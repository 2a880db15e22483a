//! ACLs and the mode.

use crate::image::{Image, NEEDS, create, create_in};
use lwext4::{Error, FileType, Ino, SetAttr, SetXattrMode, Volume};
use machine::requirements::can_run;

const ACCESS: &[u8] = b"system.posix_acl_access";
const DEFAULT: &[u8] = b"system.posix_acl_default";

pub const USER_OBJ: (u16, u32) = (1, u32::MAX);
pub const GROUP_OBJ: (u16, u32) = (4, u32::MAX);
pub const MASK: (u16, u32) = (16, u32::MAX);
pub const OTHER: (u16, u32) = (32, u32::MAX);

pub fn user(id: u32) -> (u16, u32) {
    (2, id)
}

/// An ACL in the kernel's form.
pub fn acl(entries: &[((u16, u32), u16)]) -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for &((tag, id), perm) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(perm.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

fn set(volume: &Volume, ino: Ino, name: &[u8], value: &[u8]) -> lwext4::Result<()> {
    volume.setxattr(ino, name, value, SetXattrMode::Any)
}

fn perm(volume: &Volume, ino: Ino) -> u16 {
    volume.getattr(ino).expect("attributes").perm
}

fn chmod(volume: &Volume, ino: Ino, perm: u16) {
    let set = SetAttr {
        perm: Some(perm),
        ..SetAttr::default()
    };
    volume.setattr(ino, &set).expect("chmod");
}

fn is_missing(result: lwext4::Result<Vec<u8>>) -> bool {
    matches!(result, Err(Error::NoAttribute))
}

#[test]
fn an_access_acl_and_the_mode_follow_each_other() {
    if !can_run("an_access_acl_and_the_mode_follow_each_other", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4");
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o4755);
    let entries = [
        (USER_OBJ, 6),
        (user(1000), 7),
        (GROUP_OBJ, 5),
        (MASK, 4),
        (OTHER, 0),
    ];
    set(&volume, ino, ACCESS, &acl(&entries)).expect("set");
    assert_eq!(perm(&volume, ino), 0o4640);
    assert_eq!(volume.getxattr(ino, ACCESS).expect("an ACL"), acl(&entries));
    chmod(&volume, ino, 0o771);
    let entries = [
        (USER_OBJ, 7),
        (user(1000), 7),
        (GROUP_OBJ, 5),
        (MASK, 7),
        (OTHER, 1),
    ];
    assert_eq!(volume.getxattr(ino, ACCESS).expect("an ACL"), acl(&entries));
    assert_eq!(perm(&volume, ino), 0o771);
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn an_acl_that_the_mode_can_express_is_not_stored() {
    if !can_run("an_acl_that_the_mode_can_express_is_not_stored", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4");
    let volume = image.open();
    let ino = create(&volume, "f", FileType::Regular, 0o777);
    let entries = [
        (USER_OBJ, 6),
        (user(1), 7),
        (GROUP_OBJ, 5),
        (MASK, 4),
        (OTHER, 0),
    ];
    set(&volume, ino, ACCESS, &acl(&entries)).expect("set");
    set(
        &volume,
        ino,
        ACCESS,
        &acl(&[(USER_OBJ, 6), (GROUP_OBJ, 2), (OTHER, 1)]),
    )
    .expect("set");
    assert!(is_missing(volume.getxattr(ino, ACCESS)));
    assert_eq!(perm(&volume, ino), 0o621);
    assert!(volume.listxattr(ino).expect("names").is_empty());
    volume.removexattr(ino, ACCESS).expect("nothing to remove");
}

#[test]
fn acls_that_cannot_be_are_refused() {
    if !can_run("acls_that_cannot_be_are_refused", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4");
    let volume = image.open();
    let file = create(&volume, "f", FileType::Regular, 0o644);
    let full = acl(&[
        (USER_OBJ, 6),
        (user(1), 7),
        (GROUP_OBJ, 5),
        (MASK, 4),
        (OTHER, 0),
    ]);
    assert!(matches!(
        set(&volume, file, DEFAULT, &full),
        Err(Error::NotPermitted(_))
    ));
    set(&volume, file, DEFAULT, &acl(&[])).expect("no ACL is no default ACL");
    let cut = &full[..full.len() - 4];
    assert!(matches!(
        set(&volume, file, ACCESS, cut),
        Err(Error::InvalidArgument(_))
    ));
    let unmasked = acl(&[(USER_OBJ, 6), (user(1), 7), (GROUP_OBJ, 5), (OTHER, 0)]);
    assert!(matches!(
        set(&volume, file, ACCESS, &unmasked),
        Err(Error::InvalidArgument(_))
    ));
    let mut version = full.clone();
    version[0] = 3;
    assert!(matches!(
        set(&volume, file, ACCESS, &version),
        Err(Error::NotSupported(_))
    ));
    let link = volume
        .symlink(Ino::ROOT, b"l", b"f", 0, 0)
        .expect("a link")
        .attr
        .ino;
    assert!(matches!(
        set(&volume, link, ACCESS, &full),
        Err(Error::NotSupported(_))
    ));
    assert_eq!(perm(&volume, file), 0o644);
}

#[test]
fn new_files_inherit_the_default_acl_instead_of_the_umask() {
    if !can_run(
        "new_files_inherit_the_default_acl_instead_of_the_umask",
        &NEEDS,
    ) {
        return;
    }
    let image = Image::make("-t ext4");
    let volume = image.open();
    let dir = create(&volume, "d", FileType::Directory, 0o755);
    let before = create_in(&volume, dir, "before", FileType::Regular, 0o666, 0o022);
    assert_eq!(perm(&volume, before), 0o644);
    let default = [
        (USER_OBJ, 7),
        (user(9), 7),
        (GROUP_OBJ, 5),
        (MASK, 7),
        (OTHER, 4),
    ];
    set(&volume, dir, DEFAULT, &acl(&default)).expect("set");
    assert_eq!(perm(&volume, dir), 0o755);

    let file = create_in(&volume, dir, "file", FileType::Regular, 0o660, 0o077);
    assert_eq!(perm(&volume, file), 0o660);
    let access = [
        (USER_OBJ, 6),
        (user(9), 7),
        (GROUP_OBJ, 5),
        (MASK, 6),
        (OTHER, 0),
    ];
    assert_eq!(volume.getxattr(file, ACCESS).expect("an ACL"), acl(&access));
    assert!(is_missing(volume.getxattr(file, DEFAULT)));

    let sub = create_in(&volume, dir, "sub", FileType::Directory, 0o2777, 0o077);
    assert_eq!(perm(&volume, sub), 0o2774);
    assert_eq!(volume.getxattr(sub, ACCESS).expect("an ACL"), acl(&default));
    assert_eq!(
        volume.getxattr(sub, DEFAULT).expect("an ACL"),
        acl(&default)
    );

    set(
        &volume,
        dir,
        DEFAULT,
        &acl(&[(USER_OBJ, 7), (GROUP_OBJ, 5), (OTHER, 1)]),
    )
    .expect("set");
    let plain = create_in(&volume, dir, "plain", FileType::Regular, 0o666, 0o077);
    assert_eq!(perm(&volume, plain), 0o640);
    assert!(is_missing(volume.getxattr(plain, ACCESS)));

    volume.removexattr(dir, DEFAULT).expect("removed");
    let after = create_in(&volume, dir, "after", FileType::Regular, 0o666, 0o077);
    assert_eq!(perm(&volume, after), 0o600);
    volume.close().expect("closed");
    image.assert_consistent();
}
