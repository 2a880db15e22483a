//! Directories, linear and hashed, against a model in memory, e2fsck, debugfs and ext4-view.

mod change;
mod damage;
mod huge;
mod image;
mod kernel;
mod limits;
mod read;
