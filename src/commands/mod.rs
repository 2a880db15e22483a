//! The subcommands, one file each.

mod cat;
mod check;
mod chmod;
mod chown;
mod cp;
mod create;
mod diff;
mod doctor;
mod du;
mod edit;
mod export;
mod find;
mod fresh;
mod generate;
mod import;
mod info;
mod ln;
mod ls;
mod map;
mod mkdir;
mod mount;
mod mv;
mod resize;
mod rm;
mod run;
mod shrink;
mod stat;
mod tree;
mod trim;
mod umount;

use crate::cli::Command;
use crate::failure::{Failure, Result};

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
        Command::Resize(args) => resize::run(&args),
        Command::Shrink(args) => shrink::run(&args),
        Command::Trim(args) => trim::run(&args),
        Command::Ls(args) => on_a_deep_stack(move || ls::run(&args)),
        Command::Cat(args) => cat::run(&args),
        Command::Stat(args) => stat::run(&args),
        Command::Du(args) => on_a_deep_stack(move || du::run(&args)),
        Command::Tree(args) => on_a_deep_stack(move || tree::run(&args)),
        Command::Find(args) => on_a_deep_stack(move || find::run(&args)),
        Command::Cp(args) => on_a_deep_stack(move || cp::run(&args)),
        Command::Mv(args) => mv::run(&args),
        Command::Rm(args) => on_a_deep_stack(move || rm::run(&args)),
        Command::Mkdir(args) => mkdir::run(&args),
        Command::Ln(args) => ln::run(&args),
        Command::Chmod(args) => on_a_deep_stack(move || chmod::run(&args)),
        Command::Chown(args) => on_a_deep_stack(move || chown::run(&args)),
        Command::Edit(args) => edit::run(&args),
        Command::Diff(args) => on_a_deep_stack(move || diff::run(&args)),
        Command::Map(args) => map::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Generate(args) => generate::run(&args),
    }?;
    Ok(0)
}

/// Stack for a walk through directories as deep as [`Trail`](crate::direct::walk::Trail) allows.
const STACK: usize = 64 << 20;

/// Runs a command that goes down directories by recursion.
fn on_a_deep_stack(command: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(command);
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(result)) => result,
        // The panic has been printed.
        Ok(Err(_)) => Err(Failure::new("ended by a mistake in the program")),
        Err(error) => Err(Failure::new(format!("starting a thread: {error}"))),
    }
}
