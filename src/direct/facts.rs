//! What is known of a file, as JSON has it.

use super::mode::{letters, type_name};
use super::names::Names;
use super::output::JsonName;
use lwext4::{Attr, FileType};
use serde::Serialize;

/// A file's attributes. Sizes are in bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    #[serde(rename = "type")]
    kind: &'static str,
    inode: u32,
    /// Octal.
    mode: String,
    permissions: String,
    links: u32,
    uid: u32,
    gid: u32,
    /// As the image calls it.
    user: Option<String>,
    group: Option<String>,
    size: u64,
    allocated: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<(u32, u32)>,
    /// Where a symbolic link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<JsonName>,
}

/// Whether it is a device file.
pub fn is_device(attr: &Attr) -> bool {
    matches!(attr.file_type, FileType::CharDevice | FileType::BlockDevice)
}

impl Facts {
    /// The facts of a file; `target`: the text of a symbolic link.
    pub fn new(attr: &Attr, names: &Names, target: Option<&[u8]>) -> Facts {
        Facts {
            kind: type_name(attr.file_type),
            inode: attr.ino.0,
            mode: format!("{:04o}", attr.perm),
            permissions: letters(attr.file_type, attr.perm),
            links: attr.nlink,
            uid: attr.uid,
            gid: attr.gid,
            user: names.user(attr.uid).map(str::to_owned),
            group: names.group(attr.gid).map(str::to_owned),
            size: attr.size,
            allocated: attr.sectors.saturating_mul(512),
            device: is_device(attr).then_some(attr.device),
            target: target.map(|target| JsonName(target.to_vec())),
        }
    }
}
