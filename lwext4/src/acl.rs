//! POSIX ACLs of inodes: setting them, following the mode, and inheriting them.

use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::acl::{Acl, AclError};
use crate::ondisk::xattr::{Name, index};
use crate::types::FileType;
use crate::xattr::{self, Attrs};

fn name(index: u8) -> Name<'static> {
    Name { index, suffix: b"" }
}

fn set_perm(inode: &mut InodeData, perm: u16) {
    let mode = inode.mode() & !0o777 | perm & 0o777;
    inode.set_mode(mode);
}

/// The access or default ACL (by `index`) of an inode, or `None`.
pub(crate) fn read(fs: &Fs, inode: &InodeData, index: u8) -> Result<Option<Acl>> {
    match xattr::read(fs, inode, name(index))? {
        Some(bytes) => {
            Acl::from_disk(&bytes).map_err(|what| Corrupt::new(what).ino(inode.ino).into())
        }
        None => Ok(None),
    }
}

/// Sets the access or default ACL (by `index`) from the kernel's form. An ACL without entries removes it;
/// one that permission bits can express is not stored but becomes the mode.
pub(crate) fn set(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    index: u8,
    value: &[u8],
) -> Result<()> {
    if inode.file_type() == Some(FileType::Symlink) {
        return Err(Error::NotSupported("ACLs of symbolic links"));
    }
    let acl = Acl::from_xattr(value).map_err(|error| match error {
        AclError::Version => Error::NotSupported("this version of ACLs"),
        AclError::Invalid => Error::InvalidArgument("no valid ACL"),
    })?;
    let access = index == index::ACL_ACCESS;
    if !access && acl.is_some() && !inode.is_dir() {
        return Err(Error::NotPermitted("only directories have default ACLs"));
    }
    match &acl {
        Some(acl) if !(access && acl.is_mode()) => {
            xattr::store(h, inode, name(index), &acl.to_disk())?;
        }
        _ => {
            let mut attrs = Attrs::load(h.fs(), inode)?;
            if attrs.remove(name(index)) {
                attrs.store(h, inode)?;
            }
        }
    }
    if let Some(acl) = acl
        && access
    {
        set_perm(inode, acl.perm());
    }
    Ok(())
}

/// Sets the mode's low 12 bits from `mode`, and lets the access ACL, if there is one, follow. The caller
/// stores the inode.
///
/// # Errors
/// [`Error::Corrupt`]; [`Error::NoSpace`]: the ACL was in a block shared with other inodes, and there is
/// none for a copy. Then nothing changed.
pub(crate) fn chmod(h: &mut Handle<'_>, inode: &mut InodeData, mode: u16) -> Result<()> {
    if let Some(mut acl) = read(h.fs(), inode, index::ACL_ACCESS)? {
        let before = acl.clone();
        acl.set_perm(mode);
        if acl != before {
            xattr::store(h, inode, name(index::ACL_ACCESS), &acl.to_disk())?;
        }
    }
    let mode = inode.mode() & !0o7777 | mode & 0o7777;
    inode.set_mode(mode);
    Ok(())
}

/// See [`xattr::inherit_acl`].
pub(crate) fn inherit(
    h: &mut Handle<'_>,
    parent: &InodeData,
    child: &mut InodeData,
    umask: u16,
) -> Result<()> {
    if child.file_type() == Some(FileType::Symlink) {
        return Ok(());
    }
    let Some(default) = read(h.fs(), parent, index::ACL_DEFAULT)? else {
        let perm = child.mode() & !umask;
        set_perm(child, perm);
        return Ok(());
    };
    let mut access = default.clone();
    let perm = access.restrict(child.mode());
    let mut attrs = Attrs::load(h.fs(), child)?;
    if child.is_dir() {
        attrs.put(name(index::ACL_DEFAULT), &default.to_disk())?;
    }
    if !access.is_mode() {
        attrs.put(name(index::ACL_ACCESS), &access.to_disk())?;
    }
    attrs.store(h, child)?;
    set_perm(child, perm);
    Ok(())
}
