//! The operations of a [`Workload`]: each on the volume and on the model, whose new state is noted
//! even if the volume fails halfway to it.

use crate::history::Scope;
use crate::model::{Id, Kind, Node, ROOT};
use crate::workload::{Scatter, Workload};
use lwext4::ondisk::features::Incompat;
use lwext4::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many bytes files may take in all.
const BYTES: usize = 1_800_000;

impl Workload<'_> {
    pub fn make(&mut self, dir: Id, node: Node, file_type: FileType) -> Result<Id> {
        let name = self.name();
        let started = self.clock.now();
        let new = NewFile::new(file_type, node.perm);
        let created = self.volume.create(self.ino(dir), &name, &new);
        let id = self.tree.insert(dir, &name, node);
        self.done(started, format!("create {id} in {dir}"));
        let ino = created?.attr.ino;
        self.inos.insert(id, ino);
        self.volume.forget(ino, 1);
        Ok(id)
    }

    pub fn create_file(&mut self) -> Result<()> {
        let dir = self.dir();
        let perm = *self.random.pick(&[0o644, 0o600, 0o755]);
        let node = Node::new(Kind::File(Arc::default()), perm);
        let id = self.make(dir, node, FileType::Regular)?;
        if self.bytes_used() > BYTES {
            return Ok(());
        }
        let len = match self.random.below(10) {
            0 => 0,
            1..=6 => self.random.below(3000),
            7..=8 => self.random.below(30_000),
            _ => self.random.below(300_000),
        };
        let data = self.random.bytes(len as usize);
        for (i, piece) in data.chunks(65_536).enumerate() {
            self.write_at(id, i * 65_536, piece)?;
        }
        if self.random.one_in(4) {
            self.sync_one(id)?;
        }
        Ok(())
    }

    pub fn write(&mut self) -> Result<()> {
        let Some(id) = self.file() else { return Ok(()) };
        if self.bytes_used() > BYTES {
            return self.remove();
        }
        let size = self.tree.node(id).content().map_or(0, |c| c.len());
        let at = match self.random.below(4) {
            0 => size,
            1 => size + self.random.below(20_000) as usize,
            _ => self.random.below(size as u64 + 1) as usize,
        };
        let most = if self.random.one_in(4) { 40_000 } else { 2_000 };
        let len = 1 + self.random.below(most);
        let data = self.random.bytes(len as usize);
        self.write_at(id, at, &data)
    }

    pub fn write_at(&mut self, id: Id, at: usize, data: &[u8]) -> Result<()> {
        let mode = *self.random.pick(&[WriteMode::Plain, WriteMode::Writeback]);
        let started = self.clock.now();
        let written = self.volume.write(self.ino(id), at as u64, data, mode);
        if let Kind::File(content) = &mut self.tree.change(id).kind {
            // A copy: what older states refer to stays.
            let content = Arc::make_mut(content);
            if content.len() < at + data.len() {
                content.resize(at + data.len(), 0);
            }
            content[at..at + data.len()].copy_from_slice(data);
        }
        self.done_in_parts(
            started,
            id,
            format!("write {id} {mode:?} {at}+{}", data.len()),
        );
        match written {
            Ok(n) if n < data.len() => Err(Error::NoSpace),
            written => written.map(|_| ()),
        }
    }

    pub fn mkdir(&mut self) -> Result<()> {
        let dir = self.dir();
        let node = Node::new(Kind::Dir(BTreeMap::new()), 0o755);
        self.make(dir, node, FileType::Directory).map(|_| ())
    }

    pub fn fifo(&mut self) -> Result<()> {
        let dir = self.dir();
        self.make(dir, Node::new(Kind::Fifo, 0o600), FileType::Fifo)
            .map(|_| ())
    }

    pub fn symlink(&mut self) -> Result<()> {
        let dir = self.dir();
        let name = self.name();
        let len = *self.random.pick(&[5, 59, 60, 300, 900]);
        let target: Vec<u8> = (0..len).map(|i| b'a' + (i % 26) as u8).collect();
        let started = self.clock.now();
        let made = self.volume.symlink(self.ino(dir), &name, &target, 0, 0);
        let node = Node::new(Kind::Symlink(target), 0o777);
        let id = self.tree.insert(dir, &name, node);
        self.done(started, format!("symlink {id} in {dir}"));
        let ino = made?.attr.ino;
        self.inos.insert(id, ino);
        self.volume.forget(ino, 1);
        Ok(())
    }

    pub fn link(&mut self) -> Result<()> {
        let dir = self.dir();
        let Some(id) = self.file() else { return Ok(()) };
        let name = self.name();
        let started = self.clock.now();
        let linked = self.volume.link(self.ino(id), self.ino(dir), &name);
        self.tree.entries_mut(dir).insert(name, id);
        self.done(started, format!("link {id} in {dir}"));
        self.volume.forget(linked?.attr.ino, 1);
        Ok(())
    }

    pub fn rename(&mut self) -> Result<()> {
        let Some((from, name, id)) = self.entry() else {
            return Ok(());
        };
        let over = self.random.one_in(2);
        let (to, new_name, old) = match self.entry() {
            Some((dir, name, old)) if over => (dir, name, Some(old)),
            _ => (self.dir(), self.name(), None),
        };
        let exchange = old.is_some() && self.random.one_in(3);
        let tree = &self.tree;
        let cycle = tree.is_dir(id) && tree.is_above(id, to)
            || old.is_some_and(|old| tree.is_dir(old) && tree.is_above(old, from));
        let fits = match old {
            None => true,
            Some(old) if exchange => old != id,
            Some(old) => {
                old != id
                    && tree.is_dir(id) == tree.is_dir(old)
                    && (!tree.is_dir(old) || tree.entries(old).is_empty())
            }
        };
        if cycle || !fits {
            return Ok(());
        }
        let mode = if exchange {
            RenameMode::Exchange
        } else {
            RenameMode::Replace
        };
        let started = self.clock.now();
        let renamed = self
            .volume
            .rename(self.ino(from), &name, self.ino(to), &new_name, mode);
        if let (true, Some(old)) = (exchange, old) {
            self.tree.entries_mut(from).insert(name, old);
            self.tree.entries_mut(to).insert(new_name, id);
        } else {
            if old.is_some() {
                self.tree.remove(to, &new_name);
            }
            self.tree.entries_mut(from).remove(&name);
            self.tree.entries_mut(to).insert(new_name, id);
        }
        self.done(
            started,
            format!("rename {id} {from}→{to} over {old:?} {mode:?}"),
        );
        renamed
    }

    pub fn remove(&mut self) -> Result<()> {
        let Some((dir, name, id)) = self.entry() else {
            return Ok(());
        };
        let ino = self.ino(id);
        if self.tree.is_dir(id) && !self.tree.entries(id).is_empty() {
            return Ok(());
        }
        // Some are still open: they go when they are forgotten.
        let hold = self.random.one_in(5);
        if hold {
            self.volume.lookup(self.ino(dir), &name)?;
        }
        let started = self.clock.now();
        let removed = if self.tree.is_dir(id) {
            self.volume.rmdir(self.ino(dir), &name)
        } else {
            self.volume.unlink(self.ino(dir), &name)
        };
        let last = self.tree.remove(dir, &name);
        self.done(started, format!("remove {id} from {dir}"));
        removed?;
        if hold && last && self.held.len() < 5 {
            self.held.push(ino);
        } else if hold {
            self.volume.forget(ino, 1);
        }
        Ok(())
    }

    /// Writes to, or lets go of, a file that has no name any more.
    pub fn forget(&mut self) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let at = self.random.below(self.held.len() as u64) as usize;
        let ino = self.held[at];
        let attr = self.volume.getattr(ino)?;
        if attr.file_type == FileType::Regular && self.random.one_in(2) {
            // Behind its end: until its deletion is on disk, it may come back.
            self.volume
                .write(ino, attr.size, &[1; 3000], WriteMode::Plain)?;
        } else {
            self.held.remove(at);
            self.volume.forget(ino, 1);
        }
        Ok(())
    }

    pub fn truncate(&mut self) -> Result<()> {
        let Some(id) = self.file() else { return Ok(()) };
        let size = self.tree.node(id).content().map_or(0, |c| c.len());
        let new = match self.random.below(4) {
            0 => 0,
            1 => size + self.random.below(10_000) as usize,
            _ => self.random.below(size as u64 + 1) as usize,
        };
        let started = self.clock.now();
        let set = SetAttr {
            size: Some(new as u64),
            ..SetAttr::default()
        };
        let cut = self.volume.setattr(self.ino(id), &set);
        self.resize(id, new);
        self.done_in_parts(started, id, format!("truncate {id} {size}→{new}"));
        cut.map(|_| ())
    }

    pub fn resize(&mut self, id: Id, size: usize) {
        if let Kind::File(content) = &mut self.tree.change(id).kind {
            Arc::make_mut(content).resize(size, 0);
        }
    }

    pub fn xattr(&mut self) -> Result<()> {
        let Some((_, _, id)) = self.entry() else {
            return Ok(());
        };
        if !matches!(self.tree.node(id).kind, Kind::File(_) | Kind::Dir(_)) {
            return Ok(());
        }
        let name = format!("user.{}", self.random.below(4)).into_bytes();
        let started = self.clock.now();
        let has = self.tree.node(id).xattrs.contains_key(&name);
        let changed;
        if has && self.random.one_in(2) {
            changed = self.volume.removexattr(self.ino(id), &name);
            self.tree.change(id).xattrs.remove(&name);
        } else {
            let features = self.volume.superblock().features();
            let lens = if features.incompat.contains(Incompat::EA_INODE) {
                [3, 100, 700, 3000]
            } else {
                [3, 20, 100, 200]
            };
            let len = *self.random.pick(&lens);
            let value = vec![b'a' + self.random.below(3) as u8; len];
            changed = self
                .volume
                .setxattr(self.ino(id), &name, &value, SetXattrMode::Any);
            self.tree.change(id).xattrs.insert(name, value);
        }
        self.done(started, format!("xattr {id}"));
        changed
    }

    pub fn fallocate(&mut self) -> Result<()> {
        let Some(id) = self.file() else { return Ok(()) };
        let size = self.tree.node(id).content().map_or(0, |c| c.len());
        let at = self.random.below(size as u64 + 5000) as usize;
        let len = 1 + self.random.below(20_000) as usize;
        let keep_size = self.random.one_in(2);
        let mode = match self.random.below(3) {
            0 => FallocateMode::Allocate { keep_size },
            1 => FallocateMode::PunchHole,
            _ => FallocateMode::ZeroRange { keep_size },
        };
        let started = self.clock.now();
        let allocated =
            self.volume
                .fallocate(self.ino(id), at as u64, len as u64, mode, WriteMode::Plain);
        // Files without extents have no unwritten blocks.
        if matches!(allocated, Err(Error::NotSupported(_))) {
            return Ok(());
        }
        let end = at + len;
        if mode != FallocateMode::PunchHole && !keep_size && end > size {
            self.resize(id, end);
        }
        if !matches!(mode, FallocateMode::Allocate { .. })
            && let Kind::File(content) = &mut self.tree.change(id).kind
        {
            let content = Arc::make_mut(content);
            let end = end.min(content.len());
            content[at.min(end)..end].fill(0);
        }
        self.done_in_parts(started, id, format!("{mode:?} {id} {at}+{len}"));
        allocated
    }

    pub fn setattr(&mut self) -> Result<()> {
        let Some((_, _, id)) = self.entry() else {
            return Ok(());
        };
        if matches!(self.tree.node(id).kind, Kind::Symlink(_)) {
            return Ok(());
        }
        let (perm, uid) = (
            self.random.below(0o1000) as u16,
            self.random.below(100_000) as u32,
        );
        let set = SetAttr {
            perm: Some(perm),
            uid: Some(uid),
            ..SetAttr::default()
        };
        let started = self.clock.now();
        let changed = self.volume.setattr(self.ino(id), &set);
        let node = self.tree.change(id);
        (node.perm, node.uid) = (perm, uid);
        self.done(started, format!("setattr {id}"));
        changed.map(|_| ())
    }

    /// Fills a directory until its blocks split.
    pub fn many_names(&mut self) -> Result<()> {
        let dir = self.dir();
        for _ in 0..12 {
            self.make(
                dir,
                Node::new(Kind::File(Arc::default()), 0o644),
                FileType::Regular,
            )?;
        }
        Ok(())
    }

    pub fn sync_file(&mut self) -> Result<()> {
        match self.random.below(4) {
            0 => {
                let dir = self.dir();
                self.sync_one(dir)
            }
            _ => match self.file() {
                Some(id) => self.sync_one(id),
                None => Ok(()),
            },
        }
    }

    pub fn sync_one(&mut self, id: Id) -> Result<()> {
        let data_only = self.random.one_in(3);
        self.volume.sync_inode(self.ino(id), data_only)?;
        if !self.fsync_counts {
            return Ok(());
        }
        let scope = if data_only {
            Scope::Data(id)
        } else {
            Scope::File(id)
        };
        self.history.promise(self.clock.now(), scope);
        Ok(())
    }

    pub fn sync(&mut self) -> Result<()> {
        self.volume.sync()?;
        self.history.promise(self.clock.now(), Scope::All);
        Ok(())
    }

    /// Makes a file whose blocks are far apart: freeing them takes several transactions.
    pub fn scattered_file(&mut self, pieces: usize, stride: u64, how: Scatter) -> Result<Id> {
        let node = Node::new(Kind::File(Arc::default()), 0o644);
        let id = self.make(ROOT, node, FileType::Regular)?;
        let ino = self.ino(id);
        let started = self.clock.now();
        let keep_size = how == Scatter::BehindTheEnd;
        for at in (0..pieces as u64).map(|i| i * stride) {
            if how == Scatter::Written {
                self.volume.write(ino, at, &[1], WriteMode::Writeback)?;
            } else {
                self.volume.fallocate(
                    ino,
                    at,
                    1,
                    FallocateMode::Allocate { keep_size },
                    WriteMode::Plain,
                )?;
            }
        }
        if let (false, Kind::File(content)) = (keep_size, &mut self.tree.change(id).kind) {
            let content = Arc::make_mut(content);
            content.resize(((pieces as u64 - 1) * stride + 1) as usize, 0);
            if how == Scatter::Written {
                content
                    .iter_mut()
                    .step_by(stride as usize)
                    .for_each(|byte| *byte = 1);
            }
        }
        self.done_in_parts(started, id, format!("scatter {id}"));
        Ok(id)
    }

    /// Deletes a file by all its names.
    pub fn delete(&mut self, id: Id) -> Result<()> {
        for (dir, name) in self.tree.links(id) {
            let started = self.clock.now();
            self.volume.unlink(self.ino(dir), &name)?;
            self.tree.remove(dir, &name);
            self.done(started, format!("delete {id}"));
        }
        Ok(())
    }

    /// Cuts a file to nothing.
    pub fn empty(&mut self, id: Id) -> Result<()> {
        let started = self.clock.now();
        self.volume.setattr(
            self.ino(id),
            &SetAttr {
                size: Some(0),
                ..SetAttr::default()
            },
        )?;
        self.resize(id, 0);
        self.done_in_parts(started, id, format!("empty {id}"));
        Ok(())
    }

    /// Syncs everything.
    pub fn sync_all(&mut self) -> Result<()> {
        self.sync()
    }
}
