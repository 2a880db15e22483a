//! Comparing two trees, name by name.

use super::text;
use super::{Change, Difference, Kind};
use crate::direct::mode::type_name;
use crate::direct::output::{JsonName, escaped};
use crate::direct::time;
use crate::direct::tree::{Meta, Tree, Xattrs};
use crate::failure::{Failure, Result};
use crate::import::names::join;
use lwext4::FileType;
use std::cmp::Ordering;

/// How much of two files is compared at a time.
const PIECE: usize = 1 << 20;
/// Directories nest no deeper than this.
const DEEPEST: usize = 4096;

/// What counts as a difference.
#[derive(Clone, Copy)]
pub struct Rules {
    pub owner: bool,
    pub times: bool,
    /// Show changed text, with so many lines around.
    pub text: Option<usize>,
}

/// A comparison of two trees.
pub struct Comparison<'a, A: Tree, B: Tree> {
    a: &'a A,
    b: &'a B,
    rules: Rules,
    each: &'a mut dyn FnMut(Difference) -> Result<()>,
    depth: usize,
}

impl<'a, A: Tree, B: Tree> Comparison<'a, A, B> {
    /// A comparison that calls `each` with every file that differs, in the order of paths.
    pub fn new(
        a: &'a A,
        b: &'a B,
        rules: Rules,
        each: &'a mut dyn FnMut(Difference) -> Result<()>,
    ) -> Comparison<'a, A, B> {
        Comparison {
            a,
            b,
            rules,
            each,
            depth: 0,
        }
    }

    /// Compares two files, and what is in them if they are directories.
    pub fn files(&mut self, old: &A::Node, new: &B::Node, path: &[u8]) -> Result<()> {
        let (old_meta, new_meta) = (self.a.meta(old)?, self.b.meta(new)?);
        let mut changes = Vec::new();
        let mut diff = None;
        if old_meta.kind == new_meta.kind {
            self.attributes(&old_meta, &new_meta, &mut changes);
            match old_meta.kind {
                FileType::Regular if !self.same_content(old, new, &old_meta, &new_meta)? => {
                    changes.push(plain("content"));
                    diff = self.text(old, new, &old_meta, &new_meta, path)?;
                }
                FileType::Symlink => {
                    let (a, b) = (self.a.link_target(old)?, self.b.link_target(new)?);
                    if a != b {
                        changes.push(pair("target", escaped(&a), escaped(&b)));
                    }
                }
                FileType::CharDevice | FileType::BlockDevice
                    if old_meta.device != new_meta.device =>
                {
                    let text = |(major, minor): (u32, u32)| format!("{major}:{minor}");
                    changes.push(pair("device", text(old_meta.device), text(new_meta.device)));
                }
                _ => {}
            }
            xattr_changes(&self.a.xattrs(old)?, &self.b.xattrs(new)?, &mut changes);
        } else {
            let (a, b) = (type_name(old_meta.kind), type_name(new_meta.kind));
            changes.push(pair("type", a.to_owned(), b.to_owned()));
        }
        if !changes.is_empty() {
            (self.each)(Difference {
                path: JsonName(path.to_vec()),
                change: Kind::Changed,
                file_type: type_name(new_meta.kind),
                changes,
                diff,
            })?;
        }
        let is_dir = |meta: &Meta| meta.kind == FileType::Directory;
        match (is_dir(&old_meta), is_dir(&new_meta)) {
            (true, true) => self.directories(old, new, path),
            (true, false) => one_side(self.a, old, path, Kind::Removed, self.each, self.depth),
            (false, true) => one_side(self.b, new, path, Kind::Added, self.each, self.depth),
            (false, false) => Ok(()),
        }
    }

    fn directories(&mut self, old: &A::Node, new: &B::Node, path: &[u8]) -> Result<()> {
        check_depth(self.depth, path)?;
        self.depth += 1;
        let mut left = self.a.children(old)?.into_iter().peekable();
        let mut right = self.b.children(new)?.into_iter().peekable();
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            let one = if order.is_le() { left.next() } else { None };
            let other = if order.is_ge() { right.next() } else { None };
            match (one, other) {
                (Some((name, a)), Some((_, b))) => self.files(&a, &b, &join(path, &name))?,
                (Some((name, a)), None) => {
                    only(
                        self.a,
                        &a,
                        &join(path, &name),
                        Kind::Removed,
                        self.each,
                        self.depth,
                    )?;
                }
                (None, Some((name, b))) => {
                    only(
                        self.b,
                        &b,
                        &join(path, &name),
                        Kind::Added,
                        self.each,
                        self.depth,
                    )?;
                }
                (None, None) => break,
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn attributes(&self, old: &Meta, new: &Meta, changes: &mut Vec<Change>) {
        if old.perm != new.perm && old.kind != FileType::Symlink {
            changes.push(pair(
                "mode",
                format!("{:04o}", old.perm),
                format!("{:04o}", new.perm),
            ));
        }
        if self.rules.owner && (old.uid, old.gid) != (new.uid, new.gid) {
            let text = |meta: &Meta| format!("{}:{}", meta.uid, meta.gid);
            changes.push(pair("owner", text(old), text(new)));
        }
        if self.rules.times && old.mtime != new.mtime {
            changes.push(pair("time", time::full(old.mtime), time::full(new.mtime)));
        }
    }

    fn same_content(&self, old: &A::Node, new: &B::Node, a: &Meta, b: &Meta) -> Result<bool> {
        if a.size != b.size {
            return Ok(false);
        }
        let (mut left, mut right) = (vec![0; PIECE], vec![0; PIECE]);
        let mut at = 0;
        while at < a.size {
            let n = self.a.read(old, at, &mut left)?;
            let m = self.b.read(new, at, &mut right)?;
            if n != m || left.get(..n) != right.get(..m) {
                return Ok(false);
            }
            if n == 0 {
                break;
            }
            at += n as u64;
        }
        Ok(true)
    }

    fn text(
        &self,
        old: &A::Node,
        new: &B::Node,
        a: &Meta,
        b: &Meta,
        path: &[u8],
    ) -> Result<Option<String>> {
        let Some(context) = self.rules.text else {
            return Ok(None);
        };
        if a.size.max(b.size) > text::MOST {
            return Ok(None);
        }
        let (mut left, mut right) = (vec![0; a.size as usize], vec![0; b.size as usize]);
        let n = self.a.read(old, 0, &mut left)?;
        let m = self.b.read(new, 0, &mut right)?;
        left.truncate(n);
        right.truncate(m);
        Ok(text::unified(&left, &right, path, context))
    }
}

fn plain(what: &'static str) -> Change {
    Change {
        what,
        old: None,
        new: None,
    }
}

fn pair(what: &'static str, old: String, new: String) -> Change {
    Change {
        what,
        old: Some(old),
        new: Some(new),
    }
}

fn xattr_changes(old: &Xattrs, new: &Xattrs, changes: &mut Vec<Change>) {
    let find = |list: &Xattrs, name: &[u8]| {
        list.iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    for (name, value) in old {
        let name_text = Some(escaped(name));
        match find(new, name) {
            None => changes.push(Change {
                what: "attribute",
                old: name_text,
                new: None,
            }),
            Some(other) if other != *value => changes.push(Change {
                what: "attribute",
                old: name_text.clone(),
                new: Some("another value".to_owned()),
            }),
            Some(_) => {}
        }
    }
    for (name, _) in new.iter().filter(|(name, _)| find(old, name).is_none()) {
        changes.push(Change {
            what: "attribute",
            old: None,
            new: Some(escaped(name)),
        });
    }
}

fn check_depth(depth: usize, path: &[u8]) -> Result<()> {
    if depth > DEEPEST {
        return Err(Failure::new(format!(
            "{}: directories nest too deep",
            escaped(path)
        )));
    }
    Ok(())
}

/// A file that only one side has, and what is in it.
fn only<T: Tree>(
    tree: &T,
    node: &T::Node,
    path: &[u8],
    change: Kind,
    each: &mut dyn FnMut(Difference) -> Result<()>,
    depth: usize,
) -> Result<()> {
    let meta = tree.meta(node)?;
    each(Difference {
        path: JsonName(path.to_vec()),
        change,
        file_type: type_name(meta.kind),
        changes: Vec::new(),
        diff: None,
    })?;
    if meta.kind == FileType::Directory {
        one_side(tree, node, path, change, each, depth)?;
    }
    Ok(())
}

fn one_side<T: Tree>(
    tree: &T,
    node: &T::Node,
    path: &[u8],
    change: Kind,
    each: &mut dyn FnMut(Difference) -> Result<()>,
    depth: usize,
) -> Result<()> {
    check_depth(depth, path)?;
    for (name, child) in tree.children(node)? {
        only(tree, &child, &join(path, &name), change, each, depth + 1)?;
    }
    Ok(())
}
