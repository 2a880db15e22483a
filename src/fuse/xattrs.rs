//! Extended attributes between the kernel and the image: names that stand for others, ids inside access
//! lists, and who sees which names.

use super::acl;
use super::checks::WRITE;
use super::face::Face;
use super::ids::IdMap;
use super::rules;
use fuser::Request;
use lwext4::{Error, FileType, Ino};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What a request about the attribute `name` needs of the file's permissions: `wanted` for attributes of
/// users; who may do what with the others is settled above FUSE.
pub(super) fn for_xattr(name: &OsStr, wanted: u16) -> u16 {
    if is_users(name.as_bytes()) { wanted } else { 0 }
}

fn is_users(name: &[u8]) -> bool {
    name.starts_with(b"user.")
}

impl Face {
    /// An attribute's value as the kernel is to see it.
    pub(super) fn xattr(&self, ino: Ino, name: &[u8]) -> Result<Vec<u8>, Error> {
        if self.policy.marks_files && name == rules::FILE_MARK {
            return self.mark(ino).ok_or(Error::NoAttribute);
        }
        let mut value = self.volume.getxattr(ino, self.meant(name))?;
        if acl::is_acl(name) {
            acl::to_host(&self.owners.map, &mut value);
        }
        Ok(value)
    }

    /// Sets an attribute for the caller of `req`, with the ids in it as the image knows them.
    pub(super) fn set_xattr(
        &self,
        ino: Ino,
        req: &Request,
        name: &[u8],
        value: &[u8],
        flags: i32,
    ) -> Result<(), Error> {
        let mode =
            rules::setxattr_mode(flags).ok_or(Error::InvalidArgument("flags of setxattr"))?;
        if is_users(name) {
            self.may(ino, req, WRITE)?;
        }
        if acl::is_acl(name) && self.owners.map != IdMap::None {
            let mut value = value.to_vec();
            acl::to_image(&self.owners.map, &mut value)?;
            self.volume.setxattr(ino, name, &value, mode)?;
        } else {
            self.volume.setxattr(ino, name, value, mode)?;
        }
        if name == b"system.posix_acl_access" {
            self.acl_changed(ino, self.caller(req))?;
        }
        Ok(())
    }

    /// The names of the attributes that the caller of `req` may see, each with a NUL behind it.
    pub(super) fn xattr_list(&self, ino: Ino, req: &Request) -> Result<Vec<u8>, Error> {
        let mut list = Vec::new();
        if self.mark(ino).is_some() {
            list.extend_from_slice(rules::FILE_MARK);
            list.push(0);
        }
        for name in &self.volume.listxattr(ino)? {
            if self.policy.marks_files && name == rules::FILE_MARK {
                continue;
            }
            let is_trusted = !rules::lists_xattr(name, false);
            if is_trusted && self.policy.trusted_stand_in {
                if !self.takes_users_xattrs(ino) {
                    continue;
                }
                list.extend_from_slice(rules::STAND_IN);
            } else if is_trusted && req.uid() != 0 {
                continue;
            }
            list.extend_from_slice(name);
            list.push(0);
        }
        Ok(list)
    }

    /// The value of a file's mark, if it has one.
    fn mark(&self, ino: Ino) -> Option<Vec<u8>> {
        let attr = match self.policy.marks_files {
            true => self.volume.getattr(ino).ok()?,
            false => return None,
        };
        let is_marked = attr.file_type == FileType::Regular && attr.nlink > 1;
        is_marked.then(|| attr.ino.to_string().into_bytes())
    }

    /// The attribute that one called `name` stands for, or itself.
    fn meant<'a>(&self, name: &'a [u8]) -> &'a [u8] {
        match name.strip_prefix(rules::STAND_IN) {
            Some(meant) if self.policy.trusted_stand_in && !rules::lists_xattr(meant, false) => {
                meant
            }
            _ => name,
        }
    }

    /// Whether a file is of a type that has attributes of users.
    fn takes_users_xattrs(&self, ino: Ino) -> bool {
        let attr = self.volume.getattr(ino);
        matches!(attr, Ok(attr) if matches!(attr.file_type, FileType::Regular | FileType::Directory))
    }
}
