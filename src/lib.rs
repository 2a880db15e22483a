//! liveroot: an ext4 image as a writable directory, through FUSE.
//!
//! The engine is the crate [`lwext4`]; this crate knows about processes, FUSE and people. [`cli`]
//! describes the command line, [`commands`] carries it out, [`session`] gets an image mounted and
//! unmounted, [`run`] runs a command on it in namespaces of its own, [`import`] and [`export`] carry
//! whole trees without a mount, [`direct`] works on an image that is not mounted, [`sandbox`] takes
//! from a daemon what it does not need, [`fuse`] translates the kernel's requests, [`doctor`] finds out
//! which ways of working this machine allows, [`sys`] has the unsafe system calls.

pub mod cli;
pub mod commands;
pub mod direct;
pub mod doctor;
pub mod export;
pub mod failure;
pub mod fuse;
pub mod import;
pub mod run;
pub mod sandbox;
pub mod session;
pub mod sys;
