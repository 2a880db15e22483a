//! `liveroot ln`

use crate::cli;
use crate::direct::address::{Address, Operand, base_name};
use crate::direct::destination::{Destination, Rule, Slot, split};
use crate::direct::maker::Maker;
use crate::direct::opened::Writer;
use crate::direct::output::Report;
use crate::direct::resolve::{self, Follow};
use crate::failure::{Failure, Result};
use lwext4::{Error, FileType, Volume};
use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Makes links in an image.
pub fn run(args: &cli::Ln) -> Result<()> {
    let (targets, last) = split(&args.files, args.target.target_directory.as_ref())?;
    let link = Address::parse_strictly(last)?;
    let writer = Writer::open(&link.image, (&args.place).into())?;
    let mut report = Report::new(args.verbose);
    let done = link_all(&writer, targets, &link, args, &mut report);
    writer.finish(done)?;
    report.print()
}

fn link_all(
    writer: &Writer,
    targets: &[OsString],
    link: &Address,
    args: &cli::Ln,
    report: &mut Report,
) -> Result<()> {
    let volume = writer.volume();
    let rule = Rule {
        no_directory: args.target.no_target_directory,
        directory: args.target.target_directory.is_some() || targets.len() > 1,
        no_follow: args.no_dereference,
    };
    if rule.no_directory && rule.directory {
        return Err(Failure::usage("-T takes one target and one link"));
    }
    let destination = Destination::find(volume, link, rule)?;
    let mut taken = HashSet::new();
    for target in targets {
        let in_image = match Operand::parse(target) {
            Operand::Image(address) if writer.is(&address.image) => Some(address),
            _ => None,
        };
        let text = match &in_image {
            Some(address) => address.path.as_slice(),
            None => target.as_bytes(),
        };
        let slot = destination.slot(text);
        if slot.name.is_empty()
            || base_name(text).is_empty() && matches!(destination, Destination::Into(..))
        {
            return Err(slot.address.failure("exists already"));
        }
        if !taken.insert(slot.name.clone()) {
            return Err(slot
                .address
                .failure("would be overwritten by a second link of that name"));
        }
        if args.symbolic {
            make_room(volume, &slot, None, args.force)?;
            let maker = Maker::new(None);
            let made = volume
                .symlink(slot.dir, &slot.name, text, maker.uid, maker.gid)
                .map_err(|e| slot.address.failure(e))?;
            volume.forget(made.attr.ino, 1);
            report.line(&[&slot.address.given, b" -> ", text]);
            continue;
        }
        let Some(address) = in_image else {
            return Err(Failure::of(target.as_ref(), "not a file of the same image")
                .remedy("hard links stay within one image: write IMAGE:/path; or use -s")
                .by_usage());
        };
        let attr =
            resolve::attr(volume, &address.path, Follow::No).map_err(|e| address.failure(e))?;
        if attr.file_type == FileType::Directory {
            return Err(address.failure("a directory cannot have a second name"));
        }
        if make_room(volume, &slot, Some(&attr), args.force)? {
            let made = volume
                .link(attr.ino, slot.dir, &slot.name)
                .map_err(|e| slot.address.failure(e))?;
            volume.forget(made.attr.ino, 1);
        }
        report.line(&[&slot.address.given, b" => ", &address.given]);
    }
    Ok(())
}

/// With `force`, removes what has the name; whether the link is to be made: it may be there already.
fn make_room(
    volume: &Volume,
    slot: &Slot,
    target: Option<&lwext4::Attr>,
    force: bool,
) -> Result<bool> {
    let failure = |error: Error| slot.address.failure(error);
    let there = resolve::maybe_child(volume, slot.dir, &slot.name).map_err(failure)?;
    let Some(there) = there else {
        return Ok(true);
    };
    if !force {
        return Err(failure(Error::Exists).remedy("replace it with -f"));
    }
    if there.file_type == FileType::Directory {
        return Err(failure(Error::IsADirectory));
    }
    if target.is_some_and(|target| target.ino == there.ino) {
        return Ok(false);
    }
    volume.unlink(slot.dir, &slot.name).map_err(failure)?;
    Ok(true)
}
