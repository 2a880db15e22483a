//! The main job's operations, at random, with syncs in between, on a volume and on the model.

use crate::devices::Recorder;
use crate::history::History;
use crate::model::{Id, Kind, Node, ROOT, Tree};
use crate::random::Random;
use lwext4::*;
use std::collections::HashMap;

/// How many files there may be in all.
const FILES: usize = 150;

/// Something that knows the time in events.
pub trait Clock {
    fn now(&self) -> usize;
}

impl<D: BlockDevice> Clock for Recorder<D> {
    fn now(&self) -> usize {
        Recorder::now(self)
    }
}

/// Never moves: for devices whose events do not matter.
pub struct Still;

impl Clock for Still {
    fn now(&self) -> usize {
        0
    }
}

/// How a file with scattered blocks comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scatter {
    Written,
    /// Unwritten blocks.
    Allocated,
    /// Unwritten blocks in an empty file.
    BehindTheEnd,
}

/// A run of random operations.
pub struct Workload<'a> {
    pub volume: &'a Volume,
    pub clock: &'a dyn Clock,
    pub random: Random,
    pub tree: Tree,
    pub inos: HashMap<Id, Ino>,
    /// Inodes without a name that are still held.
    pub held: Vec<Ino>,
    pub names: u64,
    /// Whether fsync of one file is a promise.
    pub fsync_counts: bool,
    pub history: History,
}

impl<'a> Workload<'a> {
    pub fn new(volume: &'a Volume, clock: &'a dyn Clock, seed: u64) -> Workload<'a> {
        let tree = Tree::new();
        Workload {
            volume,
            clock,
            random: Random::new(seed),
            history: History::new(tree.clone()),
            tree,
            inos: HashMap::from([(ROOT, Ino::ROOT)]),
            held: Vec::new(),
            names: 0,
            fsync_counts: true,
        }
    }

    pub fn ino(&self, id: Id) -> Ino {
        self.inos[&id]
    }

    /// Notes an operation that began at `started`; the tree is what it left.
    pub fn done(&mut self, started: usize, what: String) {
        self.history.add(self.tree.clone(), started, None, what);
    }

    pub fn done_in_parts(&mut self, started: usize, file: Id, what: String) {
        self.history
            .add(self.tree.clone(), started, Some(file), what);
    }

    pub fn dirs(&self) -> Vec<Id> {
        self.sorted(|node| matches!(node.kind, Kind::Dir(_)))
    }

    fn files(&self) -> Vec<Id> {
        self.sorted(|node| node.content().is_some())
    }

    fn sorted(&self, wanted: impl Fn(&Node) -> bool) -> Vec<Id> {
        let nodes = self.tree.nodes.iter().filter(|(_, node)| wanted(node));
        let mut ids: Vec<Id> = nodes.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    pub fn dir(&mut self) -> Id {
        let dirs = self.dirs();
        *self.random.pick(&dirs)
    }

    pub fn file(&mut self) -> Option<Id> {
        let files = self.files();
        (!files.is_empty()).then(|| *self.random.pick(&files))
    }

    /// A random entry of the tree.
    pub fn entry(&mut self) -> Option<(Id, Vec<u8>, Id)> {
        let mut all = Vec::new();
        for dir in self.dirs() {
            let entries = self.tree.entries(dir).iter();
            all.extend(entries.map(|(name, id)| (dir, name.clone(), *id)));
        }
        (!all.is_empty()).then(|| self.random.pick(&all).clone())
    }

    pub fn name(&mut self) -> Vec<u8> {
        self.names += 1;
        let long = [0, 0, 20, 100, 200][self.random.below(5) as usize];
        format!("{}{}", self.names, "n".repeat(long)).into_bytes()
    }

    pub fn bytes_used(&self) -> usize {
        self.tree
            .nodes
            .values()
            .filter_map(|node| node.content())
            .map(|c| c.len())
            .sum()
    }

    /// Goes on where another workload stopped, on the image that it left.
    pub fn resume(
        volume: &'a Volume,
        clock: &'a dyn Clock,
        seed: u64,
        (tree, inos): (Tree, HashMap<Id, Ino>),
    ) -> Workload<'a> {
        let mut workload = Workload::new(volume, clock, seed);
        workload.history = History::new(tree.clone());
        workload.names = 1_000_000;
        (workload.tree, workload.inos) = (tree, inos);
        workload
    }

    /// What another workload needs to go on here.
    pub fn state(&self) -> (Tree, HashMap<Id, Ino>) {
        (self.tree.clone(), self.inos.clone())
    }

    /// One operation.
    pub fn step(&mut self) -> Result<()> {
        if self.tree.nodes.len() > FILES && self.random.one_in(3) {
            return self.remove();
        }
        match self.random.below(100) {
            0..=17 => self.create_file(),
            18..=29 => self.write(),
            30..=35 => self.mkdir(),
            36..=39 => self.symlink(),
            40..=43 => self.link(),
            44..=53 => self.rename(),
            54..=64 => self.remove(),
            65..=70 => self.truncate(),
            71..=77 => self.xattr(),
            78..=83 => self.fallocate(),
            84..=86 => self.setattr(),
            87..=88 => self.fifo(),
            89..=90 => self.forget(),
            91 => self.many_names(),
            92..=97 => self.sync_file(),
            _ => self.sync(),
        }
    }

    /// Whether files are mapped by extents.
    pub fn has_extents(&self) -> bool {
        let features = self.volume.superblock().features();
        features
            .incompat
            .contains(lwext4::ondisk::features::Incompat::EXTENTS)
    }
}
