//! The map of one file in a real image, against a model and e2fsck.

mod cases;
mod damage;
mod random;

use crate::device::MemDevice;
use crate::error::Result;
use crate::fs::Fs;
use crate::inode::{Inode, InodeData};
use crate::journal::{Credits, Handle};
use crate::map;
use crate::ondisk::extent::Node;
use crate::options::{Durability, OpenOptions};
use crate::types::{BlockNo, FileBlock, Ino};
use crate::volume::Volume;
use machine::command::{command, run};
use machine::e2fsprogs::{E2FSCK, MKE2FS, assert_clean};
use machine::requirements::{Need, can_run};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who makes the images and judges them.
const NEEDS: [Need; 2] = [MKE2FS, E2FSCK];

/// The file that tests work on: the first that mke2fs copies into the image.
const FILE: Ino = Ino(12);

/// What a file maps: file block → (block, unwritten).
type Model = BTreeMap<u32, (u64, bool)>;

/// A volume with one file, and what the file's map should be.
struct Bench {
    volume: Volume,
    device: Arc<MemDevice>,
    inode: Arc<Inode>,
    model: Model,
}

impl Bench {
    /// An image of `blocks` blocks of 1 KiB with the mke2fs options `options`.
    fn new(blocks: u32, options: &[&str]) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let (image, tree) = (dir.path().join("image"), dir.path().join("tree"));
        std::fs::create_dir(&tree).unwrap();
        std::fs::write(tree.join("file"), "").unwrap();
        let fixed = ["-q", "-F", "-b", "1024", "-t", "ext4", "-N", "32", "-d"];
        let mut mke2fs = command("mke2fs", fixed);
        mke2fs.arg(&tree).args(options).arg(&image);
        run(mke2fs.arg(blocks.to_string()));
        let device = Arc::new(MemDevice::from_bytes(&std::fs::read(&image).unwrap()));
        let options = OpenOptions {
            durability: Durability::Process,
            ..OpenOptions::default()
        };
        let volume = Volume::open(device.clone(), options).unwrap();
        let inode = volume.fs().inode(FILE).unwrap();
        Bench {
            volume,
            device,
            inode,
            model: Model::new(),
        }
    }

    fn with_extents(blocks: u32) -> Bench {
        Bench::new(blocks, &["-O", "^has_journal"])
    }

    fn with_indirect(blocks: u32) -> Bench {
        Bench::new(blocks, &["-O", "^has_journal,^extent,^64bit,^flex_bg"])
    }

    fn fs(&self) -> &Fs {
        self.volume.fs()
    }

    /// One operation on the inode, under a handle of its own.
    fn change<R>(&self, work: impl FnOnce(&mut Handle<'_>, &mut InodeData) -> R) -> R {
        let mut h = self.fs().begin(Credits::MAP).unwrap();
        let mut data = self.inode.data.write();
        let result = work(&mut h, &mut data);
        let stored = h.store(&mut data);
        h.finish(stored).unwrap();
        result
    }

    /// Maps the holes among `at..at + len`, with blocks near `goal`, as long as there are any.
    fn fill(&mut self, at: u32, len: u32, goal: Option<u64>, unwritten: bool) -> Result<()> {
        let end = at + len;
        let mut next = at;
        while next < end {
            let run = map::lookup(self.fs(), &self.inode.data.read(), FileBlock(next))?;
            let count = run.len.min(end - next);
            if run.phys.is_some() {
                next += count;
                continue;
            }
            let (phys, got) = self.change(|h, data| {
                let fs = h.fs();
                let goal = match goal {
                    Some(goal) => BlockNo(goal),
                    None => map::goal(fs, data, FileBlock(next))?,
                };
                let (phys, got) = fs.alloc.alloc_blocks(h, goal, count)?;
                let mapped = map::insert(h, data, FileBlock(next), phys, got, unwritten);
                if let Err(error) = mapped {
                    fs.alloc.free_blocks(h, phys, got, false)?;
                    return Err(error);
                }
                Ok((phys, got))
            })?;
            for i in 0..got {
                self.model
                    .insert(next + i, (phys.0 + u64::from(i), unwritten));
            }
            next += got;
        }
        Ok(())
    }

    /// Converts the mapped blocks of a range.
    fn convert(&mut self, at: u32, len: u32, unwritten: bool) -> Result<()> {
        self.change(|h, data| {
            if unwritten {
                map::set_unwritten(h, data, FileBlock(at), len)
            } else {
                map::set_written(h, data, FileBlock(at), len)
            }
        })?;
        for state in self.model.range_mut(at..at + len) {
            state.1.1 = unwritten;
        }
        Ok(())
    }

    /// Unmaps a range, under as many handles as it takes: how many.
    fn remove(&mut self, from: u32, end: u64) -> Result<usize> {
        let mut handles = 1;
        let mut left = end;
        while let Some(next) = self.change(|h, data| map::remove(h, data, FileBlock(from), left))? {
            assert!(u64::from(next.0) < left, "each handle gets on");
            left = u64::from(next.0);
            handles += 1;
        }
        self.model
            .retain(|&at, _| at < from || u64::from(at) >= end);
        Ok(handles)
    }

    fn commit(&self) {
        self.volume.sync().unwrap();
    }

    /// The map, read by going from one mapped run to the next.
    fn mapped(&self) -> Model {
        let data = self.inode.data.read();
        let mut found = Model::new();
        let mut at = FileBlock(0);
        while let Some((start, run)) = map::next_mapped(self.fs(), &data, at).unwrap() {
            let phys = run.phys.unwrap().0;
            for i in 0..run.len {
                found.insert(start.0 + i, (phys + u64::from(i), run.unwritten));
            }
            at = FileBlock(start.0 + run.len);
        }
        found
    }

    /// Compares every block of a range with the model.
    fn check_blocks(&self, range: std::ops::Range<u32>) {
        let data = self.inode.data.read();
        for at in range {
            let run = map::lookup(self.fs(), &data, FileBlock(at)).unwrap();
            let found = run.phys.map(|phys| (phys.0, run.unwritten));
            assert_eq!(found, self.model.get(&at).copied(), "file block {at}");
            let end = (u64::from(at) + u64::from(run.len)).min(1 << 32);
            if run.phys.is_none() {
                let next = self.model.range(at..).next();
                assert!(next.is_none_or(|(&next, _)| u64::from(next) >= end));
            }
        }
    }

    /// Compares the whole map with the model.
    fn check(&self) {
        if self.mapped() != self.model {
            for &at in self.model.keys() {
                self.check_blocks(at..at + 1);
            }
            panic!("more is mapped than should be");
        }
    }

    fn depth(&self) -> u16 {
        Node::new(self.inode.data.read().block()).depth()
    }

    /// Closes the volume and has e2fsck look at the image.
    fn finish(mut self) {
        let end = self
            .model
            .last_key_value()
            .map_or(0, |(&at, _)| u64::from(at) + 1);
        self.change(|_, data| data.set_size(end * 1024));
        self.model.clear();
        drop(self.inode);
        self.volume.close().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        self.device.write_to(file.as_file()).unwrap();
        assert_clean(file.path());
    }
}
