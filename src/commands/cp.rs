//! `liveroot cp`

use crate::cli::{self, Kept};
use crate::direct::address::{Address, Operand, base_name};
use crate::direct::copy::{CopyOptions, FollowLinks, Preserve};
use crate::direct::copy_in::CopyIn;
use crate::direct::copy_out::{CopyOut, HostSlot, open_dir};
use crate::direct::destination::{Destination, Rule, split};
use crate::direct::glob;
use crate::direct::opened::{Reader, Writer};
use crate::direct::output::Report;
use crate::direct::resolve::Follow;
use crate::direct::tree::{HostTree, ImageTree};
use crate::failure::{Failure, Result};
use lwext4::Volume;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Copies files into an image, out of it, or between images.
pub fn run(args: &cli::Cp) -> Result<()> {
    let (sources, target) = split(&args.files, args.target.target_directory.as_ref())?;
    if args.target.no_target_directory && sources.len() > 1 {
        return Err(Failure::usage("-T takes one source and one destination"));
    }
    let sources: Vec<Operand> = sources
        .iter()
        .map(|source| Operand::parse(source))
        .collect();
    let options = options(args);
    match Operand::parse(target) {
        Operand::Image(address) => copy_in(args, &options, &sources, &address),
        Operand::Host(path) => copy_out(args, &options, &sources, &path),
    }
}

fn options(args: &cli::Cp) -> CopyOptions {
    let mut preserve = Preserve::default();
    let mut set = |kept: Kept, value: bool| {
        let all = kept == Kept::All;
        let one = |which: Kept, slot: &mut bool| {
            if all || which == kept {
                *slot = value;
            }
        };
        one(Kept::Mode, &mut preserve.mode);
        one(Kept::Ownership, &mut preserve.ownership);
        one(Kept::Timestamps, &mut preserve.timestamps);
        one(Kept::Links, &mut preserve.links);
        one(Kept::Xattr, &mut preserve.xattr);
    };
    if args.archive {
        set(Kept::All, true);
    }
    if args.links {
        set(Kept::Links, true);
    }
    if args.preserve_basics {
        for kept in [Kept::Mode, Kept::Ownership, Kept::Timestamps] {
            set(kept, true);
        }
    }
    for &kept in &args.preserve {
        set(kept, true);
    }
    for &kept in &args.no_preserve {
        set(kept, false);
    }
    let recursive = args.recursive || args.archive;
    let follow = if args.dereference {
        FollowLinks::Always
    } else if args.dereference_operands {
        FollowLinks::Operands
    } else if args.no_dereference || args.links || recursive {
        FollowLinks::Never
    } else {
        FollowLinks::Always
    };
    CopyOptions {
        recursive,
        follow,
        preserve,
        no_clobber: args.no_clobber,
        force: args.force,
        remove_destination: args.remove_destination,
        owner: args.owner,
    }
}

/// Images that are copied from, each opened once.
struct Sources<'a> {
    args: &'a cli::Cp,
    readers: Vec<Reader>,
}

impl Sources<'_> {
    /// The image's place in the list.
    fn open(&mut self, image: &Path) -> Result<usize> {
        if let Some(at) = self.readers.iter().position(|reader| reader.is(image)) {
            return Ok(at);
        }
        self.readers
            .push(Reader::open(image, (&self.args.place).into())?);
        Ok(self.readers.len() - 1)
    }
}

fn tree_of<'v>(volume: &'v Volume, address: &Address) -> ImageTree<'v> {
    let mut prefix = address.image.as_os_str().as_bytes().to_vec();
    prefix.push(b':');
    ImageTree { volume, prefix }
}

fn copy_in(
    args: &cli::Cp,
    options: &CopyOptions,
    sources: &[Operand],
    target: &Address,
) -> Result<()> {
    let writer = Writer::open(&target.image, (&args.place).into())?;
    let mut report = Report::new(args.verbose);
    let done = copy_all_in(args, options, sources, target, &writer, &mut report);
    writer.finish(done)?;
    report.print()
}

fn copy_all_in(
    args: &cli::Cp,
    options: &CopyOptions,
    operands: &[Operand],
    target: &Address,
    writer: &Writer,
    report: &mut Report,
) -> Result<()> {
    let volume = writer.volume();
    let mut images = Sources {
        args,
        readers: Vec::new(),
    };
    // The sources: of the host (0), of the image itself (1), of another image (2 and more).
    let mut sources: Vec<(usize, Operand)> = Vec::new();
    for operand in operands {
        match operand {
            Operand::Host(_) => sources.push((0, operand.clone())),
            Operand::Image(address) => {
                let within = writer.is(&address.image);
                let at = if within {
                    1
                } else {
                    images.open(&address.image)? + 2
                };
                let from = match at.checked_sub(2).and_then(|at| images.readers.get(at)) {
                    Some(reader) => &reader.volume,
                    None => volume,
                };
                let found = glob::expand(from, address)?;
                sources.extend(
                    found
                        .into_iter()
                        .map(|address| (at, Operand::Image(address))),
                );
            }
        }
    }
    let rule = Rule {
        no_directory: args.target.no_target_directory,
        directory: args.target.target_directory.is_some() || sources.len() > 1,
        no_follow: false,
    };
    let destination = Destination::find(volume, target, rule)?;
    let mut taken = HashSet::new();
    let mut copy = CopyIn::new(volume, options, report);
    for (at, operand) in &sources {
        let path = match operand {
            Operand::Host(path) => path.as_os_str().as_bytes(),
            Operand::Image(address) => &address.path,
        };
        let slot = destination.slot(ended(path));
        if !slot.name.is_empty() && !taken.insert((slot.dir, slot.name.clone())) {
            return Err(slot
                .address
                .failure("would be overwritten by a second source of that name"));
        }
        match operand {
            Operand::Host(path) => {
                let node = without_slash(path, options.follow);
                if target.wants_dir() && matches!(destination, Destination::At(_)) && !node.is_dir()
                {
                    return Err(target.failure("not a directory"));
                }
                copy.copy(&HostTree, &node, &slot, (*at, false))?;
            }
            Operand::Image(address) => {
                let from = match at.checked_sub(2).and_then(|at| images.readers.get(at)) {
                    Some(reader) => &reader.volume,
                    None => volume,
                };
                let tree = tree_of(from, address);
                let node = tree
                    .node(&address.path, Follow::No)
                    .map_err(|e| address.failure(e))?;
                copy.copy(&tree, &node, &slot, (*at, *at == 1))?;
            }
        }
    }
    Ok(())
}

/// A path whose last name is `.` or `..` means the directory's content.
fn ended(path: &[u8]) -> &[u8] {
    match base_name(path) {
        b"." | b".." => b"/",
        _ => path,
    }
}

/// `link/` means the directory that the link leads to, whatever else is followed.
fn without_slash(path: &Path, follow: FollowLinks) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes
        .iter()
        .rposition(|&b| b != b'/')
        .map_or(bytes.len(), |at| at + 1);
    if end == bytes.len() || end == 0 {
        return path.to_owned();
    }
    let bare = PathBuf::from(OsStr::from_bytes(bytes.get(..end).unwrap_or(bytes)));
    if follow == FollowLinks::Never && bare.is_symlink() && bare.is_dir() {
        return bare.canonicalize().unwrap_or(bare);
    }
    bare
}

fn copy_out(
    args: &cli::Cp,
    options: &CopyOptions,
    operands: &[Operand],
    target: &Path,
) -> Result<()> {
    let mut images = Sources {
        args,
        readers: Vec::new(),
    };
    let mut sources: Vec<(usize, Address)> = Vec::new();
    for operand in operands {
        match operand {
            Operand::Host(path) => {
                return Err(Failure::of(
                    path,
                    "neither the source nor the destination is in an image",
                )
                .remedy("write IMAGE:/path for one of them; within the host, use cp")
                .by_usage());
            }
            Operand::Image(address) => {
                let at = images.open(&address.image)?;
                let volume = images.readers.get(at).map(|reader| &reader.volume);
                if let Some(volume) = volume {
                    let found = glob::expand(volume, address)?;
                    sources.extend(found.into_iter().map(|address| (at, address)));
                }
            }
        }
    }
    let into = target.is_dir() && !args.target.no_target_directory;
    if !into && (args.target.target_directory.is_some() || sources.len() > 1) {
        return Err(Failure::of(target, "not a directory").remedy("make it first"));
    }
    let (parent, own) = if into {
        (target.to_owned(), None)
    } else {
        let name: OsString = match target.file_name() {
            Some(name) => name.to_owned(),
            None => return Err(Failure::of(target, "names no file")),
        };
        let parent = target.parent().filter(|p| !p.as_os_str().is_empty());
        (parent.unwrap_or(Path::new(".")).to_owned(), Some(name))
    };
    let dir = open_dir(&parent)?;
    let mut taken = HashSet::new();
    let mut copy = CopyOut::new(options, dir.as_fd(), args.verbose);
    for (at, address) in &sources {
        let Some(reader) = images.readers.get(*at) else {
            continue;
        };
        let name = match &own {
            Some(name) => name.as_bytes(),
            None => base_name(ended(&address.path)),
        };
        if !name.is_empty() && !taken.insert(name.to_vec()) {
            return Err(address.failure("would overwrite a source of the same name"));
        }
        let tree = tree_of(&reader.volume, address);
        let node = tree
            .node(&address.path, Follow::No)
            .map_err(|e| address.failure(e))?;
        let slot = HostSlot {
            dir: dir.as_fd(),
            name,
            path: match &own {
                Some(_) => target.to_owned(),
                None => parent.join(OsStr::from_bytes(name)),
            },
            named: own.is_some(),
        };
        copy.copy(&tree, &node, &slot, *at);
    }
    copy.end()
}
