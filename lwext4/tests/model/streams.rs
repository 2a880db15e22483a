//! Directories read in pieces while they change.

use crate::names::show;
use crate::tree::{Id, Node};
use crate::world::World;
use fastrand::Rng;
use lwext4::{Attr, DirEntry, FileType, Ino};
use std::collections::BTreeSet;

/// One reading of a directory.
pub struct Stream {
    pub dir: Id,
    next: u64,
    /// Names that were there all the time.
    stable: BTreeSet<Vec<u8>>,
    seen: BTreeSet<Vec<u8>>,
}

/// An entry that was read.
struct Read {
    ino: Ino,
    file_type: Option<FileType>,
    name: Vec<u8>,
    next: u64,
    attr: Option<Attr>,
}

impl World {
    /// A name came or went: who reads the directory may see it or not.
    pub fn disturb(&mut self, dir: Id, name: &[u8]) {
        for stream in self.streams.iter_mut().filter(|stream| stream.dir == dir) {
            stream.stable.remove(name);
        }
    }

    fn begin_reading(&self, dir: Id) -> Stream {
        let mut stable: BTreeSet<Vec<u8>> = self.tree.node(dir).names.keys().cloned().collect();
        stable.extend([b".".to_vec(), b"..".to_vec()]);
        Stream {
            dir,
            next: 0,
            stable,
            seen: BTreeSet::new(),
        }
    }

    /// Reads on in some directory, up to a random number of entries.
    pub fn op_read_dir(&mut self, rng: &mut Rng) {
        let at = if self.streams.len() < 6 && rng.u8(0..3) == 0 || self.streams.is_empty() {
            let Some(dir) = self
                .tree
                .pick(rng, |node: &Node| node.is_dir() && node.nlink > 0)
            else {
                return;
            };
            self.streams.push(self.begin_reading(dir));
            self.streams.len() - 1
        } else {
            rng.usize(0..self.streams.len())
        };
        let mut stream = self.streams.swap_remove(at);
        if self.tree.node(stream.dir).nlink == 0 {
            return;
        }
        let count = match rng.u8(0..8) {
            0 => usize::MAX,
            1 => rng.usize(100..400),
            _ => rng.usize(1..30),
        };
        let plus = rng.u8(0..3) == 0;
        let how = if plus { "read_dir_plus" } else { "read_dir" };
        self.note(format!(
            "{how} {} from {:#x}",
            self.label(stream.dir),
            stream.next
        ));
        if !self.read_on(&mut stream, count, plus) {
            self.streams.push(stream);
        }
    }

    /// Reads up to `count` entries; whether that was all.
    fn read_on(&mut self, stream: &mut Stream, count: usize, plus: bool) -> bool {
        let dir = self.tree.node(stream.dir);
        let (ino, is_root) = (dir.ino, stream.dir == self.tree.root);
        let up = if is_root {
            self.above
        } else {
            self.tree.node(dir.parent).ino
        };
        let mut read = Vec::new();
        let mut ended = true;
        let mut take = |entry: DirEntry<'_>, attr: Option<Attr>| {
            if read.len() == count {
                ended = false;
                return false;
            }
            read.push(Read {
                ino: entry.ino,
                file_type: entry.file_type,
                name: entry.name.to_vec(),
                next: entry.next,
                attr,
            });
            true
        };
        let result = if plus {
            self.v().read_dir_plus(ino, stream.next, &mut take)
        } else {
            self.v()
                .read_dir(ino, stream.next, &mut |entry| take(entry, None))
        };
        result.expect("reading a directory");
        for Read {
            ino: found,
            file_type,
            name,
            next,
            attr,
        } in read
        {
            let what = format!("entry {} of directory {ino}", show(&name));
            assert!(
                next > stream.next,
                "{what}: position {next:#x} after {:#x}",
                stream.next
            );
            stream.next = next;
            let first = stream.seen.insert(name.clone());
            assert!(
                first || !stream.stable.contains(&name),
                "{what}: seen twice"
            );
            if name == b"." || name == b".." {
                assert_eq!(found, if name == b"." { ino } else { up }, "{what}");
                assert!(attr.is_none(), "{what}: has attributes");
                continue;
            }
            let Some(&id) = self.tree.node(stream.dir).names.get(&name) else {
                panic!("{what}: is not there");
            };
            let node = self.tree.node(id);
            assert_eq!(found, node.ino, "{what}: inode");
            let told = self.facts.filetype.then_some(node.file_type);
            assert_eq!(file_type, told, "{what}: type");
            if plus {
                let attr = attr.expect("attributes of an entry");
                self.compare_attr(id, &attr);
                self.v().forget(found, 1);
            }
        }
        if ended {
            let missed = stream.stable.difference(&stream.seen).next();
            assert!(
                missed.is_none(),
                "directory {ino}: {} not seen",
                show(missed.unwrap())
            );
        }
        ended
    }

    /// Reads a whole directory, and compares it with the model.
    pub fn check_dir(&mut self, dir: Id, plus: bool) {
        let mut stream = self.begin_reading(dir);
        assert!(
            self.read_on(&mut stream, usize::MAX, plus),
            "reading ended early"
        );
    }
}
