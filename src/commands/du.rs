//! `liveroot du`

use crate::cli;
use crate::direct::opened::targets;
use crate::direct::output::{Complaints, JsonName, Out, human};
use crate::direct::resolve::{self, Follow};
use crate::direct::walk::{Trail, children};
use crate::failure::{Failure, Result};
use crate::import::names::join;
use lwext4::{Attr, FileType, Ino, Volume};
use serde::Serialize;
use std::collections::HashSet;

/// Counts the space that files of an image take.
pub fn run(args: &cli::Du) -> Result<()> {
    let mut count = Count {
        args,
        out: Out::new(),
        complaints: Complaints::default(),
        trail: Trail::default(),
        seen: HashSet::new(),
        json: Vec::new(),
    };
    let mut total = 0u64;
    let mut image = None;
    for target in targets(&args.files, &args.place)? {
        let volume = &target.reader.volume;
        // Inode numbers mean something within one image only.
        let own = std::rc::Rc::as_ptr(&target.reader);
        if image.replace(own) != Some(own) {
            count.seen.clear();
        }
        let found = resolve::attr(volume, &target.address.path, Follow::No);
        let found = found.map_err(|e| target.address.failure(e));
        if let Some(attr) = count.complaints.take(found) {
            total = total.saturating_add(
                count
                    .add(volume, &target.address.given, &attr, 0)?
                    .unwrap_or(0),
            );
        }
    }
    if args.total {
        count.print(b"total", total)?;
    }
    if args.json {
        count.out.json(&count.json)?;
    }
    count.out.finish()?;
    count.complaints.end()
}

#[derive(Serialize)]
struct Line {
    path: JsonName,
    bytes: u64,
}

struct Count<'a> {
    args: &'a cli::Du,
    out: Out,
    complaints: Complaints,
    trail: Trail,
    /// Files with several names that were counted.
    seen: HashSet<Ino>,
    json: Vec<Line>,
}

impl Count<'_> {
    /// Counts a file, with what is below; `None`: it was counted under another name.
    fn add(
        &mut self,
        volume: &Volume,
        path: &[u8],
        attr: &Attr,
        depth: usize,
    ) -> Result<Option<u64>> {
        let is_dir = attr.file_type == FileType::Directory;
        // An operand that lies in another one is counted there.
        if (attr.nlink > 1 || is_dir || depth == 0)
            && !self.args.count_links
            && !self.seen.insert(attr.ino)
        {
            return Ok(None);
        }
        let apparent = self.args.apparent_size || self.args.bytes;
        let mut bytes = if apparent {
            attr.size
        } else {
            attr.sectors.saturating_mul(512)
        };
        if is_dir {
            let listed = self
                .trail
                .enter(attr)
                .and_then(|()| children(volume, attr.ino));
            let listed =
                listed.map_err(|e| Failure::new(format!("{}: {e}", String::from_utf8_lossy(path))));
            if let Some(found) = self.complaints.take(listed) {
                for child in found {
                    let below = join(path, &child.name);
                    if let Some(more) = self.add(volume, &below, &child.attr, depth + 1)? {
                        bytes = bytes.saturating_add(more);
                    }
                }
            }
            self.trail.leave();
        }
        let deepest = if self.args.summarize {
            0
        } else {
            self.args.max_depth.unwrap_or(usize::MAX)
        };
        if depth == 0 || (depth <= deepest && (is_dir || self.args.all)) {
            self.print(path, bytes)?;
        }
        Ok(Some(bytes))
    }

    fn print(&mut self, path: &[u8], bytes: u64) -> Result<()> {
        if self.args.json {
            let path = JsonName(path.to_vec());
            self.json.push(Line { path, bytes });
            return Ok(());
        }
        let size = if self.args.human_readable {
            human(bytes)
        } else if self.args.bytes {
            bytes.to_string()
        } else {
            bytes.div_ceil(1024).to_string()
        };
        self.out.text(&format!("{size}\t"))?;
        self.out.name(path)?;
        self.out.bytes(b"\n")
    }
}
