//! C lwext4 as a second opinion in tests: ext4 images read and written by code that shares nothing with ours.
//!
//! Empty without the feature `oracle-lwext4`. C lwext4 is under the GPL: what links it is a test and nothing else. All
//! `unsafe` of the tests is in this crate.

#[cfg(feature = "oracle-lwext4")]
mod device;
#[cfg(feature = "oracle-lwext4")]
mod image;
#[cfg(feature = "oracle-lwext4")]
mod write;

#[cfg(feature = "oracle-lwext4")]
pub use image::{Image, Inode, Name, Result};
