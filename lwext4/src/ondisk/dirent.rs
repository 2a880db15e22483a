//! Being written.
pub(crate) fn verify_leaf(_: &[u8], _: Option<u32>, _: u32) -> Result<(), &'static str> {
    Ok(())
}
pub(crate) fn seal_leaf(_: &mut [u8], _: u32) {}
