//! `liveroot generate` (hidden): manual pages and shell completions, for packagers.

use crate::cli::{self, Cli};
use crate::failure::{Failure, Result};
use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;
use std::fs;

/// Writes `man/*.1` and `completions/*` below a directory.
pub fn run(args: &cli::Generate) -> Result<()> {
    let failed = |error| Failure::of(&args.directory, error);
    let (pages, completions) = (
        args.directory.join("man"),
        args.directory.join("completions"),
    );
    fs::create_dir_all(&pages).map_err(failed)?;
    fs::create_dir_all(&completions).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &pages).map_err(failed)?;
    // The page of a subcommand that is not for users.
    let hidden = pages.join("liveroot-generate.1");
    if hidden.exists() {
        fs::remove_file(hidden).map_err(failed)?;
    }
    for &shell in Shell::value_variants() {
        clap_complete::generate_to(shell, &mut Cli::command(), "liveroot", &completions)
            .map_err(failed)?;
    }
    Ok(())
}
