//! What a caller without privilege loses by its changes, where the kernel leaves that to the server.

use super::face::Face;
use fuser::{INodeNo, Request};
use lwext4::{Error, Ino, SetAttr};
use std::fs;

const SETUID: u16 = 0o4000;
const SETGID: u16 = 0o2000;

/// The attribute that holds a file's ACL.
const ACL: &[u8] = b"system.posix_acl_access";

/// Names that only root is shown.
pub const TRUSTED: &[u8] = b"trusted.";

impl Face {
    /// Does `change` to the content of a file. Unless `by_root`, setuid goes with it, and setgid of a
    /// group-executable file.
    pub(super) fn changing_content<T>(
        &self,
        ino: Ino,
        by_root: bool,
        change: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let special = self.volume.getattr(ino)?.perm & (SETUID | SETGID) != 0;
        let done = change()?;
        if special {
            if !by_root {
                let clear = SetAttr {
                    kill_suid: true,
                    ..SetAttr::default()
                };
                self.volume.setattr(ino, &clear)?;
            }
            // The kernel does not expect such a request to change the mode that it remembers. The
            // negative offset leaves its pages alone.
            if let Some(kernel) = self.kernel.get() {
                let _ = kernel.inval_inode(INodeNo(u64::from(ino.0)), -1, 0);
            }
        }
        Ok(done)
    }

    /// Clears setgid when somebody sets an ACL who is not in the file's group, as chmod would.
    pub(super) fn after_setxattr(&self, req: &Request, ino: Ino, name: &[u8]) -> Result<(), Error> {
        if req.uid() == 0 || name != ACL {
            return Ok(());
        }
        let attr = self.volume.getattr(ino)?;
        if attr.perm & SETGID == 0 || is_in_group(req.gid(), req.pid(), attr.gid) {
            return Ok(());
        }
        let set = SetAttr {
            perm: Some(attr.perm & !SETGID),
            ..SetAttr::default()
        };
        self.volume.setattr(ino, &set).map(drop)
    }
}

/// Whether a caller has `group`, as its own or (proc_pid_status(5)) as a supplementary one.
fn is_in_group(own: u32, pid: u32, group: u32) -> bool {
    own == group
        || fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| {
            let groups = status
                .lines()
                .find_map(|line| line.strip_prefix("Groups:"))
                .unwrap_or_default();
            groups
                .split_ascii_whitespace()
                .any(|id| id.parse() == Ok(group))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_own_group_counts() {
        assert!(is_in_group(5, 0, 5));
        assert!(!is_in_group(5, std::process::id(), 4_000_000_000));
    }
}
