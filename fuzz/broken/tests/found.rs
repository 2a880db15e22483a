//! Damage that once made the engine panic or hang, each reduced to the fields that did it.

use lwext4::{FileType, Ino, NewFile, OpenOptions, Volume};
use lwext4_broken::device::Layered;
use lwext4_broken::fields::field;
use lwext4_broken::mutate::{Edit, edit};
use lwext4_broken::seeds::{self, Ending};
use lwext4_broken::structures::Kind;
use std::sync::Arc;

/// The seed `name` with `edits` made to it, open for writing.
fn broken(name: &str, edits: &[Edit]) -> Volume {
    let seed = seeds::named(name, Ending::Clean).unwrap();
    let mut image = seed.image.to_vec();
    edit(&seed.found, &mut image, edits);
    let device = Arc::new(Layered::new(Arc::new(image), true));
    Volume::open(device, OpenOptions::default()).unwrap()
}

fn new(file_type: FileType) -> NewFile {
    NewFile {
        file_type,
        perm: 0o755,
        umask: 0,
        uid: 0,
        gid: 0,
        device: (0, 0),
    }
}

#[test]
fn a_group_may_claim_any_number_of_directories() {
    let volume = broken(
        "default",
        &[
            (Kind::Descriptor(0), field(0x10, 2), 0xFFFF),
            (Kind::Descriptor(0), field(0x30, 2), 0xFFFF),
        ],
    );
    volume
        .create(Ino::ROOT, b"one more", &new(FileType::Directory))
        .unwrap();
    volume.rmdir(Ino::ROOT, b"one more").unwrap();
    volume.close().unwrap();
}
