//! Encrypted directories without their key (feature encrypt): the kernel encrypts, and what it shows of
//! them without the key is what we must show.

use crate::image::{Image, can_mount, create, find};
use lwext4::{
    Error, FallocateMode, FileType, Ino, NewFile, RenameMode, SetAttr, SetXattrMode, Volume,
    WriteMode,
};
use machine::command::{command, run};
use machine::requirements::{Need, can_run, skip};
use std::collections::BTreeMap;
use std::path::Path;

const IMAGES: [&str; 3] = [
    "-t ext4 -b 1024 -O encrypt",
    "-t ext4 -b 4096 -O encrypt,stable_inodes,inline_data",
    "-t ext4 -b 1024 -O encrypt,^dir_index,^metadata_csum",
];

/// What is known of a file without its key: size, and a link's target.
type Shown = BTreeMap<String, (u64, Option<String>)>;

fn by_kernel(dir: &Path, prefix: &str, shown: &mut Shown) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let entry = entry.expect("an entry");
        let path = format!("{prefix}{}", entry.file_name().to_str().expect("text"));
        let metadata = entry.path().symlink_metadata().expect("metadata");
        let target = metadata.is_symlink().then(|| {
            let target = std::fs::read_link(entry.path()).expect("a target");
            target.to_str().expect("text").to_owned()
        });
        shown.insert(path.clone(), (metadata.len(), target));
        if metadata.is_dir() {
            by_kernel(&entry.path(), &format!("{path}/"), shown);
        }
    }
}

fn by_engine(volume: &Volume, dir: Ino, prefix: &str, shown: &mut Shown) {
    let mut entries = Vec::new();
    volume
        .read_dir(dir, 0, &mut |entry| {
            if entry.name != b"." && entry.name != b".." {
                entries.push((String::from_utf8(entry.name.to_vec()), entry.ino));
            }
            true
        })
        .expect("a directory");
    for (name, ino) in entries {
        let name = name.expect("text");
        assert_eq!(lookup(volume, dir, &name).expect("found"), ino);
        let path = format!("{prefix}{name}");
        let attr = volume.getattr(ino).expect("attributes");
        let target = (attr.file_type == FileType::Symlink).then(|| {
            let target = volume.readlink(ino).expect("a target");
            String::from_utf8(target).expect("text")
        });
        shown.insert(path.clone(), (attr.size, target));
        if attr.file_type == FileType::Directory {
            by_engine(volume, ino, &format!("{path}/"), shown);
        }
    }
}

fn lookup(volume: &Volume, dir: Ino, name: &str) -> Result<Ino, Error> {
    let ino = volume.lookup(dir, name.as_bytes())?.attr.ino;
    volume.forget(ino, 1);
    Ok(ino)
}

/// Whether this kernel encrypts; says so if not.
fn can_encrypt(test: &str) -> bool {
    if !can_mount(test) || !can_run(test, &[Need::Program("python3")]) {
        return false;
    }
    let can = Path::new("/sys/fs/ext4/features/encryption").exists();
    if !can {
        skip(test, "needs a kernel with fscrypt");
    }
    can
}

/// An image with a directory that the kernel encrypted.
fn encrypted(options: &str) -> Image {
    let image = Image::make(options);
    let mounted = image.mount();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/features/encrypt.py");
    run(command("python3", [script]).arg(mounted.path()));
    drop(mounted);
    image
}

#[test]
fn without_a_key_we_show_what_the_kernel_shows() {
    if !can_encrypt("without_a_key_we_show_what_the_kernel_shows") {
        return;
    }
    for options in IMAGES {
        let image = encrypted(options);
        let mut wanted = Shown::new();
        let mounted = image.mount();
        by_kernel(&mounted.join("enc"), "", &mut wanted);
        drop(mounted);
        let volume = image.open();
        let mut found = Shown::new();
        by_engine(&volume, find(&volume, "enc"), "", &mut found);
        assert_eq!(found.len(), 311, "{options}");
        for (path, shown) in &wanted {
            assert_eq!(found.get(path), Some(shown), "{options}: {path}");
        }
        assert_eq!(found.len(), wanted.len(), "{options}");
        volume.close().expect("closed");
        image.assert_consistent();
        let problems = crate::check(&image.path());
        assert!(problems.is_empty(), "{options}: {problems:?}");
    }
}

/// The names of a directory that lead to files of a type.
fn names(volume: &Volume, dir: Ino, file_type: FileType) -> Vec<String> {
    let mut names = Vec::new();
    volume
        .read_dir(dir, 0, &mut |entry| {
            if entry.name != b"." && entry.name != b".." {
                names.push(String::from_utf8(entry.name.to_vec()).expect("text"));
            }
            true
        })
        .expect("a directory");
    names.retain(|name| {
        let ino = lookup(volume, dir, name).expect("found");
        volume.getattr(ino).expect("attributes").file_type == file_type
    });
    names
}

#[track_caller]
fn assert_no_key<T>(result: Result<T, Error>, what: &str) {
    match result {
        Err(error) => assert_eq!(error.errno(), 126, "{what}: {error}"),
        Ok(_) => panic!("{what}: succeeded"),
    }
}

#[test]
fn what_needs_the_key_is_refused() {
    if !can_encrypt("what_needs_the_key_is_refused") {
        return;
    }
    let image = encrypted(IMAGES[0]);
    let volume = image.open();
    let enc = find(&volume, "enc");
    let plain = create(&volume, "plain", FileType::Regular, 0o644);
    let files = names(&volume, enc, FileType::Regular);
    let file = lookup(&volume, enc, &files[0]).expect("found");
    let new = NewFile::new(FileType::Regular, 0o644);
    let dir = NewFile {
        file_type: FileType::Directory,
        ..new
    };
    let size = SetAttr {
        size: Some(1),
        ..SetAttr::default()
    };
    let mut buffer = [0; 10];
    let (root, name, mode) = (Ino::ROOT, files[0].as_bytes(), RenameMode::Replace);
    assert_no_key(volume.read(file, 0, &mut buffer), "read");
    assert_no_key(volume.write(file, 0, b"x", WriteMode::Plain), "write");
    assert_no_key(volume.write(file, 0, b"x", WriteMode::Writeback), "write");
    assert_no_key(volume.setattr(file, &size), "truncate");
    assert_no_key(
        volume.fallocate(file, 0, 1, FallocateMode::PunchHole, WriteMode::Plain),
        "punch",
    );
    assert_no_key(volume.create(enc, b"new", &new), "create");
    assert_no_key(volume.create(enc, b"new", &dir), "mkdir");
    assert_no_key(volume.symlink(enc, b"new", b"t", 0, 0), "symlink");
    assert_no_key(volume.link(plain, enc, b"new"), "link in");
    assert_no_key(volume.rename(root, b"plain", enc, b"new", mode), "move in");
    assert_no_key(volume.rename(enc, name, root, b"new", mode), "move out");
    assert_no_key(volume.rename(enc, name, enc, b"new", mode), "rename");
    for missing in ["hello", "a", "____", "AAAAAAAAAAAAAAAA"] {
        let found = volume.lookup(enc, missing.as_bytes());
        assert!(matches!(found, Err(Error::NotFound)), "{missing}");
    }
    // The rest needs no key, as in Linux.
    let perm = SetAttr {
        perm: Some(0o600),
        ..SetAttr::default()
    };
    volume.setattr(file, &perm).expect("chmod");
    volume
        .setxattr(file, b"user.a", b"b", SetXattrMode::Any)
        .expect("setxattr");
    let linked = volume.link(file, root, b"link").expect("a link out");
    volume.forget(linked.attr.ino, 1);
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn encrypted_files_are_deleted_without_the_key() {
    if !can_encrypt("encrypted_files_are_deleted_without_the_key") {
        return;
    }
    for options in IMAGES {
        let image = encrypted(options);
        let volume = image.open();
        let enc = find(&volume, "enc");
        for dir in names(&volume, enc, FileType::Directory) {
            let ino = lookup(&volume, enc, &dir).expect("found");
            let files = names(&volume, ino, FileType::Regular);
            for (i, file) in files.iter().enumerate() {
                if i % 3 != 0 {
                    volume.unlink(ino, file.as_bytes()).expect("unlinked");
                }
            }
            let removed = volume.rmdir(enc, dir.as_bytes());
            assert_eq!(removed.is_ok(), files.is_empty(), "{options}");
        }
        for name in names(&volume, enc, FileType::Symlink) {
            volume.unlink(enc, name.as_bytes()).expect("unlinked");
        }
        for name in names(&volume, enc, FileType::Regular) {
            volume.unlink(enc, name.as_bytes()).expect("unlinked");
        }
        let mut wanted = Shown::new();
        by_engine(&volume, enc, "", &mut wanted);
        assert_eq!(wanted.len(), 102, "{options}");
        volume.close().expect("closed");
        image.assert_consistent();
        let mounted = image.mount();
        let mut found = Shown::new();
        by_kernel(&mounted.join("enc"), "", &mut found);
        assert!(found == wanted, "{options}");
    }
}
