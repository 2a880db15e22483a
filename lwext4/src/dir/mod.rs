//! Being written on the branch `dir`.
use crate::attr::DirEntry;
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::types::{FileType, Ino};
const NO: Error = Error::NotSupported("dir");
pub(crate) struct Found {
    pub ino: Ino,
    pub file_type: Option<FileType>,
}
pub(crate) fn lookup(_: &Fs, _: &InodeData, _: &[u8]) -> Result<Option<Found>> {
    Err(NO)
}
pub(crate) fn add(
    _: &mut Handle<'_>,
    _: &mut InodeData,
    _: &[u8],
    _: Ino,
    _: FileType,
) -> Result<()> {
    Err(NO)
}
pub(crate) fn remove(_: &mut Handle<'_>, _: &mut InodeData, _: &[u8]) -> Result<Ino> {
    Err(NO)
}
pub(crate) fn replace(
    _: &mut Handle<'_>,
    _: &mut InodeData,
    _: &[u8],
    _: Ino,
    _: FileType,
) -> Result<Ino> {
    Err(NO)
}
pub(crate) fn is_empty(_: &Fs, _: &InodeData) -> Result<bool> {
    Err(NO)
}
pub(crate) fn init(_: &mut Handle<'_>, _: &mut InodeData, _: Ino) -> Result<()> {
    Err(NO)
}
pub(crate) fn set_parent(_: &mut Handle<'_>, _: &mut InodeData, _: Ino) -> Result<()> {
    Err(NO)
}
pub(crate) fn parent(_: &Fs, _: &InodeData) -> Result<Ino> {
    Err(NO)
}
pub(crate) fn read(
    _: &Fs,
    _: &InodeData,
    _: u64,
    _: &mut dyn FnMut(DirEntry<'_>) -> bool,
) -> Result<()> {
    Err(NO)
}
