//! Extended attributes and ACLs through the public API, judged by e2fsck and the kernel.

mod acls;
mod basics;
mod damage;
mod image;
mod kernel;
mod model;
