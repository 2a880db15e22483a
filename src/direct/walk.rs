//! Going through directories of an image.

use lwext4::{Attr, Error, FileType, Ino, Result, Volume};

/// A directory that is deeper in the tree than this is damage, or not worth a look: a path that long
/// no program could use.
const DEEPEST: usize = 4096;

/// A name in a directory.
#[derive(Clone, Debug)]
pub struct Child {
    /// The name.
    pub name: Vec<u8>,
    /// What it leads to.
    pub attr: Attr,
}

/// The names in a directory without `.` and `..`, in the order of their bytes.
///
/// # Errors
/// What reading the image gives.
pub fn children(volume: &Volume, dir: Ino) -> Result<Vec<Child>> {
    let mut found: Vec<(Vec<u8>, Ino)> = Vec::new();
    volume.read_dir(dir, 0, &mut |entry| {
        if entry.name != b"." && entry.name != b".." {
            found.push((entry.name.to_vec(), entry.ino));
        }
        true
    })?;
    found.sort();
    found
        .into_iter()
        .map(|(name, ino)| {
            let attr = volume.getattr(ino)?;
            Ok(Child { name, attr })
        })
        .collect()
}

/// The way from the top of a walk to where it is: keeps a damaged image from leading it in circles.
#[derive(Default)]
pub struct Trail {
    above: Vec<Ino>,
}

impl Trail {
    /// Enters a directory, to be left in any case.
    ///
    /// # Errors
    /// The walk is in it already, or too deep.
    pub fn enter(&mut self, dir: &Attr) -> Result<()> {
        debug_assert_eq!(dir.file_type, FileType::Directory);
        let again = self.above.contains(&dir.ino);
        self.above.push(dir.ino);
        if again {
            return Err(lwext4::Corrupt::new("a directory contains itself")
                .ino(dir.ino)
                .into());
        }
        if self.above.len() > DEEPEST {
            return Err(Error::InvalidArgument("directories nest too deep"));
        }
        Ok(())
    }

    /// Leaves the directory entered last.
    pub fn leave(&mut self) {
        self.above.pop();
    }
}
