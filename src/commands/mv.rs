//! `liveroot mv`

use crate::cli;
use crate::direct::address::{Address, Operand, base_name};
use crate::direct::destination::{Destination, Rule, Slot, split};
use crate::direct::opened::Writer;
use crate::direct::output::Report;
use crate::direct::resolve::{self, Follow};
use crate::failure::{Failure, Result};
use lwext4::{Error, RenameMode, Volume};
use std::collections::HashSet;
use std::ffi::OsString;

/// Moves and renames files of an image.
pub fn run(args: &cli::Mv) -> Result<()> {
    let (sources, target) = split(&args.files, args.target.target_directory.as_ref())?;
    let operands: Vec<OsString> = sources.iter().chain([target]).cloned().collect();
    for operand in &operands {
        if let Operand::Host(path) = Operand::parse(operand) {
            return Err(Failure::of(&path, "in no image: mv works within one image")
                .remedy("copy with liveroot cp -a, and delete with rm")
                .by_usage());
        }
    }
    let (writer, addresses) = Writer::for_operands(&operands, &args.place)?;
    let mut report = Report::new(args.verbose);
    let done = move_all(writer.volume(), &addresses, args, &mut report);
    writer.finish(done)?;
    report.print()
}

fn move_all(
    volume: &Volume,
    addresses: &[Address],
    args: &cli::Mv,
    report: &mut Report,
) -> Result<()> {
    let (sources, target) = split(addresses, None)?;
    let rule = Rule {
        no_directory: args.target.no_target_directory,
        directory: args.target.target_directory.is_some() || sources.len() > 1,
        no_follow: false,
    };
    if rule.no_directory && rule.directory {
        return Err(Failure::usage("-T takes one source and one destination"));
    }
    let destination = Destination::find(volume, target, rule)?;
    let mut taken = HashSet::new();
    for source in sources {
        let slot = destination.slot(&source.path);
        if !taken.insert((slot.dir, slot.name.clone())) {
            return Err(slot
                .address
                .failure("would be overwritten by a second file of that name"));
        }
        if move_one(volume, source, &slot, args.no_clobber)? {
            report.line(&[b"renamed ", &source.given, b" -> ", &slot.address.given]);
        }
    }
    Ok(())
}

/// Whether it was moved.
fn move_one(volume: &Volume, source: &Address, slot: &Slot, no_clobber: bool) -> Result<bool> {
    let failure = |error: Error| source.failure(error);
    let name = base_name(&source.path);
    if name == b"." || name == b".." || name.is_empty() {
        return Err(source.failure("'.', '..' and the root cannot be moved"));
    }
    let found = resolve::find(volume, &source.path, Follow::No).map_err(failure)?;
    let attr = found.attr.ok_or(Error::NotFound).map_err(failure)?;
    if slot.name.is_empty() {
        return Err(slot.address.failure("exists already"));
    }
    let there =
        resolve::maybe_child(volume, slot.dir, &slot.name).map_err(|e| slot.address.failure(e))?;
    if let Some(there) = there {
        if no_clobber {
            return Ok(false);
        }
        if there.ino == attr.ino {
            // Two names of one file: rename(2) would leave both.
            return Err(source
                .failure(format!("the same file as {}", slot.address))
                .remedy("to be rid of one of its names, delete that"));
        }
    }
    volume
        .rename(
            found.parent,
            &found.name,
            slot.dir,
            &slot.name,
            RenameMode::Replace,
        )
        .map_err(|error| source.failure(format!("cannot become {}: {error}", slot.address)))?;
    Ok(true)
}
