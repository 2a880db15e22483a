//! A test that cannot run says so where `scripts/test` sees it, although the harness keeps what passed tests print.

use std::env;

use machine::command::{command, output};
use machine::requirements::{Need, can_do, can_run, skip};

/// Set for the child, which is this program again.
const CHILD: &str = "LIVEROOT_TEST_SKIPPING_CHILD";

/// The only program in the child's path.
const THERE: Need = Need::Program("a-program");
const MISSING: Need = Need::Program("no-such-program");

#[test]
fn skipped_tests_are_named_past_the_harness() {
    if env::var_os(CHILD).is_some() {
        return child();
    }
    let name = "skipped_tests_are_named_past_the_harness";
    let itself = env::current_exe().expect("the test program");
    let itself = itself.to_str().expect("a path in UTF-8");
    let path = tempfile::tempdir().expect("a directory");
    std::fs::write(path.path().join("a-program"), "").expect("a file");
    let mut child = command(itself, ["--exact", name]);
    child.env(CHILD, "1").env("PATH", path.path());
    let out = output(child.env_remove("RUST_TEST_NOCAPTURE"));
    let stdout = String::from_utf8_lossy(&out.stdout);
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("1 passed"), "{stdout}");
    // The harness does capture.
    assert!(!stdout.contains("swallowed") && !stderr.contains("swallowed"));
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(
        lines,
        [
            "skipped: one: no-such-program is not in the path",
            "skipped: two: not done: the other half: no-such-program is not in the path",
            "skipped: three: a reason of two lines",
        ]
    );
}

fn child() {
    println!("swallowed");
    eprintln!("swallowed");
    assert!(!can_run("one", &[THERE, MISSING]));
    assert!(!can_do("two", "the other half", &[MISSING]));
    skip("three", "a reason\n  of two lines\n");
    assert!(can_run("four", &[THERE]));
    assert!(can_do("five", "all of it", &[]));
}
