//! Who sent a request.

use fuser::Request;

/// The process that a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The user that its file accesses are made as.
    pub uid: u32,
    /// Likewise, the group.
    pub gid: u32,
    /// Its thread, or 0 if it is outside of our process namespace.
    pub tid: u32,
}

impl Caller {
    /// The sender of `request`.
    pub fn of(request: &Request) -> Caller {
        Caller {
            uid: request.uid(),
            gid: request.gid(),
            tid: request.pid(),
        }
    }

    /// Whether it may do what others may not.
    pub fn is_root(self) -> bool {
        self.uid == 0
    }

    /// Whether it is the user that this process runs as: who mounted.
    pub fn is_self(self) -> bool {
        self.uid == rustix::process::geteuid().as_raw()
    }

    /// Whether it belongs to a group. FUSE names only the first: the others are in `/proc`, where the
    /// thread waits for the answer. Whoever cannot be found there belongs to none.
    pub fn is_in_group(self, gid: u32) -> bool {
        self.gid == gid
            || std::fs::read_to_string(format!("/proc/{}/status", self.tid))
                .is_ok_and(|status| groups(&status).any(|group| group == gid))
    }
}

/// The supplementary groups in a thread's status.
fn groups(status: &str) -> impl Iterator<Item = u32> {
    status
        .lines()
        .find_map(|line| line.strip_prefix("Groups:"))
        .unwrap_or_default()
        .split_ascii_whitespace()
        .filter_map(|group| group.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supplementary_groups_are_in_the_status() {
        let status = "Name:\tsh\nGid:\t5\t5\t5\t5\nGroups:\t4 20 1000 \nNStgid:\t1\n";
        assert!(groups(status).eq([4, 20, 1000]));
        assert_eq!(groups("Name:\tsh\nGroups:\t \n").count(), 0);
        assert_eq!(groups("").count(), 0);
    }

    #[test]
    fn who_is_nowhere_belongs_to_its_own_group_only() {
        let nobody = Caller {
            uid: 7,
            gid: 7,
            tid: 0,
        };
        assert!(nobody.is_in_group(7) && !nobody.is_in_group(0));
    }
}
