//! Damage met at work: the caller gets EUCLEAN, the superblock a record, and `s_errors` decides whether
//! writing goes on. Judges: dumpe2fs and e2fsck.

use lwext4::*;
use machine::command::{command, output, tool};
use machine::e2fsprogs::{DEBUGFS, DUMPE2FS, E2FSCK, MKE2FS, assert_clean, mke2fs};
use machine::requirements::{Need, can_run};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

const NEEDS: [Need; 4] = [MKE2FS, E2FSCK, DEBUGFS, DUMPE2FS];

struct Image {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

/// How e2fsck ends, and what it says.
fn e2fsck(flag: &str, path: &str) -> (Option<i32>, String) {
    let out = output(command("e2fsck", [flag, path]).env("LC_ALL", "C"));
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    (out.status.code(), said)
}

const EUCLEAN: i32 = 117;

impl Image {
    /// An image with directories `sound` and `broken`, of which the second is made so by debugfs, and a
    /// file `file` of some blocks.
    fn new(behaviour: &str) -> Image {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image");
        let options = ["-t", "ext4", "-b", "4096", "-e", behaviour];
        mke2fs(&path, 32 << 20, options);
        let image = Image { _dir: dir, path };
        let volume = image.open().unwrap();
        image.make(&volume, "sound", FileType::Directory).unwrap();
        image.make(&volume, "broken", FileType::Directory).unwrap();
        let file = image.make(&volume, "file", FileType::Regular).unwrap();
        for at in [0, 40_000] {
            volume
                .write(file, at, &[1; 4000], WriteMode::Plain)
                .unwrap();
        }
        volume.close().unwrap();
        image
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Has debugfs change an inode whose checksum it makes right.
    fn break_with(&self, command: &str) {
        tool("debugfs", ["-w", "-R", command, self.path()]);
    }

    fn open(&self) -> Result<Volume> {
        let file = File::options().read(true).write(true).open(&self.path);
        let device = FileDevice::new(file.unwrap()).unwrap();
        Volume::open(Arc::new(device), OpenOptions::default())
    }

    fn make(&self, volume: &Volume, name: &str, file_type: FileType) -> Result<Ino> {
        let new = NewFile::new(file_type, 0o755);
        let made = volume.create(Ino::ROOT, name.as_bytes(), &new)?;
        volume.forget(made.attr.ino, 1);
        Ok(made.attr.ino)
    }

    /// The superblock's fields about errors.
    fn recorded(&self) -> Vec<(String, String)> {
        let said = tool("dumpe2fs", ["-h", self.path()]);
        let rows = said.lines().filter_map(|line| line.split_once(':'));
        rows.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .filter(|(name, _)| {
                name.contains("rror") && name != "Errors behavior" || name == "Filesystem state"
            })
            .collect()
    }

    fn field(&self, name: &str) -> String {
        let rows = self.recorded();
        match rows.iter().find(|(row, _)| row == name) {
            Some((_, value)) => value.clone(),
            None => panic!("no {name}: {rows:?}"),
        }
    }
}

fn look(volume: &Volume, parent: Ino, name: &[u8]) -> Result<Ino> {
    let entry = volume.lookup(parent, name)?;
    volume.forget(entry.attr.ino, 1);
    Ok(entry.attr.ino)
}

#[test]
fn damage_is_recorded_and_work_goes_on() {
    if !can_run("damage_is_recorded_and_work_goes_on", &NEEDS) {
        return;
    }
    let image = Image::new("continue");
    // The extent tree's magic number.
    image.break_with("sif broken block[0] 0");
    let volume = image.open().unwrap();
    let broken = look(&volume, Ino::ROOT, b"broken").unwrap();
    for _ in 0..3 {
        let error = look(&volume, broken, b"x").unwrap_err();
        assert_eq!(error.errno(), EUCLEAN, "{error}");
    }
    assert_eq!(volume.errors_recorded(), 3);
    image.make(&volume, "after", FileType::Regular).unwrap();
    volume.sync().unwrap();
    // In the journal with the next commit, long before the volume is closed.
    let copy = image.path.with_extension("copy");
    std::fs::copy(&image.path, &copy).unwrap();
    let device = FileDevice::new(File::open(&copy).unwrap()).unwrap();
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let looked = Volume::open(Arc::new(device), options).unwrap();
    assert_eq!(looked.superblock().error_count(), 3);
    volume.close().unwrap();
    assert!(image.field("Filesystem state").contains("with errors"));
    assert_eq!(image.field("FS Error count"), "3");
    for which in ["First", "Last"] {
        let field = |name: &str| image.field(&format!("{which} error {name}"));
        assert!(field("function").ends_with(".rs"), "{}", field("function"));
        assert!(field("line #").parse::<u32>().unwrap() > 1);
        assert_eq!(field("inode #"), broken.to_string());
        assert!(!field("time").is_empty());
    }
    let refused = image.open().err().unwrap().to_string();
    assert!(
        refused.contains("errors") && refused.contains("e2fsck"),
        "{refused}"
    );
    let (code, said) = e2fsck("-fy", image.path());
    assert_eq!(code, Some(1), "{said}");
    let volume = image.open().unwrap();
    look(&volume, Ino::ROOT, b"after").unwrap();
    volume.close().unwrap();
    assert_eq!(image.field("Filesystem state"), "clean");
}

#[test]
fn damage_makes_the_volume_read_only_if_the_superblock_says_so() {
    if !can_run(
        "damage_makes_the_volume_read_only_if_the_superblock_says_so",
        &NEEDS,
    ) {
        return;
    }
    for behaviour in ["remount-ro", "panic"] {
        let image = Image::new(behaviour);
        image.break_with("sif broken block[0] 0");
        let volume = image.open().unwrap();
        let broken = look(&volume, Ino::ROOT, b"broken").unwrap();
        image.make(&volume, "before", FileType::Regular).unwrap();
        volume.sync().unwrap();
        image.make(&volume, "lost", FileType::Regular).unwrap();
        assert_eq!(look(&volume, broken, b"x").unwrap_err().errno(), EUCLEAN);
        let refused = image.make(&volume, "after", FileType::Regular);
        assert_eq!(refused.unwrap_err().errno(), 30, "EROFS");
        look(&volume, Ino::ROOT, b"before").unwrap();
        assert!(volume.close().is_err());
        assert_eq!(image.field("FS Error count"), "1");
        assert_eq!(image.field("First error inode #"), broken.to_string());

        // Our replay brings back an older superblock, but not an older record.
        let copy = Image {
            path: image.path.with_extension("copy"),
            _dir: tempfile::tempdir().unwrap(),
        };
        std::fs::copy(&image.path, &copy.path).unwrap();
        let refused = copy.open().err().unwrap().to_string();
        assert!(refused.contains("errors"), "{refused}");
        assert_eq!(copy.field("FS Error count"), "1");
        // And e2fsck's finds the mark in the journal.
        for path in [copy.path(), image.path()] {
            let (code, said) = e2fsck("-p", path);
            assert_ne!(code, Some(0), "{said}");
            let (_, said) = e2fsck("-fy", path);
            assert_clean(path.as_ref());
            assert!(said.contains("Pass 5"), "{said}");
        }
        let volume = image.open().unwrap();
        look(&volume, Ino::ROOT, b"before").unwrap();
        assert!(look(&volume, Ino::ROOT, b"lost").is_err());
        volume.close().unwrap();
    }
}

/// What failed halfway cannot be undone: then writing ends, whatever the superblock says.
#[test]
fn damage_in_the_middle_of_a_change_ends_writing() {
    if !can_run("damage_in_the_middle_of_a_change_ends_writing", &NEEDS) {
        return;
    }
    let image = Image::new("continue");
    // The file's first extent is free, says the bitmap; the last one goes first.
    let blocks = tool("debugfs", ["-R", "blocks file", image.path()]);
    let first = blocks.split_whitespace().next().unwrap();
    image.break_with(&format!("freeb {first}"));
    let volume = image.open().unwrap();
    assert_eq!(
        volume.unlink(Ino::ROOT, b"file").unwrap_err().errno(),
        EUCLEAN
    );
    let refused = image.make(&volume, "after", FileType::Regular);
    assert_eq!(refused.unwrap_err().errno(), 30, "EROFS");
    assert!(volume.close().is_err());
    assert_eq!(image.field("FS Error count"), "1");
    assert_eq!(image.field("First error block #"), first);
}

#[test]
fn a_reader_records_nothing() {
    if !can_run("a_reader_records_nothing", &NEEDS) {
        return;
    }
    let image = Image::new("remount-ro");
    image.break_with("sif broken block[0] 0");
    let before = std::fs::read(&image.path).unwrap();
    let device = FileDevice::new(File::open(&image.path).unwrap()).unwrap();
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let volume = Volume::open(Arc::new(device), options).unwrap();
    let broken = look(&volume, Ino::ROOT, b"broken").unwrap();
    assert_eq!(look(&volume, broken, b"x").unwrap_err().errno(), EUCLEAN);
    look(&volume, Ino::ROOT, b"sound").unwrap();
    volume.close().unwrap();
    assert!(before == std::fs::read(&image.path).unwrap());
}
