//! `liveroot run`

use crate::cli;
use crate::failure::{EXIT_RUN_FAILED, Result};
use crate::run::{self, Order};

/// Runs a command that sees the image; returns its exit code.
pub fn run(args: &cli::Run) -> Result<u8> {
    Order::from_cli(args)
        .and_then(run::run)
        .map_err(|failure| failure.with_exit_code(EXIT_RUN_FAILED))
}
