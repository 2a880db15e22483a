//! What the end-to-end tests share: commands, images, mounts, oracles, and saying what had to be skipped.

// Every test program compiles its own copy and uses a part of it.
#![allow(dead_code)]

pub mod command;
pub mod image;
pub mod job;
pub mod mount;
pub mod oracle;
pub mod requirements;
pub mod tree;
pub mod user;
pub mod view;

/// `LIVEROOT_TEST_FULL=1`: the sizes that the project promises, instead of those that a developer waits for.
pub fn full() -> bool {
    std::env::var_os("LIVEROOT_TEST_FULL").is_some_and(|value| value != "0" && !value.is_empty())
}
