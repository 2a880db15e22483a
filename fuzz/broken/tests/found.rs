//! Damage that once made the engine panic or hang, each reduced to the fields that did it.

use lwext4::{BlockDevice, Error, FileType, Ino, NewFile, OpenOptions, RenameMode, Volume};
use lwext4_broken::device::Layered;
use lwext4_broken::fields::field;
use lwext4_broken::mutate::{Edit, edit};
use lwext4_broken::seeds::{self, Ending};
use lwext4_broken::structures::Kind;
use machine::e2fsprogs::MKE2FS;
use machine::requirements::can_run;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// The inode at the end of a path of the clean seed `name`.
fn ino(name: &str, path: &[&[u8]]) -> u32 {
    let volume = broken(name, &[]);
    let step = |dir, name: &&[u8]| volume.lookup(dir, name).unwrap().attr.ino;
    path.iter().fold(Ino::ROOT, step).0
}

/// The seed `name` with `edits` made to it, open for writing.
fn broken(name: &str, edits: &[Edit]) -> Volume {
    let seed = seeds::named(name, Ending::Clean).unwrap();
    let mut image = seed.image.to_vec();
    edit(&seed.found, &mut image, edits);
    let device = Arc::new(Layered::new(Arc::new(image), true));
    Volume::open(device, OpenOptions::default()).unwrap()
}

fn new(file_type: FileType) -> NewFile {
    NewFile::new(file_type, 0o755)
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

/// Runs each of `work` in a thread of its own, and fails when one does not end within a minute. They take some
/// seconds of a core, and more on a busy machine.
fn all_end(work: Vec<Box<dyn FnOnce() + Send>>) {
    let (send, ended) = channel();
    let count = work.len();
    for work in work {
        let send = send.clone();
        std::thread::spawn(move || {
            work();
            let _ = send.send(());
        });
    }
    for _ in 0..count {
        let end = ended.recv_timeout(Duration::from_secs(60));
        end.expect("the threads wait for each other");
    }
}

#[test]
fn a_directory_may_map_one_block_again_and_again() {
    if !can_run("a_directory_may_map_one_block_again_and_again", &[MKE2FS]) {
        return;
    }
    // An array of block numbers that is full of its own: 16 million blocks, three levels down.
    let seed = seeds::named("mke2fs-groups", Ending::Clean).unwrap();
    let dir = ino("mke2fs-groups", &[b"level-0"]);
    let array = seed.found.find(Kind::Data).unwrap();
    let mut edits: Vec<Edit> = (0..array.len / 4)
        .map(|i| (Kind::Data, field(4 * i, 4), array.home))
        .collect();
    edits.push((Kind::Inode(dir), field(0x20, 4), 0));
    edits.extend((0..14).map(|i| (Kind::Inode(dir), field(0x28 + 4 * i, 4), 0)));
    edits.push((Kind::Inode(dir), field(0x28 + 4 * 14, 4), array.home));
    let mut image = seed.image.to_vec();
    edit(&seed.found, &mut image, &edits);
    let device: Arc<dyn BlockDevice> = Arc::new(Layered::new(Arc::new(image), true));
    all_end(vec![Box::new(move || {
        let least = lwext4::minimum_size(&device).unwrap();
        let shrunk = lwext4::shrink(&device, least, &OpenOptions::default());
        assert!(matches!(shrunk, Err(Error::Corrupt(_))), "{shrunk:?}");
    })]);
}

#[test]
fn two_directories_may_contain_each_other() {
    let upper = ino("default", &[b"level-0"]);
    let lower = ino("default", &[b"level-0", b"level-1"]);
    // The first name in the lower one, behind the dots.
    let circle = [
        (Kind::Leaf(lower), field(24, 4), u64::from(upper)),
        (Kind::Leaf(lower), field(24 + 7, 1), 2),
    ];
    let volume = Arc::new(broken("default", &circle));
    let (upper, lower) = (Ino(upper), Ino(lower));
    let remove = |volume: Arc<Volume>, dir, name: &'static [u8]| {
        move || {
            for _ in 0..20_000 {
                let _ = volume.rmdir(dir, name);
                let _ = volume.unlink(dir, name);
            }
        }
    };
    let rename = |volume: Arc<Volume>| {
        move || {
            for _ in 0..2_000 {
                let _ = volume.rename(upper, b"level-1", lower, b"x", RenameMode::Exchange);
                let _ = volume.rename(lower, b"file", upper, b"file", RenameMode::Exchange);
            }
        }
    };
    all_end(vec![
        Box::new(remove(volume.clone(), upper, b"level-1")),
        Box::new(remove(volume.clone(), lower, b"file")),
        Box::new(rename(volume)),
    ]);
}
