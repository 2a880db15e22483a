//! Being written on the branch `map`.
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::types::{BlockNo, FileBlock};
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub len: u32,
    pub phys: Option<BlockNo>,
    pub unwritten: bool,
}
const NO: Error = Error::NotSupported("map");
pub(crate) fn lookup(_: &Fs, _: &InodeData, _: FileBlock) -> Result<Run> {
    Err(NO)
}
pub(crate) fn insert(
    _: &mut Handle<'_>,
    _: &mut InodeData,
    _: FileBlock,
    _: BlockNo,
    _: u32,
    _: bool,
) -> Result<()> {
    Err(NO)
}
pub(crate) fn set_written(
    _: &mut Handle<'_>,
    _: &mut InodeData,
    _: FileBlock,
    _: u32,
) -> Result<()> {
    Err(NO)
}
pub(crate) fn remove(
    _: &mut Handle<'_>,
    _: &mut InodeData,
    _: FileBlock,
    _: u64,
) -> Result<Option<FileBlock>> {
    Err(NO)
}
pub(crate) fn goal(_: &Fs, _: &InodeData, _: FileBlock) -> Result<BlockNo> {
    Err(NO)
}
pub(crate) fn init(_: &Fs, _: &mut InodeData) {}
pub(crate) fn block_of(_: &Fs, _: &InodeData, _: FileBlock) -> Result<Option<BlockNo>> {
    Err(NO)
}
pub(crate) fn next_mapped(_: &Fs, _: &InodeData, _: FileBlock) -> Result<Option<(FileBlock, Run)>> {
    Err(NO)
}
