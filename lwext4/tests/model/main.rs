//! Random operations on a volume and on a model of it in memory, which must agree on everything: results,
//! errors, attributes, names, data, holes, free space. `e2fsck -fn` and ext4-view look at the image in
//! between.
//!
//! Environment:
//! - `LWEXT4_MODEL_OPS`: operations for each family of images (a few hundred by default; a million is
//!   the campaign that finds what is left);
//! - `LWEXT4_MODEL_SEED`: the seed (a fixed one by default);
//! - `LWEXT4_MODEL_FAMILY`: only families whose name contains this;
//! - `LWEXT4_MODEL_EVERY`: operations between two checks of everything;
//! - `LWEXT4_MODEL_SHRINK`: on a failure, leave out what it does not need;
//! - `LWEXT4_MODEL_KEEP`: leave the images in the directory for temporary files.
//!
//! A failure tells the seed and the values that repeat it.

mod acl;
mod attributes;
mod compare;
mod content;
mod data;
mod image;
mod names;
mod random;
mod rename;
mod report;
mod run;
mod streams;
mod threads;
mod tree;
mod view;
mod world;

use image::FAMILIES;
use run::Plan;
use std::collections::HashSet;

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .replace('_', "")
            .parse()
            .unwrap_or_else(|e| panic!("{name}: {e}")),
        Err(_) => default,
    }
}

/// Runs every `of`th family from the `first` on, for `test`.
fn run_families(test: &str, first: usize, of: usize) {
    if !image::have_tools(test) {
        return;
    }
    let wanted = std::env::var("LWEXT4_MODEL_FAMILY").unwrap_or_default();
    let ops = number("LWEXT4_MODEL_OPS", 1500);
    let seed = number("LWEXT4_MODEL_SEED", 1);
    for family in FAMILIES.iter().skip(first).step_by(of) {
        if family.name.contains(&wanted) {
            report::run_or_tell(&Plan {
                family,
                seed,
                ops,
                every: number("LWEXT4_MODEL_EVERY", (ops / 3).clamp(400, 5000)),
                without: HashSet::new(),
            });
        }
    }
}

#[test]
fn the_engine_does_what_the_model_does() {
    run_families("the_engine_does_what_the_model_does", 0, 2);
}

#[test]
fn the_engine_does_what_the_model_does_on_the_other_families() {
    run_families(
        "the_engine_does_what_the_model_does_on_the_other_families",
        1,
        2,
    );
}

#[test]
fn four_threads_leave_a_volume_that_is_right() {
    if !image::have_tools("four_threads_leave_a_volume_that_is_right") {
        return;
    }
    let wanted = std::env::var("LWEXT4_MODEL_FAMILY").unwrap_or_default();
    let ops = number("LWEXT4_MODEL_OPS", 2000);
    let seed = number("LWEXT4_MODEL_SEED", 1);
    for name in ["debian-4k", "small-journal", "newer-2k", "ext3"] {
        if let Some(family) = FAMILIES.iter().find(|family| family.name == name)
            && name.contains(&wanted)
        {
            threads::run(family, seed, ops);
        }
    }
}
