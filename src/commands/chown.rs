//! `liveroot chown`

use crate::cli;
use crate::direct::change::{Each, each};
use crate::direct::names::Names;
use crate::direct::opened::Writer;
use crate::direct::output::Report;
use crate::direct::resolve::Follow;
use crate::failure::{Failure, Result};
use lwext4::{Error, FileType, SetAttr};

/// Changes owners and groups of files in an image.
pub fn run(args: &cli::Chown) -> Result<()> {
    let (writer, addresses) = Writer::for_operands(&args.files, &args.place)?;
    let volume = writer.volume();
    let (uid, gid) = Names::of(volume)
        .owner(&args.owner)
        .map_err(|why| Failure::usage(why).remedy("give a number, or a name that is there"))?;
    let mut report = Report::new(args.verbose);
    let rule = Each {
        recursive: args.recursive,
        follow: if args.recursive || args.no_dereference {
            Follow::No
        } else {
            Follow::Yes
        },
    };
    let done = each(volume, &addresses, rule, &mut |path, attr| {
        let is_file = attr.file_type == FileType::Regular;
        let set = SetAttr {
            uid,
            gid,
            // As chown(2) does it, root's too.
            kill_suid: true,
            ..SetAttr::default()
        };
        let after = volume.setattr(attr.ino, &set)?;
        if is_file {
            match volume.removexattr(attr.ino, b"security.capability") {
                Ok(()) | Err(Error::NoAttribute) => {}
                Err(error) => return Err(error),
            }
        }
        if (after.uid, after.gid) != (attr.uid, attr.gid) {
            let text = format!(
                ": owner {}:{} -> {}:{}",
                attr.uid, attr.gid, after.uid, after.gid
            );
            report.line(&[path, text.as_bytes()]);
        }
        Ok(())
    });
    writer.finish(done)?;
    report.print()
}
