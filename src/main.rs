//! The program `liveroot`: parse, dispatch, exit code.

use clap::Parser;
use liveroot::cli::{Cli, as_subcommand};
use liveroot::commands;
use liveroot::failure::EXIT_USAGE;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(as_subcommand(std::env::args_os().collect())) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap, and go to standard output.
            let code = if error.use_stderr() { EXIT_USAGE } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match commands::run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_told() {
                eprintln!("liveroot: {failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
