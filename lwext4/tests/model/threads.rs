//! Four threads at once: each with a directory and a model of its own, all with directories that they
//! share. In the shared ones no result can be told beforehand, but errors must be of the kinds that
//! happen, nothing may hang, and the image must be right in the end.

use crate::image::{Disk, Family};
use crate::random;
use crate::report::{Watchdog, catch};
use crate::run::{Counts, open, trim};
use crate::world::*;
use fastrand::Rng;
use lwext4::*;
use std::sync::Arc;

const THREADS: u64 = 4;
const SHARED_DIRS: usize = 3;

/// Files and directories that all threads use.
struct Shared {
    volume: Arc<Volume>,
    dirs: Vec<Ino>,
}

fn new(file_type: FileType) -> NewFile {
    NewFile {
        file_type,
        perm: 0o755,
        umask: 0,
        uid: 1,
        gid: 1,
        device: (0, 0),
    }
}

/// What may go wrong where others are at work.
const USUAL: [i32; 10] = [
    ENOENT, EEXIST, ENOTEMPTY, EISDIR, ENOTDIR, EINVAL, EPERM, ENODATA, ENOSPC, EOPNOTSUPP,
];

#[track_caller]
fn usual<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if USUAL.contains(&error.errno()) => None,
        Err(error) => panic!("where others are at work: {error:?}"),
    }
}

impl Shared {
    fn name(rng: &mut Rng) -> Vec<u8> {
        let mut name = format!("shared {}", rng.u8(0..40)).into_bytes();
        if rng.u8(0..4) == 0 {
            name.resize(200, b'-');
        }
        name
    }

    fn step(&self, rng: &mut Rng, held: &mut Vec<Ino>) {
        let v = &*self.volume;
        let (dir, other) = (rng.choice(&self.dirs), rng.choice(&self.dirs));
        let (&dir, &other) = (dir.expect("a directory"), other.expect("a directory"));
        // Sometimes one level deeper, in a directory that may go away at any time.
        let dir = match usual(v.lookup(dir, &Self::name(rng))) {
            Some(entry) => {
                held.push(entry.attr.ino);
                if rng.u8(0..3) == 0 {
                    entry.attr.ino
                } else {
                    dir
                }
            }
            None => dir,
        };
        let (name, new_name) = (Self::name(rng), Self::name(rng));
        match rng.u8(0..14) {
            0 | 1 => {
                let file_type = random::file_type(rng);
                held.extend(usual(v.create(dir, &name, &new(file_type))).map(|e| e.attr.ino));
            }
            2 => {
                usual(v.unlink(dir, &name));
            }
            3 => {
                usual(v.rmdir(dir, &name));
            }
            4 | 5 => {
                let modes = [
                    RenameMode::Replace,
                    RenameMode::NoReplace,
                    RenameMode::Exchange,
                    RenameMode::Whiteout,
                ];
                let mode = modes[rng.usize(0..4)];
                usual(v.rename(dir, &name, other, &new_name, mode));
            }
            6 => {
                if let Some(&ino) = rng.choice(&*held) {
                    held.extend(usual(v.link(ino, dir, &name)).map(|e| e.attr.ino));
                }
            }
            7..10 => self.use_file(rng, held),
            10 => {
                let mut names = std::collections::BTreeSet::new();
                let mut holds = Vec::new();
                usual(v.read_dir_plus(dir, 0, &mut |entry, attr| {
                    assert!(names.insert(entry.name.to_vec()), "an entry was seen twice");
                    holds.extend(attr.map(|attr| attr.ino));
                    true
                }));
                holds.into_iter().for_each(|ino| v.forget(ino, 1));
            }
            11 => {
                let stat = v.statfs();
                assert!(stat.free_blocks <= stat.blocks && stat.free_inodes <= stat.inodes);
                if rng.u8(0..10) == 0 {
                    usual(v.sync());
                }
            }
            _ => {
                if !held.is_empty() {
                    v.forget(held.swap_remove(rng.usize(0..held.len())), 1);
                }
            }
        }
        while held.len() > 40 {
            v.forget(held.swap_remove(rng.usize(0..held.len())), 1);
        }
    }

    /// Something with an inode that is held; others may do the same.
    fn use_file(&self, rng: &mut Rng, held: &[Ino]) {
        let v = &*self.volume;
        let Some(&ino) = rng.choice(held) else { return };
        // A held inode is there, whatever happens to its names.
        v.getattr(ino).expect("a held inode has attributes");
        let offset = rng.u64(0..60_000);
        match rng.u8(0..8) {
            0 | 1 => {
                let data = vec![rng.u8(1..); rng.usize(1..20_000)];
                usual(v.write(ino, offset, &data, WriteMode::Writeback));
            }
            2 => {
                usual(v.read(ino, offset, &mut [0; 5000]));
            }
            3 => {
                let set = SetAttr {
                    size: Some(offset),
                    ..SetAttr::default()
                };
                usual(v.setattr(ino, &set));
            }
            4 => {
                let value = vec![b'x'; rng.usize(1..300)];
                usual(v.setxattr(ino, b"user.shared", &value, SetXattrMode::Any));
            }
            5 => {
                usual(v.removexattr(ino, b"user.shared"));
            }
            6 => {
                usual(v.fallocate(
                    ino,
                    offset,
                    9000,
                    FallocateMode::PunchHole,
                    WriteMode::Plain,
                ));
            }
            _ => {
                usual(v.sync_inode(ino, rng.bool()));
            }
        }
    }

    /// Deletes everything in the shared directories.
    fn delete(&self, dir: Ino) {
        loop {
            let mut names = Vec::new();
            self.volume
                .read_dir(dir, 0, &mut |entry| {
                    if entry.name != b"." && entry.name != b".." {
                        names.push(entry.name.to_vec());
                    }
                    true
                })
                .expect("reading a shared directory");
            if names.is_empty() {
                return;
            }
            for name in names {
                let attr = self.volume.lookup(dir, &name).expect("an entry").attr;
                if attr.file_type == FileType::Directory {
                    self.delete(attr.ino);
                    self.volume
                        .rmdir(dir, &name)
                        .expect("removing a shared directory");
                } else {
                    self.volume
                        .unlink(dir, &name)
                        .expect("removing a shared file");
                }
                self.volume.forget(attr.ino, 1);
            }
        }
    }
}

fn work(shared: &Shared, root: Ino, seed: u64, ops: u64, dog: &Watchdog) -> World {
    let mut world = World::new(shared.volume.clone(), root, Ino::ROOT);
    world.alone = false;
    let mut held = Vec::new();
    for step in 0..ops {
        dog.add();
        let mut rng = random::of_step(seed, step);
        shared.step(&mut rng, &mut held);
        world.step(step, &mut rng);
    }
    world.compare();
    held.into_iter()
        .for_each(|ino| shared.volume.forget(ino, 1));
    world
}

pub fn run(family: &Family, seed: u64, ops: u64) {
    let dog = Watchdog::new(format!("threads on {} seed {seed}", family.name));
    let disk = Disk::make(family, seed.is_multiple_of(2));
    let options = OpenOptions {
        durability: Durability::Process,
        cache_bytes: 1 << 18,
        ..OpenOptions::default()
    };
    let volume = Arc::new(open(&disk, options));
    let counts = Counts::of(&volume);
    let make = |name: String| {
        let entry = volume.create(Ino::ROOT, name.as_bytes(), &new(FileType::Directory));
        entry.expect("a directory").attr.ino
    };
    let own: Vec<Ino> = (0..THREADS).map(|i| make(format!("own {i}"))).collect();
    let dirs = (0..SHARED_DIRS).map(|i| make(format!("all {i}"))).collect();
    let shared = Shared {
        volume: volume.clone(),
        dirs,
    };
    let mut worlds: Vec<World> = std::thread::scope(|scope| {
        let (shared, dog) = (&shared, &dog);
        let workers: Vec<_> = own
            .iter()
            .enumerate()
            .map(|(i, &root)| {
                let seed = seed.wrapping_mul(1000).wrapping_add(i as u64);
                scope.spawn(move || catch(|| work(shared, root, seed, ops, dog)))
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .expect("a worker's result")
                    .unwrap_or_else(|failure| {
                        panic!("{}, threads, seed {seed}: {failure:?}", family.name)
                    })
            })
            .collect()
    });
    for &dir in &shared.dirs {
        shared.delete(dir);
    }
    for world in &mut worlds {
        trim(world);
        world.compare();
        world.drop_holds();
        world.drop_volume();
    }
    drop(shared);
    Arc::into_inner(volume)
        .expect("nobody else")
        .close()
        .expect("closing the volume");
    disk.check();

    let volume = Arc::new(open(&disk, OpenOptions::default()));
    for (i, world) in worlds.iter_mut().enumerate() {
        world.share_volume(volume.clone());
        world.compare();
        world.delete_all();
        world.drop_volume();
        volume
            .rmdir(Ino::ROOT, format!("own {i}").as_bytes())
            .expect("an empty directory");
    }
    for i in 0..SHARED_DIRS {
        volume
            .rmdir(Ino::ROOT, format!("all {i}").as_bytes())
            .expect("an empty directory");
    }
    // lost+found, which a model on the whole volume deletes, is still there.
    counts.check(&volume);
    Arc::into_inner(volume)
        .expect("nobody else")
        .close()
        .expect("closing the volume");
    disk.check();
}
