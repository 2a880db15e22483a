//! Every prefix of the writes, and sampled orders of them: recovered by the engine and by e2fsck.

use crate::cuts::Cuts;
use crate::devices::{Event, Overlay, Recorder};
use crate::history::{History, Scope};
use crate::model::{Found, read_volume};
use crate::random::Random;
use crate::tools::{Dir, Family, JOURNALED, available, e2fsck, keep, repair, write_image};
use crate::workload::{Scatter, Workload};
use crate::{full, seed, wanted};
use lwext4::{MemDevice, OpenOptions, Volume};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A recorded workload.
pub struct Recording {
    pub name: String,
    pub start: Vec<u8>,
    pub events: Vec<Event>,
    pub history: History,
    /// Cuts are made from this event on.
    pub from: usize,
}

/// How a workload is made.
pub type Script = fn(&mut Workload<'_>) -> lwext4::Result<()>;

/// Runs a workload on a new file system, from opening it to closing it.
pub fn record(
    family: &Family,
    dir: &Dir,
    seed: u64,
    options: OpenOptions,
    script: Script,
) -> Recording {
    record_on(family.image(dir), family.name, seed, options, script)
}

/// Runs a workload on the file system in `start`, which may be larger than that.
pub fn record_on(
    start: Vec<u8>,
    name: &str,
    seed: u64,
    options: OpenOptions,
    script: Script,
) -> Recording {
    let recorder = Arc::new(Recorder::new(MemDevice::from_bytes(&start)));
    let volume = Volume::open(recorder.clone(), options).expect("opens");
    let mut workload = Workload::new(&volume, &*recorder, seed);
    if let Err(error) = script(&mut workload) {
        panic!(
            "{name}: {error} after {}",
            workload.history.steps.last().unwrap().what
        );
    }
    let mut history = workload.history;
    volume.close().expect("closes");
    history.promise(recorder.now(), Scope::All);
    Recording {
        name: name.to_owned(),
        start,
        events: recorder.events(),
        history,
        from: 0,
    }
}

/// The random part of the main job.
pub fn random_script(workload: &mut Workload<'_>) -> lwext4::Result<()> {
    let steps = if full() { 1500 } else { 220 };
    (0..steps).try_for_each(|_| workload.step())
}

/// Files whose deletion takes more than one transaction.
fn scattered_script(workload: &mut Workload<'_>) -> lwext4::Result<()> {
    (0..10).try_for_each(|_| workload.step())?;
    // A block in each of many indirect blocks, or many extents in each of many leaves.
    let by_extents = workload.has_extents();
    let scatter = |workload: &mut Workload<'_>, how: Scatter| {
        if by_extents {
            workload.scattered_file(24_000, 2048, how)
        } else {
            workload.scattered_file(300, 256 * 1024, Scatter::Written)
        }
    };
    for delete in [true, false] {
        for how in [Scatter::BehindTheEnd, Scatter::Allocated] {
            let file = scatter(workload, how)?;
            workload.sync_all()?;
            if delete {
                workload.delete(file)?;
            } else {
                workload.empty(file)?;
            }
            (0..5).try_for_each(|_| workload.step())?;
        }
    }
    Ok(())
}

/// Opens what a cut left, and closes it: what was in it. An error names what is wrong.
fn recover(device: Arc<Overlay>) -> Result<Found, String> {
    let volume = Volume::open(device, OpenOptions::default()).map_err(|e| format!("open: {e}"))?;
    let found = read_volume(&volume).map_err(|e| format!("reading: {e}"))?;
    volume.close().map_err(|e| format!("close: {e}"))?;
    Ok(found)
}

/// What a read-only look at an image shows.
pub fn look(device: Arc<Overlay>) -> Result<Found, String> {
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let volume = Volume::open(device, options).map_err(|e| format!("open read-only: {e}"))?;
    read_volume(&volume).map_err(|e| format!("reading: {e}"))
}

/// Where one thread keeps images for e2fsck.
pub struct Bench {
    dir: Dir,
}

impl Bench {
    pub fn new() -> Bench {
        Bench { dir: Dir::new() }
    }

    /// Everything that must hold of an image that was cut off after `at` events.
    fn check(&self, recording: &Recording, at: usize, device: Overlay) -> Result<(), String> {
        let cut = Arc::new(device.to_bytes());
        let checked = self.check_cut(recording, at, cut.clone());
        if checked.is_err() {
            keep(&format!("cut-{at}.img"), &cut);
        }
        checked
    }

    fn check_cut(&self, recording: &Recording, at: usize, cut: Arc<Vec<u8>>) -> Result<(), String> {
        // Looking changes nothing, and shows what recovery will.
        let looked = look(Arc::new(Overlay::new(cut.clone())))?;
        recording
            .history
            .check(at, &looked)
            .map_err(|e| format!("looked at: {e}"))?;

        let device = Arc::new(Overlay::new(cut.clone()));
        let found = recover(device.clone())?;
        recording
            .history
            .check(at, &found)
            .map_err(|e| format!("recovered: {e}"))?;
        if found.listing.text(&[]) != looked.listing.text(&[]) {
            return Err("recovery is not what the look at the journal showed".into());
        }
        let path = self.dir.file("image");
        write_image(&path, &device.to_bytes());
        e2fsck("-fn", &path, &[0]).map_err(|e| format!("recovered: {e}"))?;

        write_image(&path, &cut);
        repair(&recording.name, &path)?;
        let repaired = std::fs::read(&path).map_err(|e| e.to_string())?;
        let found = look(Arc::new(Overlay::new(Arc::new(repaired))))?;
        recording
            .history
            .check(at, &found)
            .map_err(|e| format!("after e2fsck -p: {e}"))
    }

    /// Cuts the power again while the engine recovers from the first cut.
    fn check_twice(
        &self,
        recording: &Recording,
        at: usize,
        device: Overlay,
        random: &mut Random,
    ) -> Result<(), String> {
        let start = device.to_bytes();
        let recorder = Arc::new(Recorder::new(MemDevice::from_bytes(&start)));
        let volume = Volume::open(recorder.clone(), OpenOptions::default())
            .map_err(|e| format!("open: {e}"))?;
        drop(volume);
        let events = recorder.events();
        let mut cuts = Cuts::new(&start, &events);
        let cut = cuts.reordered(random.below(events.len() as u64 + 1) as usize, random);
        self.check(recording, at, cut)
            .map_err(|e| format!("cut again while recovering: {e}"))
    }
}

/// Which cuts are made of one recording.
pub struct Plan {
    /// How many prefixes, about, if there are more.
    pub prefixes: usize,
    pub orders: usize,
}

/// Makes the cuts on two threads; the counts of prefixes and orders.
pub fn check_recording(recording: &Recording, plan: &Plan, seed: u64) -> (usize, usize) {
    const THREADS: usize = 2;
    let len = recording.events.len();
    let from = recording.from;
    let every = ((len - from) / plan.prefixes / THREADS).max(1);
    let mut random = Random::new(seed);
    // How many orders are sampled at each place.
    let mut orders: HashMap<usize, usize> = HashMap::new();
    for _ in 0..plan.orders {
        *orders
            .entry(from + 1 + random.below((len - from) as u64) as usize)
            .or_default() += 1;
    }
    let counts = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let failures = std::thread::scope(|scope| {
        let run = |thread: usize| {
            let (orders, counts) = (&orders, &counts);
            scope.spawn(move || {
                let bench = Bench::new();
                let mut random = Random::new(seed * 7 + thread as u64);
                let mut cuts = Cuts::new(&recording.start, &recording.events);
                for at in (from..=len).filter(|at| at % THREADS == thread) {
                    if (at / THREADS).is_multiple_of(every) {
                        let cut = cuts.prefix(at);
                        bench
                            .check(recording, at, cut)
                            .map_err(|e| format!("prefix {at}: {e}"))?;
                        counts[0].fetch_add(1, Ordering::Relaxed);
                    }
                    for n in 0..orders.get(&at).copied().unwrap_or(0) {
                        let cut = cuts.reordered(at, &mut random);
                        let checked = if n % 8 == 7 || random.one_in(10) {
                            bench.check_twice(recording, at, cut, &mut random)
                        } else {
                            bench.check(recording, at, cut)
                        };
                        checked.map_err(|e| format!("order {n} at {at}: {e}"))?;
                        counts[1].fetch_add(1, Ordering::Relaxed);
                    }
                }
                Ok::<(), String>(())
            })
        };
        let threads: Vec<_> = (0..THREADS).map(run).collect();
        let ends = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        ends.filter_map(Result::err).collect::<Vec<_>>()
    });
    assert!(
        failures.is_empty(),
        "{}, seed {seed}:\n{}",
        recording.name,
        failures.join("\n\n")
    );
    (
        counts[0].load(Ordering::Relaxed),
        counts[1].load(Ordering::Relaxed),
    )
}

fn run_all(families: &[Family], options: &OpenOptions, script: Script, plan: &Plan, seed: u64) {
    let dir = Dir::new();
    let families = families.iter().enumerate();
    for (i, family) in families.filter(|(_, family)| wanted(family.name)) {
        let seed = seed * 1000 + i as u64;
        let recording = record(family, &dir, seed, options.clone(), script);
        let begun = std::time::Instant::now();
        let (prefixes, orders) = check_recording(&recording, plan, seed);
        println!(
            "{}: {} steps, {} events, {} promises; {prefixes} prefixes and {orders} orders in {:?}",
            family.name,
            recording.history.steps.len(),
            recording.events.len(),
            recording.history.promises.len(),
            begun.elapsed(),
        );
    }
}

#[test]
fn power_cuts_at_every_write_and_in_every_order() {
    if !available("power_cuts_at_every_write_and_in_every_order") {
        return;
    }
    let plan = if full() {
        Plan {
            prefixes: usize::MAX,
            orders: 2000,
        }
    } else {
        Plan {
            prefixes: 12,
            orders: 40,
        }
    };
    run_all(
        JOURNALED,
        &OpenOptions::default(),
        random_script,
        &plan,
        seed(),
    );
}

/// Commits in the background, a few milliseconds apart, at moments that the workload does not choose.
#[test]
fn power_cuts_of_commits_in_the_background() {
    if !available("power_cuts_of_commits_in_the_background") {
        return;
    }
    let options = OpenOptions {
        commit_interval: Duration::from_millis(2),
        ..OpenOptions::default()
    };
    let plan = if full() {
        Plan {
            prefixes: 400,
            orders: 400,
        }
    } else {
        Plan {
            prefixes: 4,
            orders: 15,
        }
    };
    run_all(JOURNALED, &options, random_script, &plan, seed() + 50);
}

#[test]
fn power_cuts_of_deletions_in_several_transactions() {
    if !available("power_cuts_of_deletions_in_several_transactions") {
        return;
    }
    let families: Vec<Family> = JOURNALED[1..]
        .iter()
        .map(|family| Family {
            size: 40 << 20,
            ..*family
        })
        .collect();
    let plan = if full() {
        Plan {
            prefixes: 400,
            orders: 100,
        }
    } else {
        Plan {
            prefixes: 8,
            orders: 6,
        }
    };
    run_all(
        &families,
        &OpenOptions::default(),
        scattered_script,
        &plan,
        seed() + 90,
    );
}
