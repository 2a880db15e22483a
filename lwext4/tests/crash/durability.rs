//! What each durability promises, and what fsync means in each mode.

use crate::cuts::Cuts;
use crate::devices::{Event, Overlay, Recorder};
use crate::history::Scope;
use crate::model::read_volume;
use crate::power::{Recording, look, random_script, record};
use crate::tools::{Dir, JOURNALED, available, e2fsck, repair, write_image};
use crate::workload::Workload;
use crate::{full, wanted};
use lwext4::*;
use std::sync::Arc;

fn flushes(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, Event::Flush))
        .count()
}

fn with(durability: Durability) -> OpenOptions {
    OpenOptions {
        durability,
        ..OpenOptions::default()
    }
}

/// Some prefixes of a recording, each with the image after it.
fn prefixes(recording: &Recording, most: usize, mut each: impl FnMut(usize, Arc<Vec<u8>>)) {
    let every = if full() {
        1
    } else {
        (recording.events.len() / most).max(1)
    };
    let mut cuts = Cuts::new(&recording.start, &recording.events);
    for at in (0..=recording.events.len()).step_by(every) {
        each(at, Arc::new(cuts.prefix(at).to_bytes()));
    }
}

/// `process`: whatever the process has written is there when it dies, and no more is needed: there are
/// no barriers between opening and closing.
#[test]
fn process_survives_the_death_of_the_process() {
    if !available("process_survives_the_death_of_the_process") {
        return;
    }
    let dir = Dir::new();
    let path = dir.file("image");
    let families = JOURNALED.iter().enumerate();
    for (i, family) in families.filter(|(_, family)| wanted(family.name)) {
        let options = with(Durability::Process);
        let recording = record(family, &dir, 300 + i as u64, options, random_script);
        let first_write = recording.history.steps[1].started;
        let last = recording.history.steps.last().unwrap().started;
        assert_eq!(
            flushes(&recording.events[first_write..last]),
            0,
            "{}",
            family.name
        );
        prefixes(&recording, 25, |at, image| {
            let what = format!("{}, {at} events", family.name);
            let device = Arc::new(Overlay::new(image.clone()));
            let volume = Volume::open(device.clone(), OpenOptions::default())
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            let found = read_volume(&volume).unwrap();
            recording
                .history
                .check(at, &found)
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            volume.close().unwrap();
            write_image(&path, &device.to_bytes());
            e2fsck("-fn", &path, &[0]).unwrap_or_else(|e| panic!("{what}: {e}"));
            write_image(&path, &image);
            repair(family.name, &path).unwrap_or_else(|e| panic!("{what}: {e}"));
        });
    }
}

/// `none`: nothing goes to the journal, nothing is flushed; the image says that it is not clean until it
/// is closed, and nobody writes to it before it is checked.
#[test]
fn none_is_lost_unless_closed_and_says_so() {
    if !available("none_is_lost_unless_closed_and_says_so") {
        return;
    }
    let dir = Dir::new();
    let path = dir.file("image");
    // A quota file whose first block is lost is too much for e2fsck, 1.47.0.
    let families = JOURNALED.iter().filter(|family| family.name != "quota");
    for (i, family) in families.enumerate() {
        let options = with(Durability::None);
        let recording = record(family, &dir, 400 + i as u64, options, |workload| {
            workload.fsync_counts = false;
            random_script(workload)
        });
        let begun = recording.history.steps[1].started;
        let ended = recording.history.steps.last().unwrap().started;
        assert_eq!(
            flushes(&recording.events[begun..ended]),
            0,
            "{}",
            family.name
        );
        prefixes(&recording, 25, |at, image| {
            let what = format!("{}, {at} events", family.name);
            let opened = Volume::open(
                Arc::new(Overlay::new(image.clone())),
                OpenOptions::default(),
            );
            if at < begun || at == recording.events.len() {
                return;
            }
            match opened {
                Err(Error::Unsupported(why)) => assert!(why.contains("e2fsck"), "{what}: {why}"),
                Err(error) => panic!("{what}: {error}"),
                // Only the last write says that the image is clean.
                Ok(_) => assert!(at + 4 > recording.events.len(), "{what}: taken for clean"),
            }
            write_image(&path, &image);
            e2fsck("-fy", &path, &[0, 1]).unwrap_or_else(|e| panic!("{what}: {e}"));
            e2fsck("-fn", &path, &[0]).unwrap_or_else(|e| panic!("{what}: {e}"));
        });
        // Closed, it is whole.
        let mut cuts = Cuts::new(&recording.start, &recording.events);
        let closed = Arc::new(cuts.prefix(recording.events.len()).to_bytes());
        let found = look(Arc::new(Overlay::new(closed.clone()))).unwrap();
        recording
            .history
            .check(recording.events.len(), &found)
            .unwrap();
        write_image(&path, &closed);
        e2fsck("-fn", &path, &[0]).unwrap();
    }
}

/// `fsync=ignore`: fsync of a file writes nothing; sync of everything and closing keep their promises,
/// and a power cut still leaves a consistent image.
#[test]
fn ignored_fsyncs_write_nothing_and_syncs_still_count() {
    if !available("ignored_fsyncs_write_nothing_and_syncs_still_count") {
        return;
    }
    let dir = Dir::new();
    let path = dir.file("image");
    let options = OpenOptions {
        fsync: FsyncMode::Ignore,
        ..OpenOptions::default()
    };

    let recorder = Arc::new(Recorder::new(Overlay::new(Arc::new(
        JOURNALED[0].image(&dir),
    ))));
    let volume = Volume::open(recorder.clone(), options.clone()).unwrap();
    let file = NewFile::new(FileType::Regular, 0o644);
    let ino = volume.create(Ino::ROOT, b"file", &file).unwrap().attr.ino;
    volume.write(ino, 0, b"content", WriteMode::Plain).unwrap();
    let before = recorder.now();
    volume.sync_inode(ino, false).unwrap();
    assert_eq!(recorder.now(), before);
    volume.sync().unwrap();
    assert!(flushes(&recorder.events()[before..]) > 0);
    volume.close().unwrap();

    for (i, family) in JOURNALED.iter().enumerate() {
        let script = |workload: &mut Workload<'_>| {
            workload.fsync_counts = false;
            random_script(workload)
        };
        let recording = record(family, &dir, 600 + i as u64, options.clone(), script);
        assert!(
            recording
                .history
                .promises
                .iter()
                .all(|p| p.scope == Scope::All)
        );
        prefixes(&recording, 10, |at, image| {
            let what = format!("{}, {at} events", family.name);
            let found = look(Arc::new(Overlay::new(image.clone()))).unwrap();
            recording
                .history
                .check(at, &found)
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            write_image(&path, &image);
            repair(family.name, &path).unwrap_or_else(|e| panic!("{what}: {e}"));
        });
    }
}
