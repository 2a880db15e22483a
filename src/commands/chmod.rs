//! `liveroot chmod`

use crate::cli;
use crate::direct::change::{Each, each};
use crate::direct::maker::Maker;
use crate::direct::mode::ModeChange;
use crate::direct::opened::Writer;
use crate::direct::output::Report;
use crate::direct::resolve::Follow;
use crate::failure::{Failure, Result};
use lwext4::{FileType, SetAttr};

/// Changes modes of files in an image.
pub fn run(args: &cli::Chmod) -> Result<()> {
    let change = ModeChange::parse(&args.mode).map_err(Failure::usage)?;
    let umask = Maker::new(None).umask;
    let (writer, addresses) = Writer::for_operands(&args.files, &args.place)?;
    let volume = writer.volume();
    let mut report = Report::new(args.verbose);
    let rule = Each {
        recursive: args.recursive,
        follow: Follow::Yes,
    };
    let done = each(volume, &addresses, rule, &mut |path, attr| {
        // A link's own mode means nothing.
        if attr.file_type == FileType::Symlink {
            return Ok(());
        }
        let perm = change.apply(attr.perm, attr.file_type == FileType::Directory, umask);
        let set = SetAttr {
            perm: Some(perm),
            ..SetAttr::default()
        };
        volume.setattr(attr.ino, &set)?;
        if perm != attr.perm {
            let text = format!(": mode {:04o} -> {perm:04o}", attr.perm);
            report.line(&[path, text.as_bytes()]);
        }
        Ok(())
    });
    writer.finish(done)?;
    report.print()
}
