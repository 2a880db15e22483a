//! `liveroot find`

mod expression;
mod parse;

use crate::cli;
use crate::direct::address::{Address, base_name};
use crate::direct::mode::type_name;
use crate::direct::names::Names;
use crate::direct::opened::{Writer, targets};
use crate::direct::output::{Complaints, JsonName, Out};
use crate::direct::resolve::{self, Follow};
use crate::direct::walk::{Trail, children};
use crate::failure::{Failure, Result};
use crate::import::names::join;
use expression::{Action, Context, Expression};
use lwext4::{Attr, FileType, Ino, Timestamp, Volume};
use serde::Serialize;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Finds files of an image.
pub fn run(args: &cli::Find) -> Result<()> {
    let is_expression = |word: &&OsString| {
        let bytes = word.as_bytes();
        bytes.starts_with(b"-") || bytes == b"!" || bytes == b"("
    };
    let start = args.words.iter().position(|word| is_expression(&word));
    let (operands, words) = args.words.split_at(start.unwrap_or(args.words.len()));
    if operands.is_empty() {
        return Err(Failure::usage("no place to start is named")
            .remedy("write liveroot find IMAGE:/path EXPRESSION"));
    }
    let query = parse::parse(words)?;
    if query.deletes {
        let (writer, addresses) = Writer::for_operands(operands, &args.place)?;
        let mut search = Search::new(args, query);
        let found = addresses
            .iter()
            .try_for_each(|address| search.start(writer.volume(), address, true));
        return writer.finish(found.and_then(|()| search.finish()));
    }
    let mut search = Search::new(args, query);
    for target in targets(operands, &args.place)? {
        search.start(&target.reader.volume, &target.address, false)?;
    }
    search.finish()
}

#[derive(Serialize)]
struct Hit {
    path: JsonName,
    #[serde(rename = "type")]
    kind: &'static str,
    size: u64,
    inode: u32,
}

struct Search<'a> {
    args: &'a cli::Find,
    query: parse::Query,
    out: Out,
    complaints: Complaints,
    trail: Trail,
    json: Vec<Hit>,
    /// Whether every error ends the search: what it does is one transaction.
    strict: bool,
}

/// A name that is looked at.
struct Place<'a> {
    parent: Ino,
    name: &'a [u8],
    path: &'a [u8],
    attr: Attr,
    depth: usize,
}

impl<'a> Search<'a> {
    fn new(args: &'a cli::Find, query: parse::Query) -> Search<'a> {
        Search {
            args,
            query,
            out: Out::new(),
            complaints: Complaints::default(),
            trail: Trail::default(),
            json: Vec::new(),
            strict: false,
        }
    }

    fn start(&mut self, volume: &Volume, address: &Address, strict: bool) -> Result<()> {
        self.strict = strict;
        let found = resolve::find(volume, &address.path, Follow::No).and_then(|found| {
            found
                .attr
                .map(|attr| (found.parent, found.name, attr))
                .ok_or(lwext4::Error::NotFound)
        });
        let Some((parent, name, attr)) = self.note(found.map_err(|e| address.failure(e)))? else {
            return Ok(());
        };
        let context = Context {
            volume,
            names: Names::of(volume),
            now: Timestamp::now(),
        };
        self.query
            .expression
            .settle(&context)
            .map_err(|e| address.failure(e).by_usage())?;
        let place = Place {
            parent,
            name: &name,
            path: &address.given,
            attr,
            depth: 0,
        };
        self.visit(&context, &place)
    }

    /// A failure ends the search if it is strict, and is told otherwise.
    fn note<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        if self.strict {
            result.map(Some)
        } else {
            Ok(self.complaints.take(result))
        }
    }

    fn visit(&mut self, context: &Context<'_>, place: &Place<'_>) -> Result<()> {
        let is_dir = place.attr.file_type == FileType::Directory;
        let mut prune = false;
        if !self.query.depth_first {
            prune = self.judge(context, place)?;
        }
        let deeper = self.query.max_depth.is_none_or(|most| place.depth < most);
        if is_dir && deeper && !prune && !self.out.closed() {
            let listed = self
                .trail
                .enter(&place.attr)
                .and_then(|()| children(context.volume, place.attr.ino));
            let listed = listed.map_err(|e| failure(place.path, &e));
            for child in self.note(listed)?.unwrap_or_default() {
                let below = Place {
                    parent: place.attr.ino,
                    name: &child.name,
                    path: &join(place.path, &child.name),
                    attr: child.attr,
                    depth: place.depth + 1,
                };
                self.visit(context, &below)?;
            }
            self.trail.leave();
        }
        if self.query.depth_first {
            self.judge(context, place)?;
        }
        Ok(())
    }

    /// Tests a file and does what is to be done with it: whether not to go below it.
    fn judge(&mut self, context: &Context<'_>, place: &Place<'_>) -> Result<bool> {
        if place.depth < self.query.min_depth {
            return Ok(false);
        }
        let candidate = expression::Candidate {
            name: if place.depth == 0 {
                base_name(place.path)
            } else {
                place.name
            },
            path: place.path,
            attr: &place.attr,
        };
        let mut actions = Vec::new();
        let judged = self
            .query
            .expression
            .judge(context, &candidate, &mut actions);
        self.note(judged.map_err(|e| failure(place.path, &e)))?;
        let mut prune = false;
        for action in actions {
            match action {
                Action::Prune => prune = true,
                Action::Print(end) => self.print(place, end)?,
                Action::Delete => {
                    let done = delete(context.volume, place);
                    self.note(done.map_err(|e| failure(place.path, &e)))?;
                }
            }
        }
        Ok(prune)
    }

    fn print(&mut self, place: &Place<'_>, end: u8) -> Result<()> {
        if self.args.json {
            self.json.push(Hit {
                path: JsonName(place.path.to_vec()),
                kind: type_name(place.attr.file_type),
                size: place.attr.size,
                inode: place.attr.ino.0,
            });
            return Ok(());
        }
        if end == 0 {
            self.out.bytes(place.path)?;
        } else {
            self.out.name(place.path)?;
        }
        self.out.bytes(&[end])
    }

    fn finish(mut self) -> Result<()> {
        if self.args.json {
            self.out.json(&self.json)?;
        }
        self.out.finish()?;
        self.complaints.end()
    }
}

fn failure(path: &[u8], error: &lwext4::Error) -> Failure {
    Failure::new(format!("{}: {error}", String::from_utf8_lossy(path)))
}

fn delete(volume: &Volume, place: &Place<'_>) -> lwext4::Result<()> {
    if place.name.is_empty() {
        return Err(lwext4::Error::InvalidArgument("the root cannot be deleted"));
    }
    if place.attr.file_type == FileType::Directory {
        volume.rmdir(place.parent, place.name)
    } else {
        volume.unlink(place.parent, place.name)
    }
}

impl Expression {
    /// Whether the expression says itself what is to be done.
    fn acts(&self) -> bool {
        match self {
            Expression::Act(action) => !matches!(action, Action::Prune),
            Expression::Not(inner) => inner.acts(),
            Expression::And(a, b) | Expression::Or(a, b) => a.acts() || b.acts(),
            Expression::Test(_) => false,
        }
    }
}
