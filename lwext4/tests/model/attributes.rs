//! Attributes, plain and extended.

use crate::acl;
use crate::names::{ACCESS_ACL, DEFAULT_ACL, show};
use crate::random;
use crate::tree::{Id, Time, Value, Xattrs};
use crate::world::*;
use fastrand::Rng;
use lwext4::{Error, FileType, SetAttr, SetXattrMode};

/// Bytes for extended attributes inside an inode, and in its block.
#[derive(Clone, Copy)]
pub struct Rooms {
    inside: usize,
    outside: usize,
}

impl Rooms {
    pub fn new(block: usize, inode: usize) -> Rooms {
        // 32 bytes of extra fields, the magic number, and the end.
        let inside = inode.saturating_sub(128 + 32 + 4 + 4);
        Rooms {
            inside,
            outside: block - 32 - 4,
        }
    }

    /// Whether some distribution over the two places fits.
    fn fit(self, xattrs: &Xattrs) -> bool {
        let spaces: Vec<usize> = xattrs
            .iter()
            .map(|(name, value)| space(name, value))
            .collect();
        // Every sum that can be inside.
        let mut sums = vec![false; self.inside + 1];
        sums[0] = true;
        for &space in &spaces {
            for sum in (space..=self.inside).rev() {
                sums[sum] |= sums[sum - space];
            }
        }
        let inside = sums.iter().rposition(|&reached| reached).unwrap_or(0);
        spaces.iter().sum::<usize>() - inside <= self.outside
    }
}

/// What an attribute takes on disk: an entry, its name without the prefix, its value.
fn space(name: &[u8], value: &Value) -> usize {
    let suffix = match value {
        Value::Acl(_) => 0,
        Value::Bytes(_) => name.len() - name.iter().position(|&b| b == b'.').unwrap_or(0) - 1,
    };
    16 + suffix.next_multiple_of(4) + value.stored_len().next_multiple_of(4)
}

fn is_acl(name: &[u8]) -> bool {
    name == ACCESS_ACL || name == DEFAULT_ACL
}

fn random_name(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(0..40) {
        0 => [
            &b""[..],
            b"user.",
            b"nonsense",
            b"other.kind",
            b"system.data",
            &[b'x'; 256],
        ][rng.usize(0..6)]
        .to_vec(),
        1..5 => ACCESS_ACL.to_vec(),
        5..9 => DEFAULT_ACL.to_vec(),
        9..12 => b"security.capability".to_vec(),
        12..15 => format!("trusted.{}", rng.u8(0..5)).into_bytes(),
        15..17 => [b"user.".as_slice(), &vec![b'l'; rng.usize(100..=250)]].concat(),
        _ => format!("user.{}", rng.u8(0..9)).into_bytes(),
    }
}

/// Why an attribute cannot have that name.
fn name_errors(name: &[u8]) -> Vec<i32> {
    if name.is_empty() || name.len() > 255 {
        return vec![ERANGE];
    }
    let kinds: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
    if is_acl(name) {
        Vec::new()
    } else if kinds.contains(&name) {
        vec![EINVAL]
    } else if kinds.iter().any(|kind| name.starts_with(kind)) {
        Vec::new()
    } else {
        vec![EOPNOTSUPP]
    }
}

impl World {
    fn owner_is(&self, id: Id, file_type: FileType) -> bool {
        self.tree.node(id).file_type == file_type
    }

    pub fn op_setattr(&mut self, rng: &mut Rng) {
        let id = self.pick_any(rng);
        let set = SetAttr {
            perm: rng.bool().then(|| rng.u16(0..=0o7777)),
            uid: (rng.u8(0..3) == 0).then(|| random::id(rng)),
            gid: (rng.u8(0..3) == 0).then(|| random::id(rng)),
            size: None,
            atime: (rng.u8(0..3) == 0).then(|| random::time(rng)),
            mtime: (rng.u8(0..3) == 0).then(|| random::time(rng)),
            ctime: (rng.u8(0..5) == 0).then(|| random::time(rng)),
            kill_suid: rng.u8(0..4) == 0,
            kill_sgid: false,
        };
        self.note(format!("setattr {} {set:?}", self.label(id)));
        let result = self.v().setattr(self.tree.node(id).ino, &set);
        let need = Need::default();
        let Some(attr) = self.expect(result, &[], need) else {
            let has_acl = self.tree.node(id).xattrs.contains_key(ACCESS_ACL);
            // Quota may have to begin to count for somebody.
            let is_counted = self.facts.quota && set.uid.or(set.gid).is_some();
            assert!(
                set.perm.is_some() && has_acl || is_counted,
                "setattr needed space"
            );
            self.check_attr(id);
            return;
        };
        let facts = self.facts;
        let changed = set.perm.is_some()
            || set.uid.is_some()
            || set.gid.is_some()
            || set.atime.is_some()
            || set.mtime.is_some()
            || set.kill_suid;
        if changed {
            self.touch(id, false);
        }
        let node = self.tree.node_mut(id);
        if set.kill_suid {
            node.clear_suid();
        }
        node.uid = set.uid.unwrap_or(node.uid);
        node.gid = set.gid.unwrap_or(node.gid);
        if let Some(perm) = set.perm {
            node.perm = perm;
            if let Some(Value::Acl(acl)) = node.xattrs.get_mut(ACCESS_ACL) {
                acl.chmod(perm);
            }
        }
        let times = [
            (set.atime, &mut node.atime),
            (set.mtime, &mut node.mtime),
            (set.ctime, &mut node.ctime),
        ];
        for (time, place) in times {
            if let Some(time) = time {
                *place = Time::Exact(facts.kept(time));
            }
        }
        self.compare_attr(id, &attr);
    }

    pub fn op_setxattr(&mut self, rng: &mut Rng) {
        let id = self.pick_any(rng);
        let name = random_name(rng);
        let mode = match rng.u8(0..6) {
            0 => SetXattrMode::Create,
            1 => SetXattrMode::Replace,
            _ => SetXattrMode::Any,
        };
        if is_acl(&name) {
            return self.set_acl(rng, id, &name, mode);
        }
        let block = self.facts.block as usize;
        let len = match rng.u8(0..20) {
            0 => 0,
            1 => rng.usize(0..block + 100),
            2 => rng.usize(block / 2..block),
            3 => [65_536, 65_537, 100_000][rng.usize(0..3)],
            4..8 => rng.usize(60..400),
            _ => rng.usize(0..80),
        };
        // Inodes with equal attributes share a block: make that happen.
        let mut value = vec![b'v'; len];
        if rng.u8(0..3) > 0 {
            rng.fill(&mut value);
        }
        self.note(format!(
            "setxattr {} {} {len} {mode:?}",
            self.label(id),
            show(&name)
        ));
        let mut errors = name_errors(&name);
        if len > 65_536 {
            errors.push(EINVAL);
        }
        let node = self.tree.node(id);
        match (mode, node.xattrs.contains_key(&name)) {
            (SetXattrMode::Create, true) => errors.push(EEXIST),
            (SetXattrMode::Replace, false) => errors.push(ENODATA),
            _ => {}
        }
        let mut after = node.xattrs.clone();
        after.insert(name.clone(), Value::Bytes(value.clone()));
        let fits = !errors.is_empty() || self.facts.rooms.fit(&after);
        if !fits && !self.facts.values {
            errors.push(ENOSPC);
        }
        let result = self.v().setxattr(node.ino, &name, &value, mode);
        if self.expect_room(result, &errors, fits, value.len()) {
            self.tree.node_mut(id).xattrs = after;
            self.touch(id, false);
        }
    }

    fn set_acl(&mut self, rng: &mut Rng, id: Id, name: &[u8], mode: SetXattrMode) {
        let mut acl = acl::random(rng);
        let empty = rng.u8(0..8) == 0;
        if empty {
            acl.0.clear();
        }
        let mut value = acl.bytes();
        let spoiled = rng.u8(0..12);
        match spoiled {
            0 => value[0] = 7,
            1 => value.truncate(value.len() - 1),
            _ => {}
        }
        self.note(format!(
            "setxattr {} {} {acl:?}",
            self.label(id),
            show(name)
        ));
        let mut errors = Vec::new();
        match spoiled {
            0 => errors.push(EOPNOTSUPP),
            1 => errors.push(EINVAL),
            _ => {}
        }
        if self.owner_is(id, FileType::Symlink) {
            errors.push(EOPNOTSUPP);
        }
        let access = name == ACCESS_ACL;
        if !access && !empty && !self.owner_is(id, FileType::Directory) {
            errors.push(EPERM);
        }
        let node = self.tree.node(id);
        let mut after = node.xattrs.clone();
        if empty || (access && acl.is_minimal()) {
            after.remove(name);
        } else {
            after.insert(name.to_vec(), Value::Acl(acl.clone()));
        }
        let fits = !errors.is_empty() || self.facts.rooms.fit(&after);
        if !fits && !self.facts.values {
            errors.push(ENOSPC);
        }
        let result = self.v().setxattr(node.ino, name, &value, mode);
        if self.expect_room(result, &errors, fits, value.len()) {
            let node = self.tree.node_mut(id);
            node.xattrs = after;
            if access && !empty {
                node.perm = node.perm & !0o777 | acl.mode();
            }
            self.touch(id, false);
        }
    }

    /// [`Self::expect`] for a new attribute; whether it was set. Where values can be in inodes, those
    /// that do not fit may be, or may not be, if even their names find no room.
    fn expect_room(
        &mut self,
        result: lwext4::Result<()>,
        errors: &[i32],
        fits: bool,
        len: usize,
    ) -> bool {
        let values = self.facts.values;
        if values && !fits && matches!(result, Err(Error::NoSpace)) {
            return false;
        }
        let need = Need {
            blocks: 1 + if values {
                len as u64 / self.facts.block + 2
            } else {
                0
            },
            inode: values,
        };
        self.expect(result, errors, need).is_some()
    }

    pub fn op_removexattr(&mut self, rng: &mut Rng) {
        let id = self.pick_any(rng);
        let node = self.tree.node(id);
        let name = match node.xattrs.len() {
            0 => random_name(rng),
            len => match node.xattrs.keys().nth(rng.usize(0..len)) {
                Some(name) if rng.u8(0..6) > 0 => name.clone(),
                _ => random_name(rng),
            },
        };
        self.removexattr(id, &name);
    }

    pub fn removexattr(&mut self, id: Id, name: &[u8]) {
        self.note(format!("removexattr {} {}", self.label(id), show(name)));
        let mut errors = name_errors(name);
        let node = self.tree.node(id);
        if !node.xattrs.contains_key(name) && !is_acl(name) {
            errors.push(ENODATA);
        }
        let result = self.v().removexattr(node.ino, name);
        if self
            .expect(
                result,
                &errors,
                Need {
                    blocks: 1,
                    inode: false,
                },
            )
            .is_some()
        {
            self.tree.node_mut(id).xattrs.remove(name);
            self.touch(id, false);
        }
    }

    pub fn op_getxattr(&mut self, rng: &mut Rng) {
        let id = self.pick_any(rng);
        let name = random_name(rng);
        self.note(format!("getxattr {} {}", self.label(id), show(&name)));
        let mut errors = name_errors(&name);
        let node = self.tree.node(id);
        let wanted = node.xattrs.get(&name).map(Value::shown);
        if wanted.is_none() {
            errors.push(ENODATA);
        }
        let result = self.v().getxattr(node.ino, &name);
        let found = self.expect(result, &errors, Need::default());
        assert_eq!(found, wanted);
        self.check_xattrs(id);
    }

    /// All extended attributes must be right.
    pub fn check_xattrs(&mut self, id: Id) {
        let node = self.tree.node(id);
        let mut names = match self.v().listxattr(node.ino) {
            Ok(names) => names,
            Err(error) => panic!("listxattr of {}: {error:?}", self.label(id)),
        };
        names.sort();
        let wanted: Vec<Vec<u8>> = node.xattrs.keys().cloned().collect();
        assert!(
            names == wanted,
            "attributes of {}: {names:?}, not {wanted:?}",
            self.label(id)
        );
        for (name, value) in &node.xattrs {
            let found = self
                .v()
                .getxattr(node.ino, name)
                .expect("a listed attribute");
            let what = format!("attribute {} of {}", show(name), self.label(id));
            assert!(found == value.shown(), "{what}: {found:x?}, not {value:x?}");
        }
    }
}
