//! `liveroot ls`

mod columns;
mod long;

use crate::cli;
use crate::direct::facts::Facts;
use crate::direct::names::Names;
use crate::direct::opened::{Target, targets};
use crate::direct::output::{Complaints, JsonName, Out};
use crate::direct::resolve::{self, Follow};
use crate::direct::time;
use crate::direct::walk::{Trail, children};
use crate::failure::Result;
use crate::import::names::join;
use lwext4::{Attr, FileType, Ino, Volume};
use serde::Serialize;

/// A line of a listing.
struct Row {
    name: Vec<u8>,
    attr: Attr,
    target: Option<Vec<u8>>,
    /// What a link leads to, where that matters.
    led: Option<Attr>,
    /// Whether an ACL says more than the mode.
    acl: bool,
}

impl Row {
    fn new(volume: &Volume, name: Vec<u8>, attr: Attr, long: bool) -> Row {
        let is_link = attr.file_type == FileType::Symlink;
        let acl = |name: &[u8]| volume.getxattr(attr.ino, name).is_ok();
        Row {
            name,
            target: (is_link && long).then(|| volume.readlink(attr.ino).unwrap_or_default()),
            acl: long
                && !is_link
                && (acl(b"system.posix_acl_access") || acl(b"system.posix_acl_default")),
            led: None,
            attr,
        }
    }

    /// Looks up what a link at `path` leads to.
    fn leading(mut self, volume: &Volume, path: &[u8]) -> Row {
        if self.attr.file_type == FileType::Symlink {
            self.led = resolve::attr(volume, path, Follow::Yes).ok();
        }
        self
    }
}

struct Listing<'a> {
    args: &'a cli::Ls,
    long: bool,
    out: Out,
    complaints: Complaints,
    trail: Trail,
    /// Whether anything was printed: an empty line comes between directories.
    begun: bool,
    json: Vec<Directory>,
}

/// A directory, or the operands that are none.
#[derive(Serialize)]
struct Directory {
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<JsonName>,
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: JsonName,
    #[serde(flatten)]
    facts: Facts,
    modified: String,
}

/// Lists files of an image.
pub fn run(args: &cli::Ls) -> Result<()> {
    let mut listing = Listing {
        args,
        long: args.long || args.numeric_uid_gid || args.json,
        out: Out::new(),
        complaints: Complaints::default(),
        trail: Trail::default(),
        begun: false,
        json: Vec::new(),
    };
    let targets = targets(&args.files, &args.place)?;
    let titled = targets.len() > 1 || args.recursive;
    let mut files: Vec<(&Target, Row)> = Vec::new();
    let mut dirs: Vec<(&Target, Attr)> = Vec::new();
    for target in &targets {
        let volume = &target.reader.volume;
        let path = &target.address.path;
        let found = resolve::attr(volume, path, Follow::No).map(|attr| {
            // A link to a directory stands for it, unless the link itself is of interest.
            let stands = !args.directory && (args.json || !(listing.long || args.classify));
            if attr.file_type != FileType::Symlink || !stands {
                return attr;
            }
            resolve::attr(volume, path, Follow::Yes)
                .ok()
                .filter(|led| led.file_type == FileType::Directory)
                .unwrap_or(attr)
        });
        let Some(attr) = listing
            .complaints
            .take(found.map_err(|e| target.address.failure(e)))
        else {
            continue;
        };
        if attr.file_type == FileType::Directory && !args.directory {
            dirs.push((target, attr));
        } else {
            let name = target.address.given.clone();
            let row = Row::new(volume, name, attr, listing.long);
            files.push((target, row.leading(volume, path)));
        }
    }
    listing.files(files)?;
    listing.sort(&mut dirs, |(target, attr)| (&target.address.given, attr));
    for (target, attr) in dirs {
        let names = Names::of(&target.reader.volume);
        let title = target.address.given.clone();
        let place = (target.address.path.as_slice(), title.as_slice());
        listing.directory(&target.reader.volume, &names, &attr, place, titled)?;
    }
    if args.json {
        listing.out.json(&listing.json)?;
    }
    listing.out.finish()?;
    listing.complaints.end()
}

impl Listing<'_> {
    fn sort<T>(&self, rows: &mut [T], key: impl Fn(&T) -> (&Vec<u8>, &Attr)) {
        rows.sort_by(|a, b| {
            let ((name_a, a), (name_b, b)) = (key(a), key(b));
            let first = if self.args.by_time {
                b.mtime.cmp(&a.mtime)
            } else if self.args.by_size {
                b.size.cmp(&a.size)
            } else {
                std::cmp::Ordering::Equal
            };
            first.then_with(|| name_a.cmp(name_b))
        });
        if self.args.reverse {
            rows.reverse();
        }
    }

    /// The operands that are no directories: those of one image after the other.
    fn files(&mut self, files: Vec<(&Target, Row)>) -> Result<()> {
        let mut rest = files;
        while let Some(image) = rest.first().map(|(target, _)| target.reader.clone()) {
            let (these, others): (Vec<_>, Vec<_>) = rest
                .into_iter()
                .partition(|(target, _)| std::rc::Rc::ptr_eq(&target.reader, &image));
            rest = others;
            let mut rows: Vec<Row> = these.into_iter().map(|(_, row)| row).collect();
            self.sort(&mut rows, |row| (&row.name, &row.attr));
            let names = Names::of(&image.volume);
            self.begun = true;
            self.rows(&names, &rows, None)?;
        }
        Ok(())
    }

    fn directory(
        &mut self,
        volume: &Volume,
        names: &Names,
        dir: &Attr,
        (path, title): (&[u8], &[u8]),
        titled: bool,
    ) -> Result<()> {
        let listed = self
            .trail
            .enter(dir)
            .and_then(|()| children(volume, dir.ino));
        let listed = listed.map_err(|e| crate::failure::Failure::of(as_path(title), e));
        let Some(found) = self.complaints.take(listed) else {
            self.trail.leave();
            return Ok(());
        };
        let mut rows: Vec<Row> = Vec::new();
        let mut add = |name: &[u8], attr: Attr| {
            let row = Row::new(volume, name.to_vec(), attr, self.long);
            let row = match self.args.classify && self.long {
                true => row.leading(volume, &join(path, name)),
                false => row,
            };
            rows.push(row);
        };
        if self.args.all {
            add(b".", *dir);
            let parent = parent_of(volume, dir.ino).unwrap_or(*dir);
            add(b"..", parent);
        }
        let hidden = !self.args.all && !self.args.almost_all && !self.args.json;
        for child in &found {
            if !(hidden && child.name.starts_with(b".")) {
                add(&child.name, child.attr);
            }
        }
        self.sort(&mut rows, |row| (&row.name, &row.attr));
        if !self.args.json {
            if self.begun {
                self.out.bytes(b"\n")?;
            }
            if titled {
                self.out.name(title)?;
                self.out.bytes(b":\n")?;
            }
            if self.long || self.args.size {
                let sectors: u64 = rows.iter().map(|row| row.attr.sectors).sum();
                let total = if self.args.human_readable {
                    crate::direct::output::human(sectors * 512)
                } else {
                    sectors.div_ceil(2).to_string()
                };
                self.out.text(&format!("total {total}\n"))?;
            }
        }
        self.begun = true;
        self.rows(names, &rows, Some(title))?;
        if self.args.recursive && !self.out.closed() {
            for row in &rows {
                let below = row.attr.file_type == FileType::Directory;
                if below && row.name != b"." && row.name != b".." {
                    let title = join(title, &row.name);
                    let below = (join(path, &row.name), title);
                    self.directory(volume, names, &row.attr, (&below.0, &below.1), true)?;
                }
            }
        }
        self.trail.leave();
        Ok(())
    }

    fn rows(&mut self, names: &Names, rows: &[Row], title: Option<&[u8]>) -> Result<()> {
        if self.args.json {
            let entries = rows.iter().map(|row| entry(names, row)).collect();
            let directory = title.map(|title| JsonName(title.to_vec()));
            self.json.push(Directory { directory, entries });
            return Ok(());
        }
        if self.long {
            return long::print(&mut self.out, self.args, names, rows);
        }
        columns::print(&mut self.out, self.args, rows)
    }
}

fn as_path(name: &[u8]) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt;
    std::path::Path::new(std::ffi::OsStr::from_bytes(name))
}

/// What `..` of a directory leads to.
fn parent_of(volume: &Volume, dir: Ino) -> Option<Attr> {
    resolve::child(volume, dir, b"..").ok()
}

/// The mark of `ls -F`.
fn mark(attr: &Attr) -> &'static str {
    match attr.file_type {
        FileType::Directory => "/",
        FileType::Symlink => "@",
        FileType::Fifo => "|",
        FileType::Socket => "=",
        FileType::Regular if attr.perm & 0o111 != 0 => "*",
        _ => "",
    }
}

fn entry(names: &Names, row: &Row) -> Entry {
    Entry {
        name: JsonName(row.name.clone()),
        facts: Facts::new(&row.attr, names, row.target.as_deref()),
        modified: time::full(row.attr.mtime),
    }
}
