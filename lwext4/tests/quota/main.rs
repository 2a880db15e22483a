//! Quota files, with e2fsck, the check and the kernel as judges.

mod image;
mod kernel;
mod usage;
