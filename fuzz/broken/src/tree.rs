//! The small tree that seeds hold: one of everything that has a structure of its own.

use lwext4::ondisk::features::{Features, Incompat, RoCompat};
use lwext4::ondisk::inode::InodeFlags;
use lwext4::*;
use std::sync::Arc;

/// What a process leaves behind: everything written and closed, or a journal to be replayed and
/// files that were deleted while in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Closed.
    Clean,
    /// Killed.
    Crashed,
}

fn file(file_type: FileType) -> NewFile {
    NewFile {
        file_type,
        perm: 0o755,
        umask: 0,
        uid: 1000,
        gid: 1000,
        device: (8, 1),
    }
}

/// An ACL with a user of its own, in the kernel's form.
pub fn acl() -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, perm, id) in [
        (1u16, 7u16, u32::MAX),
        (2, 6, 1234),
        (4, 5, u32::MAX),
        (16, 7, u32::MAX),
        (32, 4, u32::MAX),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(perm.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// Makes `name` in `parent` and gives back the hold.
fn make(volume: &Volume, parent: Ino, name: &str, file_type: FileType) -> Result<Ino> {
    let entry = volume.create(parent, name.as_bytes(), &file(file_type))?;
    volume.forget(entry.attr.ino, 1);
    Ok(entry.attr.ino)
}

/// Fills the image on `device`, which must be writable by the engine, and leaves it as `ending` says.
///
/// # Errors
/// What the engine says.
pub fn fill(device: Arc<dyn BlockDevice>, ending: Ending) -> Result<()> {
    let volume = Volume::open(device.clone(), OpenOptions::default())?;
    names(&volume)?;
    maps(&volume)?;
    attributes(&volume)?;
    features(&volume)?;
    if ending == Ending::Clean {
        return volume.close();
    }
    // Part of the tree is home, the rest in the journal only.
    volume.close()?;
    let volume = Volume::open(device, OpenOptions::default())?;
    let dir = make(&volume, Ino::ROOT, "late", FileType::Directory)?;
    for i in 0..60 {
        let name = format!("{i:03}-{}", "late".repeat(20));
        let ino = make(&volume, dir, &name, FileType::Regular)?;
        volume.write(ino, 0, name.as_bytes(), WriteMode::Plain)?;
    }
    let deep = volume.lookup(Ino::ROOT, b"fragments")?.attr.ino;
    volume.write(deep, 1 << 20, &[7; 3000], WriteMode::Plain)?;
    volume.forget(deep, 1);
    volume.sync()?;
    let gone = volume.lookup(Ino::ROOT, b"attributes")?.attr.ino;
    for name in volume.listxattr(gone)? {
        volume.removexattr(gone, &name)?;
    }
    volume.forget(gone, 1);
    for i in 0..4 {
        let name = format!("orphan-{i}");
        let ino = volume
            .create(Ino::ROOT, name.as_bytes(), &file(FileType::Regular))?
            .attr
            .ino;
        volume.write(ino, 0, &[i; 5000], WriteMode::Plain)?;
        volume.unlink(Ino::ROOT, name.as_bytes())?;
    }
    drop(volume);
    Ok(())
}

/// Directories of every shape.
fn names(volume: &Volume) -> Result<()> {
    let hashed = make(volume, Ino::ROOT, "hashed", FileType::Directory)?;
    let target = make(volume, hashed, "target", FileType::Regular)?;
    fill_up(volume, hashed, target)?;
    let mut deep = Ino::ROOT;
    for i in 0..6 {
        deep = make(volume, deep, &format!("level-{i}"), FileType::Directory)?;
        make(volume, deep, "file", FileType::Regular)?;
    }
    let few = make(volume, Ino::ROOT, "few", FileType::Directory)?;
    for kind in [
        FileType::Regular,
        FileType::Directory,
        FileType::CharDevice,
        FileType::BlockDevice,
        FileType::Fifo,
        FileType::Socket,
    ] {
        make(volume, few, &format!("{kind:?}"), kind)?;
    }
    for (name, len) in [("short", 20), ("long", 300)] {
        let entry = volume.symlink(few, name.as_bytes(), &vec![b'x'; len], 0, 0)?;
        volume.forget(entry.attr.ino, 1);
    }
    Ok(())
}

/// Names for a file, more than a block of a directory has room for.
fn fill_up(volume: &Volume, dir: Ino, target: Ino) -> Result<()> {
    let names = 180.max(volume.statfs().block_size / 160);
    for i in 0..names {
        let name = format!("{i:04}{}", "n".repeat(200));
        volume.link(target, dir, name.as_bytes())?;
        volume.forget(target, 1);
    }
    Ok(())
}

/// Files of every kind of map.
fn maps(volume: &Volume) -> Result<()> {
    let block = u64::from(volume.statfs().block_size);
    let fragments = make(volume, Ino::ROOT, "fragments", FileType::Regular)?;
    let (pieces, many) = if block > 4096 { (40, 16) } else { (400, 64) };
    for i in 0..pieces {
        volume.write(fragments, 2 * i * block, &[i as u8; 100], WriteMode::Plain)?;
    }
    let long = make(volume, Ino::ROOT, "long", FileType::Regular)?;
    volume.write(long, 0, &vec![0x5A; 300 << 10], WriteMode::Plain)?;
    let sparse = make(volume, Ino::ROOT, "sparse", FileType::Regular)?;
    for at in [100u64, 1 << 20, 1 << 28] {
        volume.write(sparse, at, b"here", WriteMode::Plain)?;
    }
    let ahead = make(volume, Ino::ROOT, "ahead", FileType::Regular)?;
    match volume.fallocate(
        ahead,
        0,
        many * block,
        FallocateMode::Allocate { keep_size: true },
        WriteMode::Plain,
    ) {
        // Maps of block numbers have no unwritten blocks.
        Ok(()) | Err(Error::NotSupported(_)) => {}
        Err(error) => return Err(error),
    }
    volume.write(ahead, 10 * block, &[1; 10], WriteMode::Plain)?;
    Ok(())
}

/// Extended attributes inside inodes, in blocks of their own, and in shared ones.
fn attributes(volume: &Volume) -> Result<()> {
    let any = SetXattrMode::Any;
    let one = make(volume, Ino::ROOT, "attributes", FileType::Regular)?;
    volume.setxattr(one, b"user.small", b"value", any)?;
    volume.setxattr(one, b"user.large", &[3; 400], any)?;
    volume.setxattr(one, b"trusted.empty", b"", any)?;
    for i in 0..3 {
        let ino = make(volume, Ino::ROOT, &format!("shared-{i}"), FileType::Regular)?;
        volume.setxattr(ino, b"user.shared", &[9; 300], any)?;
        volume.setxattr(ino, b"system.posix_acl_access", &acl(), any)?;
    }
    let dir = make(volume, Ino::ROOT, "acls", FileType::Directory)?;
    volume.setxattr(dir, b"system.posix_acl_default", &acl(), any)?;
    make(volume, dir, "inherits", FileType::Directory)?;
    Ok(())
}

/// What only some feature sets have.
fn features(volume: &Volume) -> Result<()> {
    let features = volume.superblock().features();
    let any = SetXattrMode::Any;
    if features.incompat.contains(Incompat::INLINE_DATA) {
        let dir = make(volume, Ino::ROOT, "inside", FileType::Directory)?;
        for len in [0, 1, 50, 61, 100, 150] {
            let ino = make(volume, dir, &format!("{len}"), FileType::Regular)?;
            volume.write(ino, 0, &vec![b'i'; len], WriteMode::Plain)?;
            if len == 50 {
                volume.setxattr(ino, b"user.beside", b"value", any)?;
            }
        }
    }
    if features.incompat.contains(Incompat::EA_INODE) {
        for i in 0..2 {
            let ino = make(volume, Ino::ROOT, &format!("value-{i}"), FileType::Regular)?;
            volume.setxattr(ino, b"user.shared", &[6; 5000], any)?;
            volume.setxattr(ino, b"user.own", &vec![i + 1; 3000], any)?;
        }
    }
    if features.incompat.contains(Incompat::CASEFOLD) {
        let small = make(volume, Ino::ROOT, "folded", FileType::Directory)?;
        set_flag(volume, small, InodeFlags::CASEFOLD)?;
        for name in ["README", "Straße", "\u{1E9E}", "e\u{301}"] {
            make(volume, small, name, FileType::Regular)?;
        }
        let large = make(volume, small, "Large", FileType::Directory)?;
        let target = make(volume, large, "Target", FileType::Regular)?;
        fill_up(volume, large, target)?;
    }
    if features.incompat.contains(Incompat::ENCRYPT) {
        to_be_encrypted(volume)?;
    }
    if features.ro_compat.contains(RoCompat::PROJECT) {
        let dir = make(volume, Ino::ROOT, "project", FileType::Directory)?;
        volume.set_project(dir, 7)?;
        set_flag(volume, dir, InodeFlags::PROJINHERIT)?;
        make(volume, dir, "inherits", FileType::Regular)?;
    }
    if features.ro_compat.contains(RoCompat::QUOTA) {
        // Ids of several leaves, far apart in the tree.
        let dir = make(volume, Ino::ROOT, "owners", FileType::Directory)?;
        for i in 0..40u32 {
            let ino = make(volume, dir, &format!("{i}"), FileType::Regular)?;
            let owner = SetAttr {
                uid: Some(i * 1000),
                gid: Some(i << 24),
                ..SetAttr::default()
            };
            volume.setattr(ino, &owner)?;
        }
    }
    Ok(())
}

fn set_flag(volume: &Volume, ino: Ino, flag: InodeFlags) -> Result<()> {
    let flags = volume.getattr(ino)?.flags;
    volume.set_flags(ino, flags | flag.bits())
}

/// A tree that becomes an encrypted one by [`marks`]: its names could be encrypted ones.
fn to_be_encrypted(volume: &Volume) -> Result<()> {
    let dir = make(volume, Ino::ROOT, "encrypted", FileType::Directory)?;
    let file = make(volume, dir, ENCRYPTED[2][1], FileType::Regular)?;
    volume.write(file, 0, &[0xE0; 3000], WriteMode::Plain)?;
    // A link's target begins with the length of the rest: 298, or what `mark` makes of it.
    for (path, len) in [(ENCRYPTED[3], 40), (ENCRYPTED[4], 300)] {
        let target = [&[42, 1], &*vec![20; len - 2]].concat();
        let entry = volume.symlink(dir, path[1].as_bytes(), &target, 0, 0)?;
        volume.forget(entry.attr.ino, 1);
    }
    let large = make(volume, dir, ENCRYPTED[1][1], FileType::Directory)?;
    let target = make(volume, large, ENCRYPTED[5][2], FileType::Regular)?;
    fill_up(volume, large, target)
}

const ENCRYPTED: [&[&str]; 6] = [
    &["encrypted"],
    &["encrypted", "a directory inside"],
    &["encrypted", "a file, not empty"],
    &["encrypted", "a short link inside"],
    &["encrypted", "a longer link inside"],
    &["encrypted", "a directory inside", "a file of many names"],
];

/// Flags that are set in a finished tree, since they forbid to make it: where, and which.
pub fn marks(features: &Features) -> Vec<(&'static [&'static str], InodeFlags)> {
    let mut marks: Vec<(&'static [&'static str], InodeFlags)> = Vec::new();
    if features.ro_compat.contains(RoCompat::VERITY) {
        marks.push((&["ahead"], InodeFlags::VERITY));
    }
    if features.incompat.contains(Incompat::ENCRYPT) {
        marks.extend(ENCRYPTED.map(|path| (path, InodeFlags::ENCRYPT)));
    }
    marks
}

/// The bytes of an inode from its attributes on that say how it is encrypted: one attribute inside the
/// inode, of the index that only encryption has, with a context of version 2.
pub fn encryption_context() -> [u8; 96] {
    let mut area = [0; 96];
    area[..4].copy_from_slice(&0xEA02_0000_u32.to_le_bytes());
    // Name length, index; then where the value is, behind the magic number, and its length.
    area[4..6].copy_from_slice(&[1, 9]);
    area[6] = 52;
    area[12] = 40;
    area[20] = b'c';
    // AES-256-XTS, AES-256-CTS, names padded to 32 bytes; the key's name and the file's nonce behind it.
    area[56..60].copy_from_slice(&[2, 1, 4, 3]);
    area[64..].fill(0x5E);
    area
}
