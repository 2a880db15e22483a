//! `liveroot create`

use crate::cli;
use crate::failure::Result;

/// x
pub fn run(_: &cli::Create) -> Result<()> {
    Ok(())
}
