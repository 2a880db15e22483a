//! Without a journal: whatever a cut leaves, e2fsck repairs, and files that were synced and left alone
//! keep their names and contents.

use crate::cuts::Cuts;
use crate::devices::{Event, Overlay, Recorder};
use crate::random::Random;
use crate::tools::{Dir, Family, available, e2fsck, write_image};
use crate::{full, seed};
use lwext4::*;
use std::sync::Arc;

const FAMILIES: &[Family] = &[
    Family {
        name: "ext2",
        size: 8 << 20,
        options: "-t ext2 -b 1024 -I 128",
    },
    Family {
        name: "ext4 without a journal",
        size: 8 << 20,
        options: "-t ext4 -b 1024 -O ^has_journal",
    },
];

const DIRS: usize = 4;
/// Enough that directories split, and the split moves names of files that are kept.
const KEPT: usize = 30;

fn content(dir: usize, file: usize) -> Vec<u8> {
    format!("{dir}.{file} ")
        .repeat(100 + file * 20)
        .into_bytes()
}

fn write_new(volume: &Volume, dir: Ino, name: &str, bytes: &[u8]) -> Result<()> {
    let file = NewFile::new(FileType::Regular, 0o644);
    let ino = volume.create(dir, name.as_bytes(), &file)?.attr.ino;
    volume.write(ino, 0, bytes, WriteMode::Plain)?;
    volume.forget(ino, 1);
    Ok(())
}

/// Makes the files that are kept, and the event at which they are on disk; then works beside them.
fn work(volume: &Volume, now: &dyn Fn() -> usize) -> Result<usize> {
    let mut dirs = Vec::new();
    for dir in 0..DIRS {
        let new = NewFile::new(FileType::Directory, 0o755);
        let made = volume.create(Ino::ROOT, format!("dir{dir}").as_bytes(), &new)?;
        dirs.push(made.attr.ino);
        for file in 0..KEPT {
            let name = format!("kept file number {file}");
            write_new(volume, made.attr.ino, &name, &content(dir, file))?;
        }
    }
    volume.sync()?;
    let kept = now();
    let mut random = Random::new(seed());
    for round in 0..6 {
        for (dir, &ino) in dirs.iter().enumerate() {
            for file in 0..20 {
                let name = format!("passing file {round}.{file}");
                write_new(volume, ino, &name, &content(dir, file * 2))?;
            }
            for file in (0..20).filter(|_| random.one_in(2)) {
                volume.unlink(ino, format!("passing file {round}.{file}").as_bytes())?;
            }
        }
        volume.sync()?;
    }
    Ok(kept)
}

/// Reads what a repaired image has of the files that were kept.
fn check_kept(image: Vec<u8>) -> std::result::Result<(), String> {
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let told = |e: Error| e.to_string();
    let volume = Volume::open(Arc::new(MemDevice::from_bytes(&image)), options).map_err(told)?;
    for dir in 0..DIRS {
        let found = volume.lookup(Ino::ROOT, format!("dir{dir}").as_bytes());
        let parent = found.map_err(told)?.attr.ino;
        for file in 0..KEPT {
            let name = format!("kept file number {file}");
            let entry = volume
                .lookup(parent, name.as_bytes())
                .map_err(|e| format!("dir{dir}/{name}: {e}"))?;
            let mut bytes = vec![0; entry.attr.size as usize];
            volume.read(entry.attr.ino, 0, &mut bytes).map_err(told)?;
            if bytes != content(dir, file) {
                return Err(format!("dir{dir}/{name} has another content"));
            }
        }
    }
    Ok(())
}

#[test]
fn without_a_journal_files_that_were_synced_outlive_a_cut_and_e2fsck() {
    if !available("without_a_journal_files_that_were_synced_outlive_a_cut_and_e2fsck") {
        return;
    }
    let dir = Dir::new();
    let path = dir.file("image");
    for family in FAMILIES {
        let start = family.image(&dir);
        let recorder = Arc::new(Recorder::new(MemDevice::from_bytes(&start)));
        let volume = Volume::open(recorder.clone(), OpenOptions::default()).unwrap();
        let kept = work(&volume, &|| recorder.now()).unwrap();
        volume.close().unwrap();
        let events: Vec<Event> = recorder.events();
        let mut cuts = Cuts::new(&start, &events);
        let mut random = Random::new(seed());
        let check = |what: String, cut: Overlay| {
            write_image(&path, &cut.to_bytes());
            e2fsck("-fy", &path, &[0, 1])
                .and_then(|_| e2fsck("-fn", &path, &[0]))
                .and_then(|_| check_kept(std::fs::read(&path).unwrap()))
                .unwrap_or_else(|error| panic!("{}, {what}: {error}", family.name));
        };
        let every = if full() {
            1
        } else {
            1 + (events.len() - kept) / 60
        };
        for at in (kept..=events.len()).step_by(every) {
            check(format!("{at} events"), cuts.prefix(at));
            for n in 0..if full() { 5 } else { 1 } {
                let cut = cuts.reordered(at, &mut random);
                check(format!("order {n} of {at} events"), cut);
            }
        }
    }
}
