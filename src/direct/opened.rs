//! Images opened for one command: shared for reading, alone for a transaction.

use super::address::Address;
use super::glob;
use crate::cli::PlaceArgs;
use crate::failure::{Failure, Result};
use crate::session::image::{self, Image};
use crate::session::options::Place;
use crate::sys::Access;
use lwext4::{OpenOptions, Stage, Volume};
use std::ffi::OsString;
use std::path::Path;
use std::rc::Rc;

/// An image that is read. A journal that waits for its replay is replayed in memory.
pub struct Reader {
    image: Image,
    /// What is in it.
    pub volume: Volume,
}

impl Reader {
    /// Opens and locks an image, shared with other readers.
    ///
    /// # Errors
    /// It is no image, is damaged, or somebody writes it.
    pub fn open(path: &Path, place: Place) -> Result<Reader> {
        let image = image::open(path, place, Access::Read)?;
        image.lock(Access::Read)?;
        let options = OpenOptions {
            read_only: true,
            ..OpenOptions::default()
        };
        let volume = Volume::open(image.device.clone(), options)
            .map_err(|e| image.explain(&e, Access::Read))?;
        Ok(Reader { image, volume })
    }

    /// Whether it is the same file.
    pub fn is(&self, other: &Path) -> bool {
        other
            .canonicalize()
            .is_ok_and(|path| path == self.image.path)
    }
}

/// An operand of a command that reads.
pub struct Target {
    /// The image it is in.
    pub reader: Rc<Reader>,
    /// Where.
    pub address: Address,
}

/// Opens the images of a command's operands, each once, and finds what their patterns stand for.
///
/// # Errors
/// An image cannot be read; a pattern fits nothing.
pub fn targets(operands: &[OsString], place: &PlaceArgs) -> Result<Vec<Target>> {
    let mut readers: Vec<Rc<Reader>> = Vec::new();
    let mut targets = Vec::new();
    for operand in operands {
        let address = Address::parse(operand)?;
        let known = readers.iter().find(|reader| reader.is(&address.image));
        let reader = match known {
            Some(reader) => reader.clone(),
            None => {
                let reader = Rc::new(Reader::open(&address.image, place.into())?);
                readers.push(reader.clone());
                reader
            }
        };
        for address in glob::expand(&reader.volume, &address)? {
            targets.push(Target {
                reader: reader.clone(),
                address,
            });
        }
    }
    Ok(targets)
}

/// An image that nobody else can have, not yet changed.
pub struct Locked {
    image: Image,
}

impl Locked {
    /// Opens and locks an image, for writing.
    ///
    /// # Errors
    /// It cannot be written, or somebody has it.
    pub fn open(path: &Path, place: Place) -> Result<Locked> {
        let image = image::open(path, place, Access::Write)?;
        image.lock(Access::Write)?;
        Ok(Locked { image })
    }

    /// Looks into it, without changing it.
    ///
    /// # Errors
    /// It is no image, or damaged; what `look` gives.
    pub fn look<T>(&self, look: impl FnOnce(&Volume) -> Result<T>) -> Result<T> {
        let options = OpenOptions {
            read_only: true,
            ..OpenOptions::default()
        };
        let volume = Volume::open(self.image.device.clone(), options)
            .map_err(|e| self.image.explain(&e, Access::Read))?;
        look(&volume)
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// It is no image, or damaged.
    pub fn write(self) -> Result<Writer> {
        let stage = Stage::open(self.image.device.clone(), OpenOptions::default())
            .map_err(|e| self.image.explain(&e, Access::Write))?;
        let image = self.image;
        Ok(Writer { image, stage })
    }
}

/// An image that one command changes: entirely or not at all.
pub struct Writer {
    image: Image,
    stage: Stage,
}

impl Writer {
    /// Opens an image alone, for one transaction.
    ///
    /// # Errors
    /// It is no image, is damaged or cannot be written; somebody has it.
    pub fn open(path: &Path, place: Place) -> Result<Writer> {
        Locked::open(path, place)?.write()
    }

    /// Opens the one image that all operands are in: it, and the operands with patterns expanded.
    ///
    /// # Errors
    /// As [`Writer::open`]; there are several images; a pattern fits nothing.
    pub fn for_operands(
        operands: &[OsString],
        place: &PlaceArgs,
    ) -> Result<(Writer, Vec<Address>)> {
        Writer::for_operands_or_nothing(operands, place, false)
    }

    /// [`Writer::for_operands`]; with `lenient`, a pattern that fits nothing stands for nothing.
    ///
    /// # Errors
    /// As there.
    pub fn for_operands_or_nothing(
        operands: &[OsString],
        place: &PlaceArgs,
        lenient: bool,
    ) -> Result<(Writer, Vec<Address>)> {
        let addresses: Vec<Address> = operands
            .iter()
            .map(|operand| Address::parse_strictly(operand))
            .collect::<Result<_>>()?;
        let Some(first) = addresses.first() else {
            return Err(Failure::usage("no file is named"));
        };
        let writer = Writer::open(&first.image, place.into())?;
        let mut expanded = Vec::new();
        for address in &addresses {
            if !writer.is(&address.image) {
                return Err(address
                    .failure("in another image than the first")
                    .remedy("name files of one image: a command is one transaction of it")
                    .by_usage());
            }
            match glob::expand(writer.volume(), address) {
                Ok(found) => expanded.extend(found),
                Err(_) if lenient => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok((writer, expanded))
    }

    /// The image as the command sees it.
    pub fn volume(&self) -> &Volume {
        &self.stage
    }

    /// Whether it is the same file.
    pub fn is(&self, other: &Path) -> bool {
        other
            .canonicalize()
            .is_ok_and(|path| path == self.image.path)
    }

    /// Ends the command: what it did becomes the image's state, unless it failed, when nothing has
    /// changed.
    ///
    /// # Errors
    /// What the command failed with, or why its work cannot be kept.
    pub fn finish<T>(self, done: Result<T>) -> Result<T> {
        let failed = |error: lwext4::Error| {
            let failure = Failure::of(&self.image.given, &error);
            match error {
                lwext4::Error::TooLargeAtOnce { .. } => failure.remedy(
                    "nothing was changed; do it in parts, or mount the image and work there",
                ),
                lwext4::Error::NoSpace => failure.remedy("nothing was changed"),
                _ => failure,
            }
        };
        match done {
            Ok(value) => self.stage.commit().map(|()| value).map_err(failed),
            Err(failure) => match self.stage.why(lwext4::Error::NotFound) {
                lwext4::Error::NotFound => Err(failure),
                why => Err(failed(why)),
            },
        }
    }
}
