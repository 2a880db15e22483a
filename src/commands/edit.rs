//! `liveroot edit`

use crate::cli;
use crate::direct::address::{Address, base_name};
use crate::direct::maker::Maker;
use crate::direct::opened::{Locked, Writer};
use crate::direct::resolve::{self, Follow, Found};
use crate::failure::{Failure, Result};
use lwext4::{Error, FileType, SetAttr, SetXattrMode, Volume, WriteMode};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

/// A larger file is not for an editor.
const MOST: u64 = 1 << 30;

/// Lets the user edit a file of an image.
pub fn run(args: &cli::Edit) -> Result<()> {
    let address = Address::parse_strictly(&args.file)?;
    // Nobody else changes the image while the editor is open; nothing is written to it either.
    let locked = Locked::open(&address.image, (&args.place).into())?;
    let old = locked.look(|volume| content(volume, &address))?;
    let new = edited(&address, old.as_deref().unwrap_or_default())?;
    if old.as_ref() == Some(&new) || (old.is_none() && new.is_empty()) {
        eprintln!("liveroot: {address}: unchanged");
        return Ok(());
    }
    let writer = locked.write()?;
    let done = write(&writer, &address, &new);
    writer.finish(done)
}

fn find(volume: &Volume, address: &Address) -> Result<Found> {
    let found =
        resolve::find(volume, &address.path, Follow::Yes).map_err(|e| address.failure(e))?;
    match found.attr.map(|attr| attr.file_type) {
        None | Some(FileType::Regular) => Ok(found),
        Some(FileType::Directory) => Err(address.failure(Error::IsADirectory)),
        Some(_) => Err(address.failure("not a regular file")),
    }
}

/// What is in the file; `None`: it is not there.
fn content(volume: &Volume, address: &Address) -> Result<Option<Vec<u8>>> {
    let Some(attr) = find(volume, address)?.attr else {
        return Ok(None);
    };
    if attr.size > MOST {
        return Err(address
            .failure("too large for an editor")
            .remedy("copy it out with liveroot cp"));
    }
    let mut bytes = vec![0; usize::try_from(attr.size).unwrap_or(0)];
    let read = volume
        .read(attr.ino, 0, &mut bytes)
        .map_err(|e| address.failure(e))?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Runs the editor on a private copy: what it left there.
fn edited(address: &Address, old: &[u8]) -> Result<Vec<u8>> {
    let failure = |error: std::io::Error| Failure::new(format!("a private copy to edit: {error}"));
    let dir = tempfile::Builder::new()
        .prefix("liveroot-edit-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(failure)?;
    // Under its own name, which tells editors what it is.
    let path = dir.path().join(OsStr::from_bytes(base_name(&address.path)));
    let mut file = fs::File::options();
    file.write(true).create_new(true).mode(0o600);
    file.open(&path)
        .and_then(|mut file| file.write_all(old))
        .map_err(failure)?;
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .filter_map(std::env::var_os)
        .find(|value| !value.is_empty())
        .unwrap_or_else(|| OsString::from("vi"));
    run_editor(&editor, &path)?;
    fs::read(&path).map_err(|error| {
        Failure::new(format!("the editor left no file: {error}"))
            .remedy("the image was not changed")
    })
}

fn run_editor(editor: &OsStr, path: &Path) -> Result<()> {
    // The value may have arguments, and quotes: the shell knows, as git and others have it.
    let mut script = editor.to_owned();
    script.push(" \"$@\"");
    let status = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg("sh")
        .arg(path)
        .status();
    let said = |what: String| {
        let editor = editor.to_string_lossy();
        Failure::new(format!("the editor ({editor}) {what}")).remedy("the image was not changed")
    };
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(said(format!("failed: {status}"))),
        Err(error) => Err(said(format!("did not start: {error}"))),
    }
}

/// Replaces the content; mode, owner, names and attributes of the file stay.
fn write(writer: &Writer, address: &Address, new: &[u8]) -> Result<()> {
    let volume = writer.volume();
    let failure = |error: Error| address.failure(error);
    let found = find(volume, address)?;
    let ino = match found.attr {
        Some(attr) => {
            let empty = SetAttr {
                size: Some(0),
                ..SetAttr::default()
            };
            volume.setattr(attr.ino, &empty).map_err(failure)?;
            attr.ino
        }
        None => {
            let file = Maker::new(None).file(FileType::Regular, 0o666);
            let made = volume
                .create(found.parent, &found.name, &file)
                .map_err(failure)?;
            volume.forget(made.attr.ino, 1);
            made.attr.ino
        }
    };
    let capability = volume.getxattr(ino, b"security.capability").ok();
    let mut done = 0;
    while let Some(rest) = new.get(done..).filter(|rest| !rest.is_empty()) {
        match volume
            .write(ino, done as u64, rest, WriteMode::Plain)
            .map_err(failure)?
        {
            0 => return Err(failure(Error::NoSpace)),
            written => done += written,
        }
    }
    if let Some(old) = found.attr {
        // Writing took setuid and setgid away.
        let perm = SetAttr {
            perm: Some(old.perm),
            ..SetAttr::default()
        };
        volume.setattr(ino, &perm).map_err(failure)?;
    }
    if let Some(value) = capability {
        volume
            .setxattr(ino, b"security.capability", &value, SetXattrMode::Any)
            .map_err(failure)?;
    }
    Ok(())
}
