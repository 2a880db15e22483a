//! What a copy keeps and follows, whichever way it goes.

use super::tree::{Meta, Tree};
use crate::failure::Result;
use lwext4::FileType;

/// Which attributes of a file its copy gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preserve {
    /// Permissions and ACLs.
    pub mode: bool,
    /// Owner and group.
    pub ownership: bool,
    /// Times of access and change.
    pub timestamps: bool,
    /// Hard links among what is copied.
    pub links: bool,
    /// Extended attributes.
    pub xattr: bool,
}

/// Which symbolic links stand for what they lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowLinks {
    /// None (`-P`).
    Never,
    /// Operands (`-H`).
    Operands,
    /// All (`-L`).
    Always,
}

/// How cp copies.
#[derive(Clone, Copy, Debug)]
pub struct CopyOptions {
    /// Directories, with what is in them; devices and pipes as such.
    pub recursive: bool,
    /// Links.
    pub follow: FollowLinks,
    /// Attributes.
    pub preserve: Preserve,
    /// Leave alone what is there.
    pub no_clobber: bool,
    /// Replace what cannot be written.
    pub force: bool,
    /// Remove what is there before, always.
    pub remove_destination: bool,
    /// Owner of new files whose own is not kept.
    pub owner: Option<(u32, u32)>,
}

/// A source, behind the links that are to be followed.
///
/// # Errors
/// It is not there.
pub fn source<T: Tree>(
    tree: &T,
    node: &T::Node,
    options: &CopyOptions,
    is_operand: bool,
) -> Result<(T::Node, Meta)> {
    let meta = tree.meta(node)?;
    let follows = match options.follow {
        FollowLinks::Never => false,
        FollowLinks::Operands => is_operand,
        FollowLinks::Always => true,
    };
    if meta.kind != FileType::Symlink || !follows {
        return Ok((node.clone(), meta));
    }
    let led = tree.follow(node)?;
    let meta = tree.meta(&led)?;
    Ok((led, meta))
}

/// Whether an extended attribute is an ACL, which belongs to the mode.
pub fn is_acl(name: &[u8]) -> bool {
    name.starts_with(b"system.posix_acl_")
}

/// Attributes that a copy gets, of those that there are.
pub fn kept(name: &[u8], preserve: Preserve) -> bool {
    if is_acl(name) {
        preserve.mode
    } else {
        preserve.xattr
    }
}
