//! Being written on the branch `xattr`.
use crate::attr::SetXattrMode;
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
const NO: Error = Error::NotSupported("xattr");
pub(crate) fn get(_: &Fs, _: &InodeData, _: &[u8]) -> Result<Vec<u8>> {
    Err(NO)
}
pub(crate) fn set(
    _: &mut Handle<'_>,
    _: &mut InodeData,
    _: &[u8],
    _: &[u8],
    _: SetXattrMode,
) -> Result<()> {
    Err(NO)
}
pub(crate) fn remove(_: &mut Handle<'_>, _: &mut InodeData, _: &[u8]) -> Result<()> {
    Err(NO)
}
pub(crate) fn list(_: &Fs, _: &InodeData) -> Result<Vec<Vec<u8>>> {
    Err(NO)
}
pub(crate) fn free_all(_: &mut Handle<'_>, _: &mut InodeData) -> Result<()> {
    Ok(())
}
pub(crate) fn inherit_acl(
    _: &mut Handle<'_>,
    _: &InodeData,
    _: &mut InodeData,
    _: u16,
) -> Result<()> {
    Ok(())
}
