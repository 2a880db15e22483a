//! A tree of an image as a tar, in the order of its names.
//!
//! `walk` visits the files, `header` writes what a tar says of one: a ustar header, and before it
//! an extended one with whatever does not fit: long names, large ids, nanoseconds, attributes, holes.

mod header;
mod tree;

pub use tree::{Exported, export};
