//! Copying to the host.
//!
//! An image may be hostile. What it contains is made name by name inside directories that are held
//! open, and a symbolic link below the destination is never followed: the copy cannot leave the place
//! that the user named.

mod keep;
mod stream;

use super::copy::{CopyOptions, source};
use super::output::{Complaints, escaped};
use super::tree::{Meta, Tree};
use crate::failure::{Failure, Result};
use crate::import::names::join;
use lwext4::FileType;
use rustix::fs::{
    AtFlags, FileType as HostType, Mode, OFlags, ftruncate, linkat, makedev, mkdirat, mknodat,
    openat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use keep::Notes;
use stream::stream;

/// A name in a directory of the host.
pub struct HostSlot<'a> {
    /// The directory.
    pub dir: BorrowedFd<'a>,
    /// The name; empty: the directory itself.
    pub name: &'a [u8],
    /// The path, for messages.
    pub path: PathBuf,
    /// Whether the user named this place: only then a link in it is followed.
    pub named: bool,
}

/// A file or directory of the host, open to be filled.
#[derive(Clone, Copy)]
struct Open<'a> {
    fd: BorrowedFd<'a>,
    /// For messages.
    path: &'a Path,
    /// Whether it was there before.
    old: bool,
}

/// A copy of files to the host.
pub struct CopyOut<'a> {
    options: &'a CopyOptions,
    verbose: bool,
    complaints: Complaints,
    /// Where files with several names were copied to: a path below `top`.
    copies: HashMap<(usize, (u64, u64)), Vec<u8>>,
    /// What the paths in `copies` start from.
    top: BorrowedFd<'a>,
    above: Vec<(u64, u64)>,
    tree: usize,
    umask: u16,
    notes: Notes,
}

fn os(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

impl<'a> CopyOut<'a> {
    /// A copy to below `top`.
    pub fn new(options: &'a CopyOptions, top: BorrowedFd<'a>, verbose: bool) -> CopyOut<'a> {
        CopyOut {
            options,
            verbose,
            complaints: Complaints::default(),
            copies: HashMap::new(),
            top,
            above: Vec::new(),
            tree: 0,
            umask: super::maker::Maker::new(None).umask,
            notes: Notes::default(),
        }
    }

    /// Copies one operand; what goes wrong is told, and the rest goes on.
    pub fn copy<T: Tree>(&mut self, tree: &T, node: &T::Node, slot: &HostSlot<'_>, tree_id: usize) {
        self.tree = tree_id;
        let copied = source(tree, node, self.options, true).and_then(|(node, meta)| {
            if slot.name.is_empty() {
                let open = Open {
                    fd: slot.dir,
                    path: &slot.path,
                    old: true,
                };
                return self.fill(tree, &node, &meta, open, b"");
            }
            self.copy_to(tree, &node, &meta, slot, slot.name)
        });
        self.complaints.take(copied);
    }

    /// How it went.
    ///
    /// # Errors
    /// Something was not copied.
    pub fn end(self) -> Result<()> {
        let note = |count: u64, what: &str| {
            if count > 0 {
                eprintln!("liveroot: {count} {what}");
            }
        };
        note(
            self.notes.owners,
            "copies belong to you, not to their owners: only root can give files away",
        );
        note(
            self.notes.modes,
            "copies came without setuid and setgid, as they belong to you",
        );
        note(
            self.notes.xattrs,
            "extended attributes were left out: the host refused them",
        );
        self.complaints.end()
    }

    /// `at` is the path below the top.
    fn copy_to<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        meta: &Meta,
        slot: &HostSlot<'_>,
        at: &[u8],
    ) -> Result<()> {
        let there = match statat(slot.dir, os(slot.name), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(HostType::from_raw_mode(stat.st_mode)),
            Err(Errno::NOENT) => None,
            Err(error) => return Err(refused(&slot.path, error)),
        };
        if meta.kind == FileType::Directory {
            return self.copy_dir(tree, node, meta, slot, at, there);
        }
        if there.is_some() && self.options.no_clobber {
            return Ok(());
        }
        if there == Some(HostType::Directory) {
            return Err(Failure::of(
                &slot.path,
                "a directory cannot be overwritten with a file",
            ));
        }
        if self.options.preserve.links && meta.nlink > 1 {
            if let Some(first) = self.copies.get(&(self.tree, meta.id)) {
                if first == at {
                    return Ok(());
                }
                clear(slot, there)?;
                return linkat(
                    self.top,
                    os(first),
                    slot.dir,
                    os(slot.name),
                    AtFlags::empty(),
                )
                .map_err(|e| refused(&slot.path, e));
            }
            self.copies.insert((self.tree, meta.id), at.to_vec());
        }
        let as_special = self.options.recursive;
        match meta.kind {
            FileType::Regular => self.copy_file(tree, node, meta, slot, there)?,
            FileType::Symlink => {
                let target = tree.link_target(node)?;
                clear(slot, there)?;
                symlinkat(os(&target), slot.dir, os(slot.name))
                    .map_err(|e| refused(&slot.path, e))?;
                self.finish_named(tree, node, meta, slot)?;
            }
            kind if as_special => {
                clear(slot, there)?;
                make_special(slot, kind, meta)?;
                self.finish_named(tree, node, meta, slot)?;
            }
            _ => {
                return Err(tree
                    .failure(node, &"not a regular file")
                    .remedy("copy it as such with -r or -a"));
            }
        }
        self.told(tree, node, &slot.path);
        Ok(())
    }

    fn told<T: Tree>(&self, tree: &T, node: &T::Node, path: &Path) {
        if self.verbose {
            // Who does not listen any more does not miss it.
            let _ = writeln!(
                io::stdout(),
                "{} -> {}",
                escaped(&tree.shown(node)),
                escaped(path.as_os_str().as_bytes())
            );
        }
    }

    fn copy_file<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        meta: &Meta,
        slot: &HostSlot<'_>,
        there: Option<HostType>,
    ) -> Result<()> {
        let failure = |error: Errno| refused(&slot.path, error);
        let mode = if self.options.preserve.ownership {
            0o600
        } else {
            meta.perm & 0o777
        };
        let create = || {
            let flags =
                OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat(
                slot.dir,
                os(slot.name),
                flags,
                Mode::from_raw_mode(mode.into()),
            )
        };
        let linked = there == Some(HostType::Symlink) && !slot.named;
        let fd = if there.is_none() {
            create().map_err(failure)?
        } else if self.options.remove_destination {
            clear(slot, there)?;
            create().map_err(failure)?
        } else if linked && !self.options.force {
            return Err(
                Failure::of(&slot.path, "a symbolic link, which is not written through")
                    .remedy("remove it first, or use --remove-destination"),
            );
        } else {
            let mut flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::CLOEXEC;
            flags.set(OFlags::NOFOLLOW, !slot.named);
            match openat(slot.dir, os(slot.name), flags, Mode::empty()) {
                Ok(fd) => fd,
                Err(_) if self.options.force => {
                    clear(slot, there)?;
                    create().map_err(failure)?
                }
                Err(error) => return Err(failure(error)),
            }
        };
        let mut file = File::from(fd);
        let failed = |error: io::Error| Failure::of(&slot.path, error);
        let is_file = file.metadata().map_err(failed)?.is_file();
        if !is_file {
            // A pipe or a terminal: the bytes in a row, holes included.
            return stream(tree, node, &mut file).map_err(|e| e.unwrap_or_else(failed));
        }
        let size = tree.content(node, &mut |offset, bytes| {
            file.write_all_at(bytes, offset).map_err(failed)
        })?;
        ftruncate(&file, size).map_err(failure)?;
        let open = Open {
            fd: file.as_fd(),
            path: &slot.path,
            old: there.is_some(),
        };
        self.finish_open(tree, node, meta, open)
    }

    fn copy_dir<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        meta: &Meta,
        slot: &HostSlot<'_>,
        at: &[u8],
        there: Option<HostType>,
    ) -> Result<()> {
        if !self.options.recursive {
            return Err(tree
                .failure(node, &"a directory")
                .remedy("copy it with -r or -a"));
        }
        let failure = |error: Errno| refused(&slot.path, error);
        match there {
            None => {
                let perm = if self.options.preserve.ownership {
                    0o700
                } else {
                    meta.perm & 0o1777 | 0o700
                };
                mkdirat(slot.dir, os(slot.name), Mode::from_raw_mode(perm.into()))
                    .map_err(failure)?;
                self.told(tree, node, &slot.path);
            }
            Some(HostType::Directory) => {}
            Some(_) => {
                return Err(Failure::of(
                    &slot.path,
                    "not a directory: it cannot be overwritten with one",
                ));
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = openat(slot.dir, os(slot.name), flags, Mode::empty()).map_err(failure)?;
        let open = Open {
            fd: dir.as_fd(),
            path: &slot.path,
            old: there.is_some(),
        };
        self.fill(tree, node, meta, open, at)
    }

    fn fill<T: Tree>(
        &mut self,
        tree: &T,
        node: &T::Node,
        meta: &Meta,
        open: Open<'_>,
        at: &[u8],
    ) -> Result<()> {
        let Open { fd: dir, path, old } = open;
        if meta.kind != FileType::Directory {
            return Err(Failure::of(
                path,
                "a directory cannot be overwritten with a file",
            ));
        }
        if !self.options.recursive {
            return Err(tree
                .failure(node, &"a directory")
                .remedy("copy it with -r or -a"));
        }
        if self.above.contains(&meta.id) {
            return Err(tree.failure(node, &"a symbolic link leads back to a directory above it"));
        }
        self.above.push(meta.id);
        let children = tree.children(node);
        for (name, child) in self.complaints.take(children).unwrap_or_default() {
            let slot = HostSlot {
                dir,
                name: &name,
                path: path.join(os(&name)),
                named: false,
            };
            let copied = source(tree, &child, self.options, false).and_then(|(child, meta)| {
                self.copy_to(tree, &child, &meta, &slot, &join(at, &name))
            });
            self.complaints.take(copied);
        }
        self.above.pop();
        let any = self.options.preserve;
        if any.mode || any.ownership || any.timestamps || !old {
            self.finish_open(tree, node, meta, open)?;
        }
        Ok(())
    }
}

fn refused(path: &Path, error: Errno) -> Failure {
    Failure::of(path, io::Error::from(error))
}

fn clear(slot: &HostSlot<'_>, there: Option<HostType>) -> Result<()> {
    match there {
        Some(_) => {
            unlinkat(slot.dir, os(slot.name), AtFlags::empty()).map_err(|e| refused(&slot.path, e))
        }
        None => Ok(()),
    }
}

fn make_special(slot: &HostSlot<'_>, kind: FileType, meta: &Meta) -> Result<()> {
    let host = match kind {
        FileType::CharDevice => HostType::CharacterDevice,
        FileType::BlockDevice => HostType::BlockDevice,
        FileType::Socket => HostType::Socket,
        _ => HostType::Fifo,
    };
    let mode = Mode::from_raw_mode((meta.perm & 0o777).into());
    let device = makedev(meta.device.0, meta.device.1);
    mknodat(slot.dir, os(slot.name), host, mode, device).map_err(|error| {
        let failure = refused(&slot.path, error);
        match error {
            Errno::PERM => failure.remedy("only root can make devices"),
            _ => failure,
        }
    })
}

/// Opens a directory of the host that the user named.
///
/// # Errors
/// It is none.
pub fn open_dir(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|e| refused(path, e))
}
