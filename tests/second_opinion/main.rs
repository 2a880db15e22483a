//! C lwext4, which shares no code with us, as a second opinion: it reads what we wrote, and we read what it wrote.
//!
//! Images have no checksums of metadata, since C lwext4 writes wrong ones, and inodes of 256 bytes, since of smaller ones
//! it copies bytes that are not theirs. Built with the feature `oracle-lwext4`; without it, every test is skipped.

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "oracle-lwext4")]
mod compare;
#[cfg(feature = "oracle-lwext4")]
mod filled;
#[cfg(feature = "oracle-lwext4")]
mod opinion;

#[cfg(not(feature = "oracle-lwext4"))]
mod opinion {
    use super::support::image::Maker;
    use super::support::requirements::skip;

    const REASON: &str =
        "needs the feature oracle-lwext4: C lwext4, built with cmake, make and libclang";

    pub fn reads_ours(name: &str, _: Maker, _: u32) {
        skip(name, REASON);
    }

    pub fn writes_for_us(name: &str, _: Maker, _: u32) {
        skip(name, REASON);
    }
}

use support::image::Maker;

macro_rules! opinions {
    ($($name:ident: $what:ident $maker:ident $block:literal;)*) => {
        $(
            #[test]
            fn $name() {
                opinion::$what(stringify!($name), Maker::$maker, $block);
            }
        )*
    };
}

opinions! {
    c_lwext4_reads_mke2fs_block_1024: reads_ours Mke2fs 1024;
    c_lwext4_reads_mke2fs_block_4096: reads_ours Mke2fs 4096;
    c_lwext4_reads_create_block_1024: reads_ours Create 1024;
    c_lwext4_reads_create_block_4096: reads_ours Create 4096;
    c_lwext4_fills_mke2fs_block_1024: writes_for_us Mke2fs 1024;
    c_lwext4_fills_mke2fs_block_4096: writes_for_us Mke2fs 4096;
    c_lwext4_fills_create_block_1024: writes_for_us Create 1024;
    c_lwext4_fills_create_block_4096: writes_for_us Create 4096;
}
