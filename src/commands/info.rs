//! `liveroot info`

use crate::cli;
use crate::failure::Result;

/// x
pub fn run(_: &cli::Info) -> Result<()> {
    Ok(())
}
