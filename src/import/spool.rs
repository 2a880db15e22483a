//! What the command line names, as bytes: a file, or a pipe that is kept where it must be read twice.

use super::codec::{Codec, decompress};
use super::input::read_full;
use super::oci::looks_like_image;
use crate::failure::{Failure, Result};
use rustix::fs::{Mode, OFlags, open};
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes of a source that are looked at before it is read.
const START: usize = 64 * 1024;

type Reader = Box<dyn Read + Send>;

/// A source of the command line; `-` is standard input.
pub struct Spool {
    path: PathBuf,
    name: PathBuf,
    /// A pipe, until it is read.
    pipe: Option<Reader>,
    /// What a pipe had to give, in a file without a name.
    kept: Option<File>,
}

impl Spool {
    /// The source at `path`, which need not be there.
    pub fn new(path: &Path) -> Spool {
        let stdin = path == Path::new("-");
        Spool {
            path: path.to_owned(),
            name: if stdin {
                PathBuf::from("standard input")
            } else {
                path.to_owned()
            },
            pipe: if stdin {
                Some(Box::new(io::stdin()))
            } else {
                None
            },
            kept: None,
        }
    }

    /// What to call it in messages.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has it where it can be read more than once.
    ///
    /// # Errors
    /// There is no room for it in the directory for temporary files.
    pub fn keep(&mut self) -> Result<()> {
        let is_pipe = self.pipe.is_some()
            || std::fs::metadata(&self.path).is_ok_and(|m| !m.is_file() && !m.is_dir());
        if !is_pipe || self.kept.is_some() {
            return Ok(());
        }
        let (mut reader, _) = self.reader()?;
        self.keep_all(&mut *reader)
    }

    fn keep_all(&mut self, reader: &mut dyn Read) -> Result<()> {
        let directory = std::env::temp_dir();
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        let kept = open(&directory, flags, Mode::RUSR | Mode::WUSR).map_err(io::Error::from);
        let kept = kept.and_then(|file| {
            let mut file = File::from(file);
            io::copy(reader, &mut file)?;
            Ok(file)
        });
        self.kept = Some(kept.map_err(|error| {
            let what = format!("keeping it in {}: {error}", directory.display());
            Failure::of(&self.name, what).remedy("name a directory with more room in TMPDIR")
        })?);
        Ok(())
    }

    /// The file to read, from its start; `None` for a pipe.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn file(&self) -> Result<Option<File>> {
        let failed = |error| Failure::of(&self.name, error);
        if let Some(kept) = &self.kept {
            let mut file = kept.try_clone().map_err(failed)?;
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            return Ok(Some(file));
        }
        if self.pipe.is_some() {
            return Ok(None);
        }
        File::open(&self.path).map(Some).map_err(failed)
    }

    /// All of its bytes, and how many there are where that is known.
    ///
    /// # Errors
    /// It cannot be opened, or was read already.
    pub fn reader(&mut self) -> Result<(Reader, Option<u64>)> {
        if let Some(pipe) = self.pipe.take() {
            return Ok((pipe, None));
        }
        match self.file()? {
            Some(file) => {
                let metadata = file.metadata().map_err(|e| Failure::of(&self.name, e))?;
                let len = metadata.is_file().then_some(metadata.len());
                Ok((Box::new(file), len))
            }
            None => Err(Failure::of(&self.name, "it can be read only once")),
        }
    }

    /// Whether it is an image of a container, by its first entry.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_container_image(&mut self) -> Result<bool> {
        let failed = |name: &Path, error| Failure::of(name, error);
        let (mut reader, _) = self.reader()?;
        let mut start = vec![0; START];
        let read = read_full(&mut *reader, &mut start);
        start.truncate(read.map_err(|e| failed(&self.name, e))?);
        let mut header = [0; 512];
        let known = decompress(Box::new(Cursor::new(start.clone())))
            .and_then(|mut plain| read_full(&mut *plain, &mut header));
        let regular = std::fs::metadata(&self.path).is_ok_and(|m| m.is_file());
        if self.kept.is_none() && !regular {
            self.pipe = Some(Box::new(Cursor::new(start).chain(reader)));
        }
        // What cannot be decompressed is reported when it is read.
        let name = header[..100].split(|&b| b == 0).next().unwrap_or_default();
        Ok(known.is_ok() && looks_like_image(name))
    }

    /// The source, decompressed, as a file that can be read anywhere.
    ///
    /// # Errors
    /// As of [`Self::keep`].
    pub fn plain_file(&mut self) -> Result<File> {
        self.keep()?;
        let missing = || Failure::of(&self.name, "it can be read only once");
        let mut file = self.file()?.ok_or_else(missing)?;
        let mut start = [0; 8];
        let plain =
            read_full(&mut file, &mut start).map(|n| Codec::of(&start[..n]) == Codec::Plain);
        if plain.map_err(|e| Failure::of(&self.name, e))? {
            return Ok(file);
        }
        let (reader, _) = self.reader()?;
        let mut plain = decompress(reader).map_err(|e| Failure::of(&self.name, e))?;
        self.keep_all(&mut *plain)?;
        self.file()?
            .ok_or_else(|| Failure::of(&self.name, "it can be read only once"))
    }
}
