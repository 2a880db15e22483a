//! Commands on an image that is not mounted, side by side with their namesakes on the kernel's mount of a
//! copy of it.

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod differences;
mod edits;
mod killed;
mod maps;
mod pair;
mod reads;
mod writes;
