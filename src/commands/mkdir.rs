//! `liveroot mkdir`

use crate::cli;
use crate::direct::address::Address;
use crate::direct::maker::Maker;
use crate::direct::mode::ModeChange;
use crate::direct::opened::Writer;
use crate::direct::output::Report;
use crate::direct::resolve::{self, Follow};
use crate::failure::{Failure, Result};
use crate::import::names::join;
use lwext4::{Error, FileType, SetAttr, Volume};

/// Makes directories in an image.
pub fn run(args: &cli::Mkdir) -> Result<()> {
    let mode = args.mode.as_deref().map(ModeChange::parse).transpose();
    let mode = mode.map_err(Failure::usage)?;
    let (writer, addresses) = Writer::for_operands(&args.files, &args.place)?;
    let mut job = Job {
        args,
        mode,
        maker: Maker::new(None),
        report: Report::new(args.verbose),
    };
    let done = addresses
        .iter()
        .try_for_each(|address| job.make(writer.volume(), address));
    writer.finish(done)?;
    job.report.print()
}

struct Job<'a> {
    args: &'a cli::Mkdir,
    mode: Option<ModeChange>,
    maker: Maker,
    report: Report,
}

impl Job<'_> {
    fn make(&mut self, volume: &Volume, address: &Address) -> Result<()> {
        if self.args.parents {
            return self.make_all(volume, address);
        }
        let failure = |error: Error| address.failure(error);
        let path = trimmed(&address.path);
        self.make_one(volume, address, path, true).map_err(failure)
    }

    /// Makes the directories of a path that are missing.
    fn make_all(&mut self, volume: &Volume, address: &Address) -> Result<()> {
        let names: Vec<&[u8]> = address
            .path
            .split(|&b| b == b'/')
            .filter(|n| !n.is_empty())
            .collect();
        let mut path = b"/".to_vec();
        for (i, name) in names.iter().enumerate() {
            path = join(&path, name);
            let here = address.with_path(path.clone());
            let failure = |error: Error| here.failure(error);
            match resolve::attr(volume, &path, Follow::Yes) {
                Ok(attr) if attr.file_type == FileType::Directory => continue,
                Ok(_) => return Err(failure(Error::NotADirectory)),
                Err(Error::NotFound) => {}
                Err(error) => return Err(failure(error)),
            }
            let last = i + 1 == names.len();
            self.make_one(volume, &here, &path, last).map_err(failure)?;
        }
        Ok(())
    }

    fn make_one(
        &mut self,
        volume: &Volume,
        address: &Address,
        path: &[u8],
        last: bool,
    ) -> lwext4::Result<()> {
        let found = resolve::find(volume, path, Follow::No)?;
        if found.attr.is_some() {
            return Err(Error::Exists);
        }
        let mut new = self.maker.file(FileType::Directory, 0o777);
        if !last {
            // As mkdir -p: the owner gets in, whatever the umask.
            new.umask &= !0o300;
        }
        let made = volume.create(found.parent, &found.name, &new)?.attr;
        volume.forget(made.ino, 1);
        if let Some(mode) = self.mode.as_ref().filter(|_| last) {
            let perm = mode.apply(made.perm & 0o7000 | 0o777, true, self.maker.umask);
            let set = SetAttr {
                perm: Some(perm),
                ..SetAttr::default()
            };
            volume.setattr(made.ino, &set)?;
        }
        self.report.line(&[b"created directory ", &address.given]);
        Ok(())
    }
}

/// A path without slashes at its end.
fn trimmed(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |at| at + 1);
    path.get(..end).unwrap_or_default()
}
