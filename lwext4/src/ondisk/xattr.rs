//! Being written.
use crate::types::BlockNo;
pub(crate) fn verify_block(_: &[u8], _: Option<u32>, _: BlockNo) -> Result<(), &'static str> {
    Ok(())
}
pub(crate) fn seal_block(_: &mut [u8], _: Option<u32>, _: BlockNo) {}
