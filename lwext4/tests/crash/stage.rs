//! A stage is one transaction: whatever cut it off, there is the state before or the state after.

use crate::cuts::Cuts;
use crate::devices::{Event, Overlay, Recorder};
use crate::full;
use crate::kernel::read_tree;
use crate::model::{Found, read_volume};
use crate::power::look;
use crate::random::Random;
use crate::tools::{Dir, Family, JOURNALED, available, e2fsck, repair, write_image};
use lwext4::{
    Durability, Error, FileType, Ino, MemDevice, NewFile, OpenOptions, RenameMode, Result,
    SetXattrMode, Stage, Volume, WriteMode,
};
use machine::kernel::Mounted;
use machine::requirements::{Need, can_do};
use std::sync::Arc;

fn new(file_type: FileType) -> NewFile {
    NewFile {
        file_type,
        perm: 0o755,
        umask: 0,
        uid: 1,
        gid: 2,
        device: (0, 0),
    }
}

fn file(volume: &Volume, dir: Ino, name: &str, len: usize) -> Result<Ino> {
    let made = volume.create(dir, name.as_bytes(), &new(FileType::Regular))?;
    let ino = made.attr.ino;
    let content: Vec<u8> = (0..len).map(|i| (i / 7 + ino.0 as usize) as u8).collect();
    volume.write(ino, 0, &content, WriteMode::Plain)?;
    volume.forget(ino, 1);
    Ok(ino)
}

fn dir(volume: &Volume, parent: Ino, name: &str) -> Result<Ino> {
    let made = volume.create(parent, name.as_bytes(), &new(FileType::Directory))?;
    volume.forget(made.attr.ino, 1);
    Ok(made.attr.ino)
}

/// A directory with files: its inode.
fn tree(volume: &Volume, name: &str, files: usize) -> Result<Ino> {
    let top = dir(volume, Ino::ROOT, name)?;
    let below = dir(volume, top, "below")?;
    for i in 0..files {
        file(volume, top, &format!("file{i}"), i * 300)?;
        file(volume, below, &format!("a longer name of a file {i}"), 10)?;
    }
    Ok(top)
}

fn remove_tree(volume: &Volume, parent: Ino, name: &[u8]) -> Result<()> {
    let top = volume.lookup(parent, name)?.attr;
    volume.forget(top.ino, 1);
    if top.file_type != FileType::Directory {
        return volume.unlink(parent, name);
    }
    let mut names = Vec::new();
    volume.read_dir(top.ino, 0, &mut |entry| {
        names.push(entry.name.to_vec());
        true
    })?;
    for name in names.iter().filter(|name| !name.starts_with(b".")) {
        remove_tree(volume, top.ino, name)?;
    }
    volume.rmdir(parent, name)
}

/// What a long command does: copies a tree, deletes another, replaces and moves files.
fn work(volume: &Volume) -> Result<()> {
    tree(volume, "copied", 30)?;
    file(volume, Ino::ROOT, "large", 1_500_000)?;
    remove_tree(volume, Ino::ROOT, b"deleted")?;
    let old = volume.lookup(Ino::ROOT, b"kept")?.attr.ino;
    volume.rename(Ino::ROOT, b"kept", Ino::ROOT, b"moved", RenameMode::Replace)?;
    volume.setxattr(old, b"user.a", &[7; 300], SetXattrMode::Any)?;
    volume.forget(old, 1);
    // The new content must not go where the old one was.
    let file = volume.lookup(old, b"file3")?.attr.ino;
    let cut = lwext4::SetAttr {
        size: Some(0),
        ..Default::default()
    };
    volume.setattr(file, &cut)?;
    volume.write(file, 0, &[b'n'; 9000], WriteMode::Plain)?;
    volume.forget(file, 1);
    Ok(())
}

fn same(a: &Found, b: &Found) -> bool {
    a.listing.text(&[]) == b.listing.text(&[]) && a.contents == b.contents
}

fn bytes_of(device: &Recorder<MemDevice>) -> Vec<u8> {
    use lwext4::BlockDevice;
    let mut bytes = vec![0; device.size() as usize];
    device.read_at(&mut bytes, 0).unwrap();
    bytes
}

fn show(bytes: &[u8]) -> Found {
    look(Arc::new(Overlay::new(Arc::new(bytes.to_vec())))).unwrap()
}

fn filled(image: &[u8]) -> Vec<u8> {
    let device = Arc::new(Recorder::new(MemDevice::from_bytes(image)));
    let volume = Volume::open(device.clone(), OpenOptions::default()).unwrap();
    tree(&volume, "deleted", 40).unwrap();
    tree(&volume, "kept", 20).unwrap();
    volume.close().unwrap();
    bytes_of(&device)
}

#[test]
fn a_stage_cut_off_anywhere_leaves_the_old_state_or_the_new() {
    let name = "a_stage_cut_off_anywhere_leaves_the_old_state_or_the_new";
    if !available(name) {
        return;
    }
    let tmp = Dir::new();
    let kernel = can_do(name, "what the kernel recovers", &[Need::Loop]);
    for family in JOURNALED {
        let start = filled(&family.image(&tmp));
        let recorder = Arc::new(Recorder::new(MemDevice::from_bytes(&start)));
        let stage = Stage::open(recorder.clone(), OpenOptions::default()).unwrap();
        work(&stage).unwrap();
        let begun = recorder.now();
        stage.commit().unwrap();
        let events = recorder.events();
        let (old, new) = (show(&start), show(&bytes_of(&recorder)));
        assert!(!same(&old, &new));

        let mut random = Random::new(9);
        let mut cuts = Cuts::new(&start, &events);
        let mut states = [0, 0];
        let orders = if full() { 20 } else { 1 };
        for at in 0..=events.len() {
            // What happens before the commit is all alike.
            let sampled = at >= begun || at % 32 == 0;
            for n in 0..if sampled { 1 + orders } else { 0 } {
                let device = match n {
                    0 => cuts.prefix(at),
                    _ => cuts.reordered(at, &mut random),
                };
                let cut = Arc::new(device.to_bytes());
                let place = format!("{} cut {n} at {at} of {}", family.name, events.len());
                let looked = look(Arc::new(Overlay::new(cut.clone()))).expect(&place);
                let is_new = same(&looked, &new);
                assert!(is_new || same(&looked, &old), "{place}: neither");
                assert!(is_new || at < events.len(), "{place}: not done");
                states[usize::from(is_new)] += 1;
                let expected = if is_new { &new } else { &old };

                let device = Arc::new(Overlay::new(cut.clone()));
                let volume = Volume::open(device, OpenOptions::default()).expect(&place);
                assert!(same(&read_volume(&volume).unwrap(), expected), "{place}");
                volume.close().expect(&place);

                if !full() && !random.one_in(6) {
                    continue;
                }
                let path = tmp.file("cut");
                write_image(&path, &cut);
                repair(family.name, &path).expect(&place);
                let repaired = show(&std::fs::read(&path).unwrap());
                assert!(same(&repaired, expected), "{place}: after e2fsck");
                // Few kernels are built with what quota needs.
                if kernel && family.name != "quota" && random.one_in(3) {
                    write_image(&path, &cut);
                    let mounted = Mounted::new(&path, "").expect(&place);
                    let found = read_tree(mounted.path()).unwrap();
                    assert_eq!(found.contents, expected.contents, "{place}: in the kernel");
                    drop(mounted);
                    e2fsck("-fn", &path, &[0]).expect(&place);
                }
            }
        }
        assert!(states[0] > 0 && states[1] > 0, "{states:?}");
    }
}

/// Without the host's barriers a stage is still all or nothing when the process dies, at any write.
#[test]
fn a_stage_without_barriers_outlives_its_process() {
    if !available("a_stage_without_barriers_outlives_its_process") {
        return;
    }
    let tmp = Dir::new();
    let path = tmp.file("cut");
    for durability in [Durability::Process, Durability::None] {
        let family = &JOURNALED[0];
        let start = filled(&family.image(&tmp));
        let recorder = Arc::new(Recorder::new(MemDevice::from_bytes(&start)));
        let options = OpenOptions {
            durability,
            ..OpenOptions::default()
        };
        let stage = Stage::open(recorder.clone(), options).unwrap();
        work(&stage).unwrap();
        let begun = recorder.now();
        stage.commit().unwrap();
        let events = recorder.events();
        assert!(!events.iter().any(|event| matches!(event, Event::Flush)));
        let (old, new) = (show(&start), show(&bytes_of(&recorder)));
        let mut cuts = Cuts::new(&start, &events);
        let mut states = [0, 0];
        for at in begun..=events.len() {
            let place = format!("{durability:?} cut at {at} of {}", events.len());
            let cut = cuts.prefix(at).to_bytes();
            let looked = show(&cut);
            let is_new = same(&looked, &new);
            assert!(is_new || same(&looked, &old), "{place}: neither");
            states[usize::from(is_new)] += 1;
            write_image(&path, &cut);
            repair(family.name, &path).expect(&place);
            let repaired = show(&std::fs::read(&path).unwrap());
            let expected = if is_new { &new } else { &old };
            assert!(same(&repaired, expected), "{place}: after e2fsck");
        }
        assert!(states[0] > 0 && states[1] > 0, "{states:?}");
    }
}

#[test]
fn a_stage_that_is_dropped_leaves_every_byte() {
    if !available("a_stage_that_is_dropped_leaves_every_byte") {
        return;
    }
    let tmp = Dir::new();
    for family in JOURNALED {
        let start = filled(&family.image(&tmp));
        let recorder = Arc::new(Recorder::new(MemDevice::from_bytes(&start)));
        let stage = Stage::open(recorder.clone(), OpenOptions::default()).unwrap();
        tree(&stage, "copied", 10).unwrap();
        drop(stage);
        // Also one that only had to be committed.
        let stage = Stage::open(recorder.clone(), OpenOptions::default()).unwrap();
        tree(&stage, "copied", 20).unwrap();
        drop(stage.ready().unwrap());
        let after = show(&bytes_of(&recorder));
        assert!(same(&after, &show(&start)), "{}", family.name);
        // Only what was free has been written.
        let path = tmp.file("dropped");
        write_image(&path, &bytes_of(&recorder));
        e2fsck("-fn", &path, &[0]).unwrap();
    }
}

#[test]
fn a_stage_larger_than_the_journal_is_refused_and_changes_nothing() {
    if !available("a_stage_larger_than_the_journal_is_refused_and_changes_nothing") {
        return;
    }
    let tmp = Dir::new();
    // 1,024 blocks of journal; 16 inodes are a block.
    let family = Family {
        name: "small journal",
        size: 24 << 20,
        options: "-t ext4 -b 1024 -J size=1 -N 4096",
    };
    let start = family.image(&tmp);
    let device = Arc::new(Recorder::new(MemDevice::from_bytes(&start)));
    let volume = Volume::open(device.clone(), OpenOptions::default()).unwrap();
    let top = dir(&volume, Ino::ROOT, "top").unwrap();
    // Directories of a block each, of which every one changes.
    for i in 0..1100 {
        file(
            &volume,
            dir(&volume, top, &format!("d{i}")).unwrap(),
            "f",
            1,
        )
        .unwrap();
    }
    volume.close().unwrap();
    let start = bytes_of(&device);

    let recorder = Arc::new(Recorder::new(MemDevice::from_bytes(&start)));
    let stage = Stage::open(recorder.clone(), OpenOptions::default()).unwrap();
    for i in 0..1100 {
        let below = stage.lookup(top, format!("d{i}").as_bytes()).unwrap();
        stage.unlink(below.attr.ino, b"f").unwrap();
        stage.forget(below.attr.ino, 1);
    }
    let refused = stage.commit();
    assert!(
        matches!(refused, Err(Error::TooLargeAtOnce { needed, room }) if needed > room && room > 900),
        "{refused:?}"
    );
    assert!(same(&show(&bytes_of(&recorder)), &show(&start)));
    let path = tmp.file("refused");
    write_image(&path, &bytes_of(&recorder));
    e2fsck("-fn", &path, &[0]).unwrap();

    // Deleting all of it changes few blocks that the new state still has.
    let stage = Stage::open(recorder.clone(), OpenOptions::default()).unwrap();
    remove_tree(&stage, Ino::ROOT, b"top").unwrap();
    stage.commit().unwrap();
    write_image(&path, &bytes_of(&recorder));
    e2fsck("-fn", &path, &[0]).unwrap();
    assert_eq!(show(&bytes_of(&recorder)).contents.len(), 0);
}

#[test]
fn what_a_crash_left_is_finished_with_before_a_stage_begins() {
    if !available("what_a_crash_left_is_finished_with_before_a_stage_begins") {
        return;
    }
    let tmp = Dir::new();
    for family in JOURNALED {
        let device = Arc::new(Recorder::new(MemDevice::from_bytes(&family.image(&tmp))));
        let volume = Volume::open(device.clone(), OpenOptions::default()).unwrap();
        let top = tree(&volume, "kept", 20).unwrap();
        // An orphan that is held, in a journal that is not replayed.
        let held = volume.lookup(top, b"file5").unwrap();
        assert!(held.attr.size > 0);
        volume.unlink(top, b"file5").unwrap();
        volume.sync().unwrap();
        drop(volume);
        let stage = Stage::open(device.clone(), OpenOptions::default()).unwrap();
        file(&stage, top, "new", 100).unwrap();
        stage.commit().unwrap();
        let path = tmp.file("recovered");
        write_image(&path, &bytes_of(&device));
        e2fsck("-fn", &path, &[0]).unwrap();
        assert!(show(&bytes_of(&device)).contents.contains_key("/kept/new"));
    }
}

#[test]
fn a_stage_does_what_a_volume_does_with_every_feature() {
    if !available("a_stage_does_what_a_volume_does_with_every_feature") {
        return;
    }
    let tmp = Dir::new();
    let family = |name, options| Family {
        name,
        size: 32 << 20,
        options,
    };
    let families = [
        family("bigalloc", "-t ext4 -O bigalloc -C 16384"),
        family("quota", "-t ext4 -O quota,project"),
        family("inline_data", "-t ext4 -O inline_data"),
        family("mmp", "-t ext4 -O mmp"),
        family("no journal", "-t ext4 -O ^has_journal"),
        family("ext2", "-t ext2 -b 1024"),
    ];
    for family in families {
        let start = filled(&family.image(&tmp));
        let staged = Arc::new(Recorder::new(MemDevice::from_bytes(&start)));
        let stage = Stage::open(staged.clone(), OpenOptions::default()).unwrap();
        work(&stage).unwrap();
        stage.commit().unwrap();
        let plain = Arc::new(Recorder::new(MemDevice::from_bytes(&start)));
        let volume = Volume::open(plain.clone(), OpenOptions::default()).unwrap();
        work(&volume).unwrap();
        volume.close().unwrap();
        let (found, wanted) = (show(&bytes_of(&staged)), show(&bytes_of(&plain)));
        assert_eq!(
            found.listing.text(&[]),
            wanted.listing.text(&[]),
            "{}",
            family.name
        );
        assert!(found.contents == wanted.contents, "{}", family.name);
        let path = tmp.file("staged");
        write_image(&path, &bytes_of(&staged));
        e2fsck("-fn", &path, &[0]).expect(family.name);
    }
}
