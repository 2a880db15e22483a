//! The two questions: does C lwext4 read what we wrote, and do we read what it wrote?

use std::process::Command;

use crate::compare::Comparison;
use crate::filled::Filled;
use crate::support::command::{output, said, shell};
use crate::support::image::{Features, Image, Maker, Spec};
use crate::support::mount::{How, Mounted};
use crate::support::requirements::{Need, can_run, skip};
use crate::support::tree::{self, Nasty, TREE};

fn image(name: &str, maker: Maker, block_size: u32) -> Option<(Image, Spec)> {
    let needs = [
        Need::Root,
        Need::Fuse,
        Need::Program("mke2fs"),
        Need::Program("python3"),
    ];
    if !can_run(name, &needs) {
        return None;
    }
    let spec = Spec {
        maker,
        features: Features::NoMetadataCsum,
        block_size,
        inode_size: 256,
        mib: 512,
        inodes: None,
    };
    match Image::make(&spec) {
        Ok(image) => Some((image, spec)),
        Err(reason) => {
            skip(name, &reason);
            None
        }
    }
}

pub fn reads_ours(name: &str, maker: Maker, block_size: u32) {
    let Some((image, spec)) = image(name, maker, block_size) else {
        return;
    };
    let mounted = Mounted::new(How::Liveroot, &image);
    shell("mkdir -p \"$1/tree/files\"", [mounted.path()]);
    tree::untar(tree::small_tar(), &mounted.join(TREE).join("files"));
    Nasty::of(&spec).build(&mounted.join(TREE).join("nasty"));
    mounted.umount();
    image.fsck();

    let opinion = clwext4::Image::mount(&image.path, false).expect("C lwext4 mounts the image");
    let mounted = Mounted::new(How::Liveroot, &image);
    let mut comparison = Comparison::new(&opinion, mounted.path(), block_size);
    let compared = comparison.directory(b"/");
    println!("{name}: {comparison}");
    if let Err(what) = compared {
        panic!("C lwext4 sees something else: {what}");
    }
    assert!(comparison.files > 5000, "{comparison}");
    mounted.umount();
    opinion.unmount().expect("C lwext4 unmounts the image");
}

pub fn writes_for_us(name: &str, maker: Maker, block_size: u32) {
    let Some((image, _)) = image(name, maker, block_size) else {
        return;
    };
    let opinion = clwext4::Image::mount(&image.path, true).expect("C lwext4 mounts the image");
    let filled = Filled::by(&opinion, block_size).expect("C lwext4 fills the image");
    opinion.unmount().expect("C lwext4 unmounts the image");

    let verdict = output(Command::new("e2fsck").arg("-fn").arg(&image.path));
    println!(
        "{name}: e2fsck of what C lwext4 wrote: {}\n{}",
        verdict.status,
        said(&verdict)
    );

    let mounted = Mounted::new(How::Liveroot, &image);
    if let Err(what) = filled.assert_in(mounted.path()) {
        panic!("we see something else than C lwext4 wrote: {what}");
    }
    mounted.umount();
}
