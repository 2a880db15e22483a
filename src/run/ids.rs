//! Which ids the command has, and mapping them.

use crate::failure::{Failure, Result};
use rustix::process::{Pid, getegid, geteuid};
use serde::{Deserialize, Serialize};
use std::fs;
use std::process::Command;

/// The ids that systems use; beyond them, only container engines' own.
const USUAL: u64 = 65536;

/// Which ids are there in the namespace.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mapped {
    /// Many, and supplementary groups can be set.
    Many,
    /// Id 0 alone, which is the user and its group.
    One,
}

/// Consecutive ids: the first outside of the namespace, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: u64,
    count: u64,
}

/// Maps ids for the process `pid`, which has just entered its user namespace: root's own one to one;
/// a user's id to 0 and the subordinate ids to 1 and up; or, when there are none, the user's id alone,
/// with a warning.
///
/// # Errors
/// The kernel refuses even the user's own id.
pub fn map(pid: Pid) -> Result<Mapped> {
    if geteuid().is_root() && map_one_to_one(pid).is_ok() {
        return Ok(Mapped::Many);
    }
    match map_subordinate(pid) {
        Ok(()) => return Ok(Mapped::Many),
        Err(why) => log::warn!(
            "{why}: the command has user and group 0 alone, so that chown to others fails in it; \
             liveroot doctor says how to get more"
        ),
    }
    let write = |file: &str, content: String| {
        let path = format!("/proc/{pid}/{file}");
        fs::write(&path, content).map_err(|e| {
            Failure::new(format!("mapping ids ({file}): {e}")).remedy("see: liveroot doctor")
        })
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("0 {} 1", geteuid().as_raw()))?;
    write("gid_map", format!("0 {} 1", getegid().as_raw()))?;
    Ok(Mapped::One)
}

/// Gives the namespace the ids that this one has, under the same numbers.
fn map_one_to_one(pid: Pid) -> std::io::Result<()> {
    for file in ["uid_map", "gid_map"] {
        let own = fs::read_to_string(format!("/proc/self/{file}"))?;
        let same: String = own
            .lines()
            .filter_map(|line| {
                let mut fields = line.split_ascii_whitespace();
                let (inside, count) = (fields.next()?, fields.nth(1)?);
                Some(format!("{inside} {inside} {count}\n"))
            })
            .collect();
        fs::write(format!("/proc/{pid}/{file}"), same)?;
    }
    Ok(())
}

fn map_subordinate(pid: Pid) -> Result<(), String> {
    let uid = geteuid().as_raw();
    let name = user_name(uid);
    let user = name.clone().unwrap_or_else(|| uid.to_string());
    let kinds = [
        ("/etc/subuid", "newuidmap", uid, &[][..]),
        ("/etc/subgid", "newgidmap", getegid().as_raw(), &["-g"][..]),
    ];
    let mut all = Vec::new();
    for (file, program, own, options) in kinds {
        let table = fs::read_to_string(file).unwrap_or_default();
        let mut ranges = subordinate(&table, name.as_deref(), uid);
        if ranges.is_empty() {
            // Where they come from elsewhere, this program of newer shadow-utils knows.
            let output = Command::new("getsubids").args(options).arg(&user).output();
            ranges = output.map_or(Vec::new(), |o| listed(&String::from_utf8_lossy(&o.stdout)));
        }
        if ranges.is_empty() {
            return Err(format!("{user} has no subordinate ids in {file}"));
        }
        all.push((program, own, ranges));
    }
    // What the first program did cannot be undone: so both tables are read before.
    for (program, own, ranges) in &all {
        let output = Command::new(program)
            .arg(pid.to_string())
            .args(arguments(*own, ranges))
            .output()
            .map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => {
                    format!("{program} is not installed (package uidmap)")
                }
                _ => format!("{program}: {e}"),
            })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(said
                .trim()
                .lines()
                .next()
                .map_or_else(|| format!("{program} failed"), |line| line.to_owned()));
        }
    }
    let fewest = all.iter().map(|(_, _, ranges)| 1 + total(ranges)).min();
    if let Some(count) = fewest.filter(|&count| count < USUAL) {
        log::warn!(
            "{user} has subordinate ids for 0 to {} only, so that chown to higher ones fails",
            count - 1
        );
    }
    Ok(())
}

fn total(ranges: &[Range]) -> u64 {
    ranges
        .iter()
        .fold(0, |sum, range| sum.saturating_add(range.count))
}

/// What `newuidmap` and `newgidmap` want after the process: inside, outside and count, three by three.
fn arguments(own: u32, ranges: &[Range]) -> Vec<String> {
    let mut arguments = vec!["0".to_owned(), own.to_string(), "1".to_owned()];
    let mut inside = 1u64;
    for range in ranges {
        // Ids have 32 bits, and the last of them is no id.
        let count = range.count.min(u64::from(u32::MAX).saturating_sub(inside));
        if count > 0 {
            arguments.extend([inside, range.first, count].map(|n| n.to_string()));
            inside += count;
        }
    }
    arguments
}

/// The ranges of a user in `/etc/subuid` or `/etc/subgid` (subuid(5)), which name it or give its
/// number.
fn subordinate(table: &str, name: Option<&str>, uid: u32) -> Vec<Range> {
    let number = uid.to_string();
    table
        .lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let user = fields.next()?;
            (Some(user) == name || user == number).then_some(())?;
            range(fields.next()?, fields.next()?)
        })
        .collect()
}

/// The ranges in the output of getsubids(1): `0: user 100000 65536`.
fn listed(output: &str) -> Vec<Range> {
    output
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(2);
            range(fields.next()?, fields.next()?)
        })
        .collect()
}

fn range(first: &str, count: &str) -> Option<Range> {
    let (first, count) = (first.parse().ok()?, count.parse().ok()?);
    (count > 0).then_some(Range { first, count })
}

fn user_name(uid: u32) -> Option<String> {
    let table = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let listed = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    listed.or_else(|| {
        // Users may be known to other services than this file.
        let output = Command::new("id").arg("-un").output().ok()?;
        let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_by_name_or_number() {
        let table = "other:1:2\nme:100000:65536\n1000:300000:10\nme:bad:1\nme:5:0\n";
        let wanted = [(100_000, 65536), (300_000, 10)].map(|(first, count)| Range { first, count });
        assert_eq!(subordinate(table, Some("me"), 1000), wanted);
        assert_eq!(subordinate(table, None, 1000), wanted[1..]);
        assert_eq!(subordinate("", Some("me"), 1000), []);
    }

    #[test]
    fn the_user_comes_first_and_ranges_follow_each_other() {
        let ranges = [(100_000, 100), (300_000, 10)].map(|(first, count)| Range { first, count });
        assert_eq!(
            arguments(1000, &ranges).join(" "),
            "0 1000 1 1 100000 100 101 300000 10"
        );
    }

    #[test]
    fn too_large_ranges_are_cut() {
        let huge = Range {
            first: 1,
            count: u64::MAX,
        };
        assert_eq!(
            arguments(1000, &[huge, huge]).join(" "),
            "0 1000 1 1 1 4294967294"
        );
    }

    #[test]
    fn getsubids_is_understood() {
        assert_eq!(
            listed("0: me 100000 65536\n"),
            [Range {
                first: 100_000,
                count: 65536
            }]
        );
        assert_eq!(listed("Error fetching ranges\n"), []);
    }
}
