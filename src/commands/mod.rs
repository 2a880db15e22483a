//! The subcommands, one file each.

mod check;
mod create;
mod doctor;
mod generate;
mod info;
mod mount;
mod run;
mod umount;

use crate::cli::Command;
use crate::failure::Result;

/// Carries out a command, and returns the exit code of its success: 0, but for `run` the code of what
/// it ran.
///
/// # Errors
/// What it could not do, for people.
pub fn run(command: Command) -> Result<u8> {
    match command {
        Command::Run(args) => return run::run(&args),
        Command::Create(args) => create::run(&args),
        Command::Mount(args) => mount::run(&args),
        Command::Umount(args) => umount::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Generate(args) => generate::run(&args),
    }?;
    Ok(0)
}
