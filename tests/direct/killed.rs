//! SIGKILL at any moment of a command leaves the old state or the new one: in the kernel's eyes, in ours, and
//! in e2fsck's.
//!
//! `LIVEROOT_TEST_FULL=1` kills ten times as often; `LIVEROOT_KILL_SEED` repeats a run.

use crate::pair::Pair;
use crate::support::command::{command, output, run, shell};
use crate::support::full;
use crate::support::image::{Image, LIVEROOT, Spec};
use crate::support::requirements::{Need, can_run};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Commands that take long enough to be killed in the middle.
const COMMANDS: &[&str] = &[
    "cp -a ~/many @/srv",
    "cp ~/large @/etc/hosts",
    "rm -r @/srv @/etc @/tmp",
    "mv @/tmp @/srv/tmp2",
    "chmod -R go-rwx @/",
    "chown -R 44:55 @/tmp @/etc",
    "mkdir -p @/a/b/c/d/e",
    "ln -s x @/tmp/a-new-link",
    "find @/tmp -name '*1*' -delete",
    "cp -a @/etc @/etc2",
];

#[test]
fn a_command_that_is_killed_leaves_the_old_state_or_the_new() {
    let name = "a_command_that_is_killed_leaves_the_old_state_or_the_new";
    if !can_run(name, &[Need::Root, Need::Loop]) {
        return;
    }
    let seed = std::env::var("LIVEROOT_KILL_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let mut random = 0x9E37_79B9_7F4A_7C15u64.wrapping_mul(seed);
    let pair = Pair::new();
    shell(
        "mkdir \"$1/many\"; cd \"$1/many\"; for i in $(seq 1 400); do echo $i >$i; done; head -c 4000000 /dev/urandom >big",
        [pair.host.path()],
    );
    let old = pair.manifest(&pair.theirs);
    let tries = if full() { 40 } else { 4 };
    let mut left = [0, 0];
    for line in COMMANDS {
        let fresh = || {
            run(command("cp", ["--sparse=always"]).args([&pair.theirs.path, &pair.ours.path]));
        };
        fresh();
        let begun = Instant::now();
        pair.done(line);
        let whole = begun.elapsed();
        let new = pair.manifest(&pair.ours);
        assert_ne!(old, new, "{line}");
        for _ in 0..tries {
            fresh();
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Most of the interesting moments are near the end.
            let part =
                1.05 - (random % 1000) as f64 / 1000.0 * (random / 1000 % 1000) as f64 / 1000.0;
            let mut child = Command::new(LIVEROOT)
                .args(pair.words(line))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_secs_f64(whole.as_secs_f64() * part));
            let _ = child.kill();
            child.wait().unwrap();
            // What we see without changing anything, and what the kernel makes of it.
            let seen = output(command(LIVEROOT, ["ls", "-lRa", "--json"]).arg(&pair.ours.path));
            assert!(seen.status.success(), "{line}");
            let found = pair.manifest(&pair.ours);
            let is_new = found == new;
            assert!(
                is_new || found == old,
                "{line}: neither the old state nor the new"
            );
            left[usize::from(is_new)] += 1;
            let look = copy(&pair.ours);
            let repaired = output(command("e2fsck", ["-p"]).arg(&look.path));
            assert!(
                matches!(repaired.status.code(), Some(0 | 1)),
                "{line}: {repaired:?}"
            );
            look.fsck();
        }
    }
    println!(
        "seed {seed}: {} times the old state, {} times the new",
        left[0], left[1]
    );
    assert!(left[0] > 0 && left[1] > 0, "{left:?}");
}

fn copy(image: &Image) -> Image {
    let copy = Image::make(&Spec {
        mib: 1,
        ..Spec::default()
    })
    .unwrap();
    run(command("cp", ["--sparse=always"]).args([&image.path, &copy.path]));
    copy
}
