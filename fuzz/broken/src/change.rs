//! Random changes of a volume, by several threads at once.

use crate::choices::Choices;
use crate::tree::acl;
use crate::walk::Place;
use lwext4::*;
use std::time::{Duration, Instant};

/// The most directories that one removal of a tree enters.
const DEPTH: usize = 40;
/// Changes stop after this time: a run is to be short.
const TIME: Duration = Duration::from_secs(3);

/// What a thread knows of the volume.
struct Worker<'v, 'c, 'b> {
    volume: &'v Volume,
    places: Vec<Place>,
    choices: &'c mut Choices<'b>,
}

/// Makes `count` changes; `places` is what a walk found.
pub fn change(volume: &Volume, places: &[Place], count: usize, choices: &mut Choices<'_>) {
    let mut worker = Worker {
        volume,
        places: places.to_vec(),
        choices,
    };
    let start = Instant::now();
    for _ in 0..count {
        worker.step();
        if start.elapsed() > TIME {
            break;
        }
    }
}

impl Worker<'_, '_, '_> {
    fn place(&mut self) -> Place {
        self.choices
            .pick(&self.places)
            .cloned()
            .unwrap_or_else(|| Place {
                parent: Ino::ROOT,
                name: b"none".to_vec(),
                ino: Ino::ROOT,
                file_type: Some(FileType::Directory),
            })
    }

    /// An inode, mostly one with a name.
    fn ino(&mut self) -> Ino {
        match self.choices.below(12) {
            0 => Ino(self.choices.below(600) as u32),
            1 => Ino::ROOT,
            2 => self.place().parent,
            _ => self.place().ino,
        }
    }

    fn dir(&mut self) -> Ino {
        for _ in 0..4 {
            let place = self.place();
            if place.file_type == Some(FileType::Directory) {
                return place.ino;
            }
        }
        self.place().parent
    }

    fn name(&mut self) -> Vec<u8> {
        let number = self.choices.below(200);
        match self.choices.below(4) {
            0 => self.place().name,
            1 => format!("{number}{}", "w".repeat(240)).into_bytes(),
            _ => format!("new-{number}").into_bytes(),
        }
    }

    fn new_file(&mut self) -> NewFile {
        let types = [
            FileType::Regular,
            FileType::Regular,
            FileType::Directory,
            FileType::Directory,
            FileType::Fifo,
            FileType::CharDevice,
        ];
        NewFile {
            file_type: types[self.choices.below(types.len())],
            perm: 0o2755,
            umask: 0o22,
            uid: 0,
            gid: 70_000,
            device: (300, 5),
        }
    }

    /// Takes note of what was made and gives back the hold, or keeps it.
    fn note(&mut self, parent: Ino, name: &[u8], made: Result<Entry>) {
        let Ok(entry) = made else { return };
        self.places.push(Place {
            parent,
            name: name.to_vec(),
            ino: entry.attr.ino,
            file_type: Some(entry.attr.file_type),
        });
        if !self.choices.one_in(8) {
            self.volume.forget(entry.attr.ino, 1);
        }
    }

    fn offset(&mut self) -> u64 {
        match self.choices.below(8) {
            0 => self.choices.number() >> self.choices.below(64),
            1 => (1u64 << self.choices.below(44)).saturating_sub(3),
            2 | 3 => 0,
            _ => self.choices.below(600 << 10) as u64,
        }
    }

    fn len(&mut self) -> usize {
        match self.choices.below(4) {
            0 => self.choices.below(200 << 10),
            1 => 1024,
            _ => self.choices.below(9_000),
        }
    }

    fn step(&mut self) {
        let volume = self.volume;
        match self.choices.below(25) {
            0..=2 => {
                let (dir, name, new) = (self.dir(), self.name(), self.new_file());
                let made = volume.create(dir, &name, &new);
                self.note(dir, &name, made);
            }
            3 => {
                let (dir, name) = (self.dir(), self.name());
                let target = vec![b't'; 1 + self.choices.below(500)];
                let made = volume.symlink(dir, &name, &target, 1, 2);
                self.note(dir, &name, made);
            }
            4 => {
                let (ino, dir, name) = (self.ino(), self.dir(), self.name());
                let made = volume.link(ino, dir, &name);
                self.note(dir, &name, made);
            }
            5 | 6 => {
                let place = self.place();
                let _ = volume.unlink(place.parent, &place.name);
            }
            7 => {
                let place = self.place();
                let _ = volume.rmdir(place.parent, &place.name);
            }
            8 | 9 => self.rename(),
            10..=12 => {
                let (ino, at, len) = (self.ino(), self.offset(), self.len());
                let mode = [WriteMode::Plain, WriteMode::Writeback][self.choices.below(2)];
                let _ = volume.write(ino, at, &vec![0xA5; len], mode);
            }
            13 => {
                let (ino, size) = (self.ino(), self.offset());
                let _ = volume.setattr(
                    ino,
                    &SetAttr {
                        size: Some(size),
                        kill_suid: true,
                        ..SetAttr::default()
                    },
                );
            }
            14 => {
                let (ino, perm) = (self.ino(), self.choices.below(0o10000));
                let shift = self.choices.below(30);
                let _ = volume.setattr(
                    ino,
                    &SetAttr {
                        perm: Some(perm as u16),
                        uid: Some(5 << shift),
                        ..SetAttr::default()
                    },
                );
            }
            15 => self.fallocate(),
            16 | 17 => self.attributes(),
            18 => self.remove_tree(),
            19 => {
                let ino = self.ino();
                let mut buf = vec![0; 4000];
                let at = self.offset();
                let _ = volume.read(ino, at, &mut buf);
                crate::walk::look_at(volume, ino);
            }
            20 => {
                let ino = self.ino();
                let _ = volume.sync_inode(ino, self.choices.one_in(2));
            }
            21 => self.flags(),
            22 => {
                let (ino, project) = (self.ino(), self.choices.below(3) as u32);
                let _ = volume.set_project(ino, project << 20);
                let _ = volume.accessed(ino, Timestamp::now());
                let _ = volume.set_label(&[b'l'; 17][..self.choices.below(18)]);
            }
            23 => self.space(),
            _ if self.choices.one_in(6) => {
                let _ = volume.sync();
            }
            _ => {
                let mut seen = 0;
                let dir = self.dir();
                let _ = volume.read_dir(dir, 0, &mut |_| {
                    seen += 1;
                    seen < 1000
                });
            }
        }
    }

    /// More space for the volume, or free space for the host.
    fn space(&mut self) {
        let volume = self.volume;
        if self.choices.one_in(3) {
            let stat = volume.statfs();
            let size = stat.blocks * u64::from(stat.block_size);
            let more = match self.choices.below(4) {
                0 => self.offset(),
                1 => self.choices.below(16 << 20) as u64,
                _ => self.choices.below(3 << 20) as u64,
            };
            let _ = volume.grow(size.saturating_add(more));
        } else {
            let (start, len) = (self.offset(), self.offset());
            let len = if self.choices.one_in(3) {
                len
            } else {
                u64::MAX
            };
            let _ = volume.trim(start, len, self.choices.below(64 << 10) as u64);
        }
    }

    /// chattr.
    fn flags(&mut self) {
        // Casefold, inherited projects, append-only, immutable, hashed, a whole word.
        let wanted = [0x4000_0000, 0x2000_0000, 0x20, 0x10, 0x1000, u32::MAX, 0, 0];
        let ino = self.ino();
        let old = self.volume.getattr(ino).map_or(0, |attr| attr.flags);
        let flag = wanted[self.choices.below(wanted.len())];
        let _ = self.volume.set_flags(ino, old ^ flag);
    }

    fn rename(&mut self) {
        let modes = [
            RenameMode::Replace,
            RenameMode::Exchange,
            RenameMode::NoReplace,
            RenameMode::Whiteout,
        ];
        let (from, mode) = (self.place(), modes[self.choices.below(4)]);
        let (to, name) = if self.choices.one_in(2) {
            let to = self.place();
            (to.parent, to.name)
        } else {
            (self.dir(), self.name())
        };
        let moved = self.volume.rename(from.parent, &from.name, to, &name, mode);
        if moved.is_ok() {
            self.places.push(Place {
                parent: to,
                name,
                ..from
            });
        }
    }

    fn fallocate(&mut self) {
        let keep_size = self.choices.one_in(2);
        let modes = [
            FallocateMode::Allocate { keep_size },
            FallocateMode::PunchHole,
            FallocateMode::ZeroRange { keep_size },
        ];
        let (ino, at, len) = (self.ino(), self.offset(), self.len());
        let mode = modes[self.choices.below(3)];
        let _ = self
            .volume
            .fallocate(ino, at, len as u64, mode, WriteMode::Plain);
    }

    fn attributes(&mut self) {
        let ino = self.ino();
        let names: [&[u8]; 6] = [
            b"user.small",
            b"user.large",
            b"user.shared",
            b"user.new",
            b"system.posix_acl_access",
            b"system.posix_acl_default",
        ];
        let at = self.choices.below(names.len());
        let name = names[at];
        if self.choices.one_in(3) {
            let _ = self.volume.removexattr(ino, name);
            return;
        }
        let value = if at >= 4 {
            acl()
        } else {
            let most = [900, 900, 900, 70_000][self.choices.below(4)];
            vec![4; self.choices.below(most)]
        };
        let _ = self.volume.setxattr(ino, name, &value, SetXattrMode::Any);
    }

    /// `rm -rf`, as far as it goes.
    fn remove_tree(&mut self) {
        let volume = self.volume;
        let place = self.place();
        let mut stack = vec![(place.parent, place.name, place.ino, false)];
        let mut steps = 0;
        while let Some((parent, name, ino, entered)) = stack.pop() {
            steps += 1;
            if steps > 600 {
                return;
            }
            if entered {
                let _ = volume.rmdir(parent, &name);
                continue;
            }
            if volume.unlink(parent, &name).is_ok() || stack.len() > DEPTH * 20 {
                continue;
            }
            stack.push((parent, name, ino, true));
            let mut inside = Vec::new();
            let _ = volume.read_dir(ino, 0, &mut |entry| {
                if entry.name != b"." && entry.name != b".." {
                    inside.push((ino, entry.name.to_vec(), entry.ino, false));
                }
                inside.len() < 200
            });
            stack.append(&mut inside);
        }
    }
}
