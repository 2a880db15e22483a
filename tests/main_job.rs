//! The main job: an image is filled through a mount by ordinary programs, and what comes out is an image in which
//! e2fsck, the kernel and an independent reader find exactly what went in; deleting it all gives everything back.
//!
//! `LIVEROOT_TEST_FULL=1` runs it at full size: a real root filesystem, 70,000 subdirectories, 300,000 entries.
//! `LIVEROOT_TEST_MOUNT=loop` or `fuse2fs` puts another filesystem in liveroot's place.

mod support;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use support::command::{command, run, shell};
use support::full;
use support::image::{Features, Image, Maker, Spec};
use support::job::{self, Filled, Load, Readers};
use support::mount::{How, Mounted};
use support::oracle::manifest;
use support::requirements::{Need, can_run, loop_works, skip};
use support::tree::{self, Nasty, TREE};
use support::view;

/// Percentage of files that may lie in more than one piece.
const NON_CONTIGUOUS_MAX: f64 = 1.0;

/// One combination of maker, features, block size and inode size.
fn main_job(name: &str, maker: Maker, features: Features, block_size: u32, inode_size: u32) {
    let how = How::under_test();
    let needs = [
        Need::Root,
        how.need(),
        Need::Program("mke2fs"),
        Need::Program("python3"),
    ];
    if !can_run(name, &needs) {
        return;
    }
    let spec = Spec {
        maker,
        features,
        block_size,
        inode_size,
        mib: if full() { 4096 } else { 1024 },
        inodes: full().then_some(400_000),
    };
    let image = match Image::make(&spec) {
        Ok(image) => image,
        Err(reason) => return skip(name, &reason),
    };
    image.fsck();
    let empty = image.unused();
    let (tar, members) = tar_for(&spec);
    let load = Load {
        tar,
        members,
        nasty: Nasty::of(&spec),
    };
    let filled = fill(how, &image, &load);
    let wanted = reference(&load, &spec).unwrap_or_else(|| filled.manifest());
    filled.close(&image);
    let readers = Readers {
        kernel: loop_works(),
        ext4_view: view::reads(&image),
    };
    job::read_back(how, &image, &wanted, readers);
    job::empty(how, &image, empty);
}

/// The real root filesystem at full size and for the commonest image; else something quicker. And what of it.
fn tar_for(spec: &Spec) -> (PathBuf, &'static [&'static str]) {
    let commonest =
        spec.features == Features::Debian12 && spec.block_size == 4096 && spec.inode_size == 256;
    match tree::rootfs().filter(|_| full() || commonest) {
        Some(tar) => (tar, &[]),
        None => (tree::small_tar().to_owned(), &["etc"]),
    }
}

/// Fills an image; its files must be in one piece.
fn fill(how: How, image: &Image, load: &Load) -> Filled {
    let filled = job::fill(how, image, load);
    let share = filled.non_contiguous;
    assert!(
        share < NON_CONTIGUOUS_MAX,
        "{share} % of the files are not contiguous"
    );
    filled
}

/// What the kernel makes of an input.
type References = Vec<(Load, Arc<OnceLock<Option<String>>>)>;

/// What the kernel's ext4 makes of the same input on an image with the same sizes of blocks and inodes, where it can be
/// asked. The makers and features that share it must not show.
fn reference(load: &Load, spec: &Spec) -> Option<String> {
    static KNOWN: Mutex<References> = Mutex::new(References::new());
    if !loop_works() {
        return None;
    }
    let slot = {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        match known.iter().find(|(input, _)| input == load) {
            Some((_, slot)) => Arc::clone(slot),
            None => {
                let slot = Arc::default();
                known.push((load.clone(), Arc::clone(&slot)));
                slot
            }
        }
    };
    let spec = Spec {
        maker: Maker::Mke2fs,
        features: Features::Debian12,
        ..*spec
    };
    slot.get_or_init(|| ask_the_kernel(load, &spec)).clone()
}

fn ask_the_kernel(load: &Load, spec: &Spec) -> Option<String> {
    let image = Image::make(spec).ok()?;
    fill(How::Loop, &image, load).close(&image);
    let mounted = Mounted::new(How::Loop, &image);
    let wanted = manifest(&mounted.join(TREE));
    mounted.umount();
    Some(wanted)
}

macro_rules! combinations {
    ($($name:ident: $maker:ident $features:ident $block:literal $inode:literal;)*) => {
        $(
            #[test]
            fn $name() {
                main_job(stringify!($name), Maker::$maker, Features::$features, $block, $inode);
            }
        )*
    };
}

combinations! {
    mke2fs_debian12_block_1024_inode_128: Mke2fs Debian12 1024 128;
    mke2fs_debian12_block_1024_inode_256: Mke2fs Debian12 1024 256;
    mke2fs_debian12_block_2048_inode_128: Mke2fs Debian12 2048 128;
    mke2fs_debian12_block_2048_inode_256: Mke2fs Debian12 2048 256;
    mke2fs_debian12_block_4096_inode_128: Mke2fs Debian12 4096 128;
    mke2fs_debian12_block_4096_inode_256: Mke2fs Debian12 4096 256;
    mke2fs_e2fsprogs_1_47_1_block_1024_inode_128: Mke2fs E2fsprogs1_47_1 1024 128;
    mke2fs_e2fsprogs_1_47_1_block_1024_inode_256: Mke2fs E2fsprogs1_47_1 1024 256;
    mke2fs_e2fsprogs_1_47_1_block_2048_inode_128: Mke2fs E2fsprogs1_47_1 2048 128;
    mke2fs_e2fsprogs_1_47_1_block_2048_inode_256: Mke2fs E2fsprogs1_47_1 2048 256;
    mke2fs_e2fsprogs_1_47_1_block_4096_inode_128: Mke2fs E2fsprogs1_47_1 4096 128;
    mke2fs_e2fsprogs_1_47_1_block_4096_inode_256: Mke2fs E2fsprogs1_47_1 4096 256;
    mke2fs_no_metadata_csum_block_1024_inode_128: Mke2fs NoMetadataCsum 1024 128;
    mke2fs_no_metadata_csum_block_1024_inode_256: Mke2fs NoMetadataCsum 1024 256;
    mke2fs_no_metadata_csum_block_2048_inode_128: Mke2fs NoMetadataCsum 2048 128;
    mke2fs_no_metadata_csum_block_2048_inode_256: Mke2fs NoMetadataCsum 2048 256;
    mke2fs_no_metadata_csum_block_4096_inode_128: Mke2fs NoMetadataCsum 4096 128;
    mke2fs_no_metadata_csum_block_4096_inode_256: Mke2fs NoMetadataCsum 4096 256;
    create_debian12_block_1024_inode_128: Create Debian12 1024 128;
    create_debian12_block_1024_inode_256: Create Debian12 1024 256;
    create_debian12_block_2048_inode_128: Create Debian12 2048 128;
    create_debian12_block_2048_inode_256: Create Debian12 2048 256;
    create_debian12_block_4096_inode_128: Create Debian12 4096 128;
    create_debian12_block_4096_inode_256: Create Debian12 4096 256;
    create_e2fsprogs_1_47_1_block_1024_inode_128: Create E2fsprogs1_47_1 1024 128;
    create_e2fsprogs_1_47_1_block_1024_inode_256: Create E2fsprogs1_47_1 1024 256;
    create_e2fsprogs_1_47_1_block_2048_inode_128: Create E2fsprogs1_47_1 2048 128;
    create_e2fsprogs_1_47_1_block_2048_inode_256: Create E2fsprogs1_47_1 2048 256;
    create_e2fsprogs_1_47_1_block_4096_inode_128: Create E2fsprogs1_47_1 4096 128;
    create_e2fsprogs_1_47_1_block_4096_inode_256: Create E2fsprogs1_47_1 4096 256;
    create_no_metadata_csum_block_1024_inode_128: Create NoMetadataCsum 1024 128;
    create_no_metadata_csum_block_1024_inode_256: Create NoMetadataCsum 1024 256;
    create_no_metadata_csum_block_2048_inode_128: Create NoMetadataCsum 2048 128;
    create_no_metadata_csum_block_2048_inode_256: Create NoMetadataCsum 2048 256;
    create_no_metadata_csum_block_4096_inode_128: Create NoMetadataCsum 4096 128;
    create_no_metadata_csum_block_4096_inode_256: Create NoMetadataCsum 4096 256;
}

/// The last of a directory block's names and the first of the next have one hash. e2fsck, the kernel and a mount find
/// both; ext4-view 1.0 does not, and is not to be asked.
#[test]
fn names_of_one_hash_in_two_blocks() {
    let test = "names_of_one_hash_in_two_blocks";
    if !can_run(
        test,
        &[
            Need::Fuse,
            Need::Program("mke2fs"),
            Need::Program("debugfs"),
        ],
    ) {
        return;
    }
    let seed = "hash_seed=00000000-1111-2222-3333-444444444444";
    let image = Image::mke2fs(&["-b", "1024", "-E", seed], 16);
    let mounted = Mounted::new(How::Liveroot, &image);
    shell(
        "{ echo entry-32860; echo entry-273045; seq -f entry-%.0f 3360 3409; } | LC_ALL=C sort | (mkdir \"$1/e\" && cd \"$1/e\" && xargs touch)",
        [mounted.path()],
    );
    mounted.umount();
    image.fsck();
    let index = run(command("debugfs", ["-R", "htree_dump /e"]).arg(&image.path));
    assert!(index.contains("Hash 0x65dd6afd"), "{index}");
    let mounted = Mounted::with_options(How::Liveroot, &image, "ro");
    assert!(view::assert_agrees(&image, mounted.path()) > 50);
    shell(
        "test -e \"$1/e/entry-32860\" && test -e \"$1/e/entry-273045\"",
        [mounted.path()],
    );
    mounted.umount();
}
