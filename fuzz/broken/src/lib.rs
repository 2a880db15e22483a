//! Broken ext4 images, and what the engine does with them.
//!
//! A *seed* is a whole image with a small tree. A mutation changes fields of its structures and makes
//! the checksums right again, so that the damage is read and not refused. A *run* opens the result,
//! reads all of it, changes it, closes it, and reads it again. The engine may answer with errors; it
//! must not panic, hang, fill memory, or write where it should not.
//!
//! A number names an image: its seed, its damage and what is done with it follow from it.

pub mod bulk;
pub mod change;
pub mod choices;
pub mod device;
pub mod fields;
mod journal;
mod maps;
pub mod mutate;
pub mod run;
mod scenes;
pub mod seal;
pub mod seeds;
pub mod structures;
mod tree;
pub mod walk;

use choices::Choices;
use run::Target;
use std::cell::Cell;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// One image may take this long.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The processor time that this process has had, as exactly as the system counts it.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_the_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields = behind_the_name.split(' ').skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    // Linux shows hundredths of a second everywhere but on Alpha.
    Duration::from_millis(ticks * 10)
}

/// One run for a coverage-guided fuzzer, which decides everything by `bytes`.
///
/// # Panics
/// When the engine wrote where it should not, took too long, or panicked itself.
pub fn fuzz(bytes: &[u8], target: Target) {
    static SEEDS: LazyLock<Vec<seeds::Seed>> =
        LazyLock::new(|| seeds::all(&mut |missing| eprintln!("no seed: {missing}")));
    thread_local! {
        // New memory for every image would take longer than the copy.
        static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    let mut choices = Choices::from_bytes(bytes);
    // Only images that were left in use have a journal to be replayed.
    let seeds: Vec<_> = SEEDS
        .iter()
        .filter(|seed| target != Target::Recover || seed.has_transactions())
        .collect();
    let Some(seed) = choices.pick(&seeds) else {
        return;
    };
    let (image, _) = run::broken_in(ROOM.take(), seed, &mut choices);
    let (start, before) = (Instant::now(), processor_time());
    if let Err(finding) = run::run(&image, target, &mut choices) {
        panic!("{finding}");
    }
    // On a busy machine time alone says nothing; what never ends is the fuzzer's to notice.
    if start.elapsed() > PATIENCE {
        let used = processor_time().saturating_sub(before);
        assert!(used < PATIENCE, "{used:?} for one image");
    }
    ROOM.set(Arc::try_unwrap(image).unwrap_or_default());
}
