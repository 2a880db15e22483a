//! What a request does not say of its sender.

use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// What there is to know of a thread.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The process that it belongs to.
    pub process: u32,
    /// Its supplementary groups, in the host's numbers.
    pub groups: Vec<u32>,
}

/// Tells of threads.
pub trait Processes: Debug + Send + Sync {
    /// The thread `tid`, while it waits for the answer to its request; `None` when it cannot be seen
    /// from here.
    fn status(&self, tid: u32) -> Option<Status>;
}

/// Asks `/proc`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proc;

impl Processes for Proc {
    fn status(&self, tid: u32) -> Option<Status> {
        let text = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
        parse(&text)
    }
}

/// Takes apart what `/proc/PID/status` says (proc_pid_status(5)).
fn parse(text: &str) -> Option<Status> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let groups = field("Groups:").unwrap_or_default();
    Some(Status {
        process: field("Tgid:")?.trim().parse().ok()?,
        groups: groups
            .split_ascii_whitespace()
            .filter_map(|group| group.parse().ok())
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_and_groups_are_in_the_status() {
        let text = "Name:\tsh\nTgid:\t77\nGid:\t5\t5\t5\t5\nGroups:\t4 20 1000 \nNStgid:\t1\n";
        let status = parse(text).unwrap();
        assert_eq!((status.process, status.groups), (77, vec![4, 20, 1000]));
        assert!(parse("Tgid:\t7\nGroups:\t \n").unwrap().groups.is_empty());
        assert_eq!(parse(""), None);
    }

    #[test]
    fn this_thread_is_seen_and_no_thread_is_not() {
        let process = std::process::id();
        assert_eq!(Proc.status(process).unwrap().process, process);
        assert_eq!(Proc.status(0), None);
    }
}
