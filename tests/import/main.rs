//! Whole trees into images and out again, without a mount: `liveroot import`, `create --from` and `export`,
//! compared with what root's own tools do on a loop mount.
//!
//! `LIVEROOT_TEST_FULL=1` imports a million files.

#[path = "../support/mod.rs"]
mod support;

mod archive;
mod directory;
mod export;
mod hostile;
mod images;
mod killed;
mod overwrite;
mod reproducible;
mod scale;
mod size;
mod tars;
mod work;
