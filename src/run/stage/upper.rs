//! The upper directory of an overlay as a stream of changes; or a directory of which there was none, as
//! an image with nothing in it was covered.

use super::bare::LOST_FOUND;
use super::links::Plan;
use super::nodes::{Meant, is_whiteout};
use super::overlay;
use crate::failure::Result;
use crate::import::ahead::Ahead;
use crate::import::directory::Directory;
use crate::import::entry::{Change, Data, Entry, Kind, Source};
use crate::import::progress::Warnings;
use lwext4::{Attr, Ino, Volume};
use std::collections::HashSet;
use std::path::Path;

/// What overlays put before their own attributes; the host's root has the second.
const OVERLAYS: [&[u8]; 2] = [b"user.overlay.", b"trusted.overlay."];
/// Behind that, what they put before attributes that only look like their own.
const ESCAPED: &[u8] = b"overlay.";

/// Changes to `volume`, whose files the overlay was laid over.
pub struct Upper<'v> {
    inner: Ahead,
    volume: &'v Volume,
    /// Paths of whiteouts: they are links to each other.
    whiteouts: HashSet<Vec<u8>>,
    /// Whether the overlay saw no trusted attributes in the image.
    hid_trusted: bool,
    /// What the overlay tears apart; the joins that are still to come.
    plan: Plan,
    /// Whether the directory was no overlay's.
    is_bare: bool,
    /// What comes next.
    then: Option<Change>,
    /// What comes last: the directory that there was is gone if it is not there.
    last: Option<Change>,
}

/// What the attributes of overlays say of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Nothing of the directory below it shows through.
    opaque: bool,
    /// It was in the image, and has been copied.
    copied: bool,
}

impl<'v> Upper<'v> {
    /// The upper directory at `root`, as `plan` says; without a plan it was no overlay's.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(
        root: &Path,
        volume: &'v Volume,
        plan: Option<Plan>,
        warnings: Warnings,
    ) -> Result<Upper<'v>> {
        let directory = Directory::new(root, false, warnings).with_all_times();
        let is_bare = plan.is_none();
        Ok(Upper {
            inner: Ahead::new(directory)?,
            volume,
            whiteouts: HashSet::new(),
            hid_trusted: overlay::for_users(),
            is_bare,
            plan: plan.unwrap_or_default(),
            last: is_bare.then(|| Change::Remove(LOST_FOUND.into())),
            then: None,
        })
    }

    /// What an entry means of a directory that was no overlay's.
    fn bare_meaning(&mut self, mut entry: Entry) -> Change {
        let meant = take_meant(&mut entry.attrs.xattrs);
        stand_in(&mut entry, meant);
        let is_lost_found = entry.path == LOST_FOUND.as_bytes();
        if is_lost_found {
            self.last = None;
        }
        if is_lost_found || entry.path.is_empty() {
            self.carry_over(&mut entry);
        }
        Change::Put(entry)
    }

    /// What an entry of the upper directory means.
    fn meaning(&mut self, mut entry: Entry) -> Change {
        let is_gone = match &entry.kind {
            Kind::HardLink(target) => self.whiteouts.contains(target),
            kind => is_whiteout(kind),
        };
        if is_gone {
            self.whiteouts.insert(entry.path.clone());
            return Change::Remove(entry.path);
        }
        let (marks, meant) = sort_out(&mut entry.attrs.xattrs);
        let copy_of = meant.copy_of;
        stand_in(&mut entry, meant);
        if let Some(merged) = self.plan.merged.remove(&entry.path) {
            entry.attrs = merged;
        }
        if let Some(original) = copy_of {
            entry.attrs.crtime = self.plan.created.get(&original).copied();
        } else if marks.copied || entry.path.is_empty() {
            self.carry_over(&mut entry);
        }
        if marks.opaque {
            self.then = Some(Change::Clear(entry.path.clone()));
        }
        Change::Put(entry)
    }

    /// Gives a copied file what the kernel does not copy.
    fn carry_over(&self, entry: &mut Entry) {
        let Some(attr) = self.in_image(&entry.path) else {
            return;
        };
        entry.attrs.crtime = attr.crtime;
        // Others have them already, under names that stand for them.
        if !self.hid_trusted || matches!(entry.kind, Kind::File { .. } | Kind::Directory) {
            return;
        }
        let names = self.volume.listxattr(attr.ino).unwrap_or_default();
        for name in names {
            let known = |(known, _): &(Vec<u8>, Vec<u8>)| *known == name;
            if name.starts_with(b"trusted.")
                && !entry.attrs.xattrs.iter().any(known)
                && let Ok(value) = self.volume.getxattr(attr.ino, &name)
            {
                entry.attrs.xattrs.push((name, value));
            }
        }
    }

    /// The file at a path that has no symbolic links, as it is before the change.
    fn in_image(&self, path: &[u8]) -> Option<Attr> {
        let mut attr = self.volume.getattr(Ino::ROOT).ok()?;
        for name in path.split(|&b| b == b'/').filter(|name| !name.is_empty()) {
            attr = self.volume.lookup(attr.ino, name).ok()?.attr;
            self.volume.forget(attr.ino, 1);
        }
        Some(attr)
    }
}

/// Makes an entry what it stands for.
fn stand_in(entry: &mut Entry, meant: Meant) {
    if let (Kind::File { .. }, Some(node)) = (&entry.kind, meant.node) {
        entry.kind = node;
    }
    entry.attrs.xattrs.extend(meant.xattrs);
}

/// Takes what liveroot has put there out of a file's attributes.
fn take_meant(xattrs: &mut Vec<(Vec<u8>, Vec<u8>)>) -> Meant {
    let mut meant = Meant::default();
    xattrs.retain(|(name, value)| !meant.take(name, value));
    meant
}

/// Takes what overlays and liveroot have put there out of a file's attributes.
pub fn sort_out(xattrs: &mut Vec<(Vec<u8>, Vec<u8>)>) -> (Marks, Meant) {
    let meant = take_meant(xattrs);
    let mut marks = Marks::default();
    for (name, value) in std::mem::take(xattrs) {
        let overlays = OVERLAYS
            .iter()
            .find_map(|prefix| Some((*prefix, name.strip_prefix(*prefix)?)));
        let Some((prefix, own)) = overlays else {
            xattrs.push((name, value));
            continue;
        };
        match own {
            b"opaque" => marks.opaque |= value == b"y",
            b"origin" => marks.copied = true,
            _ => {
                if let Some(name) = own.strip_prefix(ESCAPED) {
                    xattrs.push(([prefix, name].concat(), value));
                }
            }
        }
    }
    (marks, meant)
}

impl Source for Upper<'_> {
    fn next(&mut self) -> Result<Option<Change>> {
        if let Some(change) = self.then.take() {
            return Ok(Some(change));
        }
        loop {
            return Ok(match self.inner.next()? {
                Some(Change::Put(entry)) if self.plan.left_out.contains(&entry.path) => continue,
                Some(Change::Put(entry)) if self.is_bare => Some(self.bare_meaning(entry)),
                Some(Change::Put(entry)) => Some(self.meaning(entry)),
                None => {
                    let join = self.plan.joins.pop();
                    let join = join.map(|(path, target)| Change::Join { path, target });
                    join.or_else(|| self.last.take())
                }
                other => other,
            });
        }
    }

    fn data(&mut self) -> Result<Option<Data>> {
        self.inner.data()
    }

    fn position(&self) -> u64 {
        self.inner.position()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_overlays_are_marks() {
        let pair = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
        let mut xattrs = vec![
            pair(b"user.overlay.opaque", b"y"),
            pair(b"user.overlay.origin", b""),
            pair(b"user.overlay.impure", b"y"),
            pair(b"trusted.overlay.overlay.opaque", b"y"),
            pair(b"user.note", b"n"),
        ];
        let (marks, meant) = sort_out(&mut xattrs);
        assert!(marks.opaque && marks.copied && meant == Meant::default());
        assert_eq!(
            xattrs,
            [
                pair(b"trusted.overlay.opaque", b"y"),
                pair(b"user.note", b"n")
            ]
        );
    }
}
