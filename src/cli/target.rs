//! How the last operand of cp, mv and ln is taken.

use clap::Args;
use std::ffi::OsString;

/// Where things go.
#[derive(Args, Clone, Debug)]
pub struct TargetArgs {
    /// The directory that everything goes into; then all operands are sources.
    #[arg(
        short,
        long,
        value_name = "DIRECTORY",
        conflicts_with = "no_target_directory"
    )]
    pub target_directory: Option<OsString>,
    /// The destination is the new name, never a directory to go into.
    #[arg(short = 'T', long)]
    pub no_target_directory: bool,
}
