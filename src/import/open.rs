//! Opening what the command line names as a source: it tells itself what it is.

use super::ahead::Ahead;
use super::directory::Directory;
use super::entry::Source;
use super::input::Input;
use super::manifest::Manifest;
use super::oci::{Blobs, Choice, Layers, layers_of};
use super::owners::{Owned, Owners};
use super::progress::Warnings;
use super::spool::Spool;
use super::tar::Tar;
use crate::cli::Fill;
use crate::failure::{Failure, Result};
use std::path::Path;

/// A source, ready to be read.
pub struct Opened {
    /// Its changes.
    pub source: Box<dyn Source>,
    /// Bytes that it has to read, where they are known.
    pub total: Option<u64>,
    /// Whether its changes are layers of a container's image.
    pub layers: bool,
    /// What it has to say.
    pub warnings: Warnings,
}

/// What is wanted of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    /// All of it; `true`: with threads that read ahead.
    Applying(bool),
    /// What there is, without the data.
    Measuring,
}

impl Spool {
    /// Opens it to be applied by `threads` threads.
    ///
    /// # Errors
    /// It is missing or not readable, or nothing that can be imported.
    pub fn open(&mut self, fill: &Fill, threads: usize) -> Result<Opened> {
        self.open_for(fill, For::Applying(threads > 1))
    }

    /// Opens it to be looked through, without the data.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn glance(&mut self, fill: &Fill) -> Result<Opened> {
        self.open_for(fill, For::Measuring)
    }

    fn open_for(&mut self, fill: &Fill, purpose: For) -> Result<Opened> {
        let mut opened = if self.path().is_dir() {
            directory(self.path(), fill, purpose)?
        } else {
            self.archive(fill, purpose)?
        };
        let owners = Owners {
            owner: fill.owner,
            map: fill.map.clone(),
        };
        let manifest = fill.manifest.as_deref();
        let manifest = manifest
            .map(|path| Manifest::read(path, self.path()))
            .transpose()?;
        if manifest.is_some() || !owners.is_nothing() {
            opened.source = Box::new(Owned {
                name: self.name().to_owned(),
                inner: opened.source,
                owners,
                manifest,
            });
        }
        Ok(opened)
    }

    /// A tar, or an image of a container in one.
    fn archive(&mut self, fill: &Fill, purpose: For) -> Result<Opened> {
        if self.is_container_image()? {
            // The parts are needed in another order than they come in.
            let file = self.plain_file()?;
            let blobs = Blobs::index(self.name(), file)?;
            return layered(blobs, fill, purpose != For::Applying(false));
        }
        let name = self.name().to_owned();
        let failed = |error| Failure::of(&name, error);
        let (input, total) = match (self.file()?, purpose) {
            (Some(file), For::Measuring) => (Input::glance(file), None),
            _ => {
                let (reader, len) = self.reader()?;
                (Input::new(reader, purpose != For::Applying(false)), len)
            }
        };
        let tar = Tar::new(name.clone(), input.map_err(failed)?);
        Ok(Opened {
            source: Box::new(tar),
            total,
            layers: false,
            warnings: Warnings::default(),
        })
    }
}

fn directory(path: &Path, fill: &Fill, purpose: For) -> Result<Opened> {
    let is_layout = path.join("oci-layout").is_file()
        || path.join("index.json").is_file() && path.join("blobs").is_dir()
        || path.join("manifest.json").is_file() && !path.join("etc").exists();
    if is_layout {
        let blobs = Blobs::Directory(path.to_owned());
        return layered(blobs, fill, purpose != For::Applying(false));
    }
    let warnings = Warnings::default();
    let tree = Directory::new(path, fill.skip_unreadable, warnings.clone());
    let source: Box<dyn Source> = match purpose {
        For::Measuring => Box::new(tree.glance()),
        For::Applying(false) => Box::new(tree),
        For::Applying(true) => Box::new(Ahead::new(tree)?),
    };
    Ok(Opened {
        source,
        total: None,
        layers: false,
        warnings,
    })
}

fn layered(blobs: Blobs, fill: &Fill, ahead: bool) -> Result<Opened> {
    let choice = Choice {
        platform: fill.platform.clone(),
        name: fill.image_name.clone(),
    };
    let layers = layers_of(&blobs, &choice)?;
    let source = Layers::new(blobs, layers, ahead);
    Ok(Opened {
        total: Some(source.total()?),
        source: Box::new(source),
        layers: true,
        warnings: Warnings::default(),
    })
}
