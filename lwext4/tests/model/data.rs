//! Operations on the data of files.

use crate::random;
use crate::tree::{Id, Node, Time};
use crate::world::*;
use fastrand::Rng;
use lwext4::{FallocateMode, FileType, SetAttr, WriteMode};

impl World {
    /// A regular file; seldom something else.
    fn pick_file(&mut self, rng: &mut Rng) -> Option<Id> {
        if rng.u8(0..60) == 0 {
            return Some(self.pick_any(rng));
        }
        self.tree.pick(rng, Node::is_regular)
    }

    /// What calls on the data of something else than a file say.
    fn data_errors(&self, id: Id) -> Vec<i32> {
        match self.tree.node(id).file_type {
            FileType::Regular => Vec::new(),
            FileType::Directory => vec![EISDIR],
            _ => vec![EINVAL],
        }
    }

    pub fn op_write(&mut self, rng: &mut Rng) {
        let Some(id) = self.pick_file(rng) else {
            return;
        };
        let block = self.facts.block;
        let offset = random::offset(rng, self.tree.node(id).content.size(), block);
        let len = random::len(rng, block);
        let data = random::data(rng, len);
        let mode = if rng.bool() {
            WriteMode::Plain
        } else {
            WriteMode::Writeback
        };
        self.write(id, offset, &data, mode);
    }

    pub fn write(&mut self, id: Id, offset: u64, data: &[u8], mode: WriteMode) {
        let len = data.len() as u64;
        self.note(format!(
            "write {} at {offset}, {len} bytes, {mode:?}",
            self.label(id)
        ));
        let limit = self.facts.max_size();
        let mut errors = if data.is_empty() {
            Vec::new()
        } else {
            self.data_errors(id)
        };
        if offset >= limit && !data.is_empty() {
            errors.push(EFBIG);
        }
        let result = self.v().write(self.tree.node(id).ino, offset, data, mode);
        let need = Need {
            blocks: len / self.facts.block + 2,
            inode: false,
        };
        let Some(n) = self.expect(result, &errors, need) else {
            return;
        };
        let full = self.is_full(need);
        let fits = len.min(limit.saturating_sub(offset)) as usize;
        assert!(
            n == fits || (n < fits && n > 0 && full),
            "wrote {n} of {fits}"
        );
        if n == 0 {
            return;
        }
        let node = self.tree.node_mut(id);
        node.content.write(offset, &data[..n]);
        if mode == WriteMode::Plain {
            node.clear_suid();
            self.touch(id, true);
        }
    }

    pub fn op_read(&mut self, rng: &mut Rng) {
        let Some(id) = self.pick_file(rng) else {
            return;
        };
        let offset = random::offset(rng, self.tree.node(id).content.size(), self.facts.block);
        let len = random::len(rng, self.facts.block);
        self.note(format!("read {} at {offset}, {len} bytes", self.label(id)));
        let errors = self.data_errors(id);
        let mut found = vec![0xAA; len as usize];
        let result = self.v().read(self.tree.node(id).ino, offset, &mut found);
        if let Some(n) = self.expect(result, &errors, Need::default()) {
            let mut wanted = vec![0; len as usize];
            let most = self.tree.node(id).content.read(offset, &mut wanted);
            assert_eq!(n, most, "bytes read");
            same_bytes(&found[..n], &wanted[..n], offset);
        }
    }

    pub fn op_truncate(&mut self, rng: &mut Rng) {
        let Some(id) = self.pick_file(rng) else {
            return;
        };
        let node = self.tree.node(id);
        let (ino, old, block) = (node.ino, node.content.size(), self.facts.block);
        let size = match rng.u8(0..10) {
            0 | 1 => 0,
            2..6 => rng.u64(0..=old),
            6 => rng.u64(0..=old / block) * block,
            _ => random::offset(rng, old, block),
        };
        self.note(format!("truncate {} from {old} to {size}", self.label(id)));
        let mut errors = self.data_errors(id);
        if size > self.facts.max_size() {
            errors.push(EFBIG);
        }
        let set = SetAttr {
            size: Some(size),
            kill_suid: rng.bool(),
            ..SetAttr::default()
        };
        let result = self.v().setattr(ino, &set);
        // A file that leaves its inode needs a block.
        let may_be_full = self.facts.inline && size > old;
        if let Err(error) = &result
            && !errors.contains(&error.errno())
            && !may_be_full
        {
            panic!("failed: {error:?}; errors due: {errors:?}");
        }
        if let Some(attr) = self.expect(result, &errors, Need::default()) {
            let node = self.tree.node_mut(id);
            node.content.set_size(size);
            node.preallocated &= size > 0;
            node.ahead = false;
            if set.kill_suid {
                node.clear_suid();
            }
            self.touch(id, true);
            self.compare_attr(id, &attr);
        }
    }

    pub fn op_fallocate(&mut self, rng: &mut Rng) {
        let Some(id) = self.pick_file(rng) else {
            return;
        };
        let block = self.facts.block;
        let size = self.tree.node(id).content.size();
        let offset = random::offset(rng, size, block);
        let len = match rng.u8(0..20) {
            0 => rng.u64(0..1 << 22),
            1 if self.alone && rng.u8(0..16) == 0 => rng.u64(0..1 << 44),
            _ => random::len(rng, block),
        };
        let keep_size = rng.bool();
        let mode = match rng.u8(0..5) {
            0 | 1 => FallocateMode::Allocate { keep_size },
            2 | 3 => FallocateMode::PunchHole,
            _ => FallocateMode::ZeroRange { keep_size },
        };
        self.fallocate(id, offset, len, mode);
    }

    pub fn fallocate(&mut self, id: Id, offset: u64, len: u64, mode: FallocateMode) {
        self.note(format!(
            "fallocate {} at {offset}, {len} bytes, {mode:?}",
            self.label(id)
        ));
        let end = offset.saturating_add(len);
        let node = self.tree.node(id);
        let mut errors = Vec::new();
        if len == 0 {
            errors.push(EINVAL);
        }
        match node.file_type {
            FileType::Regular => {}
            FileType::Directory => errors.push(EISDIR),
            _ => errors.push(EOPNOTSUPP),
        }
        if mode != FallocateMode::PunchHole && !self.facts.extents {
            errors.push(EOPNOTSUPP);
        }
        if end > self.facts.max_size() {
            errors.push(EFBIG);
        }
        let blocks = if mode == FallocateMode::PunchHole {
            0
        } else {
            len / self.facts.block + 2
        };
        let need = Need {
            blocks,
            inode: false,
        };
        let result = self
            .v()
            .fallocate(node.ino, offset, len, mode, WriteMode::Plain);
        let failed = result.is_err();
        if mode != FallocateMode::PunchHole {
            let node = self.tree.node_mut(id);
            node.preallocated = true;
            node.ahead |= end > node.content.size();
        }
        if self.expect(result, &errors, need).is_none() {
            if failed && errors.is_empty() {
                self.take_what_was_done(id, offset, end, mode);
            }
            return;
        }
        let node = self.tree.node_mut(id);
        let old = node.content.size();
        let grows = match mode {
            FallocateMode::Allocate { keep_size } => !keep_size,
            FallocateMode::PunchHole => {
                node.content.zero(offset, end);
                false
            }
            FallocateMode::ZeroRange { keep_size } => {
                node.content.zero(offset, end);
                !keep_size
            }
        };
        if grows && end > old {
            node.content.set_size(end);
        }
        self.touch(id, true);
    }

    /// fallocate that finds no space may have done a part of its work, but nothing else.
    fn take_what_was_done(&mut self, id: Id, offset: u64, end: u64, mode: FallocateMode) {
        let node = self.tree.node(id);
        let (ino, old) = (node.ino, node.content.size());
        let attr = self.v().getattr(ino).expect("attributes");
        assert!(
            attr.size == old || (attr.size > old && attr.size <= end),
            "size after failure"
        );
        let mut content = node.content.clone();
        content.set_size(attr.size);
        let to = end.min(old);
        let mut at = offset;
        while at < to && !matches!(mode, FallocateMode::Allocate { .. }) {
            let len = (to - at).min(1 << 16) as usize;
            let (mut found, mut wanted) = (vec![0; len], vec![0; len]);
            assert_eq!(self.v().read(ino, at, &mut found).expect("reading"), len);
            content.read(at, &mut wanted);
            let legal = found.iter().zip(&wanted).all(|(&f, &w)| f == 0 || f == w);
            assert!(legal, "fallocate that failed made up data behind byte {at}");
            content.write(at, &found);
            at += len as u64;
            // What follows is a hole in the model: nothing to take over.
            at = content
                .first_nonzero(at, to)
                .map_or(to, |next| next.max(at));
        }
        let perm = attr.perm;
        let node = self.tree.node_mut(id);
        node.content = content;
        assert_eq!(perm, node.perm, "permissions after failure");
        let started = |time, now| match time {
            Time::Exact(time) if time >= now => Time::Exact(time),
            other => other,
        };
        let now = self.facts.kept(self.now);
        if attr.mtime >= now {
            node.mtime = started(Time::Exact(attr.mtime), now);
        }
        if attr.ctime >= now {
            node.ctime = started(Time::Exact(attr.ctime), now);
        }
        self.check_attr(id);
    }

    /// Every other block: written, punched or allocated. Makes maps of many pieces.
    pub fn op_comb(&mut self, rng: &mut Rng) {
        let Some(id) = self.tree.pick(rng, Node::is_regular) else {
            return;
        };
        let block = self.facts.block;
        let start = rng.u64(0..40) * block;
        let room = self.v().statfs().free_blocks;
        let count = match rng.u8(0..60) {
            // More nodes in the map than a transaction may change.
            0 if self.alone && room > 20_000 => rng.u64(6000..12_000),
            0..10 => rng.u64(100..500),
            _ => rng.u64(4..60),
        };
        let kind = rng.u8(0..4);
        let step = if rng.u8(0..4) == 0 { 3 } else { 2 };
        let len = if rng.bool() {
            block
        } else {
            rng.u64(1..=block)
        };
        let data = random::data(rng, len);
        // From the front, from the back, or in no order.
        let order = rng.u8(0..3);
        for i in 0..count {
            let i = match order {
                0 => i,
                1 => count - 1 - i,
                _ => i * 7919 % count,
            };
            let at = start + i * step * block;
            match kind {
                0 | 1 => self.write(id, at, &data, WriteMode::Writeback),
                2 => self.fallocate(id, at, len, FallocateMode::PunchHole),
                _ => {
                    self.fallocate(id, at, len, FallocateMode::Allocate { keep_size: true });
                }
            }
        }
    }

    pub fn op_seek(&mut self, rng: &mut Rng) {
        let Some(id) = self.tree.pick(rng, Node::is_regular) else {
            return;
        };
        let offset = random::offset(rng, self.tree.node(id).content.size(), self.facts.block);
        self.note(format!("seek {} from {offset}", self.label(id)));
        self.seek(id, offset);
    }

    /// Where the engine sees data and holes from `offset` on; checked against the model.
    pub fn seek(&mut self, id: Id, offset: u64) -> (Option<u64>, Option<u64>) {
        let node = self.tree.node(id);
        let (size, block) = (node.content.size(), self.facts.block);
        let data = self.v().seek_data(node.ino, offset).expect("SEEK_DATA");
        let hole = self.v().seek_hole(node.ino, offset).expect("SEEK_HOLE");
        if offset >= size {
            assert_eq!((data, hole), (None, None), "seeking behind the end");
            return (None, None);
        }
        let skipped = data.unwrap_or(size);
        assert!(
            skipped >= offset && (skipped < size || data.is_none()),
            "SEEK_DATA {data:?}"
        );
        let lost = node.content.first_nonzero(offset, skipped);
        assert_eq!(
            lost, None,
            "SEEK_DATA passed over data from {offset} to {skipped}"
        );
        let hole = hole.expect("the end counts as a hole");
        assert!(
            hole >= offset && hole <= size,
            "SEEK_HOLE {hole} of {offset}..{size}"
        );
        let end = ((hole / block + 1) * block).min(size);
        let data_there = node.content.first_nonzero(hole, end);
        assert_eq!(
            data_there, None,
            "SEEK_HOLE found a hole at {hole} where data is"
        );
        assert!(
            data.is_none_or(|data| data == offset || hole == offset),
            "neither data nor hole"
        );
        (data, Some(hole))
    }
}

/// Compares bytes read at `offset` without printing them all.
#[track_caller]
pub fn same_bytes(found: &[u8], wanted: &[u8], offset: u64) {
    if let Some(at) = found.iter().zip(wanted).position(|(f, w)| f != w) {
        let differ = found.iter().zip(wanted).filter(|(f, w)| f != w).count();
        panic!(
            "byte {} is {:#x} and not {:#x}; {differ} bytes differ of {} from {offset} on",
            offset + at as u64,
            found[at],
            wanted[at],
            found.len()
        );
    }
}
