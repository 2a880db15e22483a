//! Multiple-mount protection: e2fsprogs, and another who has the image, as judges.

use lwext4::ondisk::mmp::{Mmp, SEQ_CLEAN, SEQ_FSCK, SIZE};
use lwext4::*;
use machine::command::tool;
use machine::e2fsprogs::{E2FSCK, MKE2FS, assert_clean, mke2fs};
use machine::requirements::can_run;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Image {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Image {
    fn new(options: &[&str]) -> Image {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image");
        mke2fs(&path, 32 << 20, [&["-t", "ext4"], options].concat());
        Image { _dir: dir, path }
    }

    fn device(&self) -> Arc<dyn BlockDevice> {
        let file = File::options().read(true).write(true).open(&self.path);
        Arc::new(FileDevice::new(file.unwrap()).unwrap())
    }

    fn open(&self) -> Result<Volume> {
        let options = OpenOptions {
            device_name: "the image".to_owned(),
            ..OpenOptions::default()
        };
        Volume::open(self.device(), options)
    }

    /// What an attempt to open the image says.
    #[track_caller]
    fn refusal(&self) -> String {
        match self.open() {
            Err(error @ Error::InUse(_)) => {
                assert_eq!(error.errno(), 16, "EBUSY");
                error.to_string()
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("opened"),
        }
    }

    fn at(&self) -> u64 {
        let volume = Volume::open(
            self.device(),
            OpenOptions {
                read_only: true,
                ..OpenOptions::default()
            },
        );
        let sb = volume.unwrap().superblock();
        sb.mmp_block() * u64::from(sb.block_size().unwrap())
    }

    fn mmp(&self, at: u64) -> Mmp {
        let mut bytes = [0; SIZE];
        let file = File::open(&self.path).unwrap();
        file.read_exact_at(&mut bytes, at).unwrap();
        Mmp::from_bytes(&bytes).unwrap()
    }

    /// Writes the block as another machine would.
    fn write(&self, at: u64, seq: u32, seed: Option<u32>) {
        let mut mmp = self.mmp(at);
        mmp.set_seq(seq);
        mmp.set_node("elsewhere");
        mmp.set_device("sdx7");
        mmp.seal(seed);
        let file = File::options().write(true).open(&self.path).unwrap();
        file.write_all_at(mmp.as_bytes(), at).unwrap();
    }

    fn seed(&self) -> Option<u32> {
        let options = OpenOptions {
            read_only: true,
            ..OpenOptions::default()
        };
        let sb = Volume::open(self.device(), options).unwrap().superblock();
        let csum = ondisk::features::RoCompat::METADATA_CSUM;
        let has = sb.features().ro_compat.contains(csum);
        has.then(|| sb.checksum_seed())
    }
}

fn make(volume: &Volume, name: &str) -> Result<()> {
    let new = NewFile::new(FileType::Regular, 0o644);
    volume
        .create(Ino::ROOT, name.as_bytes(), &new)
        .map(|entry| volume.forget(entry.attr.ino, 1))
}

#[test]
fn a_clean_image_opens_at_once_and_closes_clean() {
    if !can_run(
        "a_clean_image_opens_at_once_and_closes_clean",
        &[MKE2FS, E2FSCK],
    ) {
        return;
    }
    for options in [
        &["-O", "mmp"][..],
        &["-O", "mmp,^metadata_csum", "-b", "4096"],
    ] {
        let image = Image::new(options);
        let at = image.at();
        let begun = Instant::now();
        let volume = image.open().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(2));
        let held = image.mmp(at);
        assert!(held.seq() < SEQ_FSCK && held.seq() > 0, "{held:?}");
        assert_eq!(held.device(), "the image");
        let node = tool("uname", ["-n"]);
        assert_eq!(held.node(), node.trim());
        make(&volume, "file").unwrap();
        volume.close().unwrap();
        assert_eq!(image.mmp(at).seq(), SEQ_CLEAN);
        assert_clean(&image.path);
        // Dropped, too, it is free: only the journal remains to be replayed.
        drop(image.open().unwrap());
        assert_eq!(image.mmp(at).seq(), SEQ_CLEAN);
        image.open().unwrap().close().unwrap();
    }
}

#[test]
fn the_number_changes_as_long_as_the_image_is_open() {
    if !can_run("the_number_changes_as_long_as_the_image_is_open", &[MKE2FS]) {
        return;
    }
    let image = Image::new(&["-O", "mmp", "-E", "mmp_update_interval=1"]);
    let at = image.at();
    let volume = image.open().unwrap();
    let mut seen = vec![image.mmp(at).seq()];
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(100));
        let seq = image.mmp(at).seq();
        if seen.last() != Some(&seq) {
            seen.push(seq);
        }
    }
    assert!(seen.len() >= 3, "{seen:?}");
    // Who changes it is heard at once, although an unchanging one must be watched for long.
    let begun = Instant::now();
    let refused = image.refusal();
    assert!(refused.contains("as device \"the image\""), "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    volume.close().unwrap();
    image.open().unwrap().close().unwrap();
}

#[test]
fn an_image_that_e2fsck_has_is_refused_at_once() {
    if !can_run("an_image_that_e2fsck_has_is_refused_at_once", &[MKE2FS]) {
        return;
    }
    let image = Image::new(&["-O", "mmp"]);
    image.write(image.at(), SEQ_FSCK, image.seed());
    let refused = image.refusal();
    assert!(
        refused.contains("e2fsck") && refused.contains("node \"elsewhere\", as device \"sdx7\""),
        "{refused}"
    );
}

#[test]
fn an_image_that_nobody_has_any_more_opens_after_a_while() {
    let name = "an_image_that_nobody_has_any_more_opens_after_a_while";
    if !can_run(name, &[MKE2FS]) {
        return;
    }
    let image = Image::new(&["-O", "mmp"]);
    image.write(image.at(), 77, image.seed());
    let begun = Instant::now();
    image.open().unwrap().close().unwrap();
    // 11 seconds before the image is taken, and 11 after.
    assert!(begun.elapsed() >= Duration::from_secs(21));
    assert_eq!(image.mmp(image.at()).seq(), SEQ_CLEAN);
}

#[test]
fn who_loses_the_image_stops_writing() {
    if !can_run("who_loses_the_image_stops_writing", &[MKE2FS]) {
        return;
    }
    let image = Image::new(&["-O", "mmp", "-E", "mmp_update_interval=1"]);
    let (at, seed) = (image.at(), image.seed());
    let volume = image.open().unwrap();
    make(&volume, "before").unwrap();
    image.write(at, 4711, seed);
    std::thread::sleep(Duration::from_millis(1500));
    assert!(matches!(make(&volume, "after"), Err(Error::ReadOnly)));
    assert!(volume.close().is_err());
    // It is the other's.
    assert_eq!(
        (image.mmp(at).seq(), image.mmp(at).node()),
        (4711, "elsewhere".to_owned())
    );
}

#[test]
fn a_block_that_makes_no_sense_is_damage() {
    if !can_run("a_block_that_makes_no_sense_is_damage", &[MKE2FS]) {
        return;
    }
    let image = Image::new(&["-O", "mmp"]);
    let at = image.at();
    let file = File::options().write(true).open(&image.path).unwrap();
    file.write_all_at(&[1], at + 0x100).unwrap();
    match image.open() {
        Err(Error::Corrupt(corrupt)) => {
            assert!(
                corrupt
                    .to_string()
                    .contains("multiple-mount protection: checksum, block")
            );
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("opened"),
    }
    let options = CheckOptions::default();
    let mut found = Vec::new();
    check(image.device(), &options, &mut |problem| {
        found.push(problem.kind)
    })
    .unwrap();
    assert_eq!(found, [ProblemKind::Checksum]);
}
