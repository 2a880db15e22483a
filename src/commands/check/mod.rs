//! `liveroot check`

mod second;

use crate::cli;
use crate::failure::{Failure, Result, printable};
use crate::session::image::{self, Image};
use crate::session::options::Place;
use crate::sys::Access;
use lwext4::{CheckOptions, Problem, ProblemKind};
use second::Comparison;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;

/// The exit code when problems were found.
const EXIT_PROBLEMS: u8 = 1;
/// The exit code when nothing could be found out.
const EXIT_UNCHECKED: u8 = 2;
/// More findings than this are counted, not listed.
const MOST: usize = 10_000;

/// Checks an image and prints what is wrong.
pub fn run(args: &cli::Check) -> Result<()> {
    let place = Place::from(&args.place);
    let unchecked = |failure: Failure| failure.with_exit_code(EXIT_UNCHECKED);
    let image = image::open(&args.image, place, Access::Read).map_err(unchecked)?;
    image.lock(Access::Read).map_err(unchecked)?;
    let report = Report::of(&image, args).map_err(unchecked)?;
    let text = if args.json {
        serde_json::to_string_pretty(&report)
            .map_err(Failure::new)
            .map_err(unchecked)?
    } else {
        report.for_people()
    };
    // Who closes the pipe early has seen enough.
    let _ = writeln!(std::io::stdout(), "{text}");
    match report.problem_count {
        0 => Ok(()),
        1 => Err(Failure::of(&args.image, "1 problem")),
        count => Err(Failure::of(&args.image, format!("{count} problems"))),
    }
    .map_err(|failure| {
        let failure = failure.with_exit_code(EXIT_PROBLEMS);
        match &report.remedy {
            Some(remedy) => failure.remedy(format!("mend: {remedy}")),
            None => failure,
        }
    })
}

/// What was found.
#[derive(Serialize)]
struct Report {
    image: PathBuf,
    /// Whether nothing is wrong.
    clean: bool,
    problem_count: u64,
    /// What is wrong; at most [`MOST`] of it.
    problems: Vec<Finding>,
    /// What is worth knowing, or was not checked.
    notes: Vec<Finding>,
    /// The command that mends the image.
    remedy: Option<String>,
    inodes: u64,
    directories: u64,
    blocks: u64,
    /// Transactions of the journal that were replayed in memory.
    replayed_transactions: u32,
    second_reader: Option<Comparison>,
}

#[derive(Serialize)]
struct Finding {
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    inode: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<u32>,
    /// The finding with its place, for people.
    #[serde(skip)]
    line: String,
}

impl Finding {
    fn of(problem: &Problem) -> Finding {
        Finding {
            kind: problem.kind.name(),
            text: problem.text.clone(),
            inode: problem.ino.map(|ino| ino.0),
            block: problem.block.map(|block| block.0),
            group: problem.group.map(|group| group.0),
            line: problem.to_string(),
        }
    }
}

/// Whether `e2fsck -p` mends it without asking.
fn is_routine(kind: ProblemKind) -> bool {
    matches!(
        kind,
        ProblemKind::Orphan
            | ProblemKind::Counts
            | ProblemKind::GroupCounts
            | ProblemKind::BlockBitmap
            | ProblemKind::InodeBitmap
            | ProblemKind::BlockCount
    )
}

impl Report {
    fn of(image: &Image, args: &cli::Check) -> Result<Report> {
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        let mut routine = true;
        let options = CheckOptions {
            norecovery: args.norecovery,
        };
        let summary = lwext4::check(image.device.clone(), &options, &mut |problem| {
            routine &= !problem.serious || is_routine(problem.kind);
            let list = if problem.serious {
                &mut problems
            } else {
                &mut notes
            };
            if list.len() < MOST {
                list.push(Finding::of(&problem));
            }
        })
        .map_err(|error| image.explain(&error, Access::Read))?;
        let mut problem_count = summary.problems;
        let second_reader = (!args.quick).then(|| {
            let comparison = second::compare(&image.device, args.norecovery);
            // On an image that is damaged anyway, two readers may differ.
            problem_count += comparison.differences.len() as u64;
            routine &= comparison.differences.is_empty();
            comparison
        });
        // e2fsck reads an image from its first byte on.
        let path = match Place::from(&args.place) {
            Place::Whole => image.path.to_string_lossy().into_owned(),
            _ => format!("{}?offset={}", image.path.display(), image.start()),
        };
        let remedy = (problem_count > 0).then(|| match routine {
            true => format!("e2fsck -fp {}", quoted(&path)),
            false => format!("e2fsck -fy {}", quoted(&path)),
        });
        Ok(Report {
            image: image.path.clone(),
            clean: problem_count == 0,
            problem_count,
            problems,
            notes,
            remedy,
            inodes: summary.inodes,
            directories: summary.directories,
            blocks: summary.blocks,
            replayed_transactions: summary.replayed,
            second_reader,
        })
    }

    fn for_people(&self) -> String {
        let mut lines = Vec::new();
        if self.replayed_transactions > 0 {
            lines.push(format!(
                "note: the journal waits for the replay of {} transactions: checked as it will be",
                self.replayed_transactions
            ));
        }
        lines.extend(self.notes.iter().map(|note| format!("note: {}", note.line)));
        lines.extend(self.problems.iter().map(|found| found.line.clone()));
        if let Some(second) = &self.second_reader {
            second.tell(&mut lines);
        }
        let unlisted = self
            .problem_count
            .saturating_sub(self.problems.len() as u64);
        if self.problems.len() == MOST && unlisted > 0 {
            lines.push(format!("... and {unlisted} more"));
        }
        lines.push(format!(
            "{}: {}; {} inodes, {} of them directories; {} blocks in use",
            self.image.display(),
            if self.clean { "clean" } else { "damaged" },
            self.inodes,
            self.directories,
            self.blocks
        ));
        let lines: Vec<String> = lines.iter().map(|line| printable(line)).collect();
        lines.join("\n")
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedies_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("/a/b.ext4"), "/a/b.ext4");
        assert_eq!(quoted("/a b?offset=5"), "'/a b?offset=5'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
