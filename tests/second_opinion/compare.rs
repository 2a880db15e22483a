//! An image as C lwext4 reads it against the same image in our mount.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use clwext4::Image;
use rustix::fs::SeekFrom;

/// Bytes compared at a time.
const PIECE: u64 = 1 << 20;

const ACL: &[u8] = b"system.posix_acl_";
/// What an inode of 256 bytes has for attributes behind its fields, with a header and an end of four bytes each.
const ATTRIBUTES_IN_INODE: usize = 96;

/// What C lwext4 1.0 cannot do.
const LONGEST_NAME: &str = "files with names of 255 bytes, which it lists but cannot open";
const FULL_INODE: &str =
    "files whose attributes fill the inode to its last byte, which it takes for damage";
const OUTSIDE: &str = "values in a block, of an inode that holds no attributes or is full of them";
const HOLES: &str = "first bytes of blocks in holes, where it shows the image's first block";

/// A walk through the image by both.
pub struct Comparison<'a> {
    opinion: &'a Image,
    mounted: &'a Path,
    block_size: u64,
    /// Files that were compared.
    pub files: u64,
    /// Attributes that were compared.
    attributes: u64,
    skipped: BTreeMap<&'static str, u64>,
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (files, attributes) = (self.files, self.attributes);
        write!(f, "{files} files and {attributes} attributes compared")?;
        self.skipped
            .iter()
            .try_for_each(|(what, count)| write!(f, "; left out: {count} {what}"))
    }
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if dir.ends_with(b"/") { b"" } else { b"/" };
    [dir, slash, name].concat()
}

impl<'a> Comparison<'a> {
    pub fn new(opinion: &'a Image, mounted: &'a Path, block_size: u32) -> Self {
        Self {
            opinion,
            mounted,
            block_size: block_size.into(),
            files: 0,
            attributes: 0,
            skipped: BTreeMap::new(),
        }
    }

    fn skip(&mut self, what: &'static str, count: u64) {
        *self.skipped.entry(what).or_default() += count;
    }

    fn host(&self, at: &[u8]) -> PathBuf {
        let relative = at.strip_prefix(b"/").unwrap_or(at);
        self.mounted.join(OsStr::from_bytes(relative))
    }

    /// Compares all that is below a directory, and the directory.
    pub fn directory(&mut self, at: &[u8]) -> Result<(), String> {
        self.compare(at)?;
        let mut seen = self.opinion.read_dir(at)?;
        seen.sort();
        let listed = fs::read_dir(self.host(at)).map_err(|error| error.to_string())?;
        let mut wanted = Vec::new();
        for entry in listed {
            let entry = entry.map_err(|error| error.to_string())?;
            let kind = entry.file_type().map_err(|error| error.to_string())?;
            wanted.push((entry.file_name().as_bytes().to_vec(), kind));
        }
        wanted.sort_by(|(a, _), (b, _)| a.cmp(b));
        let shown = at.escape_ascii();
        let names: Vec<&[u8]> = seen.iter().map(|entry| &entry.name[..]).collect();
        let names_wanted: Vec<&[u8]> = wanted.iter().map(|(name, _)| &name[..]).collect();
        if names != names_wanted {
            let (count, there) = (names.len(), names_wanted.len());
            return Err(format!("{shown}: {count} names, we have {there}"));
        }
        for (entry, (name, kind)) in seen.iter().zip(&wanted) {
            let path = join(at, name);
            same("type in the directory", &path, entry.kind, number(*kind))?;
            if name.len() == 255 {
                self.skip(LONGEST_NAME, 1);
            } else if kind.is_dir() {
                self.directory(&path)?;
            } else {
                self.compare(&path)?;
            }
        }
        Ok(())
    }

    fn compare(&mut self, at: &[u8]) -> Result<(), String> {
        let host = self.host(at);
        let wanted = fs::symlink_metadata(&host).map_err(|error| error.to_string())?;
        let seen = self.opinion.inode(at)?;
        same("inode number", at, seen.ino, self.ino(at, wanted.ino()))?;
        same("mode", at, seen.mode, wanted.mode())?;
        same("uid", at, seen.uid, wanted.uid())?;
        same("gid", at, seen.gid, wanted.gid())?;
        same("links", at, seen.nlink, wanted.nlink())?;
        same("size", at, seen.size, wanted.size())?;
        let (mtime, ctime) = (
            (wanted.mtime(), wanted.mtime_nsec()),
            (wanted.ctime(), wanted.ctime_nsec()),
        );
        same("mtime", at, seen.mtime, mtime)?;
        same("ctime", at, seen.ctime, ctime)?;
        self.attributes(at, &host)?;
        self.files += 1;
        let kind = wanted.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(&host).map_err(|error| error.to_string())?;
            let target = target.as_os_str().as_bytes();
            same("target", at, &self.opinion.read_link(at)?[..], target)?;
        } else if kind.is_file() {
            self.contents(at, &host, wanted.size())?;
        } else if kind.is_char_device() || kind.is_block_device() {
            let device = (
                rustix::fs::major(wanted.rdev()),
                rustix::fs::minor(wanted.rdev()),
            );
            same("device", at, device_of(seen.words), device)?;
        }
        Ok(())
    }

    /// The mount's root has FUSE's number for it, which is not ext4's.
    fn ino(&self, at: &[u8], ino: u64) -> u64 {
        if at == b"/" { 2 } else { ino }
    }

    fn attributes(&mut self, at: &[u8], host: &Path) -> Result<(), String> {
        let wanted = attributes_of(host).map_err(|error| error.to_string())?;
        let seen = self.opinion.attribute_names(at)?;
        if let Some(name) = seen.iter().find(|&name| !wanted.contains_key(name)) {
            let (at, name) = (at.escape_ascii(), name.escape_ascii());
            return Err(format!("{at}: has no attribute {name}"));
        }
        let (found, missing): (Vec<_>, Vec<_>) =
            wanted.iter().partition(|(name, _)| seen.contains(name));
        if !missing.is_empty() {
            let names: Vec<_> = missing.iter().map(|(name, _)| name).collect();
            let used = missing.iter().map(|(name, value)| taken(name, value));
            let what = format!("bytes of the inode taken by the unseen {names:?}");
            same(&what, at, ATTRIBUTES_IN_INODE, used.sum::<usize>() + 8)?;
            self.skip(FULL_INODE, 1);
        }
        for (name, value) in found {
            let what = format!("attribute {}", name.escape_ascii());
            let outside = taken(name, value) + 8 > ATTRIBUTES_IN_INODE || !missing.is_empty();
            match self.opinion.attribute(at, name)? {
                None if outside => self.skip(OUTSIDE, 1),
                seen => {
                    same(&what, at, seen.as_ref(), Some(value))?;
                    self.attributes += 1;
                }
            }
        }
        Ok(())
    }

    fn contents(&mut self, at: &[u8], host: &Path, size: u64) -> Result<(), String> {
        let file = File::open(host).map_err(|error| error.to_string())?;
        let mut offset = 0;
        while offset < size {
            let data = rustix::fs::seek(&file, SeekFrom::Data(offset)).unwrap_or(size);
            self.hole(at, offset, data)?;
            if data >= size {
                break;
            }
            let end =
                rustix::fs::seek(&file, SeekFrom::Hole(data)).map_err(|error| error.to_string())?;
            offset = data;
            while offset < end {
                let mut wanted = vec![0; PIECE.min(end - offset) as usize];
                file.read_exact_at(&mut wanted, offset)
                    .map_err(|error| error.to_string())?;
                if self.opinion.read(at, offset, wanted.len())? != wanted {
                    let at = at.escape_ascii();
                    return Err(format!("{at}: contents differ behind byte {offset}"));
                }
                offset += wanted.len() as u64;
            }
        }
        Ok(())
    }

    /// Looks at a hole's first and last block, without their first bytes: a read that begins with a block's first byte
    /// gives C lwext4's idea of block 0.
    fn hole(&mut self, at: &[u8], start: u64, end: u64) -> Result<(), String> {
        if start >= end {
            return Ok(());
        }
        let last = (end - 1) / self.block_size * self.block_size;
        for block in [start, last] {
            let length = self.block_size.min(end - block) - 1;
            let seen = self.opinion.read(at, block + 1, length as usize)?;
            same("bytes of a hole", at, seen, vec![0; length as usize])?;
        }
        self.skip(HOLES, (end - start).div_ceil(self.block_size));
        Ok(())
    }
}

/// The number that a directory has for a type.
fn number(kind: fs::FileType) -> u8 {
    let kinds = [
        kind.is_file(),
        kind.is_dir(),
        kind.is_char_device(),
        kind.is_block_device(),
        kind.is_fifo(),
        kind.is_socket(),
        kind.is_symlink(),
    ];
    let found = kinds.iter().position(|&is| is);
    found.map_or(0, |index| index as u8 + 1)
}

/// Major and minor number. Devices that fit 16 bits have them in the first word.
fn device_of([old, new]: [u32; 2]) -> (u32, u32) {
    if old != 0 {
        (old >> 8, old & 0xff)
    } else {
        (new >> 8 & 0xfff, new & 0xff | new >> 12 & 0xf_ff00)
    }
}

/// The extended attributes of a file, as they are on disk.
fn attributes_of(host: &Path) -> rustix::io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut list = vec![0_u8; 1 << 16];
    let length = rustix::fs::llistxattr(host, &mut list[..])?;
    let names = list[..length].split(|&byte| byte == 0);
    let mut found = BTreeMap::new();
    for name in names.filter(|name| !name.is_empty()) {
        let mut value = vec![0_u8; 1 << 16];
        let length = rustix::fs::lgetxattr(host, name, &mut value[..])?;
        value.truncate(length);
        if name.starts_with(ACL) {
            value = acl_on_disk(&value);
        }
        found.insert(name.to_vec(), value);
    }
    Ok(found)
}

/// Bytes that an attribute takes: its entry, whose name has no prefix, and its value.
fn taken(name: &[u8], value: &[u8]) -> usize {
    let dot = name.iter().position(|&byte| byte == b'.').unwrap_or(0);
    let suffix = if name.starts_with(ACL) {
        0
    } else {
        name.len() - dot - 1
    };
    16 + suffix.next_multiple_of(4) + value.len().next_multiple_of(4)
}

/// An ACL in ext4's form, out of the kernel's: only entries of named users and groups have an id.
fn acl_on_disk(value: &[u8]) -> Vec<u8> {
    let mut disk = vec![1, 0, 0, 0];
    for entry in value[4..].chunks(8) {
        let named = matches!(entry[0], 2 | 8);
        disk.extend_from_slice(if named { entry } else { &entry[..4] });
    }
    disk
}

fn same<A, B>(what: &str, at: &[u8], seen: A, wanted: B) -> Result<(), String>
where
    A: PartialEq<B> + fmt::Debug,
    B: fmt::Debug,
{
    if seen == wanted {
        return Ok(());
    }
    let at = at.escape_ascii();
    Err(format!("{at}: {what} is {seen:?}, ours is {wanted:?}"))
}
