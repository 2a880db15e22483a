//! The second reader: the crate `ext4-view`, which shares no code with the engine. Both read every
//! file, and what they see is compared.

use ext4_view::{Ext4, Ext4Read, FileType as SeenType, PathBuf};
use lwext4::{Attr, BlockDevice, FileDevice, FileType, Ino, OpenOptions, Volume};
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

/// What is compared at once, in bytes.
const PIECE: usize = 256 << 10;
/// Holes shorter than this are read like data.
const SHORT_HOLE: u64 = 1 << 20;
/// Directories deeper than this are not followed: damage could make endless ones.
const DEPTH: usize = 1000;
/// More obstacles than this are counted, not told.
const MOST: usize = 20;

/// What came of the comparison.
#[derive(Debug, Default, Serialize)]
pub struct Comparison {
    /// Files, directories and the rest that were compared.
    pub compared: u64,
    /// Bytes of files' contents that were compared.
    pub bytes: u64,
    /// Where the two readers differ.
    pub differences: Vec<String>,
    /// What could not be compared, and why.
    pub not_compared: Vec<String>,
    /// How often something could not be compared.
    pub obstacles: u64,
}

impl Comparison {
    fn obstacle(&mut self, text: String) {
        self.obstacles += 1;
        if self.not_compared.len() < MOST {
            self.not_compared.push(text);
        }
    }

    /// Says it for people.
    pub fn tell(&self, lines: &mut Vec<String>) {
        lines.extend(
            self.not_compared
                .iter()
                .map(|text| format!("note: not read a second time: {text}")),
        );
        let more = self.obstacles - self.not_compared.len() as u64;
        if more > 0 {
            lines.push(format!("note: {more} more were not read a second time"));
        }
        lines.extend(self.differences.iter().cloned());
    }
}

/// The device as `ext4-view` wants it.
struct Reader(Arc<FileDevice>);

impl Ext4Read for Reader {
    fn read(&mut self, at: u64, to: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.0.read_at(to, at)?)
    }
}

/// Reads all files with both readers.
pub fn compare(device: &Arc<FileDevice>, norecovery: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let options = OpenOptions {
        read_only: true,
        norecovery,
        ..OpenOptions::default()
    };
    let volume = match Volume::open(device.clone(), options) {
        Ok(volume) => volume,
        Err(error) => {
            comparison.obstacle(format!("the engine does not open it ({error})"));
            return comparison;
        }
    };
    // ext4-view panics at some maps with holes: that is an obstacle, and needs no backtrace.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    match guarded(|| Ext4::load(Box::new(Reader(device.clone()))).map_err(|e| e.to_string())) {
        Ok(view) => Walk {
            volume: &volume,
            view,
            comparison: &mut comparison,
        }
        .tree(),
        Err(error) => comparison.obstacle(format!("ext4-view does not open it ({error})")),
    }
    panic::set_hook(hook);
    // Nothing was written: closing has nothing to say.
    let _ = volume.close();
    comparison
}

/// Runs code of `ext4-view`; a panic in it is an error like others.
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err("ext4-view panicked".into()))
}

struct Walk<'a> {
    volume: &'a Volume,
    view: Ext4,
    comparison: &'a mut Comparison,
}

/// Both readers' word for what is at a place.
type Told = Result<(), String>;

fn same<T: PartialEq + std::fmt::Display>(what: &str, ours: T, theirs: T) -> Told {
    if ours == theirs {
        Ok(())
    } else {
        Err(format!(
            "the readers differ: {what} is {ours} to the engine, {theirs} to ext4-view"
        ))
    }
}

impl Walk<'_> {
    fn tree(&mut self) {
        let mut waiting = vec![(PathBuf::new("/"), Ino::ROOT, 0)];
        while let Some((path, ino, depth)) = waiting.pop() {
            let mut below = Vec::new();
            let read = guarded(|| {
                self.directory(&path, ino, &mut below);
                Ok(())
            });
            if let Err(error) = read {
                self.comparison
                    .obstacle(format!("{}: {error}", path.display()));
            }
            for (path, ino) in below {
                if depth < DEPTH {
                    waiting.push((path, ino, depth + 1));
                } else {
                    let text = format!("{}: too deep", path.display());
                    self.comparison.obstacle(text);
                }
            }
        }
    }

    fn differs(&mut self, path: &PathBuf, text: &str) {
        if self.comparison.differences.len() < 10_000 {
            self.comparison
                .differences
                .push(format!("{}: {text}", path.display()));
        }
    }

    /// Compares a directory's names and what is behind them; `below` gets the directories among them.
    fn directory(&mut self, path: &PathBuf, ino: Ino, below: &mut Vec<(PathBuf, Ino)>) {
        let mut ours = BTreeMap::new();
        let read = self.volume.read_dir(ino, 0, &mut |entry| {
            if entry.name != b"." && entry.name != b".." {
                ours.insert(entry.name.to_vec(), entry.ino);
            }
            true
        });
        if let Err(error) = read {
            let text = format!("{}: the engine: {error}", path.display());
            self.comparison.obstacle(text);
            return;
        }
        let view = self.view.clone();
        let entries = match view.read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                let text = format!("{}: ext4-view: {error}", path.display());
                self.comparison.obstacle(text);
                return;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let text = format!("{}: ext4-view: {error}", path.display());
                    self.comparison.obstacle(text);
                    return;
                }
            };
            let name = entry.file_name().as_ref().to_vec();
            if name == b"." || name == b".." {
                continue;
            }
            let path = entry.path();
            let Some(ino) = ours.remove(&name) else {
                self.differs(&path, "the readers differ: the engine does not see it");
                continue;
            };
            match (entry.metadata(), self.volume.getattr(ino)) {
                (Err(error), _) => {
                    let text = format!("{}: ext4-view: {error}", path.display());
                    self.comparison.obstacle(text);
                }
                (_, Err(error)) => {
                    let text = format!("{}: the engine: {error}", path.display());
                    self.comparison.obstacle(text);
                }
                (Ok(seen), Ok(attr)) => {
                    self.comparison.compared += 1;
                    match self.file(&path, &seen, &attr) {
                        Ok(true) => below.push((path, ino)),
                        Ok(false) => {}
                        Err(text) => self.differs(&path, &text),
                    }
                }
            }
        }
        for name in ours.keys() {
            let path = path.join(name.as_slice());
            self.differs(&path, "the readers differ: ext4-view does not see it");
        }
    }

    /// Compares one file; whether it is a directory.
    fn file(
        &mut self,
        path: &PathBuf,
        seen: &ext4_view::Metadata,
        attr: &Attr,
    ) -> Result<bool, String> {
        same(
            "the type",
            kind(attr.file_type),
            seen_kind(seen.file_type()),
        )?;
        same("the mode", attr.perm, seen.mode())?;
        same("the owner", attr.uid, seen.uid())?;
        same("the group", attr.gid, seen.gid())?;
        match attr.file_type {
            FileType::Directory => return Ok(true),
            FileType::Symlink => {
                let ours = self.volume.readlink(attr.ino);
                match (ours, self.view.read_link(path)) {
                    (Ok(ours), Ok(theirs)) => {
                        let theirs: &[u8] = theirs.as_ref();
                        let shown = |target: &[u8]| target.escape_ascii().to_string();
                        same("the target", shown(&ours), shown(theirs))?;
                    }
                    (Err(error), _) => {
                        let text = format!("{}: the engine: {error}", path.display());
                        self.comparison.obstacle(text);
                    }
                    (_, Err(error)) => {
                        let text = format!("{}: ext4-view: {error}", path.display());
                        self.comparison.obstacle(text);
                    }
                }
            }
            FileType::Regular => {
                same("the size", attr.size, seen.len())?;
                match guarded(|| self.contents(path, attr)) {
                    Ok(None) => {}
                    Ok(Some(at)) => {
                        return Err(format!(
                            "the readers differ: the contents from byte {at} on"
                        ));
                    }
                    Err(text) => {
                        let text = format!("{}: {text}", path.display());
                        self.comparison.obstacle(text);
                    }
                }
            }
            _ => {}
        }
        Ok(false)
    }

    /// Compares the contents; where they differ first. An error when one reader cannot read them.
    fn contents(&mut self, path: &PathBuf, attr: &Attr) -> Result<Option<u64>, String> {
        let engine = |error: lwext4::Error| format!("the engine: {error}");
        let view = |error: ext4_view::Ext4Error| format!("ext4-view: {error}");
        let mut file = self.view.open(path).map_err(view)?;
        let (mut ours, mut theirs) = (vec![0; PIECE], vec![0; PIECE]);
        let mut at = 0;
        while at < attr.size {
            // ext4-view reads holes byte by byte: long ones are left to the engine's word.
            let data = self.volume.seek_data(attr.ino, at).map_err(engine)?;
            let next = data.unwrap_or(attr.size).min(attr.size);
            if next.saturating_sub(at) >= SHORT_HOLE {
                file.seek_to(next).map_err(view)?;
                at = next;
                continue;
            }
            let len = (attr.size - at).min(PIECE as u64) as usize;
            let (Some(ours), Some(theirs)) = (ours.get_mut(..len), theirs.get_mut(..len)) else {
                return Ok(None);
            };
            let got = self.volume.read(attr.ino, at, ours).map_err(engine)?;
            let mut filled = 0;
            while let Some(rest) = theirs.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                match file.read_bytes(rest).map_err(view)? {
                    0 => break,
                    n => filled += n,
                }
            }
            if got != len || filled != len {
                return Ok(Some(at + got.min(filled) as u64));
            }
            if let Some(n) = ours.iter().zip(theirs.iter()).position(|(a, b)| a != b) {
                return Ok(Some(at + n as u64));
            }
            self.comparison.bytes += len as u64;
            at += len as u64;
        }
        Ok(None)
    }
}

fn kind(kind: FileType) -> &'static str {
    match kind {
        FileType::Regular => "file",
        FileType::Directory => "directory",
        FileType::CharDevice => "character device",
        FileType::BlockDevice => "block device",
        FileType::Fifo => "pipe",
        FileType::Socket => "socket",
        FileType::Symlink => "symlink",
    }
}

fn seen_kind(kind: SeenType) -> &'static str {
    match kind {
        SeenType::Regular => "file",
        SeenType::Directory => "directory",
        SeenType::CharacterDevice => "character device",
        SeenType::BlockDevice => "block device",
        SeenType::Fifo => "pipe",
        SeenType::Socket => "socket",
        SeenType::Symlink => "symlink",
    }
}
