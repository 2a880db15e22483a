//! What features of the image change about files, with the kernel and e2fsck as judges.

#[allow(dead_code)]
#[path = "../xattr/image.rs"]
mod image;
mod inline;
mod tree;
