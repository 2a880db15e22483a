//! `liveroot tree`

use crate::cli;
use crate::direct::mode::type_name;
use crate::direct::opened::targets;
use crate::direct::output::{Complaints, JsonName, Out, human};
use crate::direct::resolve::{self, Follow};
use crate::direct::walk::{Child, Trail, children};
use crate::failure::{Failure, Result};
use crate::import::names::join;
use lwext4::{Attr, FileType, Volume};
use serde::Serialize;

/// Draws directories of an image as trees.
pub fn run(args: &cli::Tree) -> Result<()> {
    let mut drawing = Drawing {
        args,
        out: Out::new(),
        complaints: Complaints::default(),
        trail: Trail::default(),
        directories: 0,
        files: 0,
    };
    let mut json = Vec::new();
    for target in targets(&args.files, &args.place)? {
        let volume = &target.reader.volume;
        let found = resolve::attr(volume, &target.address.path, Follow::Yes)
            .and_then(|attr| match attr.file_type {
                FileType::Directory => Ok(attr),
                _ => Err(lwext4::Error::NotADirectory),
            })
            .map_err(|e| target.address.failure(e));
        let Some(attr) = drawing.complaints.take(found) else {
            continue;
        };
        let given = &target.address.given;
        if args.json {
            json.push(drawing.node(volume, given, &attr, None, 0));
            continue;
        }
        drawing.out.name(given)?;
        drawing.out.bytes(b"\n")?;
        drawing.directories += 1;
        drawing.below(volume, given, &attr, &mut Vec::new())?;
    }
    if args.json {
        drawing.out.json(&json)?;
    } else {
        let count =
            |n: u64, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
        let mut sum = count(drawing.directories, "directory", "directories");
        if !args.directories {
            sum += &format!(", {}", count(drawing.files, "file", "files"));
        }
        drawing.out.text(&format!("\n{sum}\n"))?;
    }
    drawing.out.finish()?;
    drawing.complaints.end()
}

#[derive(Serialize)]
struct Node {
    name: JsonName,
    #[serde(rename = "type")]
    kind: &'static str,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<JsonName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contents: Option<Vec<Node>>,
}

struct Drawing<'a> {
    args: &'a cli::Tree,
    out: Out,
    complaints: Complaints,
    trail: Trail,
    directories: u64,
    files: u64,
}

impl Drawing<'_> {
    /// Enters a directory: what is to be shown of it.
    fn children(&mut self, volume: &Volume, path: &[u8], dir: &Attr) -> Vec<Child> {
        let listed = self
            .trail
            .enter(dir)
            .and_then(|()| children(volume, dir.ino));
        let listed =
            listed.map_err(|e| Failure::new(format!("{}: {e}", String::from_utf8_lossy(path))));
        let mut found = self.complaints.take(listed).unwrap_or_default();
        found.retain(|child| {
            (self.args.all || !child.name.starts_with(b"."))
                && (!self.args.directories || child.attr.file_type == FileType::Directory)
        });
        found
    }

    fn goes_below(&self, depth: usize) -> bool {
        self.args
            .levels
            .is_none_or(|levels| depth < levels as usize)
    }

    /// Draws what is in a directory; `open` tells which of the directories above go on.
    fn below(
        &mut self,
        volume: &Volume,
        path: &[u8],
        dir: &Attr,
        open: &mut Vec<bool>,
    ) -> Result<()> {
        let found = self.children(volume, path, dir);
        let count = found.len();
        for (i, child) in found.into_iter().enumerate() {
            let last = i + 1 == count;
            for &more in open.iter() {
                self.out.text(if more { "│   " } else { "    " })?;
            }
            self.out.text(if last { "└── " } else { "├── " })?;
            if self.args.human {
                self.out
                    .text(&format!("[{:>5}]  ", human(child.attr.size)))?;
            } else if self.args.size {
                self.out.text(&format!("[{:>11}]  ", child.attr.size))?;
            }
            let full = join(path, &child.name);
            self.out
                .name(if self.args.full { &full } else { &child.name })?;
            if child.attr.file_type == FileType::Symlink {
                let target = volume.readlink(child.attr.ino).unwrap_or_default();
                self.out.text(" -> ")?;
                self.out.name(&target)?;
            }
            self.out.bytes(b"\n")?;
            if child.attr.file_type != FileType::Directory {
                self.files += 1;
                continue;
            }
            self.directories += 1;
            if self.goes_below(open.len() + 1) && !self.out.closed() {
                open.push(!last);
                self.below(volume, &full, &child.attr, open)?;
                open.pop();
            }
        }
        self.trail.leave();
        Ok(())
    }

    fn node(
        &mut self,
        volume: &Volume,
        path: &[u8],
        attr: &Attr,
        name: Option<&[u8]>,
        depth: usize,
    ) -> Node {
        let mut contents = None;
        if attr.file_type == FileType::Directory && self.goes_below(depth) {
            let mut nodes = Vec::new();
            for child in self.children(volume, path, attr) {
                let full = join(path, &child.name);
                nodes.push(self.node(volume, &full, &child.attr, Some(&child.name), depth + 1));
            }
            self.trail.leave();
            contents = Some(nodes);
        }
        Node {
            name: JsonName(name.unwrap_or(path).to_vec()),
            kind: type_name(attr.file_type),
            size: attr.size,
            target: match attr.file_type {
                FileType::Symlink => volume.readlink(attr.ino).ok().map(JsonName),
                _ => None,
            },
            contents,
        }
    }
}
