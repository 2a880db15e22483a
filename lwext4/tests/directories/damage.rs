//! Broken directories give an error, and never a loop or a panic.

use crate::image::{Image, NEEDS, Random};
use lwext4::{Corrupt, Error, FileDevice, OpenOptions, Volume};
use machine::command::tool;
use machine::requirements::can_run;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const BLOCK: u64 = 1024;

/// An image with an htree of two levels, without checksums, closed; and where its blocks are.
fn hashed() -> (Image, Vec<u64>) {
    let seed = "hash_seed=a1b2c3d4-0506-0708-090a-0b0c0d0e0f10";
    let args = [
        "-b",
        "1024",
        "-O",
        "^metadata_csum,^has_journal",
        "-E",
        seed,
    ];
    let mut image = Image::new(&args, &[], "16M");
    let random = &mut Random(6);
    for _ in 0..700 {
        image.add(&random.name(200, 255));
    }
    let size = image.volume().getattr(image.dir).unwrap().size;
    image.close();
    let path = image.path.to_str().unwrap();
    let blocks: Vec<u64> = tool("debugfs", ["-R", "blocks /dir", path])
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    assert!(blocks.len() as u64 >= size / BLOCK);
    (image, blocks)
}

/// Looks at the directory in every way.
fn look(image: &Image) -> Result<(), Error> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(&image.path)
        .unwrap();
    let volume = Volume::open(
        Arc::new(FileDevice::new(file).unwrap()),
        OpenOptions::default(),
    )?;
    let mut result = Ok(());
    let mut note = |r: Result<(), Error>| match r {
        Err(Error::NotFound) => {}
        r if result.is_ok() => result = r,
        _ => {}
    };
    let mut at = 0;
    for _ in 0..20_000 {
        let from = at;
        let mut count = 0;
        let read = volume.read_dir(image.dir, at, &mut |e| {
            count += 1;
            at = e.next;
            count < 50
        });
        note(read);
        assert!(at >= from, "reading goes backwards");
        if at == from {
            break;
        }
    }
    for name in image.model.keys().step_by(5) {
        note(volume.lookup(image.dir, name).map(|_| ()));
    }
    note(volume.lookup(image.dir, b"..").map(|_| ()));
    let random = &mut Random(8);
    for _ in 0..20 {
        let target = volume.lookup(lwext4::Ino::ROOT, b"target0")?.attr.ino;
        note(
            volume
                .link(target, image.dir, &random.name(100, 255))
                .map(|_| ()),
        );
    }
    for name in image.model.keys().step_by(7) {
        note(volume.unlink(image.dir, name));
    }
    drop(volume);
    result
}

fn damaged(image: &Image, at: u64, bytes: &[u8]) -> Result<(), Error> {
    let copy = std::fs::read(&image.path).unwrap();
    let file = File::options().write(true).open(&image.path).unwrap();
    file.write_all_at(bytes, at).unwrap();
    let result = look(image);
    file.set_len(0).unwrap();
    file.write_all_at(&copy, 0).unwrap();
    result
}

#[test]
fn a_broken_index_is_named() {
    if !can_run("a_broken_index_is_named", &NEEDS) {
        return;
    }
    let (image, blocks) = hashed();
    let root = blocks[0] * BLOCK;
    damaged(&image, root, &[]).unwrap();
    let what = |at, bytes: &[u8]| match damaged(&image, at, bytes) {
        Err(Error::Corrupt(Corrupt { what, .. })) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(what(root + 28, &[7]), "htree: unknown hash");
    assert_eq!(what(root + 30, &[9]), "htree: too deep");
    assert_eq!(what(root + 30, &[2]), "htree: too deep");
    assert_eq!(what(root + 32, &[1, 0]), "htree: wrong limit");
    assert_eq!(what(root + 34, &[0, 0]), "htree: entry count out of range");
    assert_eq!(
        what(root + 44, &[0xFF; 3]),
        "htree refers beyond the directory's end"
    );
    assert_eq!(what(root + 40, &[0xFF; 4]), "htree: hashes out of order");
    // The root as its own child.
    assert_eq!(what(root + 36, &[0; 4]), "htree: root below a root");
    assert_eq!(what(root + 16, &[12, 0]), "htree: root without . and ..");
}

#[test]
fn random_damage_never_panics_or_hangs() {
    if !can_run("random_damage_never_panics_or_hangs", &NEEDS) {
        return;
    }
    let (image, blocks) = hashed();
    let random = &mut Random(77);
    for _ in 0..150 {
        // Half of the damage hits the first blocks: root and nodes are among them.
        let most = [4, blocks.len()][random.below(2)];
        let block = blocks[random.below(most)];
        let at = block * BLOCK + random.below(BLOCK as usize / 4) as u64 * 4;
        let bytes = (random.next() as u32 >> (8 * random.below(4))).to_le_bytes();
        // Whether it is noticed depends on the place.
        let _ = damaged(&image, at, &bytes[..1 + random.below(4)]);
    }
}
