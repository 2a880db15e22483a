//! Growing and shrinking, against e2fsck, resize2fs and the contents before.

mod grow;
mod image;
mod shrink;
mod space;
