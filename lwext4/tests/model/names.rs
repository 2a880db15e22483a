//! Operations that make names and take them away.

use crate::random;
use crate::tree::{Id, Node, Time, Value};
use crate::world::*;
use fastrand::Rng;
use lwext4::{FileType, Ino, NewFile};

pub const DEFAULT_ACL: &[u8] = b"system.posix_acl_default";
pub const ACCESS_ACL: &[u8] = b"system.posix_acl_access";

/// Why `name` cannot be a name.
pub fn name_errors(name: &[u8]) -> Vec<i32> {
    let mut errors = Vec::new();
    if name.len() > 255 {
        errors.push(ENAMETOOLONG);
    }
    if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
        errors.push(EINVAL);
    }
    errors
}

fn is_dots(name: &[u8]) -> bool {
    name == b"." || name == b".."
}

/// A name for traces.
pub fn show(name: &[u8]) -> String {
    let text = name.escape_ascii().to_string();
    if text.len() > 40 {
        format!(
            "{}…({})",
            text.chars().take(30).collect::<String>(),
            name.len()
        )
    } else {
        text
    }
}

impl World {
    /// Why `name` cannot be added to `dir`.
    pub fn add_errors(&self, dir: Id, name: &[u8]) -> Vec<i32> {
        let mut errors = name_errors(name);
        if is_dots(name) {
            errors.extend([EINVAL, EEXIST]);
        }
        let node = self.tree.node(dir);
        if !node.is_dir() {
            errors.push(ENOTDIR);
        } else if node.nlink == 0 {
            errors.push(ENOENT);
        }
        if node.names.contains_key(name) {
            errors.push(EEXIST);
        }
        errors
    }

    /// Why `name` cannot be taken from `dir`, and what is behind it.
    pub fn remove_errors(&self, dir: Id, name: &[u8]) -> (Vec<i32>, Option<Id>) {
        let mut errors = name_errors(name);
        if is_dots(name) {
            errors.push(EINVAL);
        }
        let node = self.tree.node(dir);
        if !node.is_dir() {
            errors.push(ENOTDIR);
        }
        let found = node.names.get(name).copied();
        if found.is_none() {
            errors.push(ENOENT);
        }
        (errors, found)
    }

    /// A new inode with what it takes from its directory, before the engine says the rest.
    fn new_node(&self, dir: Id, file_type: FileType) -> Node {
        let since = Time::Since(self.now);
        let parent = self.tree.node(dir);
        Node {
            ino: Ino(0),
            generation: 0,
            file_type,
            perm: 0,
            nlink: if file_type == FileType::Directory {
                2
            } else {
                1
            },
            uid: 0,
            gid: if parent.perm & 0o2000 != 0 {
                parent.gid
            } else {
                0
            },
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
            parent: dir,
            xattrs: Default::default(),
            holds: 0,
        }
    }

    /// Permissions and ACLs that a new inode takes from its directory.
    fn inherit(&self, dir: Id, node: &mut Node, new: &NewFile) {
        node.perm = new.perm & 0o7777;
        let parent = self.tree.node(dir);
        if parent.perm & 0o2000 != 0 && node.is_dir() {
            node.perm |= 0o2000;
        }
        let Some(Value::Acl(default)) = parent.xattrs.get(DEFAULT_ACL) else {
            node.perm &= !(new.umask & 0o777);
            return;
        };
        let access = default.inherited(node.perm);
        node.perm = node.perm & !0o777 | access.mode();
        if node.is_dir() {
            node.xattrs
                .insert(DEFAULT_ACL.to_vec(), Value::Acl(default.clone()));
        }
        if !access.is_minimal() {
            node.xattrs.insert(ACCESS_ACL.to_vec(), Value::Acl(access));
        }
    }

    /// A name was added to `dir`.
    fn named(&mut self, dir: Id, name: &[u8], id: Id) {
        self.tree.node_mut(dir).names.insert(name.to_vec(), id);
        self.disturb(dir, name);
        self.touch(dir, true);
    }

    pub fn op_create(&mut self, rng: &mut Rng) {
        let (dir, name) = self.pick_name(rng);
        let file_type = random::file_type(rng);
        self.create(rng, dir, &name, file_type);
    }

    pub fn create(&mut self, rng: &mut Rng, dir: Id, name: &[u8], file_type: FileType) {
        let new = NewFile {
            file_type,
            perm: rng.u16(0..=0o7777),
            umask: [0, 0o022, 0o077][rng.usize(0..3)],
            uid: random::id(rng),
            gid: random::id(rng),
            device: random::device(rng),
        };
        self.note(format!(
            "create {:?} {} in {}",
            file_type,
            show(name),
            self.label(dir)
        ));
        let errors = self.add_errors(dir, name);
        let result = self.v().create(self.tree.node(dir).ino, name, &new);
        let need = Need {
            blocks: 1,
            inode: true,
        };
        let Some(entry) = self.expect(result, &errors, need) else {
            return;
        };
        let mut node = self.new_node(dir, file_type);
        node.uid = new.uid;
        if self.tree.node(dir).perm & 0o2000 == 0 {
            node.gid = new.gid;
        }
        if matches!(file_type, FileType::CharDevice | FileType::BlockDevice) {
            node.device = new.device;
        }
        self.inherit(dir, &mut node, &new);
        let id = self.adopt(&entry.attr, node);
        if file_type == FileType::Directory {
            self.tree.node_mut(dir).nlink += 1;
        }
        self.named(dir, name, id);
        self.took_hold(id, rng);
    }

    pub fn op_symlink(&mut self, rng: &mut Rng) {
        let (dir, name) = self.pick_name(rng);
        let block = self.facts.block as usize;
        let len = match rng.u8(0..10) {
            0..5 => rng.usize(1..60),
            5 => [58, 59, 60, 61, block - 1, block, 4095, 4096, 0][rng.usize(0..9)],
            _ => rng.usize(60..block),
        };
        let mut target = vec![0; len];
        target.fill_with(|| rng.u8(1..));
        let (uid, gid) = (random::id(rng), random::id(rng));
        self.note(format!(
            "symlink {} in {}, {len} bytes",
            show(&name),
            self.label(dir)
        ));
        let mut errors = self.add_errors(dir, &name);
        if target.is_empty() {
            errors.push(ENOENT);
        }
        if len >= block.min(4096) {
            errors.push(ENAMETOOLONG);
        }
        let result = self
            .v()
            .symlink(self.tree.node(dir).ino, &name, &target, uid, gid);
        let need = Need {
            blocks: 1,
            inode: true,
        };
        let Some(entry) = self.expect(result, &errors, need) else {
            return;
        };
        let mut node = self.new_node(dir, FileType::Symlink);
        node.perm = 0o777;
        node.uid = uid;
        if self.tree.node(dir).perm & 0o2000 == 0 {
            node.gid = gid;
        }
        node.target = target;
        let id = self.adopt(&entry.attr, node);
        self.named(dir, &name, id);
        self.took_hold(id, rng);
    }

    pub fn op_link(&mut self, rng: &mut Rng) {
        let (dir, name) = self.pick_name(rng);
        let id = self.pick_any(rng);
        self.note(format!(
            "link {} as {} in {}",
            self.label(id),
            show(&name),
            self.label(dir)
        ));
        let mut errors = self.add_errors(dir, &name);
        let node = self.tree.node(id);
        if node.is_dir() {
            errors.push(EPERM);
        } else if node.nlink == 0 {
            errors.push(ENOENT);
        }
        if id == dir {
            errors.push(EPERM);
        }
        let result = self.v().link(node.ino, self.tree.node(dir).ino, &name);
        let Some(entry) = self.expect(result, &errors, Need::default()) else {
            return;
        };
        self.tree.node_mut(id).nlink += 1;
        self.touch(id, false);
        self.compare_attr(id, &entry.attr);
        self.named(dir, &name, id);
        self.took_hold(id, rng);
    }

    pub fn op_remove(&mut self, rng: &mut Rng) {
        let (dir, name) = match rng.u8(0..12) {
            0 => (self.pick_dir(rng), random::name(rng)),
            _ => self.pick_entry(rng).unwrap_or_else(|| self.pick_name(rng)),
        };
        let is_dir = self
            .tree
            .node(dir)
            .names
            .get(&name)
            .map(|&id| self.tree.node(id).is_dir());
        // Mostly the call that fits.
        let rmdir = is_dir.unwrap_or(rng.bool()) != (rng.u8(0..12) == 0);
        self.remove(dir, &name, rmdir);
    }

    pub fn remove(&mut self, dir: Id, name: &[u8], rmdir: bool) {
        let call = if rmdir { "rmdir" } else { "unlink" };
        self.note(format!("{call} {} in {}", show(name), self.label(dir)));
        let (mut errors, found) = self.remove_errors(dir, name);
        if rmdir && name == b".." {
            errors.push(ENOTEMPTY);
        }
        if let Some(id) = found {
            let node = self.tree.node(id);
            match (rmdir, node.is_dir()) {
                (true, false) => errors.push(ENOTDIR),
                (false, true) => errors.push(EISDIR),
                (true, true) if !node.names.is_empty() => errors.push(ENOTEMPTY),
                _ => {}
            }
        }
        let ino = self.tree.node(dir).ino;
        let result = if rmdir {
            self.v().rmdir(ino, name)
        } else {
            self.v().unlink(ino, name)
        };
        // Taking away needs no room: not even a full image may refuse it.
        if let Err(error) = &result
            && !errors.contains(&error.errno())
        {
            panic!("failed: {error:?}; errors due: {errors:?}");
        }
        if self.expect(result, &errors, Need::default()).is_none() {
            return;
        }
        let id = self
            .tree
            .node_mut(dir)
            .names
            .remove(name)
            .expect("the name was found");
        self.disturb(dir, name);
        if rmdir {
            self.tree.node_mut(dir).nlink -= 1;
        }
        self.touch(dir, true);
        self.drop_link(id);
    }

    pub fn op_lookup(&mut self, rng: &mut Rng) {
        let (dir, name) = match rng.u8(0..4) {
            0 => (self.pick_dir(rng), random::name(rng)),
            _ => self.pick_entry(rng).unwrap_or_else(|| self.pick_name(rng)),
        };
        self.note(format!("lookup {} in {}", show(&name), self.label(dir)));
        let mut errors = name_errors(&name);
        let node = self.tree.node(dir);
        if !node.is_dir() {
            errors.push(ENOTDIR);
        }
        if is_dots(&name) {
            self.lookup_dots(dir, &name, errors);
            return;
        }
        let found = node.names.get(&name).copied();
        if found.is_none() {
            errors.push(ENOENT);
        }
        let result = self.v().lookup(node.ino, &name);
        if let (Some(entry), Some(id)) = (self.expect(result, &errors, Need::default()), found) {
            self.compare_attr(id, &entry.attr);
            self.took_hold(id, rng);
        }
    }

    /// `.` and `..` lead where they should; in a removed directory, they may lead nowhere.
    fn lookup_dots(&mut self, dir: Id, name: &[u8], errors: Vec<i32>) {
        let node = self.tree.node(dir);
        let wanted = if name == b"." {
            node.ino
        } else if dir == self.tree.root {
            self.above
        } else {
            self.tree
                .get(node.parent)
                .map_or(Ino(0), |parent| parent.ino)
        };
        let removed = node.nlink == 0;
        let result = self.v().lookup(node.ino, name);
        match result {
            Err(error) if errors.contains(&error.errno()) => {}
            Err(error) if removed && error.errno() == ENOENT => {}
            Ok(entry) if errors.is_empty() => {
                assert!(
                    entry.attr.ino == wanted || removed,
                    "{} leads elsewhere",
                    show(name)
                );
                self.v().forget(entry.attr.ino, 1);
            }
            other => panic!("lookup of dots: {other:?}, errors due: {errors:?}"),
        }
    }
}
