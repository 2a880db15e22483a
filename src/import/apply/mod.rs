//! Applying a stream of changes to an image.
//!
//! What exists gives way as it does when root's tar extracts over a tree: files are unlinked first,
//! directories are merged, symbolic links are not followed at the end of a path. Symbolic links on the
//! way to it are followed, inside the image.

mod content;
mod place;
mod remove;
mod users;

use super::entry::{Attrs, Change, Entry, Kind, Source};
use super::names::{Removed, clean, shown, split};
use super::open::Opened;
use super::progress::{Progress, Warnings};
use crate::failure::{Failure, Result};
use lwext4::{
    Attr, Bulk, Content, Error, FileType, Ino, Node, ParentTimes, SetAttr, Timestamp, Volume,
};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

/// How changes are applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApplyOptions {
    /// What is not a directory replaces one with all that is in it, and a directory's extended
    /// attributes replace those it had: as the layers of a container image do.
    pub layers: bool,
    /// No time is later than this.
    pub latest: Option<Timestamp>,
    /// What time it is.
    pub now: Timestamp,
}

/// What was applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Entries of all types.
    pub entries: u64,
    /// Bytes of data in files, without holes.
    pub bytes: u64,
}

/// Applies changes to one volume.
pub struct Applier<'v, 'p> {
    volume: &'v Volume,
    bulk: Bulk<'v>,
    /// The image, for messages.
    image: PathBuf,
    options: ApplyOptions,
    progress: &'p Progress,
    /// Where paths start.
    base: Ino,
    /// Directories by path. Anything that takes a directory or link away empties it.
    known: HashMap<Vec<u8>, Ino>,
    /// The directory of the last entry: most have the same as the one before.
    last: (Vec<u8>, Ino),
    /// Directories whose times are set for good.
    settled: HashSet<Ino>,
    /// Those of them whose times were changed since, and what they are to be.
    restore: HashMap<Ino, SetAttr>,
    /// Paths that the current layer put there, by their hashes.
    layer: HashSet<u64>,
    hasher: RandomState,
    users: Option<users::Users>,
    warned: HashSet<Removed>,
    totals: Totals,
}

/// Directories whose numbers are remembered by path at most.
const KNOWN: usize = 16 * 1024;

impl<'v, 'p> Applier<'v, 'p> {
    /// Applies to `volume`, in the image called `image`, below the directory `to`, which is made if
    /// need be.
    ///
    /// # Errors
    /// What keeps the directory from being made.
    pub fn new(
        volume: &'v Volume,
        bulk: Bulk<'v>,
        image: &Path,
        to: &[u8],
        options: ApplyOptions,
        progress: &'p Progress,
    ) -> Result<Applier<'v, 'p>> {
        let mut applier = Applier {
            volume,
            bulk,
            image: image.to_owned(),
            options,
            progress,
            base: Ino::ROOT,
            known: HashMap::new(),
            last: (Vec::new(), Ino::ROOT),
            settled: HashSet::new(),
            restore: HashMap::new(),
            layer: HashSet::new(),
            hasher: RandomState::new(),
            users: None,
            warned: HashSet::new(),
            totals: Totals::default(),
        };
        applier.base = applier.directory(&clean(to).path)?;
        applier.forget_paths();
        Ok(applier)
    }

    /// Applies all of a source.
    ///
    /// # Errors
    /// What is wrong with the source, or why an entry is not in the image: everything before it is.
    pub fn apply(&mut self, opened: &mut Opened) -> Result<()> {
        self.apply_changes(&mut *opened.source, &opened.warnings)
    }

    /// Likewise, of a source that puts what it has to say into `warnings`.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_changes(&mut self, source: &mut dyn Source, warnings: &Warnings) -> Result<()> {
        loop {
            let change = source.next();
            for text in warnings.take() {
                self.progress.warn(&text);
            }
            let Some(change) = change? else {
                return Ok(());
            };
            match change {
                Change::Put(entry) => self.put(entry, source)?,
                Change::Remove(path) => self.remove(&path)?,
                Change::Clear(path) => self.clear(&path)?,
                Change::Join { path, target } => self.join(&path, &target)?,
                Change::Layer => self.layer.clear(),
            }
            self.progress.at(self.totals, source.position());
        }
    }

    /// Sets the times of directories that changed after they were set, and waits for the data.
    ///
    /// # Errors
    /// What could not be written.
    pub fn finish(mut self) -> Result<Totals> {
        let mut restore: Vec<_> = self.restore.drain().collect();
        restore.sort_by_key(|(ino, _)| *ino);
        for (ino, set) in restore {
            let done = self.bulk.set(ino, &set);
            done.map_err(|error| Failure::of(&self.image, error))?;
        }
        let image = self.image;
        let done = self.bulk.finish();
        done.map_err(|error| Failure::of(&image, error))?;
        Ok(self.totals)
    }

    /// How many entries are in the image so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    fn fail(&self, path: &[u8], error: &Error) -> Failure {
        let failure = Failure::of(&self.image, format!("{}: {error}", shown(path)));
        match error {
            Error::NoSpace => failure.for_lack_of_space(),
            _ => failure,
        }
    }

    fn refuse(&self, path: &[u8], what: &str) -> Failure {
        Failure::of(&self.image, format!("{}: {what}", shown(path)))
    }

    /// A path below the base, with a warning where something had to be taken off, once for each kind.
    fn clean(&mut self, path: &[u8]) -> Vec<u8> {
        let clean = clean(path);
        if let Some(removed) = clean.removed
            && self.warned.insert(removed)
        {
            let what = match removed {
                Removed::Root => "the leading / of names is left out",
                Removed::Up => "names are cut behind their last ..",
            };
            self.progress.warn(&format!("{}: {what}", shown(path)));
        }
        clean.path
    }

    fn put(&mut self, entry: Entry, source: &mut dyn Source) -> Result<()> {
        let path = self.clean(&entry.path);
        self.totals.entries += 1;
        if self.options.layers {
            self.note_in_layer(&path);
        }
        let Some((parent_path, name)) = split(&path) else {
            return self.put_base(&entry);
        };
        let parent = self.directory(parent_path)?;
        if let Kind::HardLink(target) = &entry.kind {
            return self.put_link(parent, name, &path, target);
        }
        let node = self.node(&entry, &path)?;
        if let Kind::File { size, .. } = entry.kind {
            return self.put_file((parent, name, &path), &node, size, source);
        }
        let made = self.make((parent, name, &path), &node, Content::EMPTY)?;
        if node.file_type == FileType::Directory {
            self.settle(made);
            self.remember(path, made);
        }
        Ok(())
    }

    /// Notes that the current layer has a path, and so all directories on the way to it.
    fn note_in_layer(&mut self, path: &[u8]) {
        let mut path = path;
        while self.layer.insert(self.hasher.hash_one(path)) {
            match split(path) {
                Some((parent, _)) => path = parent,
                None => return,
            }
        }
    }

    fn is_in_layer(&self, path: &[u8]) -> bool {
        self.options.layers && self.layer.contains(&self.hasher.hash_one(path))
    }

    /// The directory that everything goes into gets attributes, too.
    fn put_base(&mut self, entry: &Entry) -> Result<()> {
        if entry.kind != Kind::Directory {
            return Err(self.refuse(b"", "not a directory in the archive"));
        }
        let node = self.node(entry, b"")?;
        self.update(self.base, &node, b"")
    }

    /// Makes a file; what has its name gives way first. A directory that is there already is merged.
    fn make(
        &mut self,
        (parent, name, path): (Ino, &[u8], &[u8]),
        node: &Node,
        content: Content<'_>,
    ) -> Result<Ino> {
        for _ in 0..2 {
            let times = if self.settled.contains(&parent) {
                ParentTimes::Keep
            } else {
                ParentTimes::Touch
            };
            match self.bulk.create(parent, name, node, times, content) {
                Ok(ino) => return Ok(ino),
                Err(Error::Exists) => {}
                Err(error) => return Err(self.fail(path, &error)),
            }
            let old = self.peek(parent, name, path)?;
            if let Some(old) = old {
                let both = FileType::Directory;
                if old.file_type == both && node.file_type == both {
                    self.update(old.ino, node, path)?;
                    return Ok(old.ino);
                }
                self.give_way(parent, name, path, &old)?;
            }
        }
        Err(self.fail(path, &Error::Exists))
    }

    /// Gives a directory that is there the attributes of an entry.
    fn update(&mut self, ino: Ino, node: &Node, path: &[u8]) -> Result<()> {
        if self.options.layers {
            let names = self.volume.listxattr(ino);
            for name in names.map_err(|e| self.fail(path, &e))? {
                let removed = self.volume.removexattr(ino, &name);
                removed.map_err(|error| self.fail(path, &error))?;
            }
        }
        let updated = self.bulk.update(ino, node);
        updated.map_err(|error| self.fail(path, &error))?;
        self.restore.remove(&ino);
        self.settle(ino);
        Ok(())
    }

    fn put_link(&mut self, parent: Ino, name: &[u8], path: &[u8], target: &[u8]) -> Result<()> {
        let target = self.clean(target);
        let Some((target_parent, target_name)) = split(&target) else {
            return Err(self.refuse(path, "a hard link to the root directory"));
        };
        let directory = self.directory(target_parent)?;
        let Some(file) = self.peek(directory, target_name, &target)? else {
            let what = format!("the hard link's target {} is not there", shown(&target));
            return Err(self.refuse(path, &what));
        };
        if let Some(old) = self.peek(parent, name, path)? {
            if old.ino == file.ino {
                return Ok(());
            }
            self.give_way(parent, name, path, &old)?;
        }
        self.unsettle(parent)?;
        let linked = self.bulk.link(file.ino, parent, name);
        linked.map_err(|error| self.fail(path, &error))
    }

    /// Makes a name one of a file that has others, without a trace in its directory's times.
    fn join(&mut self, path: &[u8], target: &[u8]) -> Result<()> {
        let path = self.clean(path);
        let Some((parent, name)) = split(&path) else {
            return Err(self.refuse(&path, "a hard link in place of the root directory"));
        };
        let parent = self.directory(parent)?;
        self.settle(parent);
        self.put_link(parent, name, &path, target)
    }

    /// What is behind a name.
    fn peek(&self, parent: Ino, name: &[u8], path: &[u8]) -> Result<Option<Attr>> {
        match self.volume.lookup(parent, name) {
            Ok(entry) => {
                self.volume.forget(entry.attr.ino, 1);
                Ok(Some(entry.attr))
            }
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(self.fail(path, &error)),
        }
    }

    /// Says that a directory's times are as they are to be.
    fn settle(&mut self, ino: Ino) {
        self.settled.insert(ino);
    }

    /// Remembers a directory's times before they change, if they are set for good.
    fn unsettle(&mut self, ino: Ino) -> Result<()> {
        if !self.settled.contains(&ino) || self.restore.contains_key(&ino) {
            return Ok(());
        }
        let attr = self.volume.getattr(ino);
        let attr = attr.map_err(|error| Failure::of(&self.image, error))?;
        let set = SetAttr {
            atime: Some(attr.atime),
            mtime: Some(attr.mtime),
            ctime: Some(attr.ctime),
            ..SetAttr::default()
        };
        self.restore.insert(ino, set);
        Ok(())
    }

    fn time(&self, given: Option<Timestamp>) -> Timestamp {
        let time = given.unwrap_or(self.options.now);
        self.options.latest.map_or(time, |latest| time.min(latest))
    }

    /// What the engine is to make of an entry.
    fn node(&mut self, entry: &Entry, path: &[u8]) -> Result<Node> {
        let (file_type, device) = match entry.kind {
            Kind::File { .. } | Kind::HardLink(_) => (FileType::Regular, (0, 0)),
            Kind::Directory => (FileType::Directory, (0, 0)),
            Kind::Symlink(_) => (FileType::Symlink, (0, 0)),
            Kind::CharDevice(major, minor) => (FileType::CharDevice, (major, minor)),
            Kind::BlockDevice(major, minor) => (FileType::BlockDevice, (major, minor)),
            Kind::Fifo => (FileType::Fifo, (0, 0)),
            Kind::Socket => (FileType::Socket, (0, 0)),
        };
        if device.0 > 0xFFF || device.1 > 0xF_FFFF {
            return Err(self.refuse(path, "a device number that Linux does not have"));
        }
        let target = match &entry.kind {
            Kind::Symlink(target) => target.clone(),
            _ => Vec::new(),
        };
        let attrs = &entry.attrs;
        let perm = match file_type {
            // Nobody can set those.
            FileType::Symlink => 0o777,
            _ => attrs.perm & 0o7777,
        };
        Ok(Node {
            file_type,
            perm,
            uid: attrs.uid,
            gid: attrs.gid,
            device,
            atime: self.time(attrs.atime),
            mtime: self.time(attrs.mtime),
            ctime: self.time(attrs.ctime),
            crtime: self.time(attrs.crtime),
            target,
            xattrs: self.xattrs(attrs, file_type, path),
        })
    }

    /// The extended attributes that the file can have; the others are named.
    fn xattrs(
        &mut self,
        attrs: &Attrs,
        file_type: FileType,
        path: &[u8],
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        if attrs.xattrs.is_empty() && attrs.acls.access.is_none() && attrs.acls.default.is_none() {
            return Vec::new();
        }
        let acls = self.acls(attrs, path);
        let all = attrs.xattrs.iter().chain(&acls);
        let has_data = matches!(file_type, FileType::Regular | FileType::Directory);
        let possible = |name: &[u8]| match () {
            () if name.starts_with(b"user.") => has_data,
            () if name == b"system.posix_acl_access" => file_type != FileType::Symlink,
            () if name == b"system.posix_acl_default" => file_type == FileType::Directory,
            () => name.starts_with(b"trusted.") || name.starts_with(b"security."),
        };
        let mut kept = Vec::new();
        for (name, value) in all {
            if possible(name) && name.len() <= 255 && !name.contains(&0) && !name.ends_with(b".") {
                kept.push((name.clone(), value.clone()));
            } else {
                let what = format!("the attribute {} is left out", shown(name));
                self.progress.warn(&format!("{}: {what}", shown(path)));
            }
        }
        kept
    }

    /// ACLs that came as text, in the kernel's form.
    fn acls(&mut self, attrs: &Attrs, path: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let texts = [
            ("system.posix_acl_access", &attrs.acls.access),
            ("system.posix_acl_default", &attrs.acls.default),
        ];
        let mut acls = Vec::new();
        for (name, text) in texts {
            let Some(text) = text else { continue };
            if super::acl::names_someone(text) {
                self.read_users();
            }
            match super::acl::from_text(text, &|user, name| self.users(user, name)) {
                Ok(value) => acls.push((name.as_bytes().to_vec(), value)),
                Err(what) => self
                    .progress
                    .warn(&format!("{}: an ACL is left out: {what}", shown(path))),
            }
        }
        acls
    }
}
