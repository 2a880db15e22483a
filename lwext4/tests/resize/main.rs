//! Growing and shrinking, against e2fsck, resize2fs and the contents before.

mod grow;
mod image;
mod shrink;
mod space;

/// Whether the slow and complete form of the tests is wanted.
pub fn full() -> bool {
    std::env::var_os("LIVEROOT_TEST_FULL").is_some_and(|value| value != "0")
}
