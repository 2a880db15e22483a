//! Visiting the files of an image, and writing each.

use super::header::{BLOCK, Member, pad};
use crate::failure::{Failure, Result};
use crate::import::apply::Totals;
use crate::import::progress::Progress;
use lwext4::{Attr, DirEntry, FileType, Ino, Volume};
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

/// Bytes of data that are read at once.
const PIECE: usize = 1 << 20;
/// Directories below each other at most.
const DEPTH: usize = 4096;
/// Blocks of zeroes that end a tar, with what fills its last record of 20 blocks.
const RECORD: u64 = 20 * BLOCK;

/// What was written.
pub type Exported = Totals;

struct Export<'a> {
    volume: &'a Volume,
    image: &'a Path,
    out: &'a mut dyn Write,
    progress: &'a Progress,
    /// The first path of files with several.
    links: HashMap<Ino, Vec<u8>>,
    totals: Totals,
    written: u64,
    buffer: Vec<u8>,
}

/// Writes the tree at `from` as a tar. Its root is called `./`.
///
/// # Errors
/// What cannot be read, by its path, or why `out` cannot be written.
pub fn export(
    volume: &Volume,
    image: &Path,
    from: &[u8],
    out: &mut dyn Write,
    progress: &Progress,
) -> Result<Exported> {
    let mut export = Export {
        volume,
        image,
        out,
        progress,
        links: HashMap::new(),
        totals: Totals::default(),
        written: 0,
        buffer: vec![0; PIECE],
    };
    let start = export.find(from)?;
    if start.file_type == FileType::Directory {
        export.tree(start)?;
    } else {
        let name = from.rsplit(|&b| b == b'/').find(|part| !part.is_empty());
        export.file(name.unwrap_or(b"file").to_vec(), &start)?;
    }
    export.end()?;
    Ok(export.totals)
}

impl Export<'_> {
    fn fail(&self, path: &[u8], what: impl std::fmt::Display) -> Failure {
        let path = String::from_utf8_lossy(path);
        Failure::of(self.image, format!("{path}: {what}"))
    }

    fn output(error: &io::Error) -> Failure {
        Failure::new(format!("writing the tar: {error}"))
    }

    /// The file at a path. Symbolic links are not followed.
    fn find(&self, path: &[u8]) -> Result<Attr> {
        let failed = |error| self.fail(path, error);
        let mut attr = self.volume.getattr(Ino::ROOT).map_err(failed)?;
        for part in path.split(|&b| b == b'/') {
            if part.is_empty() || part == b"." {
                continue;
            }
            let found = self.volume.lookup(attr.ino, part).map_err(failed)?;
            attr = found.attr;
            self.volume.forget(attr.ino, 1);
        }
        Ok(attr)
    }

    /// A directory with everything below it, by name.
    fn tree(&mut self, root: Attr) -> Result<()> {
        self.file(b"./".to_vec(), &root)?;
        let mut levels = vec![(b"./".to_vec(), self.entries(root.ino, b"./")?)];
        while let Some((path, entries)) = levels.last_mut() {
            let Some((name, attr)) = entries.pop() else {
                levels.pop();
                continue;
            };
            let mut below = path.clone();
            below.extend(name);
            if attr.file_type != FileType::Directory {
                self.file(below, &attr)?;
                continue;
            }
            below.push(b'/');
            if levels.len() >= DEPTH {
                return Err(self.fail(&below, "too deep"));
            }
            let entries = self.entries(attr.ino, &below)?;
            self.file(below.clone(), &attr)?;
            levels.push((below, entries));
        }
        Ok(())
    }

    /// The entries of a directory, the last name first. The root's `lost+found` is the image's own.
    fn entries(&self, ino: Ino, path: &[u8]) -> Result<Vec<(Vec<u8>, Attr)>> {
        let mut entries = Vec::new();
        let mut damaged = None;
        let mut each = |entry: DirEntry<'_>, attr: Option<Attr>| {
            match attr {
                Some(attr) => {
                    self.volume.forget(attr.ino, 1);
                    entries.push((entry.name.to_vec(), attr));
                }
                None if entry.name != b"." && entry.name != b".." => {
                    damaged = Some(entry.name.to_vec());
                }
                None => {}
            }
            true
        };
        let read = self.volume.read_dir_plus(ino, 0, &mut each);
        read.map_err(|error| self.fail(path, error))?;
        if let Some(name) = damaged {
            return Err(self.fail(&[path, &name[..]].concat(), "a damaged inode"));
        }
        if ino == Ino::ROOT {
            entries.retain(|(name, _)| name != b"lost+found");
        }
        entries.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        Ok(entries)
    }

    fn file(&mut self, path: Vec<u8>, attr: &Attr) -> Result<()> {
        if attr.file_type == FileType::Socket {
            let shown = String::from_utf8_lossy(&path);
            self.progress
                .warn(&format!("{shown}: a tar has no sockets"));
            return Ok(());
        }
        let several = attr.nlink > 1 && attr.file_type != FileType::Directory;
        let first = self.links.get(&attr.ino).cloned().filter(|_| several);
        let is_hard_link = first.is_some();
        let link = match first {
            Some(first) => first,
            None if attr.file_type == FileType::Symlink => {
                let target = self.volume.readlink(attr.ino);
                target.map_err(|error| self.fail(&path, error))?
            }
            None => Vec::new(),
        };
        let is_file = attr.file_type == FileType::Regular && !is_hard_link;
        let segments = if is_file {
            self.segments(&path, attr)?
        } else {
            None
        };
        let xattrs = self.xattrs(&path, attr, is_hard_link)?;
        let member = Member {
            path: &path,
            attr,
            link: &link,
            is_hard_link,
            xattrs: &xattrs,
            holes: segments.as_deref(),
        };
        let mut headers = Vec::new();
        let data = member.write(&mut headers).map_err(|e| Self::output(&e))?;
        self.write(&headers)?;
        if is_file {
            let whole = [(0, attr.size)];
            for &(at, len) in segments.as_deref().unwrap_or(&whole) {
                self.data(&path, attr.ino, at, len)?;
            }
            let mut rest = Vec::new();
            pad(&mut rest, data).map_err(|e| Self::output(&e))?;
            self.write(&rest)?;
        }
        self.totals.entries += 1;
        self.totals.bytes += data;
        self.progress.at(self.totals, self.written);
        if several && !is_hard_link {
            self.links.insert(attr.ino, path);
        }
        Ok(())
    }

    fn xattrs(&self, path: &[u8], attr: &Attr, linked: bool) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut xattrs = Vec::new();
        if linked {
            return Ok(xattrs);
        }
        let failed = |error| self.fail(path, error);
        for name in self.volume.listxattr(attr.ino).map_err(failed)? {
            let value = self.volume.getxattr(attr.ino, &name).map_err(failed)?;
            xattrs.push((name, value));
        }
        xattrs.sort();
        Ok(xattrs)
    }

    /// Where a file's data is; `None` when it has no holes.
    fn segments(&self, path: &[u8], attr: &Attr) -> Result<Option<Vec<(u64, u64)>>> {
        if attr.size == 0 || attr.sectors.saturating_mul(512) >= attr.size {
            // It may have holes all the same, filled by blocks of its map: as good as none.
            let first = self.volume.seek_hole(attr.ino, 0);
            if first
                .map_err(|e| self.fail(path, e))?
                .is_none_or(|hole| hole >= attr.size)
            {
                return Ok(None);
            }
        }
        let failed = |error| self.fail(path, error);
        let mut segments = Vec::new();
        let mut at = 0;
        while let Some(start) = self.volume.seek_data(attr.ino, at).map_err(failed)? {
            let end = self.volume.seek_hole(attr.ino, start).map_err(failed)?;
            let end = end.unwrap_or(attr.size).min(attr.size);
            if end <= start {
                break;
            }
            segments.push((start, end - start));
            at = end;
        }
        Ok(Some(segments))
    }

    fn data(&mut self, path: &[u8], ino: Ino, at: u64, len: u64) -> Result<()> {
        let mut done = 0;
        while done < len {
            let want = (len - done).min(PIECE as u64) as usize;
            let mut buffer = std::mem::take(&mut self.buffer);
            let read = self.volume.read(ino, at + done, &mut buffer[..want]);
            let result = read.map_err(|error| self.fail(path, error));
            let written = result.and_then(|n| {
                if n < want {
                    return Err(self.fail(path, "shorter than its size says"));
                }
                self.write(&buffer[..n])
            });
            self.buffer = buffer;
            written?;
            done += want as u64;
            self.progress.at(self.totals, self.written);
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| Self::output(&e))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let end = (self.written + 2 * BLOCK).next_multiple_of(RECORD);
        let rest = vec![0; (end - self.written) as usize];
        self.write(&rest)?;
        self.out.flush().map_err(|e| Self::output(&e))
    }
}
