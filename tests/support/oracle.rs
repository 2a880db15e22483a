//! Comparing trees.

use std::path::Path;
use std::process::Command;

use super::command::run;
use super::tree::tool;

/// The canonical description of a tree; see `tests/tools/manifest.py`.
#[track_caller]
pub fn manifest(dir: &Path) -> String {
    run(Command::new("python3").arg(tool("manifest.py")).arg(dir))
}

/// Asserts that two manifests are equal, and shows the first lines where they are not.
#[track_caller]
pub fn assert_same(wanted: &str, found: &str, what: &str) {
    if wanted == found {
        return;
    }
    let mut report = String::new();
    let (mut wanted_lines, mut found_lines) = (wanted.lines(), found.lines());
    let mut shown = 0;
    let (mut left, mut right) = (wanted_lines.next(), found_lines.next());
    while (left.is_some() || right.is_some()) && shown < 20 {
        let path =
            |line: Option<&str>| line.and_then(|line| line.split(' ').next().map(str::to_owned));
        match (path(left), path(right)) {
            (l, r) if l == r => {
                if left != right {
                    report += &format!("- {}\n+ {}\n", left.unwrap_or(""), right.unwrap_or(""));
                    shown += 1;
                }
                (left, right) = (wanted_lines.next(), found_lines.next());
            }
            // Both are sorted, if not by the escaped path: a missing line shows as one of each kind.
            (Some(l), Some(r)) if l < r => {
                report += &format!("- {l} (missing)\n");
                shown += 1;
                left = wanted_lines.next();
            }
            (Some(l), None) => {
                report += &format!("- {l} (missing)\n");
                shown += 1;
                left = wanted_lines.next();
            }
            (_, r) => {
                report += &format!("+ {} (unexpected)\n", r.unwrap_or_default());
                shown += 1;
                right = found_lines.next();
            }
        }
    }
    panic!("{what}: not the same tree (-: wanted, +: found)\n{report}");
}
