//! The examples, run as their readers would, with real container engines; each image boots to a running agent.

mod support;

use std::process::Command;
use std::sync::Mutex;

use support::command::run;
use support::image::LIVEROOT;
use support::requirements::{Need, can_run, skip};

/// They share a user, a kernel and most of the machine's memory.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn example(name: &str, example: &str) {
    if !can_run(name, &[Need::Root, Need::Fuse, Need::Program("apt-get")]) {
        return;
    }
    let _alone = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|failed| failed.into_inner());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/examples");
    let said = run(Command::new(script).arg(example).env("LIVEROOT", LIVEROOT));
    match said.lines().find_map(|line| line.strip_prefix("skipped: ")) {
        Some(reason) => skip(name, reason),
        None => assert!(said.contains("agent: running on microvm"), "{said}"),
    }
}

#[test]
fn the_classic_recipe_with_docker_boots() {
    example("the_classic_recipe_with_docker_boots", "docker");
}

#[test]
fn the_classic_recipe_with_rootless_podman_boots() {
    example("the_classic_recipe_with_rootless_podman_boots", "podman");
}

#[test]
fn the_recipe_without_a_container_engine_boots() {
    example("the_recipe_without_a_container_engine_boots", "run");
}
