//! A thousand broken images: the short run of every test. `scripts/fuzz` is the long one.

use lwext4_broken::choices::Choices;
use lwext4_broken::run::{Target, broken, run};
use lwext4_broken::seeds;
use machine::e2fsprogs::MKE2FS;
use machine::requirements::can_do;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Images of this test.
const IMAGES: u64 = 1_000;
/// One image may take this long. (Longer than in the long run: other tests run at the same time.)
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn broken_images_are_answered_with_errors() {
    let name = "broken_images_are_answered_with_errors";
    let mut missing = Vec::new();
    let seeds = seeds::all(&mut |seed| missing.push(seed.to_owned()));
    if can_do(name, "seeds that mke2fs makes", &[MKE2FS]) {
        assert!(missing.is_empty(), "no seed: {missing:#?}");
    }
    assert!(seeds.len() >= 16);
    let at = AtomicU64::new(0);
    let (mut opened, mut closed) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| watch(&at));
        for number in 0..IMAGES {
            at.store(number, Ordering::Release);
            let seed = &seeds[number as usize % seeds.len()];
            let mut choices = Choices::seeded(number ^ 0xC1);
            let (image, damage) = broken(seed, &mut choices);
            match run(&image, Target::All, &mut choices) {
                Ok(depth) => {
                    opened += u64::from(depth.written);
                    closed += u64::from(depth.closed);
                }
                Err(finding) => panic!("{finding}: {} with\n{damage}", seed.name),
            }
        }
        at.store(IMAGES, Ordering::Release);
    });
    // Damage that is refused at once would show nothing.
    assert!(opened > IMAGES / 3 && closed > IMAGES / 5);
}

/// Ends the process when an image takes too long: a thread that hangs cannot be ended alone.
fn watch(at: &AtomicU64) {
    let (mut last, mut since) = (u64::MAX, Instant::now());
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let now = at.load(Ordering::Acquire);
        if now >= IMAGES {
            return;
        }
        if now != last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > PATIENCE {
            eprintln!("image {now} hangs");
            std::process::abort();
        }
    }
}
