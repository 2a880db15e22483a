//! Every feature of the table, and every old kind of image: made by mke2fs (or by `liveroot create`), filled through a mount, read back, emptied;
//! or refused with a line that says why.
//!
//! `LIVEROOT_TEST_FULL=1` fills them with a whole root filesystem and the full-size tree. `LIVEROOT_TEST_MOUNT=loop`
//! puts the kernel's ext4 in liveroot's place, which shows that the rows can pass.

#[path = "../support/mod.rs"]
mod support;

mod extra;
mod refused;
mod row;
mod rows;
mod written;
