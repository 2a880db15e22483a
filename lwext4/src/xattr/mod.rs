//! Extended attributes of an inode: some inside the inode, the rest in one block that inodes with equal
//! attributes share.
//!
//! Names here are full, like `user.x`; ACLs come and go in the kernel's form. Functions that change
//! attributes change the inode in memory, its times not included; the caller stores it.

mod attrs;
mod block;
mod values;

pub(crate) use block::{SharedBlocks, lower};
pub(crate) use values::SharedValues;

use crate::acl;
use crate::attr::SetXattrMode;
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::inline::{self, is_inline};
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::xattr::{NAME_MAX, Name, Table, VALUE_MAX, Value, index};
pub(crate) use attrs::Attrs;

/// How many values in inodes of their own one transaction gives up.
const VALUES_AT_ONCE: usize = 16;

/// The value of attribute `name`.
///
/// # Errors
/// [`Error::NoAttribute`]; names that cannot be: see [`set`]; [`Error::Corrupt`].
pub(crate) fn get(fs: &Fs, inode: &InodeData, name: &[u8]) -> Result<Vec<u8>> {
    let name = visible(name)?;
    if is_acl(name) {
        let acl = acl::read(fs, inode, name.index)?;
        return acl.map(|acl| acl.to_xattr()).ok_or(Error::NoAttribute);
    }
    read(fs, inode, name)?.ok_or(Error::NoAttribute)
}

/// Creates or replaces attribute `name`. An access ACL changes the mode's permission bits too, and is
/// only stored if the mode cannot say as much. `mode` does not matter to ACLs, as in Linux.
///
/// # Errors
/// [`Error::Range`]: the name is empty or longer than 255 bytes; [`Error::NotSupported`]: its beginning is
/// none that can be set; [`Error::InvalidArgument`]: nothing follows that beginning, the value is larger
/// than 64 KiB, or no valid ACL; [`Error::NotPermitted`]: a default ACL of something else than a
/// directory; [`Error::Exists`] and [`Error::NoAttribute`] by `mode`; [`Error::NoSpace`]: the
/// attributes fit neither inode nor block; then nothing changed.
pub(crate) fn set(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    name: &[u8],
    value: &[u8],
    mode: SetXattrMode,
) -> Result<()> {
    let name = visible(name)?;
    if value.len() > VALUE_MAX {
        return Err(Error::InvalidArgument("attribute value larger than 64 KiB"));
    }
    if is_acl(name) {
        return acl::set(h, inode, name.index, value);
    }
    let attrs = Attrs::load(h.fs(), inode)?;
    match (attrs.get(name), mode) {
        (Some(_), SetXattrMode::Create) => return Err(Error::Exists),
        (None, SetXattrMode::Replace) => return Err(Error::NoAttribute),
        (Some(Value::Here(old)), _) if old == value => return Ok(()),
        _ => {}
    }
    store(h, inode, name, value)
}

/// Stores attribute `name`, as [`Attrs::put`] does. Where there is no room, data inside the inode moves
/// out.
///
/// # Errors
/// As [`Attrs::put`].
pub(crate) fn store(
    h: &mut Handle<'_>,
    inode: &mut InodeData,
    name: Name<'_>,
    value: &[u8],
) -> Result<()> {
    let mut attrs = Attrs::load(h.fs(), inode)?;
    match attrs.put(name, value) {
        Err(Error::NoSpace) if is_inline(inode) => {
            inline::move_out(h, inode)?;
            // Moved for good, whether or not that was enough.
            h.store(inode)?;
            attrs = Attrs::load(h.fs(), inode)?;
            attrs.put(name, value)?;
        }
        put => put?,
    }
    attrs.store(h, inode)
}

/// Removes attribute `name`. Removing an ACL that does not exist succeeds, as in Linux; the mode stays.
///
/// # Errors
/// [`Error::NoAttribute`]; names that cannot be: see [`set`]; [`Error::NoSpace`]: the attributes were in
/// a block shared with other inodes, and there is none for a copy.
pub(crate) fn remove(h: &mut Handle<'_>, inode: &mut InodeData, name: &[u8]) -> Result<()> {
    let name = visible(name)?;
    let mut attrs = Attrs::load(h.fs(), inode)?;
    if attrs.remove(name) {
        attrs.store(h, inode)
    } else if is_acl(name) {
        Ok(())
    } else {
        Err(Error::NoAttribute)
    }
}

/// The full names of the attributes. Those that are no business of callers (inline data, encryption
/// contexts) are left out.
///
/// # Errors
/// [`Error::Corrupt`].
pub(crate) fn list(fs: &Fs, inode: &InodeData) -> Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    each(fs, inode, |name, _| {
        if may_be_seen(name) {
            names.extend(name.full());
        }
        None::<()>
    })?;
    Ok(names)
}

/// Gives up what the inode's attributes take outside of it, as the inode is deleted: whether that was
/// all. If not, the caller stores the inode, and goes on, perhaps in another transaction.
///
/// # Errors
/// [`Error::Corrupt`].
pub(crate) fn free_all(h: &mut Handle<'_>, inode: &mut InodeData) -> Result<bool> {
    if values::allowed(h.fs()) {
        let mut attrs = Attrs::load(h.fs(), inode)?;
        if attrs.remove_values(VALUES_AT_ONCE) {
            attrs.store(h, inode)?;
            return Ok(false);
        }
    }
    block::release(h, inode)?;
    Ok(true)
}

/// Gives a new inode what its directory's default ACL says: ACLs and the mode's permission bits. Without
/// a default ACL, the mode loses the bits of `umask`. Before, the mode is the one asked for.
///
/// # Errors
/// [`Error::Corrupt`]; [`Error::NoSpace`].
pub(crate) fn inherit_acl(
    h: &mut Handle<'_>,
    parent: &InodeData,
    child: &mut InodeData,
    umask: u16,
) -> Result<()> {
    acl::inherit(h, parent, child, umask)
}

fn is_acl(name: Name<'_>) -> bool {
    matches!(name.index, index::ACL_ACCESS | index::ACL_DEFAULT)
}

fn may_be_seen(name: Name<'_>) -> bool {
    is_acl(name) || matches!(name.index, index::USER | index::TRUSTED | index::SECURITY)
}

/// The name, if callers may use it.
fn visible(full: &[u8]) -> Result<Name<'_>> {
    if full.is_empty() || full.len() > NAME_MAX {
        return Err(Error::Range);
    }
    let name = Name::parse(full).filter(|&name| may_be_seen(name));
    let name = name.ok_or(Error::NotSupported("attributes of this kind"))?;
    if name.suffix.is_empty() && !is_acl(name) {
        return Err(Error::InvalidArgument("attribute name ends at its dot"));
    }
    if name.suffix.contains(&0) {
        return Err(Error::InvalidArgument("attribute name has a NUL byte"));
    }
    Ok(name)
}

/// The value of an attribute as it is stored, or `None`.
pub(crate) fn read(fs: &Fs, inode: &InodeData, name: Name<'_>) -> Result<Option<Vec<u8>>> {
    let found = each(fs, inode, |candidate, value| {
        (candidate == name).then(|| match value {
            Value::Here(value) => Ok(value.to_vec()),
            Value::Inode { ino, size, .. } => values::read(fs, inode, ino, size),
        })
    })?;
    found.transpose()
}

/// Shows `visit` every attribute until it returns something, which is the result.
fn each<R>(
    fs: &Fs,
    inode: &InodeData,
    mut visit: impl FnMut(Name<'_>, Value<'_>) -> Option<R>,
) -> Result<Option<R>> {
    let mut walk = |table: Table<'_>| -> Result<Option<R>> {
        for entry in table.entries() {
            let entry = entry.map_err(|what| Corrupt::new(what).ino(inode.ino))?;
            if let Some(result) = visit(entry.name, entry.value) {
                return Ok(Some(result));
            }
        }
        Ok(None)
    };
    if let Some(table) = Table::in_area(area(inode))
        && let Some(result) = walk(table)?
    {
        return Ok(Some(result));
    }
    match block::open(fs, inode)? {
        Some(block) => walk(Table::in_block(&block.bytes())),
        None => Ok(None),
    }
}

/// The inode's room for attributes. An inode whose extra part has no size has none.
pub(crate) fn area(inode: &InodeData) -> &[u8] {
    if inode.extra_isize() == 0 {
        &[]
    } else {
        inode.xattr_area()
    }
}
