//! Failures: caught, shrunk, and told so that they can be repeated.

use crate::run::{Plan, run};
use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Failure {
    pub message: String,
    /// Where in the source it was noticed.
    pub place: String,
    pub step: u64,
    pub trace: Vec<String>,
}

thread_local! {
    static CAUGHT: RefCell<Option<Option<(String, String)>>> = const { RefCell::new(None) };
}

/// Runs `body`; a panic in it becomes a failure, and prints nothing.
pub fn catch<R>(body: impl FnOnce() -> R) -> Result<R, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            let mine = CAUGHT.with_borrow_mut(|caught| match caught {
                Some(slot) => {
                    let place = info.location().map(ToString::to_string).unwrap_or_default();
                    let text = info.payload_as_str().unwrap_or("a panic").to_string();
                    slot.get_or_insert((text, place));
                    true
                }
                None => false,
            });
            if !mine {
                usual(info);
            }
        }));
    });
    CAUGHT.set(Some(None));
    let result = catch_unwind(AssertUnwindSafe(body));
    let caught = CAUGHT.take().flatten();
    result.map_err(|_| {
        let (message, place) = caught.unwrap_or_default();
        Failure {
            message,
            place,
            step: 0,
            trace: Vec::new(),
        }
    })
}

/// Ends the process when nothing happens for a minute: a deadlock.
pub struct Watchdog {
    state: Arc<(AtomicU64, AtomicBool)>,
}

impl Watchdog {
    const PATIENCE: Duration = Duration::from_secs(60);

    pub fn new(what: String) -> Watchdog {
        let state = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
        let watched = Arc::downgrade(&state);
        std::thread::spawn(move || {
            let (mut last, mut since) = (0, Instant::now());
            while let Some(state) = watched.upgrade() {
                let step = state.0.load(Ordering::Relaxed);
                if step != last || state.1.load(Ordering::Relaxed) {
                    (last, since) = (step, Instant::now());
                }
                if since.elapsed() > Watchdog::PATIENCE {
                    eprintln!("{what}: nothing happened for a minute after step {step}");
                    std::process::abort();
                }
                drop(state);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Watchdog { state }
    }

    pub fn tick(&self, step: u64) {
        self.state.0.store(step, Ordering::Relaxed);
    }

    /// One step more, of any of several threads.
    pub fn add(&self) {
        self.state.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn step(&self) -> u64 {
        self.state.0.load(Ordering::Relaxed)
    }
}

/// Leaves steps out while the same failure remains, for up to two minutes.
fn shrink<'a>(plan: &Plan<'a>, failure: Failure) -> (Plan<'a>, Failure) {
    let started = Instant::now();
    let mut best = Plan {
        family: plan.family,
        seed: plan.seed,
        ops: failure.step + 1,
        every: plan.every,
        without: HashSet::new(),
    };
    let mut failure = failure;
    let mut size = best.ops.next_power_of_two() / 2;
    while size > 0 {
        let mut from = 0;
        while from < best.ops && started.elapsed() < Duration::from_secs(120) {
            let piece = from..(from + size).min(best.ops);
            from += size;
            let without: HashSet<u64> = best.without.iter().copied().chain(piece).collect();
            if without.len() == best.without.len() {
                continue;
            }
            let smaller = Plan { without, ..best };
            match run(&smaller) {
                Err(found) if found.place == failure.place => {
                    failure = found;
                    best = smaller;
                }
                _ => {}
            }
        }
        size /= 2;
    }
    (best, failure)
}

/// Runs a plan, and fails with everything that is needed to repeat a failure.
pub fn run_or_tell(plan: &Plan) {
    let started = Instant::now();
    let failure = match run(plan) {
        Ok(full) => {
            let Plan {
                family, seed, ops, ..
            } = plan;
            println!(
                "{:>16}: seed {seed}, {ops} operations in {:.1} s; full {full} times",
                family.name,
                started.elapsed().as_secs_f64()
            );
            return;
        }
        Err(failure) => failure,
    };
    let (plan, failure) = if std::env::var_os("LWEXT4_MODEL_SHRINK").is_some() {
        let ops = failure.step + 1;
        let (small, failure) = shrink(plan, failure);
        let left = ops - small.without.len() as u64;
        println!("{left} of {ops} operations are enough:");
        (small, failure)
    } else {
        let without = HashSet::new();
        (Plan { without, ..*plan }, failure)
    };
    for line in &failure.trace[failure.trace.len().saturating_sub(25)..] {
        println!("    {line}");
    }
    panic!(
        "{} at {}\nin step {} of family {}, seed {}; to repeat: LWEXT4_MODEL_FAMILY={} \
         LWEXT4_MODEL_SEED={} LWEXT4_MODEL_OPS={} LWEXT4_MODEL_EVERY={} (and \
         LWEXT4_MODEL_SHRINK=1)",
        failure.message,
        failure.place,
        failure.step,
        plan.family.name,
        plan.seed,
        plan.family.name,
        plan.seed,
        failure.step + 1,
        plan.every,
    );
}
