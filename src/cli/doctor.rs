//! The arguments of `liveroot doctor`.

use clap::Args;

/// Arguments of `liveroot doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes:
  0  mount or run works here, for you
  1  neither does

Examples:
  liveroot doctor
  liveroot doctor --json | jq '.ways[] | select(.works | not)'")]
pub struct Doctor {
    /// Print JSON, for programs.
    #[arg(long)]
    pub json: bool,
}
