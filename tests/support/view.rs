//! The image as the crate `ext4-view` sees it: an independent reader.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ext4_view::{Ext4, Ext4Error, FileType, PathBuf};

use super::command::{command, run};
use super::image::Image;

/// Files longer than this are compared at their ends only: ext4-view reads holes byte by byte.
const WHOLE: u64 = 64 << 20;
const PIECE: u64 = 1 << 16;

/// True if ext4-view 1.0 can read such an image at all. It wants inodes longer than 128 bytes, file types in
/// directories and signed hashes, trips over holes in maps without extents, and knows neither meta groups nor
/// three-level directories, data in inodes and multiple-mount protection.
#[track_caller]
pub fn reads(image: &Image) -> bool {
    let described = image.described();
    let features = image.features();
    let has = |name: &str| features.iter().any(|feature| feature == name);
    let inode_size = described
        .lines()
        .find_map(|line| line.strip_prefix("Inode size:")?.trim().parse().ok())
        .unwrap_or(128);
    let hash_known = !described.contains("unsigned_directory_hash")
        && !described.contains("Default directory hash:   legacy");
    inode_size > 128
        && hash_known
        && has("filetype")
        && has("extent")
        && !has("meta_bg")
        && !has("large_dir")
        && !has("inline_data")
        && !has("mmp")
}

/// Walks the image with ext4-view and the same tree in a mount, and compares types, modes, owners, times, link
/// targets and contents. Gives the number of files compared.
///
/// ext4-view reads only journals with checksums and long block numbers; of an image with another, a copy is read that
/// has no journal.
#[track_caller]
pub fn assert_agrees(image: &Image, mounted: &Path) -> u64 {
    let copy = image.path.with_extension("copy");
    let features = image.features();
    let has = |name: &str| features.iter().any(|feature| feature == name);
    let read = if has("has_journal") && !(has("metadata_csum") && has("64bit")) {
        run(command("cp", ["--sparse=always"])
            .arg(&image.path)
            .arg(&copy));
        run(command("tune2fs", ["-O", "^has_journal"]).arg(&copy));
        &copy
    } else {
        &image.path
    };
    match Walk::new(read, mounted).and_then(|mut walk| {
        walk.directory(&PathBuf::new(b"/"))?;
        Ok(walk.compared)
    }) {
        Ok(compared) => compared,
        Err(what) => panic!("ext4-view: {what}"),
    }
}

struct Walk<'a> {
    ext4: Ext4,
    image: &'a Path,
    mounted: &'a Path,
    compared: u64,
}

impl<'a> Walk<'a> {
    fn new(image: &'a Path, mounted: &'a Path) -> Result<Self, String> {
        let ext4 = Ext4::load_from_path(image).map_err(|error| error.to_string())?;
        Ok(Self {
            ext4,
            image,
            mounted,
            compared: 0,
        })
    }

    fn host(&self, path: &PathBuf) -> std::path::PathBuf {
        let bytes: &[u8] = path.as_ref();
        let relative = bytes.strip_prefix(b"/").unwrap_or(bytes);
        self.mounted.join(std::ffi::OsStr::from_bytes(relative))
    }

    fn directory(&mut self, path: &PathBuf) -> Result<(), String> {
        let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let mut names = Vec::new();
        let mut below = Vec::new();
        for entry in self.ext4.read_dir(path).map_err(|error| fail(&error))? {
            let entry = entry.map_err(|error| fail(&error))?;
            let name = entry.file_name().as_ref().to_vec();
            if name == b"." || name == b".." {
                continue;
            }
            below.push(entry.path());
            names.push(name);
        }
        let mut wanted = Vec::new();
        for entry in fs::read_dir(self.host(path)).map_err(|error| fail(&error))? {
            let entry = entry.map_err(|error| fail(&error))?;
            wanted.push(entry.file_name().as_bytes().to_vec());
        }
        names.sort();
        wanted.sort();
        if names != wanted {
            let found = names.len();
            return Err(fail(&format!("{found} names, wanted {}", wanted.len())));
        }
        for path in below {
            self.file(&path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }

    fn file(&mut self, path: &PathBuf) -> Result<(), String> {
        let host = self.host(path);
        let wanted = fs::symlink_metadata(&host).map_err(|error| error.to_string())?;
        if [wanted.mtime(), wanted.atime(), wanted.ctime()]
            .into_iter()
            .any(beyond_view)
        {
            return Ok(());
        }
        let seen = match self.ext4.symlink_metadata(path) {
            Err(Ext4Error::NotFound) if goes_on(self.image, path.as_ref()) => return Ok(()),
            seen => seen.map_err(|error| error.to_string())?,
        };
        same("mode", u32::from(seen.mode()), wanted.mode() & 0o7777)?;
        same("type", kind(seen.file_type()), wanted.mode() & 0o170000)?;
        same("uid", seen.uid(), wanted.uid())?;
        same("gid", seen.gid(), wanted.gid())?;
        let modified = seen.modified();
        same("mtime", modified.seconds(), wanted.mtime())?;
        same(
            "mtime ns",
            i64::from(modified.nanoseconds()),
            wanted.mtime_nsec(),
        )?;
        self.compared += 1;
        match seen.file_type() {
            FileType::Directory => self.directory(path),
            FileType::Symlink => {
                let target = self
                    .ext4
                    .read_link(path)
                    .map_err(|error| error.to_string())?;
                let wanted = fs::read_link(&host).map_err(|error| error.to_string())?;
                let target: &[u8] = target.as_ref();
                same("target", target, wanted.as_os_str().as_bytes())
            }
            FileType::Regular => {
                same("size", seen.len(), wanted.size())?;
                self.contents(path, &host, wanted.size())
            }
            _ => Ok(()),
        }
    }

    fn contents(&self, path: &PathBuf, host: &Path, size: u64) -> Result<(), String> {
        if size <= WHOLE {
            let seen = self.ext4.read(path).map_err(|error| error.to_string())?;
            let wanted = fs::read(host).map_err(|error| error.to_string())?;
            return if seen == wanted {
                Ok(())
            } else {
                Err("contents differ".into())
            };
        }
        let mut seen = self.ext4.open(path).map_err(|error| error.to_string())?;
        let mut wanted = fs::File::open(host).map_err(|error| error.to_string())?;
        for offset in [0, size / 2, size - PIECE] {
            let mut left = vec![0; PIECE as usize];
            let mut right = left.clone();
            seen.seek_to(offset).map_err(|error| error.to_string())?;
            let mut filled = 0;
            while let Some(rest) = left.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                match seen.read_bytes(rest).map_err(|error| error.to_string())? {
                    0 => return Err(format!("ends before {offset} + {PIECE}")),
                    count => filled += count,
                }
            }
            wanted
                .seek(SeekFrom::Start(offset))
                .and_then(|_| wanted.read_exact(&mut right))
                .map_err(|error| error.to_string())?;
            if left != right {
                return Err(format!("contents differ near {offset}"));
            }
        }
        Ok(())
    }
}

/// True if entries with the hash of this one's name lie in more than one block, by debugfs: the next block's hash in
/// the index is odd then. ext4-view 1.0 looks at the first block only.
fn goes_on(image: &Path, path: &[u8]) -> bool {
    let path = String::from_utf8_lossy(path);
    let Some((directory, name)) = path.rsplit_once('/') else {
        return false;
    };
    let dump = run(command("debugfs", ["-R", &format!("htree_dump \"{directory}\"")]).arg(image));
    let hash = |text: &str| u32::from_str_radix(text.strip_prefix("0x")?.get(..8)?, 16).ok();
    // `INODE HASH-MINOR (LENGTH) NAME`
    let own = dump.lines().find_map(|line| {
        let (entry, found) = line.split_once(") ")?;
        (found.trim_end() == name).then_some(())?;
        hash(entry.split_ascii_whitespace().nth(1)?)
    });
    // `Entry #NUMBER: Hash HASH, block NUMBER`
    let mut index = dump
        .lines()
        .filter_map(|line| hash(line.split_once("Hash ")?.1));
    own.is_some_and(|own| index.any(|other| other == own | 1))
}

/// True for times that ext4-view 1.0 calls corrupt: it reads the 32 bits of seconds as if they had no sign, so that
/// all before 1970, and every other 68 years after 2038, is out of its range.
fn beyond_view(seconds: i64) -> bool {
    seconds & 0x8000_0000 != 0
}

/// The type bits of a mode.
fn kind(file_type: FileType) -> u32 {
    match file_type {
        FileType::Regular => 0o100000,
        FileType::Directory => 0o040000,
        FileType::Symlink => 0o120000,
        FileType::Fifo => 0o010000,
        FileType::Socket => 0o140000,
        FileType::CharacterDevice => 0o020000,
        FileType::BlockDevice => 0o060000,
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, wanted: T) -> Result<(), String> {
    if seen == wanted {
        Ok(())
    } else {
        Err(format!("{what} is {seen:?}, wanted {wanted:?}"))
    }
}
