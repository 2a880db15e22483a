//! Directories whose names differ in more than case (feature casefold). This kernel may not know them:
//! e2fsck judges, which hashes and compares names as the kernel does.

use crate::image::{Image, NEEDS, create};
use crate::tree::{Side, place, walk};
use lwext4::{Error, FileType, Ino, RenameMode, Volume};
use machine::command::tool;
use machine::e2fsprogs::{DEBUGFS, E2FSCK, MKE2FS};
use machine::requirements::can_run;
use std::path::Path;

const IMAGES: [&str; 4] = [
    "-t ext4 -b 1024 -O casefold",
    "-t ext4 -b 1024 -O casefold,inline_data",
    "-t ext4 -b 1024 -O casefold,^dir_index",
    "-t ext4 -b 4096 -O casefold,metadata_csum_seed -E encoding=utf8-12.1",
];

const CASEFOLD: u32 = 0x4000_0000;

/// Makes a directory that folds names.
fn folding(volume: &Volume, name: &str) -> Ino {
    let dir = create(volume, name, FileType::Directory, 0o755);
    let flags = volume.getattr(dir).expect("attributes").flags;
    volume.set_flags(dir, flags | CASEFOLD).expect("chattr +F");
    dir
}

fn names(volume: &Volume, dir: Ino) -> Vec<String> {
    let mut names = Vec::new();
    volume
        .read_dir(dir, 0, &mut |entry| {
            if entry.name != b"." && entry.name != b".." {
                names.push(String::from_utf8_lossy(entry.name).into_owned());
            }
            true
        })
        .expect("a directory");
    names.sort();
    names
}

#[test]
fn names_are_found_whatever_their_case_and_kept_as_they_were_given() {
    if !can_run(
        "names_are_found_whatever_their_case_and_kept_as_they_were_given",
        &NEEDS,
    ) {
        return;
    }
    for options in IMAGES {
        let image = Image::make(options);
        let volume = image.open();
        let dir = folding(&volume, "d");
        let other = create(&volume, "plain", FileType::Directory, 0o755);
        for name in ["README", "Straße", "Ä", "日本"] {
            for dir in ["d", "plain"] {
                Side::write(&volume, &format!("{dir}/{name}"), 0, name.as_bytes());
            }
        }
        for (name, there) in [
            ("readme", true),
            ("STRASSE", true),
            ("a\u{308}", true),
            ("日本", true),
            ("日", false),
        ] {
            let found = volume.lookup(dir, name.as_bytes());
            assert_eq!(found.is_ok(), there, "{options}: {name}");
            let plain = volume.lookup(other, name.as_bytes());
            assert_eq!(plain.is_ok(), name == "日本", "{options}: {name}");
        }
        assert_eq!(names(&volume, dir), ["README", "Straße", "Ä", "日本"]);
        let (parent, name) = place(&volume, "d/ReadMe");
        let new = lwext4::NewFile::new(FileType::Regular, 0o644);
        let made = volume.create(parent, name, &new);
        assert!(matches!(made, Err(Error::Exists)), "{options}");
        // Another spelling of its own name changes nothing, as in Linux.
        Side::rename(&volume, "d/readme", "d/READme");
        assert_eq!(names(&volume, dir), ["README", "Straße", "Ä", "日本"]);
        let taken = volume.rename(other, b"README", dir, b"readme", RenameMode::NoReplace);
        assert!(matches!(taken, Err(Error::Exists)), "{options}");
        Side::rename(&volume, "plain/README", "d/readme");
        Side::unlink(&volume, "d/STRASSE");
        assert_eq!(names(&volume, dir), ["README", "Ä", "日本"]);
        volume.close().expect("closed");
        image.assert_consistent();
        let problems = crate::check(&image.path());
        assert!(problems.is_empty(), "{options}: {problems:?}");
    }
}

#[test]
fn large_directories_are_indexed_by_what_names_fold_to() {
    if !can_run(
        "large_directories_are_indexed_by_what_names_fold_to",
        &[MKE2FS, E2FSCK, DEBUGFS],
    ) {
        return;
    }
    for options in IMAGES {
        let image = Image::make(options);
        let volume = image.open();
        let dir = folding(&volume, "d");
        for i in 0..600 {
            let name = format!("d/Größe {i} ÀÉ{}", "x".repeat(i % 40));
            Side::write(&volume, &name, 0, b"");
        }
        // What cannot be folded equals itself.
        let odd = [b'A', 0xFF, b'z'];
        let new = lwext4::NewFile::new(FileType::Fifo, 0o644);
        volume.create(dir, &odd, &new).expect("created");
        assert!(volume.lookup(dir, &[b'a', 0xFF, b'z']).is_err());
        for i in 0..600 {
            let name = format!("d/GRÖSSE {i} a\u{300}e\u{301}{}", "X".repeat(i % 40));
            walk(&volume, &name);
        }
        assert_eq!(names(&volume, dir).len(), 601, "{options}");
        volume.close().expect("closed");
        image.assert_consistent();
        let problems = crate::check(&image.path());
        assert!(problems.is_empty(), "{options}: {problems:?}");
        // With other hashes, e2fsck would say that the index is not in order.
        let path = image.path();
        let stat = tool("debugfs", [Path::new("-R"), Path::new("stat /d"), &path]);
        assert_eq!(
            stat.contains("0x40081000"),
            !options.contains("^dir_index"),
            "{stat}"
        );
    }
}

#[test]
fn the_flag_is_for_empty_directories_and_goes_on_to_new_ones() {
    if !can_run(
        "the_flag_is_for_empty_directories_and_goes_on_to_new_ones",
        &NEEDS,
    ) {
        return;
    }
    let image = Image::make(IMAGES[0]);
    let volume = image.open();
    let dir = folding(&volume, "d");
    Side::mkdir(&volume, "d/Sub");
    Side::write(&volume, "d/sUB/File", 0, b"");
    walk(&volume, "d/sub/file");
    let flags = |ino| volume.getattr(ino).expect("attributes").flags;
    let full = volume.set_flags(dir, flags(dir) & !CASEFOLD);
    assert!(matches!(full, Err(Error::NotEmpty)));
    let plain = create(&volume, "p", FileType::Directory, 0o755);
    Side::write(&volume, "p/file", 0, b"");
    let full = volume.set_flags(plain, flags(plain) | CASEFOLD);
    assert!(matches!(full, Err(Error::NotEmpty)));
    let file = walk(&volume, "p/file");
    assert_eq!(flags(file) & CASEFOLD, 0);
    assert!(volume.set_flags(file, flags(file) | CASEFOLD).is_err());
    volume.close().expect("closed");
    image.assert_consistent();
}

#[test]
fn a_strict_image_takes_no_name_that_cannot_be_folded() {
    if !can_run("a_strict_image_takes_no_name_that_cannot_be_folded", &NEEDS) {
        return;
    }
    let image = Image::make("-t ext4 -O casefold -E encoding=utf8,encoding_flags=strict");
    let volume = image.open();
    let dir = folding(&volume, "d");
    for name in [&b"A\xFF"[..], b"\xC3"] {
        let found = volume.lookup(dir, name);
        assert_eq!(found.expect_err("no UTF-8").errno(), 22);
        let linked = Volume::symlink(&volume, dir, name, b"target", 0, 0);
        assert_eq!(linked.expect_err("no UTF-8").errno(), 22);
        // The root does not fold.
        Volume::symlink(&volume, Ino::ROOT, name, b"target", 0, 0).expect("a link");
    }
    volume.close().expect("closed");
    image.assert_consistent();
}
