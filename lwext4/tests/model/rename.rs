//! Renaming, in all its modes.

use crate::names::{name_errors, show};
use crate::random;
use crate::tree::{Id, Node, Time};
use crate::world::*;
use fastrand::Rng;
use lwext4::{FileType, RenameMode};

struct Move {
    from: Id,
    name: Vec<u8>,
    to: Id,
    new_name: Vec<u8>,
    mode: RenameMode,
}

impl World {
    pub fn op_rename(&mut self, rng: &mut Rng) {
        let (from, name) = match rng.u8(0..12) {
            0 => self.pick_name(rng),
            _ => self.pick_entry(rng).unwrap_or_else(|| self.pick_name(rng)),
        };
        let (to, new_name) = match rng.u8(0..10) {
            0..4 => self.pick_entry(rng).unwrap_or_else(|| self.pick_name(rng)),
            4..7 => (from, random::name(rng)),
            _ => (self.pick_dir(rng), random::name(rng)),
        };
        let mode = match rng.u8(0..10) {
            0..5 => RenameMode::Replace,
            5 => RenameMode::NoReplace,
            6..9 => RenameMode::Exchange,
            _ => RenameMode::Whiteout,
        };
        self.rename(&Move {
            from,
            name,
            to,
            new_name,
            mode,
        });
    }

    fn rename(&mut self, m: &Move) {
        let (from, to) = (self.label(m.from), self.label(m.to));
        let (name, new_name) = (show(&m.name), show(&m.new_name));
        self.note(format!(
            "rename {:?} {name} of {from} to {new_name} of {to}",
            m.mode
        ));
        let (errors, source, target) = self.rename_errors(m);
        let inos = [m.from, m.to].map(|id| self.tree.node(id).ino);
        let result = self
            .v()
            .rename(inos[0], &m.name, inos[1], &m.new_name, m.mode);
        let need = Need {
            blocks: 0,
            inode: m.mode == RenameMode::Whiteout,
        };
        if self.expect(result, &errors, need).is_none() {
            return;
        }
        let source = source.expect("a rename that succeeded has a source");
        if target == Some(source) {
            return;
        }
        match target {
            Some(target) if m.mode == RenameMode::Exchange => self.exchange(m, source, target),
            _ => self.replace(m, source, target),
        }
        self.touch(source, false);
        self.touch(m.from, true);
        self.touch(m.to, true);
    }

    /// What must go wrong; the inodes behind the two names.
    fn rename_errors(&self, m: &Move) -> (Vec<i32>, Option<Id>, Option<Id>) {
        let (mut errors, source) = self.remove_errors(m.from, &m.name);
        errors.extend(name_errors(&m.new_name));
        if m.new_name == b"." || m.new_name == b".." {
            errors.push(EINVAL);
        }
        let to = self.tree.node(m.to);
        if !to.is_dir() {
            errors.push(ENOTDIR);
        } else if to.nlink == 0 {
            errors.push(ENOENT);
        }
        let target = to.names.get(&m.new_name).copied();
        let exchange = m.mode == RenameMode::Exchange;
        if let Some(source) = source
            && self.tree.node(source).is_dir()
            && self.tree.is_above(source, m.to)
        {
            errors.push(EINVAL);
        }
        if let Some(target) = target
            && self.tree.node(target).is_dir()
            && self.tree.is_above(target, m.from)
        {
            errors.push(if exchange { EINVAL } else { ENOTEMPTY });
        }
        match (m.mode, target) {
            (RenameMode::NoReplace, Some(_)) => errors.push(EEXIST),
            (RenameMode::Exchange, None) => errors.push(ENOENT),
            _ => {}
        }
        if let (Some(source), Some(target)) = (source, target)
            && source != target
            && !exchange
        {
            let target = self.tree.node(target);
            match (self.tree.node(source).is_dir(), target.is_dir()) {
                (true, false) => errors.push(ENOTDIR),
                (false, true) => errors.push(EISDIR),
                (true, true) if !target.names.is_empty() => errors.push(ENOTEMPTY),
                _ => {}
            }
        }
        (errors, source, target)
    }

    /// A directory is in another one now.
    fn moved(&mut self, id: Id, from: Id, to: Id) {
        if self.tree.node(id).is_dir() && from != to {
            self.tree.node_mut(id).parent = to;
            self.tree.node_mut(from).nlink -= 1;
            self.tree.node_mut(to).nlink += 1;
        }
    }

    fn exchange(&mut self, m: &Move, source: Id, target: Id) {
        self.tree
            .node_mut(m.to)
            .names
            .insert(m.new_name.clone(), source);
        self.tree
            .node_mut(m.from)
            .names
            .insert(m.name.clone(), target);
        self.moved(source, m.from, m.to);
        self.moved(target, m.to, m.from);
        self.touch(target, false);
    }

    fn replace(&mut self, m: &Move, source: Id, target: Option<Id>) {
        self.tree.node_mut(m.from).names.remove(&m.name);
        self.tree
            .node_mut(m.to)
            .names
            .insert(m.new_name.clone(), source);
        if target.is_none() {
            self.disturb(m.to, &m.new_name);
        }
        self.moved(source, m.from, m.to);
        if let Some(target) = target {
            if self.tree.node(target).is_dir() {
                self.tree.node_mut(m.to).nlink -= 1;
            }
            self.drop_link(target);
        }
        if m.mode == RenameMode::Whiteout {
            self.adopt_whiteout(m);
        } else {
            self.disturb(m.from, &m.name);
        }
    }

    /// The device 0:0 that took the place of what was moved.
    fn adopt_whiteout(&mut self, m: &Move) {
        let from = self.tree.node(m.from);
        let since = Time::Since(self.now);
        let node = Node {
            ino: from.ino,
            generation: 0,
            file_type: FileType::CharDevice,
            perm: 0,
            nlink: 1,
            uid: from.uid,
            gid: from.gid,
            device: (0, 0),
            atime: since,
            mtime: since,
            ctime: since,
            crtime: None,
            content: Default::default(),
            preallocated: false,
            ahead: false,
            target: Vec::new(),
            names: Default::default(),
            parent: m.from,
            xattrs: Default::default(),
            holds: 0,
        };
        let entry = self.v().lookup(from.ino, &m.name).expect("a whiteout");
        let id = self.adopt(&entry.attr, node);
        self.v().forget(entry.attr.ino, 1);
        self.tree.node_mut(m.from).names.insert(m.name.clone(), id);
    }
}
