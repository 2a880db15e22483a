//! Rows that liveroot reads and writes.

use crate::row::{Row, kernel_mounts};
use crate::support::command::shell;
use crate::support::full;
use crate::support::image::Image;
use crate::support::job::{self, Load, Readers};
use crate::support::mount::How;
use crate::support::tree::{self, Nasty};
use crate::support::view;

/// Bytes in an inode; dumpe2fs does not tell for revision 0, where it is always the same.
fn inode_size(image: &Image) -> u32 {
    if image.described().contains("Inode size:") {
        image.number("Inode size:") as u32
    } else {
        128
    }
}

/// The reference tree goes in, others read it back, and all of it goes again.
#[track_caller]
pub fn run(row: &Row) {
    let how = How::under_test();
    let image = row.make();
    image.fsck();
    let before = image.unused();
    let (tar, members) = match tree::rootfs() {
        Some(tar) if full() => (tar, &[][..]),
        _ => tree::slice(),
    };
    let load = Load {
        tar,
        members,
        nasty: Nasty {
            // Directories as large as a row's format has them are in its `extra`.
            scale: if full() { "small" } else { "tiny" },
            block_size: image.number("Block size:") as u32,
            inode_size: inode_size(&image),
            // What a map of ext2 with blocks of 1 KiB can hold.
            sparse: Some(1 << 33),
        },
    };
    let mut filled = job::fill(how, &image, &load);
    if let Some(extra) = row.extra {
        filled = filled.again(how, &image);
        let tree = filled.tree();
        extra(&tree);
        // Times that inodes of every size hold.
        shell("touch -d @1000000000 \"$1\" \"$1\"/*", [tree]);
    }
    let wanted = filled.manifest();
    filled.close(&image);
    if !row.between.is_empty() {
        shell(row.between, [&image.path]);
        image.fsck();
    }
    let readers = Readers {
        kernel: kernel_mounts(&image, "loop,ro"),
        ext4_view: row.ext4_view && view::reads(&image),
    };
    job::read_back(how, &image, &wanted, readers);
    job::empty(how, &image, before);
}
