//! `liveroot rm`

use crate::cli;
use crate::direct::address::Address;
use crate::direct::opened::Writer;
use crate::direct::output::Report;
use crate::direct::remove;
use crate::direct::resolve::{self, Follow};
use crate::failure::Result;
use lwext4::{Error, FileType, Volume};

/// Deletes files of an image.
pub fn run(args: &cli::Rm) -> Result<()> {
    let opened = Writer::for_operands_or_nothing(&args.files, &args.place, args.force)?;
    let (writer, addresses) = opened;
    let mut report = Report::new(args.verbose);
    let done = addresses
        .iter()
        .try_for_each(|address| delete(writer.volume(), address, args, &mut report));
    writer.finish(done)?;
    report.print()
}

fn delete(volume: &Volume, address: &Address, args: &cli::Rm, report: &mut Report) -> Result<()> {
    let failure = |error: Error| address.failure(error);
    let ends_in = |name: &[u8]| address.path.ends_with(name);
    if ends_in(b"/.") || ends_in(b"/..") {
        return Err(address.failure("'.' and '..' cannot be removed"));
    }
    let found = match resolve::find(volume, &address.path, Follow::No) {
        Err(Error::NotFound | Error::NotADirectory) if args.force => return Ok(()),
        other => other.map_err(failure)?,
    };
    let Some(attr) = found.attr else {
        return if args.force {
            Ok(())
        } else {
            Err(failure(Error::NotFound))
        };
    };
    if found.name.is_empty() {
        return Err(address
            .failure("the root is not removed")
            .remedy("make an empty image with liveroot create"));
    }
    if attr.file_type == FileType::Directory && !args.recursive {
        if !args.dir {
            return Err(address
                .failure("is a directory")
                .remedy("delete it with -r, with all that is in it"));
        }
        volume.rmdir(found.parent, &found.name).map_err(failure)?;
        report.line(&[b"removed directory ", &address.given]);
        return Ok(());
    }
    let place = (found.parent, found.name.as_slice());
    remove::tree(volume, place, &attr, &address.given, &mut |path, is_dir| {
        let what: &[u8] = if is_dir {
            b"removed directory "
        } else {
            b"removed "
        };
        report.line(&[what, path]);
    })
    .map_err(failure)
}
