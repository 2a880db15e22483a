//! `liveroot diff`

mod compare;
mod text;

use crate::cli;
use crate::direct::address::{Address, Operand};
use crate::direct::opened::Reader;
use crate::direct::output::{JsonName, Out};
use crate::direct::resolve::Follow;
use crate::direct::tree::{HostTree, ImageTree, Tree};
use crate::failure::{Failure, Result};
use compare::{Comparison, Rules};
use serde::Serialize;
use std::ffi::OsString;
use std::path::PathBuf;

/// The exit code when there are differences.
const EXIT_DIFFERENT: u8 = 1;
/// The exit code when something could not be compared.
const EXIT_TROUBLE: u8 = 2;

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Added,
    Removed,
    Changed,
}

/// An attribute that differs.
#[derive(Debug, Serialize)]
struct Change {
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<String>,
}

/// A file that differs.
#[derive(Debug, Serialize)]
struct Difference {
    path: JsonName,
    change: Kind,
    #[serde(rename = "type")]
    file_type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    /// A unified diff.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
}

/// One side of the comparison.
enum Side {
    Image(Box<Reader>, Address),
    Host(PathBuf),
}

impl Side {
    fn open(text: &OsString, args: &cli::Diff) -> Result<Side> {
        let address = match Operand::parse(text) {
            Operand::Host(path) if path.is_dir() => return Ok(Side::Host(path)),
            _ => Address::parse(text)?,
        };
        let reader = Reader::open(&address.image, (&args.place).into())?;
        Ok(Side::Image(Box::new(reader), address))
    }
}

/// Tells how two trees differ.
pub fn run(args: &cli::Diff) -> Result<()> {
    match differences(args) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Failure::told(EXIT_DIFFERENT)),
        Err(failure) => Err(failure.with_exit_code(EXIT_TROUBLE)),
    }
}

/// How many files differ.
fn differences(args: &cli::Diff) -> Result<u64> {
    let (old, new) = (Side::open(&args.old, args)?, Side::open(&args.new, args)?);
    let mut printer = Printer {
        args,
        out: Out::new(),
        json: Vec::new(),
        count: 0,
    };
    match (&old, &new) {
        (Side::Image(a, at), Side::Image(b, bt)) => {
            let (a, b) = (image_tree(a), image_tree(b));
            printer.compare((&a, node(&a, at)?), (&b, node(&b, bt)?))?;
        }
        (Side::Image(a, at), Side::Host(path)) => {
            let a = image_tree(a);
            printer.compare((&a, node(&a, at)?), (&HostTree, path.clone()))?;
        }
        (Side::Host(path), Side::Image(b, bt)) => {
            let b = image_tree(b);
            printer.compare((&HostTree, path.clone()), (&b, node(&b, bt)?))?;
        }
        (Side::Host(path), Side::Host(_)) => {
            return Err(Failure::of(path, "neither side is in an image")
                .remedy("within the host, use diff -r"));
        }
    }
    if args.json {
        printer.out.json(&printer.json)?;
    }
    printer.out.finish()?;
    Ok(printer.count)
}

fn image_tree(reader: &Reader) -> ImageTree<'_> {
    ImageTree {
        volume: &reader.volume,
        prefix: Vec::new(),
    }
}

fn node(tree: &ImageTree<'_>, address: &Address) -> Result<crate::direct::tree::ImageNode> {
    let found = tree.node(&address.path, Follow::Yes);
    found.map_err(|e| address.failure(e))
}

struct Printer<'a> {
    args: &'a cli::Diff,
    out: Out,
    json: Vec<Difference>,
    count: u64,
}

impl Printer<'_> {
    fn compare<A: Tree, B: Tree>(
        &mut self,
        (a, old): (&A, A::Node),
        (b, new): (&B, B::Node),
    ) -> Result<()> {
        let rules = Rules {
            owner: !self.args.no_owner,
            times: self.args.times,
            text: (!self.args.brief).then_some(self.args.unified),
        };
        let mut print = |difference: Difference| self.print(difference);
        Comparison::new(a, b, rules, &mut print).files(&old, &new, b"/")
    }

    fn print(&mut self, difference: Difference) -> Result<()> {
        self.count += 1;
        if self.args.json {
            self.json.push(difference);
            return Ok(());
        }
        let path = self.out.shown(&difference.path.0);
        let word = match difference.change {
            Kind::Added => "added    ",
            Kind::Removed => "removed  ",
            Kind::Changed => "changed  ",
        };
        self.out.text(word)?;
        self.out.bytes(&path)?;
        if difference.change != Kind::Changed {
            self.out.text(&format!(" ({})", difference.file_type))?;
        }
        let changes: Vec<String> = difference
            .changes
            .iter()
            .map(|change| match (&change.old, &change.new) {
                (Some(old), Some(new)) => format!("{} {old} -> {new}", change.what),
                (Some(old), None) => format!("{} without {old}", change.what),
                (None, Some(new)) => format!("{} with {new}", change.what),
                (None, None) => change.what.to_owned(),
            })
            .collect();
        if !changes.is_empty() {
            self.out.text(&format!(": {}", changes.join(", ")))?;
        }
        self.out.bytes(b"\n")?;
        let Some(diff) = difference.diff else {
            return Ok(());
        };
        for line in diff.split_inclusive('\n') {
            let shown = if self.out.terminal {
                let plain = line.trim_end_matches('\n').split('\t');
                let plain: Vec<String> = plain
                    .map(|part| crate::direct::output::escaped(part.as_bytes()))
                    .collect();
                plain.join("\t") + "\n"
            } else {
                line.to_owned()
            };
            self.out.bytes(shown.as_bytes())?;
        }
        Ok(())
    }
}
