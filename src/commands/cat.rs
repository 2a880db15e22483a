//! `liveroot cat`

use crate::cli;
use crate::direct::opened::{Target, targets};
use crate::direct::output::{Complaints, Out};
use crate::direct::resolve::{self, Follow};
use crate::failure::Result;
use lwext4::{Error, FileType};

const PIECE: usize = 256 << 10;

/// Prints files of an image, one after the other.
pub fn run(args: &cli::Cat) -> Result<()> {
    let mut out = Out::new();
    let mut complaints = Complaints::default();
    for target in targets(&args.files, &args.place)? {
        let printed = print(&mut out, &target);
        complaints.take(printed);
    }
    out.finish()?;
    complaints.end()
}

fn print(out: &mut Out, target: &Target) -> Result<()> {
    let volume = &target.reader.volume;
    let failure = |error: Error| target.address.failure(error);
    let attr = resolve::attr(volume, &target.address.path, Follow::Yes).map_err(failure)?;
    match attr.file_type {
        FileType::Regular => {}
        FileType::Directory => return Err(failure(Error::IsADirectory)),
        _ => return Err(target.address.failure("not a regular file")),
    }
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    while !out.closed() {
        let read = volume.read(attr.ino, at, &mut buffer).map_err(failure)?;
        if read == 0 {
            break;
        }
        out.bytes(buffer.get(..read).unwrap_or_default())?;
        at += read as u64;
    }
    Ok(())
}
