//! Permissions, where the kernel does not check them (path_resolution(7), acl(5)).
//!
//! That is where the image's root is an ordinary user of the host and others get in too. The kernel then
//! remembers no names, so that every step through a directory comes here.

use super::caller::Caller;
use super::face::Face;
use super::owners::Checks;
use fuser::{INodeNo, Request};
use lwext4::{Attr, Entry, Error, FileType, Ino, SetAttr};

/// To read a file, or list a directory.
pub const READ: u16 = 4;
/// To write a file.
pub const WRITE: u16 = 2;
/// To run a file, or pass through a directory.
pub const EXEC: u16 = 1;
/// To make and remove names in a directory.
pub const CHANGE: u16 = WRITE | EXEC;

/// What open(2)'s flags want. The kernel adds one for a file that is to be run.
pub fn wanted_by_open(flags: i32) -> u16 {
    const FMODE_EXEC: i32 = 0x20;
    let mut want = match flags & libc::O_ACCMODE {
        libc::O_WRONLY => WRITE,
        libc::O_RDWR => READ | WRITE,
        _ if flags & FMODE_EXEC != 0 => EXEC,
        _ => READ,
    };
    if flags & libc::O_TRUNC != 0 {
        want |= WRITE;
    }
    want
}

impl Face {
    /// Counts a request, and gives the engine's number for the node that it is about, if its sender
    /// may do with it what it wants.
    pub(super) fn node_for(
        &self,
        request: &Request,
        kind: super::Kind,
        node: INodeNo,
        want: u16,
    ) -> Result<Ino, Error> {
        let ino = self.node(kind, node)?;
        self.may(ino, request, want)?;
        Ok(ino)
    }

    /// Whether the sender of `request` may do what it wants with an inode.
    pub(super) fn may(&self, ino: Ino, request: &Request, want: u16) -> Result<(), Error> {
        if self.owners.checks != Checks::Here {
            return Ok(());
        }
        let attr = self.volume.getattr(ino)?;
        let caller = self.caller(request);
        let allowed = if caller.is_root {
            // Root runs only what somebody may run.
            want & EXEC == 0 || attr.file_type != FileType::Regular || attr.perm & 0o111 != 0
        } else {
            self.rights(ino, &attr, caller)? & want == want
        };
        if allowed { Ok(()) } else { Err(Error::Denied) }
    }

    /// Whether the sender of `request` may set these attributes. Who has the file open for writing
    /// (`is_open`) may cut it.
    pub(super) fn may_set(
        &self,
        ino: Ino,
        request: &Request,
        set: &mut SetAttr,
        (is_open, explicit_times): (bool, bool),
    ) -> Result<(), Error> {
        let caller = self.caller(request);
        if self.owners.checks != Checks::Here || caller.is_root {
            return Ok(());
        }
        let attr = self.volume.getattr(ino)?;
        let is_owner = caller.uid == attr.uid;
        let gives_away = set.uid.is_some_and(|uid| uid != attr.uid);
        let other_group = set
            .gid
            .is_some_and(|gid| gid != attr.gid && !self.is_in_group(caller, gid));
        let changes_owner = set.uid.is_some() || set.gid.is_some();
        if gives_away || other_group || (!is_owner && (changes_owner || set.perm.is_some())) {
            return Err(Error::NotPermitted("only the owner may do this"));
        }
        if let Some(perm) = &mut set.perm
            && !self.is_in_group(caller, set.gid.unwrap_or(attr.gid))
        {
            *perm &= !0o2000;
        }
        let times = set.atime.is_some() || set.mtime.is_some();
        if times && set.size.is_none() && !is_owner && !is_open {
            if explicit_times {
                return Err(Error::NotPermitted("only the owner may set these times"));
            }
            return self.may(ino, request, WRITE);
        }
        if set.size.is_some() && !is_open {
            return self.may(ino, request, WRITE);
        }
        Ok(())
    }

    /// Whether the sender of `request` may take a name away from a directory: in a sticky one, only the
    /// owners of the file and the directory may. Gives the file, if there is one.
    pub(super) fn may_remove(
        &self,
        parent: Ino,
        name: &[u8],
        request: &Request,
    ) -> Result<Option<Attr>, Error> {
        self.may(parent, request, CHANGE)?;
        let caller = self.caller(request);
        if self.owners.checks != Checks::Here || caller.is_root {
            return Ok(None);
        }
        let attr = match self.volume.lookup(parent, name) {
            Ok(Entry { attr }) => attr,
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.volume.forget(attr.ino, 1);
        let above = self.volume.getattr(parent)?;
        if above.perm & 0o1000 != 0 && caller.uid != above.uid && caller.uid != attr.uid {
            return Err(Error::NotPermitted("the directory is sticky"));
        }
        Ok(Some(attr))
    }

    /// Whether the sender of `request` may move one name to another: a directory that gets another
    /// parent is written itself.
    pub(super) fn may_move(
        &self,
        (from, name): (Ino, &[u8]),
        (to, new_name): (Ino, &[u8]),
        request: &Request,
    ) -> Result<(), Error> {
        let moved = self.may_remove(from, name, request)?;
        self.may_remove(to, new_name, request)?;
        match moved {
            Some(attr) if from != to && attr.file_type == FileType::Directory => {
                self.may(attr.ino, request, WRITE)
            }
            _ => Ok(()),
        }
    }

    /// Whether the sender of `request` may give a file another name in `parent`: its owner may, and who
    /// can read and write it, as the kernel has it with `fs.protected_hardlinks`.
    pub(super) fn may_link(&self, ino: Ino, parent: Ino, request: &Request) -> Result<(), Error> {
        self.may(parent, request, CHANGE)?;
        let caller = self.caller(request);
        if self.owners.checks != Checks::Here || caller.is_root {
            return Ok(());
        }
        let attr = self.volume.getattr(ino)?;
        let plain = attr.file_type == FileType::Regular && attr.perm & 0o6000 == 0;
        if caller.uid == attr.uid || (plain && self.may(ino, request, READ | WRITE).is_ok()) {
            return Ok(());
        }
        Err(Error::NotPermitted("a link to a file of another user"))
    }

    /// What a caller who is not root may do with an inode.
    fn rights(&self, ino: Ino, attr: &Attr, caller: Caller) -> Result<u16, Error> {
        if caller.uid == attr.uid {
            return Ok(attr.perm >> 6 & 7);
        }
        match self.volume.getxattr(ino, b"system.posix_acl_access") {
            Ok(list) => {
                let in_group = |gid| self.is_in_group(caller, gid);
                Ok(rights_in_list(&list, caller.uid, attr.gid, in_group))
            }
            Err(Error::NoAttribute | Error::NotSupported(_)) => {
                let shift = if self.is_in_group(caller, attr.gid) {
                    3
                } else {
                    0
                };
                Ok(attr.perm >> shift & 7)
            }
            Err(error) => Err(error),
        }
    }
}

/// What an access list grants a user who does not own the file: acl(5), "access check algorithm",
/// but for groups all that they grant together.
fn rights_in_list(list: &[u8], uid: u32, owning: u32, in_group: impl Fn(u32) -> bool) -> u16 {
    const USER: u16 = 0x02;
    const GROUP_OBJ: u16 = 0x04;
    const GROUP: u16 = 0x08;
    const MASK: u16 = 0x10;
    const OTHER: u16 = 0x20;
    let entries: Vec<(u16, u16, u32)> = list
        .get(4..)
        .unwrap_or_default()
        .as_chunks::<8>()
        .0
        .iter()
        .map(|&[t0, t1, p0, p1, a, b, c, d]| {
            (
                u16::from_le_bytes([t0, t1]),
                u16::from_le_bytes([p0, p1]),
                u32::from_le_bytes([a, b, c, d]),
            )
        })
        .collect();
    let find = |tag| entries.iter().find(|entry| entry.0 == tag).map(|e| e.1);
    let mask = find(MASK).unwrap_or(7);
    let named = entries.iter().find(|e| e.0 == USER && e.2 == uid);
    if let Some(&(_, rights, _)) = named {
        return rights & mask;
    }
    let groups = entries.iter().filter(|&&(tag, _, gid)| match tag {
        GROUP_OBJ => in_group(owning),
        GROUP => in_group(gid),
        _ => false,
    });
    match groups.map(|entry| entry.1).reduce(|all, more| all | more) {
        Some(rights) => rights & mask,
        None => find(OTHER).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut list = 2u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            list.extend(tag.to_le_bytes());
            list.extend(rights.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        list
    }

    #[test]
    fn the_most_fitting_entry_decides() {
        let list = list(&[
            (0x01, 7, 0),
            (0x02, 6, 5),
            (0x04, 4, 0),
            (0x08, 1, 9),
            (0x10, 5, 0),
            (0x20, 2, 0),
        ]);
        let rights = |uid, groups: &[u32]| rights_in_list(&list, uid, 3, |g| groups.contains(&g));
        assert_eq!(rights(5, &[3]), 4);
        assert_eq!(rights(6, &[3]), 4);
        assert_eq!(rights(6, &[3, 9]), 5);
        assert_eq!(rights(6, &[8]), 2);
        assert_eq!(rights_in_list(&[], 6, 3, |_| true), 0);
    }

    #[test]
    fn opening_wants_what_it_says() {
        assert_eq!(wanted_by_open(libc::O_RDONLY), READ);
        assert_eq!(wanted_by_open(libc::O_RDONLY | libc::O_TRUNC), READ | WRITE);
        assert_eq!(wanted_by_open(libc::O_RDWR | libc::O_APPEND), READ | WRITE);
        assert_eq!(wanted_by_open(0x20), EXEC);
    }
}
