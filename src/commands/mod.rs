//! The subcommands, one file each.

mod check;
mod create;
mod generate;
mod info;
mod mount;
mod resize;
mod shrink;
mod trim;
mod umount;

use crate::cli::Command;
use crate::failure::Result;

/// Carries out a command.
///
/// # Errors
/// What it could not do, for people.
pub fn run(command: Command) -> Result<()> {
    match command {
        Command::Create(args) => create::run(&args),
        Command::Mount(args) => mount::run(&args),
        Command::Umount(args) => umount::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Resize(args) => resize::run(&args),
        Command::Shrink(args) => shrink::run(&args),
        Command::Trim(args) => trim::run(&args),
        Command::Generate(args) => generate::run(&args),
    }
}
