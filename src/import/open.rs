//! Opening what the command line names as a source.

use super::entry::Source;
use super::input::Input;
use super::tar::Tar;
use crate::cli::Fill;
use crate::failure::{Failure, Result};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A source, ready to be read.
pub struct Opened {
    /// Its changes.
    pub source: Box<dyn Source>,
    /// Bytes that it has to read, where they are known.
    pub total: Option<u64>,
    /// Whether its changes are layers of a container image.
    pub layers: bool,
}

/// What the command line names, which can be read more than once: what comes through a pipe is kept in
/// a file without a name.
pub struct Spool {
    path: PathBuf,
    /// What to call it in messages.
    name: PathBuf,
    kept: Option<File>,
}

impl Spool {
    /// A source that is read once; `-` is standard input.
    pub fn once(path: &Path) -> Spool {
        let name = if is_stdin(path) {
            PathBuf::from("standard input")
        } else {
            path.to_owned()
        };
        Spool {
            path: path.to_owned(),
            name,
            kept: None,
        }
    }

    /// What to call it in messages.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Keeps what cannot be read twice.
    ///
    /// # Errors
    /// There is no room for it in the directory for temporary files.
    pub fn keep(&mut self) -> Result<()> {
        let pipe = is_stdin(&self.path) || !self.path.is_file() && !self.path.is_dir();
        if !pipe || self.kept.is_some() {
            return Ok(());
        }
        let mut input = self.reader()?;
        let kept = tempfile_in_tmp().and_then(|mut file| {
            io::copy(&mut input, &mut file)?;
            Ok(file)
        });
        self.kept = Some(kept.map_err(|error| {
            Failure::of(
                &self.name,
                format!("keeping it in {}: {error}", temporary().display()),
            )
            .remedy("name a directory with more room in TMPDIR, or give a --size")
        })?);
        Ok(())
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>> {
        Ok(match self.file()? {
            Some(file) => Box::new(file),
            None => Box::new(io::stdin()),
        })
    }

    /// The file to read, from its start; `None` for a pipe.
    fn file(&self) -> Result<Option<File>> {
        let failed = |error| Failure::of(&self.name, error);
        if let Some(kept) = &self.kept {
            let mut file = kept.try_clone().map_err(failed)?;
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            return Ok(Some(file));
        }
        if is_stdin(&self.path) {
            return Ok(None);
        }
        File::open(&self.path).map(Some).map_err(failed)
    }

    /// Opens it to be applied by `threads` threads.
    ///
    /// # Errors
    /// It is missing or not readable, or nothing that can be imported.
    pub fn open(&self, _fill: &Fill, threads: usize) -> Result<Opened> {
        let failed = |error| Failure::of(&self.name, error);
        let file = self.file()?;
        let total = match &file {
            Some(file) => {
                let metadata = file.metadata().map_err(failed)?;
                metadata.is_file().then_some(metadata.len())
            }
            None => None,
        };
        let reader: Box<dyn Read + Send> = match file {
            Some(file) => Box::new(file),
            None => Box::new(io::stdin()),
        };
        let input = Input::new(reader, threads > 1).map_err(failed)?;
        Ok(Opened {
            source: Box::new(Tar::new(self.name.clone(), input)),
            total,
            layers: false,
        })
    }

    /// Opens it to be looked through, without the data.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn glance(&self, _fill: &Fill) -> Result<Opened> {
        let failed = |error| Failure::of(&self.name, error);
        let input = match self.file()? {
            Some(file) => Input::glance(file),
            None => Input::new(Box::new(io::stdin()), true),
        };
        Ok(Opened {
            source: Box::new(Tar::new(self.name.clone(), input.map_err(failed)?)),
            total: None,
            layers: false,
        })
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn temporary() -> PathBuf {
    std::env::temp_dir()
}

/// A file without a name.
fn tempfile_in_tmp() -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    Ok(open(temporary(), flags, Mode::RUSR | Mode::WUSR)?.into())
}
