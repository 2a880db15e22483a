//! Copying into an image, from the host or from an image.

use super::address::Address;
use super::copy::{CopyOptions, is_acl, kept, source};
use super::destination::Slot;
use super::maker::Maker;
use super::output::Report;
use super::resolve::{self, Follow};
use super::tree::{Meta, Tree};
use crate::failure::{Failure, Result};
use crate::import::names::join;
use lwext4::{Attr, Error, FileType, Ino, NewFile, SetAttr, SetXattrMode, Volume, WriteMode};
use std::collections::HashMap;

/// A copy of files into a volume.
pub struct CopyIn<'a> {
    volume: &'a Volume,
    options: &'a CopyOptions,
    maker: Maker,
    report: &'a mut Report,
    /// Copies of files with several names, by the tree and the file in it.
    copies: HashMap<(usize, (u64, u64)), Ino>,
    /// Directories above the one that is copied: of the source, by tree and file.
    above: Vec<(u64, u64)>,
    /// Which tree is copied: files of different ones are different.
    tree: usize,
    /// Whether the source is the volume itself.
    within: bool,
}

impl<'a> CopyIn<'a> {
    /// A copy into `volume`.
    pub fn new(volume: &'a Volume, options: &'a CopyOptions, report: &'a mut Report) -> CopyIn<'a> {
        CopyIn {
            volume,
            options,
            maker: Maker::new(options.owner),
            report,
            copies: HashMap::new(),
            above: Vec::new(),
            tree: 0,
            within: false,
        }
    }

    /// Copies a file to `slot`. `tree_id` tells trees apart; `within`: the tree is the volume itself.
    ///
    /// # Errors
    /// The first thing that goes wrong: then nothing is to be kept.
    pub fn copy<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        slot: &Slot,
        (tree_id, within): (usize, bool),
    ) -> Result<()> {
        (self.tree, self.within) = (tree_id, within);
        let (node, meta) = source(tree, node, self.options, true)?;
        if slot.name.is_empty() {
            // The directory itself: its content goes into it.
            if meta.kind != FileType::Directory {
                return Err(slot
                    .address
                    .failure("a directory cannot be overwritten with a file"));
            }
            let dir = self
                .volume
                .getattr(slot.dir)
                .map_err(|e| slot.address.failure(e))?;
            return self.fill(tree, &node, &meta, &dir, &slot.address, true);
        }
        self.copy_to(tree, &node, &meta, slot)
    }

    fn copy_to<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        meta: &Meta,
        slot: &Slot,
    ) -> Result<()> {
        let failure = |error: Error| slot.address.failure(error);
        let mut slot = slot.clone();
        let mut there = resolve::maybe_child(self.volume, slot.dir, &slot.name).map_err(failure)?;
        if there.is_some() && self.options.no_clobber && meta.kind != FileType::Directory {
            return Ok(());
        }
        if meta.kind == FileType::Directory {
            return self.copy_dir(tree, node, meta, &slot, there);
        }
        if let Some(attr) = there.filter(|attr| attr.file_type == FileType::Directory) {
            let what = format!(
                "the directory (inode {}) cannot be overwritten with a file",
                attr.ino
            );
            return Err(slot.address.failure(what));
        }
        if meta.kind == FileType::Regular && !self.options.remove_destination {
            // As cp: what is written to a link lands where it leads.
            if there.is_some_and(|attr| attr.file_type == FileType::Symlink) {
                let found =
                    resolve::find(self.volume, &slot.address.path, Follow::Yes).map_err(failure)?;
                if found.attr.is_none() {
                    return Err(slot
                        .address
                        .failure("a symbolic link that leads nowhere")
                        .remedy("remove it first, or use --remove-destination"));
                }
                (slot.dir, slot.name, there) = (found.parent, found.name, found.attr);
            }
        }
        if self.within && there.is_some_and(|attr| u64::from(attr.ino.0) == meta.id.1) {
            return Err(slot
                .address
                .failure("the source and the destination are the same file"));
        }
        if self.copy_link(meta, &slot, there)? {
            return Ok(());
        }
        let ino = match meta.kind {
            FileType::Regular => self.copy_file(tree, node, meta, &slot, there)?,
            FileType::Symlink => {
                let target = tree.link_target(node)?;
                self.clear(&slot, there)?;
                let Maker { uid, gid, .. } = self.maker;
                let made = self.volume.symlink(slot.dir, &slot.name, &target, uid, gid);
                self.made(made.map_err(failure)?.attr)
            }
            kind if self.options.recursive => {
                self.clear(&slot, there)?;
                let new = NewFile {
                    device: meta.device,
                    ..self.maker.file(kind, meta.perm & 0o777)
                };
                let made = self.volume.create(slot.dir, &slot.name, &new);
                self.made(made.map_err(failure)?.attr)
            }
            // A pipe or a device is read to its end.
            FileType::Fifo | FileType::CharDevice | FileType::BlockDevice => {
                self.copy_file(tree, node, meta, &slot, there)?
            }
            _ => {
                return Err(tree
                    .failure(node, &"a socket cannot be read")
                    .remedy("use -r to copy it as such"));
            }
        };
        self.finish(tree, node, meta, ino, &slot.address)?;
        if self.options.preserve.links && meta.nlink > 1 {
            self.copies.insert((self.tree, meta.id), ino);
        }
        self.report
            .line(&[&tree.shown(node), b" -> ", &slot.address.given]);
        Ok(())
    }

    /// A second name of what was copied already: whether it was one.
    fn copy_link(&mut self, meta: &Meta, slot: &Slot, there: Option<Attr>) -> Result<bool> {
        let known = self.copies.get(&(self.tree, meta.id)).copied();
        let Some(ino) = known.filter(|_| self.options.preserve.links && meta.nlink > 1) else {
            return Ok(false);
        };
        if there.is_none_or(|attr| attr.ino != ino) {
            self.clear(slot, there)?;
            let made = self.volume.link(ino, slot.dir, &slot.name);
            self.made(made.map_err(|e| slot.address.failure(e))?.attr);
        }
        Ok(true)
    }

    /// Gives back the hold on what was made.
    fn made(&self, attr: Attr) -> Ino {
        self.volume.forget(attr.ino, 1);
        attr.ino
    }

    fn clear(&self, slot: &Slot, there: Option<Attr>) -> Result<()> {
        match there {
            Some(_) => self
                .volume
                .unlink(slot.dir, &slot.name)
                .map_err(|e| slot.address.failure(e)),
            None => Ok(()),
        }
    }

    fn copy_file<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        meta: &Meta,
        slot: &Slot,
        there: Option<Attr>,
    ) -> Result<Ino> {
        let failure = |error: Error| slot.address.failure(error);
        let usable = there
            .filter(|attr| attr.file_type == FileType::Regular && !self.options.remove_destination);
        let ino = match usable {
            Some(attr) => {
                let empty = SetAttr {
                    size: Some(0),
                    ..SetAttr::default()
                };
                self.volume.setattr(attr.ino, &empty).map_err(failure)?;
                attr.ino
            }
            None => {
                let replaces = self.options.force || self.options.remove_destination;
                if there.is_some() && !replaces {
                    return Err(slot
                        .address
                        .failure("not a regular file")
                        .remedy("replace it with -f"));
                }
                self.clear(slot, there)?;
                let new = self.maker.file(FileType::Regular, meta.perm & 0o777);
                let made = self.volume.create(slot.dir, &slot.name, &new);
                self.made(made.map_err(failure)?.attr)
            }
        };
        let volume = self.volume;
        let mut end = 0;
        let size = tree.content(node, &mut |offset, bytes| {
            let mut done = 0;
            while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
                match volume.write(ino, offset + done as u64, rest, WriteMode::Plain) {
                    Ok(0) => return Err(failure(Error::NoSpace)),
                    Ok(written) => done += written,
                    Err(error) => return Err(failure(error)),
                }
            }
            end = offset + done as u64;
            Ok(())
        })?;
        if let Some(old) = usable {
            // As when root writes: setuid and setgid stay, file capabilities do not.
            let perm = SetAttr {
                perm: Some(old.perm),
                ..SetAttr::default()
            };
            volume.setattr(ino, &perm).map_err(failure)?;
            match volume.removexattr(ino, b"security.capability") {
                Ok(()) | Err(Error::NoAttribute) => {}
                Err(error) => return Err(failure(error)),
            }
        }
        if size > end {
            let set = SetAttr {
                size: Some(size),
                ..SetAttr::default()
            };
            volume.setattr(ino, &set).map_err(failure)?;
        }
        Ok(ino)
    }

    fn copy_dir<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        meta: &Meta,
        slot: &Slot,
        there: Option<Attr>,
    ) -> Result<()> {
        if !self.options.recursive {
            return Err(tree
                .failure(node, &"a directory")
                .remedy("copy it with -r or -a"));
        }
        let failure = |error: Error| slot.address.failure(error);
        let (dir, old) = match there {
            Some(attr) if attr.file_type == FileType::Directory => (attr, true),
            Some(_) => {
                return Err(slot
                    .address
                    .failure("not a directory: it cannot be overwritten with one"));
            }
            None => {
                let new = self.maker.file(FileType::Directory, meta.perm & 0o1777);
                let made = self
                    .volume
                    .create(slot.dir, &slot.name, &new)
                    .map_err(failure)?;
                self.made(made.attr);
                self.report
                    .line(&[&tree.shown(node), b" -> ", &slot.address.given]);
                (made.attr, false)
            }
        };
        self.fill(tree, node, meta, &dir, &slot.address, old)
    }

    /// Copies what is in a directory.
    fn fill<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        meta: &Meta,
        dir: &Attr,
        address: &Address,
        old: bool,
    ) -> Result<()> {
        if !self.options.recursive {
            return Err(tree
                .failure(node, &"a directory")
                .remedy("copy it with -r or -a"));
        }
        if self.above.contains(&meta.id) {
            return Err(tree.failure(node, &"a symbolic link leads back to a directory above it"));
        }
        if self.within && self.is_below(dir.ino, meta.id.1)? {
            return Err(tree.failure(node, &"a directory cannot be copied into itself"));
        }
        self.above.push(meta.id);
        for (name, child) in tree.children(node)? {
            let (child, meta) = source(tree, &child, self.options, false)?;
            let mut inside = address.with_path(join(&address.path, &name));
            inside.given = join(&address.given, &name);
            let slot = Slot {
                dir: dir.ino,
                name,
                address: inside,
            };
            self.copy_to(tree, &child, &meta, &slot)?;
        }
        self.above.pop();
        let any = self.options.preserve;
        if !old || any.mode || any.ownership || any.timestamps {
            self.finish(tree, node, meta, dir.ino, address)?;
        }
        Ok(())
    }

    /// Whether a directory of the volume is `top`, or somewhere below it.
    fn is_below(&self, dir: Ino, top: u64) -> Result<bool> {
        let mut at = dir;
        // As many steps as there can be directories above.
        for _ in 0..=u16::MAX {
            if u64::from(at.0) == top {
                return Ok(true);
            }
            if at == Ino::ROOT {
                return Ok(false);
            }
            at = resolve::child(self.volume, at, b"..")
                .map_err(Failure::new)?
                .ino;
        }
        Ok(true)
    }

    /// Gives a copy the attributes that it is to have.
    fn finish<T: Tree>(
        &self,
        tree: &T,
        node: &T::Node,
        meta: &Meta,
        ino: Ino,
        address: &Address,
    ) -> Result<()> {
        let preserve = self.options.preserve;
        let failure = |error: Error| address.failure(error);
        if preserve.mode || preserve.xattr {
            let xattrs = tree.xattrs(node)?;
            if preserve.mode && meta.kind != FileType::Symlink {
                // What it got from its directory, and the source does not have.
                for name in self.volume.listxattr(ino).map_err(failure)? {
                    if is_acl(&name) && !xattrs.iter().any(|(kept, _)| *kept == name) {
                        self.volume.removexattr(ino, &name).map_err(failure)?;
                    }
                }
            }
            for (name, value) in xattrs.iter().filter(|(name, _)| kept(name, preserve)) {
                let set = self.volume.setxattr(ino, name, value, SetXattrMode::Any);
                set.map_err(|e| {
                    let what = format!("attribute {}: {e}", name.escape_ascii());
                    address
                        .failure(what)
                        .remedy("leave attributes out with --no-preserve=xattr")
                })?;
            }
        }
        let is_link = meta.kind == FileType::Symlink;
        let set = SetAttr {
            perm: Some(meta.perm).filter(|_| preserve.mode && !is_link),
            uid: Some(meta.uid).filter(|_| preserve.ownership),
            gid: Some(meta.gid).filter(|_| preserve.ownership),
            atime: Some(meta.atime).filter(|_| preserve.timestamps),
            mtime: Some(meta.mtime).filter(|_| preserve.timestamps),
            ..SetAttr::default()
        };
        if preserve.mode || preserve.ownership || preserve.timestamps {
            self.volume.setattr(ino, &set).map_err(failure)?;
        }
        Ok(())
    }
}
