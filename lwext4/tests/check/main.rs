//! `lwext4::check` against `e2fsck -fn`: both must agree on what is clean and what is not.

mod broken;
mod clean;
mod image;
mod mutator;
mod random;
