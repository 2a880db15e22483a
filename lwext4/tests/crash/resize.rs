//! Power cuts while a file system changes its size.

use crate::devices::Recorder;
use crate::history::Scope;
use crate::power::{Plan, Recording, Script, check_recording, record_on};
use crate::tools::{Dir, Family, JOURNALED, available};
use crate::workload::Workload;
use crate::{full, seed};
use lwext4::{BlockDevice, FileType, Ino, MemDevice, NewFile, OpenOptions, Volume, WriteMode};
use std::sync::Arc;

/// The device's size: there is room to grow. Power cuts do not change it.
const DEVICE: usize = 40 << 20;

const MIB: u64 = 1 << 20;

fn plan() -> Plan {
    if full() {
        Plan {
            prefixes: usize::MAX,
            orders: 150,
        }
    } else {
        Plan {
            prefixes: 10,
            orders: 12,
        }
    }
}

fn run(families: &[Family], script: Script) {
    let dir = Dir::new();
    for (i, family) in families.iter().enumerate() {
        let mut start = family.image(&dir);
        start.resize(DEVICE, 0);
        // What an earlier file system left there.
        start[(family.size as usize)..].fill(0xA5);
        let seed = seed() * 1000 + 700 + i as u64;
        let options = OpenOptions::default();
        let recording = record_on(start, family.name, seed, options, script);
        let (prefixes, orders) = check_recording(&recording, &plan(), seed);
        println!(
            "{}: {} events; {prefixes} prefixes and {orders} orders",
            family.name,
            recording.events.len()
        );
    }
}

fn grow(workload: &mut Workload<'_>) -> lwext4::Result<()> {
    (0..40).try_for_each(|_| workload.step())?;
    for mib in [19, 26, 40] {
        workload.volume.grow(mib * MIB)?;
        (0..10).try_for_each(|_| workload.step())?;
    }
    Ok(())
}

#[test]
fn power_cuts_while_growing() {
    if !available("power_cuts_while_growing") {
        return;
    }
    let without = Family {
        name: "1k ^resize_inode",
        options: "-t ext4 -b 1024 -J size=1 -O ^resize_inode",
        ..JOURNALED[1]
    };
    run(&[JOURNALED[0], JOURNALED[1], without, JOURNALED[4]], grow);
}

/// Records how a file system shrinks whose files lie where it will end, and behind that.
fn record_shrinking(family: &Family, dir: &Dir, seed: u64) -> Recording {
    let start = family.image(dir);
    let recorder = Arc::new(Recorder::new(MemDevice::from_bytes(&start)));
    let volume = Volume::open(recorder.clone(), OpenOptions::default()).expect("opens");
    let file = NewFile::new(FileType::Regular, 0o600);
    let filler = volume.create(Ino::ROOT, b"filler", &file).unwrap().attr;
    let bytes = vec![1; 1 << 20];
    for i in 0..18 {
        let at = i << 20;
        volume
            .write(filler.ino, at, &bytes, WriteMode::Plain)
            .unwrap();
    }
    let mut workload = Workload::new(&volume, &*recorder, seed);
    (0..90)
        .try_for_each(|_| workload.step())
        .expect("the workload fits");
    volume.unlink(Ino::ROOT, b"filler").unwrap();
    volume.forget(filler.ino, 1);
    let mut history = workload.history;
    volume.close().expect("closes");
    let from = recorder.now();
    history.promise(from, Scope::All);
    let device: Arc<dyn BlockDevice> = recorder.clone();
    let size = lwext4::shrink(&device, 17 * MIB, &OpenOptions::default())
        .unwrap_or_else(|error| panic!("{}: {error}", family.name));
    assert!(size > 15 * MIB && size <= 17 * MIB, "{size}");
    Recording {
        name: format!("{}, shrinking", family.name),
        start,
        events: recorder.events(),
        history,
        from,
    }
}

#[test]
fn power_cuts_while_shrinking() {
    if !available("power_cuts_while_shrinking") {
        return;
    }
    let dir = Dir::new();
    // What shrinking refuses by name, at once or when inodes would be cut off.
    let refused = ["bigalloc", "ea_inode", "encrypt", "inline_data"];
    let families = JOURNALED
        .iter()
        .filter(|family| !refused.iter().any(|name| family.name.contains(name)))
        .take(4)
        .copied();
    // The cut is before the last group's bitmaps, which must stay in their group.
    let stride = Family {
        name: "1k ^flex_bg stride",
        options: "-t ext4 -b 1024 -J size=1 -O ^flex_bg,^resize_inode -E stride=700",
        ..JOURNALED[1]
    };
    for (i, family) in families.chain([stride]).enumerate() {
        let family = Family {
            size: DEVICE as u64,
            ..family
        };
        let seed = seed() * 1000 + 800 + i as u64;
        let recording = record_shrinking(&family, &dir, seed);
        let (prefixes, orders) = check_recording(&recording, &plan(), seed);
        println!(
            "{}: {} events; {prefixes} prefixes and {orders} orders",
            recording.name,
            recording.events.len() - recording.from
        );
    }
}
