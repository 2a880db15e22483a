//! `liveroot run`: for root, for a user with subordinate ids and for one without, commands make images as root makes
//! them on the kernel's own mount, and however they end, the image is clean.

#[path = "../support/mod.rs"]
mod support;

mod desk;
mod ends;
mod inside;
mod nodes;
mod options;
mod same_image;
mod stage;
