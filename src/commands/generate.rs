//! `liveroot generate` (hidden)

use crate::cli;
use crate::failure::Result;

/// x
pub fn run(_: &cli::Generate) -> Result<()> {
    Ok(())
}
