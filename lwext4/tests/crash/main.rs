//! Whatever kills the process, the machine or the disk: the image comes back whole, with everything
//! in it that was promised.
//!
//! `cargo test` takes a sample of the power cuts; with `LWEXT4_CRASH_FULL=1` it takes every prefix of
//! the workloads' writes and 10,000 orders. `LWEXT4_CRASH_SEED` makes other workloads;
//! `LWEXT4_CRASH_FAMILY` leaves only families whose name contains it; `LWEXT4_CRASH_KEEP` names a
//! directory for images that something is wrong with.

mod cuts;
mod devices;
mod durability;
mod early_flush;
mod faults;
mod history;
mod kernel;
mod model;
mod operations;
mod power;
mod random;
mod resize;
mod stage;
mod tools;
mod unlogged;
mod workload;

/// Whether to take the time for everything.
fn full() -> bool {
    std::env::var_os("LWEXT4_CRASH_FULL").is_some_and(|value| value == "1")
}

/// What makes the workloads differ from those of other runs.
fn seed() -> u64 {
    std::env::var("LWEXT4_CRASH_SEED").map_or(1, |text| text.parse().expect("a number"))
}

/// Whether images of this name are wanted.
fn wanted(name: &str) -> bool {
    std::env::var("LWEXT4_CRASH_FAMILY").map_or(true, |part| name.contains(&part))
}
