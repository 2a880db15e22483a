//! What the end-to-end tests share: commands, images, mounts, oracles, and saying what had to be skipped.

// Every test program compiles its own copy and uses a part of it.
#![allow(dead_code)]

pub mod image;
pub mod job;
pub mod mount;
pub mod oracle;
pub mod tree;
pub mod user;
pub mod view;

pub use ::machine::requirements::full;
pub use ::machine::{command, requirements};
