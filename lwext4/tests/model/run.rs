//! Runs of random operations, and what is checked along the way.

use crate::image::{Disk, Family};
use crate::random;
use crate::report::{self, Failure, Watchdog};
use crate::tree::{Id, Node};
use crate::world::{Need, World};
use fastrand::Rng;
use lwext4::{
    Durability, FileType, Ino, OpenOptions, SetAttr, StatFs, Timestamp, Volume, WriteMode,
};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// More inodes than this, and removing comes first.
const CROWD: usize = 2500;

pub struct Plan<'a> {
    pub family: &'a Family,
    pub seed: u64,
    pub ops: u64,
    /// Operations between two checks.
    pub every: u64,
    /// Steps that are left out.
    pub without: HashSet<u64>,
}

/// An operation that picks its own arguments.
type Operation = fn(&mut World, &mut Rng);

impl World {
    /// One operation.
    pub fn step(&mut self, step: u64, rng: &mut Rng) {
        self.now = Timestamp::now();
        let crowded = self.tree.len() > if self.alone { CROWD } else { CROWD / 3 };
        // The tree grows for a while, changes, and shrinks again.
        let (create, remove) = match step / 1500 % 3 {
            _ if crowded => (2, 50),
            0 => (24, 6),
            1 => (14, 12),
            _ => (8, 30),
        };
        let table: [(u32, Operation); 21] = [
            (create, World::op_create),
            (create / 4, World::op_symlink),
            (create / 4, World::op_link),
            (remove, World::op_remove),
            (9, World::op_rename),
            (6, World::op_lookup),
            (6, World::op_forget),
            (18, World::op_write),
            (6, World::op_read),
            (7, World::op_truncate),
            (8, World::op_fallocate),
            (1, World::op_comb),
            (3, World::op_seek),
            (6, World::op_setattr),
            (9, World::op_setxattr),
            (2, World::op_getxattr),
            (4, World::op_removexattr),
            (6, World::op_read_dir),
            (u32::from(!crowded), World::op_burst),
            (2, World::op_sync),
            (if self.alone { 1 } else { 8 }, World::op_relieve),
        ];
        let mut at = rng.u32(0..table.iter().map(|(weight, _)| weight).sum());
        for (weight, operation) in table {
            if at < weight {
                operation(self, rng);
                break;
            }
            at -= weight;
        }
        self.settle();
    }

    /// Many names made in one directory, or taken from it: htrees split at all levels.
    fn op_burst(&mut self, rng: &mut Rng) {
        let dir = self.tree.pick(rng, Node::is_dir).unwrap_or(self.tree.root);
        let count = rng.usize(10..250);
        if rng.bool() {
            let long = rng.bool();
            for i in 0..count {
                let mut name = format!("burst {i} {}", rng.u16(..)).into_bytes();
                if long {
                    name.resize(rng.usize(150..=255), b'+');
                }
                let file_type = random::file_type(rng);
                self.create(rng, dir, &name, file_type);
            }
        } else {
            let names: Vec<_> = self
                .tree
                .node(dir)
                .names
                .keys()
                .take(count)
                .cloned()
                .collect();
            for name in names {
                let id = self.tree.node(dir).names[&name];
                let is_dir = self.tree.node(id).is_dir();
                self.remove(dir, &name, is_dir);
            }
        }
    }

    fn op_sync(&mut self, rng: &mut Rng) {
        if rng.u8(0..3) == 0 {
            self.note("sync".into());
            self.v().sync().expect("sync");
        } else {
            let id = self.pick_any(rng);
            self.note(format!("sync {}", self.label(id)));
            self.v()
                .sync_inode(self.tree.node(id).ino, rng.bool())
                .expect("sync of an inode");
        }
    }

    /// Makes room when there is none: what else would happen is one ENOSPC after another.
    fn op_relieve(&mut self, _: &mut Rng) {
        let blocks = if self.alone { 40 } else { 4000 };
        if !self.is_full(Need {
            blocks,
            inode: false,
        }) {
            return;
        }
        let size = |id: &Id| {
            let ino = self.tree.node(*id).ino;
            self.v().getattr(ino).map_or(0, |attr| attr.sectors)
        };
        let files = self
            .tree
            .ids()
            .into_iter()
            .filter(|&id| self.tree.node(id).is_regular());
        if let Some(id) = files.max_by_key(size) {
            self.note(format!("empty {}", self.label(id)));
            let set = SetAttr {
                size: Some(0),
                ..SetAttr::default()
            };
            self.v()
                .setattr(self.tree.node(id).ino, &set)
                .expect("truncating needs no space");
            self.tree.node_mut(id).content.set_size(0);
            self.touch(id, true);
        }
    }
}

/// Options that should make no difference.
fn options(rng: &mut Rng, journal: bool) -> OpenOptions {
    OpenOptions {
        durability: match rng.u8(0..8) {
            0 if journal => Durability::None,
            1..4 => Durability::Process,
            _ => Durability::Power,
        },
        cache_bytes: [1 << 16, 1 << 20, 16 << 20][rng.usize(0..3)],
        commit_interval: Duration::from_millis([1, 20, 5000][rng.usize(0..3)]),
        ..OpenOptions::default()
    }
}

pub fn open(disk: &Disk, options: OpenOptions) -> Volume {
    Volume::open(disk.device(), options).expect("opening the volume")
}

/// What must come back when everything is deleted.
pub struct Counts {
    stat: StatFs,
    sectors: u64,
}

impl Counts {
    pub fn of(volume: &Volume) -> Counts {
        let sectors = volume.getattr(Ino::ROOT).expect("the root").sectors;
        Counts {
            stat: volume.statfs(),
            sectors,
        }
    }

    /// Compares with now. The root may have grown: directories do not shrink. Quota files neither.
    pub fn check(&self, volume: &Volume) {
        let mut now = Counts::of(volume);
        let grown = (now.sectors - self.sectors) * 512 / u64::from(self.stat.block_size);
        let wanted = (self.stat.free_blocks - grown, self.stat.free_inodes);
        if volume.superblock().quota_inums() != [0; 3] {
            now.stat.free_blocks = now.stat.free_blocks.max(wanted.0);
        }
        assert_eq!(
            (now.stat.free_blocks, now.stat.free_inodes),
            wanted,
            "free blocks and inodes"
        );
    }
}

/// Runs the plan to its end: how often the image was full.
fn run_inside(plan: &Plan, world: &mut Option<World>, dog: &Watchdog) -> u64 {
    let mut session = random::of_step(plan.seed, u64::MAX);
    let disk = Disk::make(plan.family, session.bool());
    let mut now = options(&mut session, false);
    let volume = Arc::new(open(&disk, now.clone()));
    let world = world.insert(World::new(volume, Ino::ROOT, Ino::ROOT));
    let counts = Counts::of(world.v());
    for step in 0..plan.ops {
        dog.tick(step);
        if !plan.without.contains(&step) {
            world.step(step, &mut random::of_step(plan.seed, step));
        }
        if (step + 1) % plan.every != 0 {
            continue;
        }
        world.compare();
        let mut session = random::of_step(!plan.seed, step);
        let abandon =
            world.facts.journal && now.durability != Durability::None && session.u8(0..4) == 0;
        if abandon {
            world.note("drop the volume, and recover".into());
            world.drop_holds();
            world.drop_volume();
            if session.bool() {
                // What is to be replayed shows without being replayed.
                let look = OpenOptions {
                    read_only: true,
                    ..OpenOptions::default()
                };
                world.set_volume(open(&disk, look));
                world.compare();
                world.drop_volume();
            }
        } else {
            close(world, &disk, session.u8(0..3) == 0);
        }
        now = options(&mut session, world.facts.journal);
        world.note(format!("open {now:?}"));
        world.set_volume(open(&disk, now.clone()));
        world.compare();
    }
    world.compare();
    close(world, &disk, true);
    world.set_volume(open(&disk, OpenOptions::default()));
    world.delete_all();
    world.v().sync().expect("sync");
    counts.check(world.v());
    if plan.family.tiny {
        refill(world);
    }
    close(world, &disk, false);
    let volume = open(&disk, OpenOptions::default());
    counts.check(&volume);
    volume.close().expect("closing the volume");
    world.full
}

/// Deleting made room: nearly all of it can be written again.
fn refill(world: &mut World) {
    let room = world.v().statfs().free_blocks * world.facts.block;
    let mut rng = Rng::with_seed(1);
    world.create(&mut rng, world.tree.root, b"refill", FileType::Regular);
    let id = world.tree.node(world.tree.root).names[&b"refill"[..]];
    let len = (room * 9 / 10).saturating_sub(world.facts.block * 4) as usize;
    let written = world.v().write(
        world.tree.node(id).ino,
        0,
        &vec![7; len],
        WriteMode::Writeback,
    );
    assert_eq!(written.expect("writing where everything was deleted"), len);
    world.tree.node_mut(id).content.write(0, &vec![7; len]);
    world.compare();
    world.remove(world.tree.root, b"refill", false);
    world.settle();
}

/// e2fsck 1.47 finds fault with trees of three levels that have unwritten blocks behind the file's end,
/// the kernel's included: large files lose theirs.
pub fn trim(world: &mut World) {
    world.now = Timestamp::now();
    for id in world.tree.ids() {
        let node = world.tree.node(id);
        let (ino, size) = (node.ino, node.content.size());
        if node.ahead
            && node.is_regular()
            && world.v().getattr(ino).expect("attributes").sectors > 200
        {
            let set = SetAttr {
                size: Some(size),
                ..SetAttr::default()
            };
            world
                .v()
                .setattr(ino, &set)
                .expect("truncating needs no space");
            world.tree.node_mut(id).ahead = false;
            world.touch(id, true);
            world.check_attr(id);
        }
    }
}

/// Closes the volume; the image must be right, for e2fsck and perhaps for ext4-view.
fn close(world: &mut World, disk: &Disk, view: bool) {
    trim(world);
    world.note("close".into());
    world.drop_holds();
    let volume = world.take_volume();
    volume.close().expect("closing the volume");
    disk.check();
    if view && world.facts.viewable {
        world.compare_view(&disk.path);
    }
}

/// Runs a plan; what went wrong, if anything did.
pub fn run(plan: &Plan) -> Result<u64, Failure> {
    let dog = Watchdog::new(format!("{} seed {}", plan.family.name, plan.seed));
    let mut world = None;
    let result = report::catch(|| run_inside(plan, &mut world, &dog));
    result.map_err(|mut failure| {
        failure.step = dog.step();
        if let Some(world) = &world {
            failure.trace = world.trace.iter().cloned().collect();
        }
        failure
    })
}
