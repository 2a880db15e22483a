//! Being written.
pub(crate) fn verify(_: &[u8], _: Option<u32>) -> Result<(), &'static str> {
    Ok(())
}
pub(crate) fn seal(_: &mut [u8], _: u32) {}
