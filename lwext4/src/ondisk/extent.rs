//! Being written.
pub(crate) fn verify_node(_: &[u8], _: Option<u32>) -> Result<(), &'static str> {
    Ok(())
}
pub(crate) fn seal_node(_: &mut [u8], _: u32) {}
