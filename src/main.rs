//! The program `liveroot`: parse, dispatch, exit code.

use clap::Parser;
use liveroot::cli::{Cli, as_subcommand};
use liveroot::commands;
use liveroot::failure::{EXIT_RUN_FAILED, EXIT_USAGE};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = as_subcommand(std::env::args_os().collect());
    let usage = if args.get(1).is_some_and(|name| name == "run") {
        // Its other codes are the command's.
        EXIT_RUN_FAILED
    } else {
        EXIT_USAGE
    };
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap, and go to standard output.
            let code = if error.use_stderr() { usage } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match commands::run(cli.command) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if !failure.is_told() {
                eprintln!("liveroot: {failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
