//! What tests ask of the machine that they run on: what it has, its programs, e2fsprogs and the kernel as judges.

pub mod command;
pub mod e2fsprogs;
pub mod kernel;
pub mod requirements;
