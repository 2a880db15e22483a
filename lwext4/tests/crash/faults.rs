//! Devices that fail: every read, write and flush of a workload in turn.
//!
//! Nothing panics; the call concerned gets the error; nothing is promised that is not kept; the volume
//! turns read-only rather than inconsistent, and says so when it is closed.

use crate::devices::{Fault, Faulty, Overlay, Plan, Recorder};
use crate::full;
use crate::history::{History, Scope};
use crate::model::{Id, Tree, read_volume};
use crate::power::{look, random_script, record};
use crate::tools::{Dir, Family, JOURNALED, available, e2fsck, repair, write_image};
use crate::workload::{Still, Workload};
use lwext4::*;
use machine::command::{command, run};
use machine::e2fsprogs::DEBUGFS;
use machine::requirements::can_run;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
/// Operations that a fault hits, on an image that has others behind it.
const STEPS: usize = 50;

/// An image with some work done, and what is in it.
struct Start {
    family: &'static str,
    image: Arc<Vec<u8>>,
    state: (Tree, HashMap<Id, Ino>),
}

fn prepare(family: &Family, seed: u64) -> Start {
    let image = Arc::new(family.image(&Dir::new()));
    let device = Arc::new(Overlay::new(image));
    let volume = Volume::open(device.clone(), OpenOptions::default()).unwrap();
    let mut workload = Workload::new(&volume, &Still, seed);
    (0..80).try_for_each(|_| workload.step()).unwrap();
    let state = workload.state();
    drop(workload);
    volume.close().unwrap();
    Start {
        family: family.name,
        image: Arc::new(device.to_bytes()),
        state,
    }
}

/// How a session ended on a device that fails.
struct End {
    history: History,
    /// The first error of an operation or of the last sync.
    failed: Option<Error>,
    closed: Result<()>,
}

/// Everything that writes must fail now; nothing may panic.
fn poke(volume: &Volume) -> std::result::Result<(), String> {
    let file = NewFile::new(FileType::Regular, 0o600);
    let errors = [
        volume.create(Ino::ROOT, b"poke", &file).err(),
        volume
            .setattr(
                Ino::ROOT,
                &SetAttr {
                    perm: Some(0o700),
                    ..SetAttr::default()
                },
            )
            .err(),
        volume.sync_inode(Ino::ROOT, false).err(),
        volume.sync().err(),
    ];
    if let Some(at) = errors.iter().position(Option::is_none) {
        return Err(format!("write {at} succeeds after writing ended"));
    }
    let _ = (
        volume.statfs(),
        volume.getattr(Ino::ROOT),
        read_volume(volume),
    );
    Ok(())
}

fn session(device: Arc<Faulty>, start: &Start, seed: u64) -> std::result::Result<End, String> {
    let options = OpenOptions {
        cache_bytes: 0,
        ..OpenOptions::default()
    };
    let volume = match Volume::open(device, options) {
        Ok(volume) => volume,
        Err(error) => {
            let mut history = History::new(start.state.0.clone());
            history.promise(0, Scope::All);
            return Ok(End {
                history,
                failed: None,
                closed: Err(error),
            });
        }
    };
    let mut workload = Workload::resume(&volume, &Still, seed, start.state.clone());
    let mut failed = (0..STEPS).try_for_each(|_| workload.step()).err();
    let mut history = workload.history;
    match volume.sync() {
        Ok(()) if failed.is_none() => history.promise(0, Scope::All),
        Ok(()) => {}
        Err(error) => {
            failed = failed.or(Some(error));
            poke(&volume)?;
        }
    }
    Ok(End {
        history,
        failed,
        closed: volume.close(),
    })
}

/// One fault, and everything that must hold after it: whether it struck.
fn strike(start: &Start, plan: Plan, seed: u64, dir: &Dir) -> std::result::Result<bool, String> {
    let device = Arc::new(Faulty::new(start.image.clone(), plan));
    let end = session(device.clone(), start, seed)?;
    let struck = device.has_struck();
    let left = Arc::new(device.left());
    if !struck {
        end.closed
            .map_err(|e| format!("close fails without a fault: {e}"))?;
        return Ok(false);
    }
    if let Some(error) = &end.failed
        && ![plan.code, EROFS].contains(&error.errno())
    {
        return Err(format!("the error is not the device's: {error}"));
    }
    let path = dir.file("image");
    write_image(&path, &left);
    if end.closed.is_ok() {
        e2fsck("-fn", &path, &[0]).map_err(|e| format!("closed: {e}"))?;
    } else {
        // Whoever opens it next finds what was promised.
        let again = Arc::new(Overlay::new(left.clone()));
        let volume = Volume::open(again.clone(), OpenOptions::default())
            .map_err(|e| format!("opening again: {e}"))?;
        let found = read_volume(&volume).map_err(|e| format!("reading again: {e}"))?;
        end.history.check(usize::MAX, &found)?;
        volume.close().map_err(|e| format!("closing again: {e}"))?;
        repair(start.family, &path)?;
        write_image(&path, &again.to_bytes());
        e2fsck("-fn", &path, &[0]).map_err(|e| format!("opened again: {e}"))?;
    }
    let found = look(Arc::new(Overlay::new(left)))?;
    end.history.check(usize::MAX, &found)?;
    Ok(true)
}

/// `most` calls of one kind, or all, fail in turn, once or for good: how many did.
fn strike_all(start: &Start, fault: Fault, most: usize, seed: u64) -> usize {
    const THREADS: usize = 2;
    let never = Plan {
        fault,
        at: usize::MAX,
        for_good: false,
        code: EIO,
    };
    let device = Arc::new(Faulty::new(start.image.clone(), never));
    session(device.clone(), start, seed)
        .unwrap()
        .closed
        .unwrap();
    let calls = device.calls();
    let every = (calls / most).max(1);
    let count = AtomicUsize::new(0);
    let run = |thread: usize| -> std::result::Result<(), String> {
        let dir = Dir::new();
        for at in (0..calls)
            .step_by(every)
            .filter(|at| at / every % THREADS == thread)
        {
            for (for_good, code) in [(false, EIO), (true, EIO), (true, ENOSPC)] {
                let plan = Plan {
                    fault,
                    at,
                    for_good,
                    code,
                };
                let struck =
                    strike(start, plan, seed, &dir).map_err(|e| format!("{plan:?}: {e}"))?;
                count.fetch_add(usize::from(struck), Ordering::Relaxed);
            }
        }
        Ok(())
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|n| scope.spawn(move || run(n))).collect();
        let ends = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        ends.filter_map(std::result::Result::err).collect()
    });
    assert!(
        failures.is_empty(),
        "seed {seed}:\n{}",
        failures.join("\n\n")
    );
    count.load(Ordering::Relaxed)
}

#[test]
fn every_read_write_and_flush_may_fail() {
    if !available("every_read_write_and_flush_may_fail") {
        return;
    }
    let families = if full() { JOURNALED } else { &JOURNALED[2..4] };
    for (i, family) in families.iter().enumerate() {
        let seed = 500 + i as u64;
        let start = prepare(family, seed);
        for fault in [Fault::Read, Fault::Write, Fault::Flush] {
            let struck = strike_all(
                &start,
                fault,
                if full() { usize::MAX } else { 10 },
                seed + 1,
            );
            println!("{}: {struck} faults of kind {fault:?}", family.name);
            assert!(struck > 10);
        }
    }
}

/// Faults while the engine recovers from a power cut: the next one can still do it.
#[test]
fn recovery_may_fail_at_every_call() {
    if !available("recovery_may_fail_at_every_call") {
        return;
    }
    let dir = Dir::new();
    for family in &JOURNALED[1..4] {
        let recording = record(family, &dir, 77, OpenOptions::default(), random_script);
        // The power goes before the volume is closed, with some transactions in the log.
        let at = recording.events.len() * 9 / 10;
        let cut = crate::cuts::Cuts::new(&recording.start, &recording.events).prefix(at);
        let cut = Arc::new(cut.to_bytes());
        let mut struck = 0;
        for fault in [Fault::Read, Fault::Write, Fault::Flush] {
            for n in (0..).step_by(if full() { 1 } else { 5 }) {
                let plan = Plan {
                    fault,
                    at: n,
                    for_good: n % 2 == 0,
                    code: EIO,
                };
                let device = Arc::new(Faulty::new(cut.clone(), plan));
                if let Ok(volume) = Volume::open(device.clone(), OpenOptions::default()) {
                    let _ = volume.close();
                }
                if !device.has_struck() {
                    break;
                }
                struck += 1;
                let left = Arc::new(device.left());
                let found = look(Arc::new(Overlay::new(left.clone())))
                    .unwrap_or_else(|e| panic!("{}, {plan:?}: {e}", family.name));
                let checked = recording.history.check(at, &found);
                checked.unwrap_or_else(|e| panic!("{}, {plan:?}: {e}", family.name));
                let path = dir.file("image");
                write_image(&path, &left);
                repair(family.name, &path)
                    .unwrap_or_else(|e| panic!("{}, {plan:?}: {e}", family.name));
            }
        }
        println!("{}: {struck} faults", family.name);
        assert!(struck > 10);
    }
}

/// A host that has no space left under a sparse image: data written gets ENOSPC, and the volume goes
/// on as long as its journal can be written.
#[test]
fn a_full_host_fails_the_write_and_no_more() {
    if !available("a_full_host_fails_the_write_and_no_more") {
        return;
    }
    let image = JOURNALED[1].image(&Dir::new());
    let recorder = Arc::new(Recorder::new(Overlay::new(Arc::new(image.clone()))));
    let create = |volume: &Volume| -> Result<Ino> {
        let file = NewFile::new(FileType::Regular, 0o644);
        Ok(volume.create(Ino::ROOT, b"file", &file)?.attr.ino)
    };
    let volume = Volume::open(recorder.clone(), OpenOptions::default()).unwrap();
    let ino = create(&volume).unwrap();
    volume.sync().unwrap();
    let writes = recorder
        .events()
        .iter()
        .filter(|e| matches!(e, crate::devices::Event::Write(..)))
        .count();
    volume
        .write(ino, 0, &[7; 50_000], WriteMode::Plain)
        .unwrap();
    volume.close().unwrap();

    let plan = Plan {
        fault: Fault::Write,
        at: writes,
        for_good: false,
        code: ENOSPC,
    };
    let device = Arc::new(Faulty::new(Arc::new(image), plan));
    let volume = Volume::open(device.clone(), OpenOptions::default()).unwrap();
    let ino = create(&volume).unwrap();
    volume.sync().unwrap();
    let error = volume
        .write(ino, 0, &[7; 50_000], WriteMode::Plain)
        .unwrap_err();
    assert_eq!(error.errno(), ENOSPC);
    assert!(device.has_struck());
    assert_eq!(volume.getattr(ino).unwrap().size, 0);
    // There is space again.
    assert_eq!(
        volume
            .write(ino, 0, &[7; 50_000], WriteMode::Plain)
            .unwrap(),
        50_000
    );
    volume.close().unwrap();
    let dir = Dir::new();
    write_image(&dir.file("image"), &device.left());
    e2fsck("-fn", &dir.file("image"), &[0]).unwrap();
}

#[test]
fn an_image_cut_short_is_refused_by_name() {
    if !available("an_image_cut_short_is_refused_by_name") {
        return;
    }
    let image = JOURNALED[1].image(&Dir::new());
    for len in [
        0,
        1000,
        1024,
        2048,
        100_000,
        image.len() / 2,
        image.len() - 1,
    ] {
        for read_only in [false, true] {
            let device = Arc::new(Overlay::new(Arc::new(image[..len].to_vec())));
            let options = OpenOptions {
                read_only,
                ..OpenOptions::default()
            };
            let error = Volume::open(device.clone(), options)
                .err()
                .expect("an image cut short");
            assert!(
                matches!(error, Error::NotExt4(_) | Error::CutShort { .. }),
                "{len}: {error}"
            );
            assert!(device.to_bytes() == image[..len]);
        }
    }
}

/// Times from the future: a clock that was wrong then, or went back since.
#[test]
fn a_clock_that_goes_back_hurts_nothing() {
    let name = "a_clock_that_goes_back_hurts_nothing";
    if !available(name) || !can_run(name, &[DEBUGFS]) {
        return;
    }
    let dir = Dir::new();
    let path = dir.file("image");
    // The times of attributes' values are none: they count, and hash.
    for family in JOURNALED
        .iter()
        .filter(|family| !family.name.contains("ea_inode"))
    {
        let image = Arc::new(family.image(&dir));
        let work = |device: Arc<Overlay>, seed: u64, state: Option<(Tree, HashMap<Id, Ino>)>| {
            let volume = Volume::open(device, OpenOptions::default()).unwrap();
            let mut workload = match state {
                None => Workload::new(&volume, &Still, seed),
                Some(state) => Workload::resume(&volume, &Still, seed, state),
            };
            (0..60).try_for_each(|_| workload.step()).unwrap();
            let (state, mut history) = (workload.state(), workload.history);
            volume.sync().unwrap();
            history.promise(0, Scope::All);
            // Not closed: the log is left to be replayed.
            drop(volume);
            (state, history)
        };
        let device = Arc::new(Overlay::new(image));
        let (state, _) = work(device.clone(), 1, None);
        Volume::open(device.clone(), OpenOptions::default())
            .unwrap()
            .close()
            .unwrap();
        write_image(&path, &device.to_bytes());
        // What a session in 2037 would have left.
        let commands = dir.file("commands");
        let mut script = "ssv wtime 20370101000000\nssv mtime 20370101000000\n".to_owned();
        for ino in 11..40 {
            for field in ["atime", "ctime", "mtime"] {
                script += &format!("sif <{ino}> {field} 20370101000000\n");
            }
        }
        std::fs::write(&commands, script).unwrap();
        run(command("debugfs", ["-w", "-f"]).args([&commands, &path]));
        let device = Arc::new(Overlay::new(Arc::new(std::fs::read(&path).unwrap())));
        let (_, history) = work(device.clone(), 2, Some(state));
        let found = look(Arc::new(Overlay::new(Arc::new(device.to_bytes())))).unwrap();
        history.check(usize::MAX, &found).unwrap();
        write_image(&path, &device.to_bytes());
        e2fsck("-p", &path, &[0, 1]).unwrap();
        Volume::open(device.clone(), OpenOptions::default())
            .unwrap()
            .close()
            .unwrap();
        write_image(&path, &device.to_bytes());
        e2fsck("-fn", &path, &[0]).unwrap();
    }
}
