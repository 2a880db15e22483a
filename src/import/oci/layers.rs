//! The layers of an image, one upon the other, as one stream of changes.

use super::archive::Blobs;
use super::manifest::Layer;
use super::verify::Verified;
use crate::failure::{Failure, Result};
use crate::import::codec::decompress;
use crate::import::entry::{Change, Data, Source};
use crate::import::input::Input;
use crate::import::names::{clean, join, split};
use crate::import::tar::Tar;
use std::collections::VecDeque;

/// Names that say what is gone begin so; and what a directory has that shows nothing from below.
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Names that are an old union file system's own business begin so.
const INTERNAL: &[u8] = b".wh..wh.";

/// Layers as a stream.
pub struct Layers {
    blobs: Blobs,
    ahead: bool,
    waiting: VecDeque<Layer>,
    current: Option<Tar>,
    /// Bytes of the layers that are done.
    done: u64,
    /// Bytes of the current layer.
    current_len: u64,
}

impl Layers {
    /// The layers of an image. `ahead`: each is read in a thread of its own.
    pub fn new(blobs: Blobs, layers: Vec<Layer>, ahead: bool) -> Layers {
        Layers {
            blobs,
            ahead,
            waiting: layers.into(),
            current: None,
            done: 0,
            current_len: 0,
        }
    }

    /// Bytes in all layers, as they are.
    ///
    /// # Errors
    /// One is missing.
    pub fn total(&self) -> Result<u64> {
        let lens = self
            .waiting
            .iter()
            .map(|layer| Ok(self.blobs.need(&layer.path)?.1));
        lens.sum()
    }

    fn open(&mut self, layer: &Layer) -> Result<Tar> {
        let name = self.blobs.name().join(&layer.path);
        let failed = |error| Failure::of(&name, error);
        let (mut reader, len) = self.blobs.need(&layer.path)?;
        if let Some(digest) = &layer.digest {
            reader = Box::new(Verified::new(reader, digest.clone()));
        }
        if let Some(diff_id) = &layer.diff_id {
            let plain = decompress(reader).map_err(failed)?;
            reader = Box::new(Verified::new(plain, diff_id.clone()));
        }
        self.current_len = len;
        let input = Input::new(reader, self.ahead).map_err(failed)?;
        Ok(Tar::new(name, input))
    }
}

/// What an entry of a layer means; `None`: nothing.
fn translate(change: Change) -> Option<Change> {
    let Change::Put(entry) = change else {
        return Some(change);
    };
    let path = clean(&entry.path).path;
    let Some((parent, name)) = split(&path) else {
        return Some(Change::Put(entry));
    };
    if name == OPAQUE {
        return Some(Change::Clear(parent.to_vec()));
    }
    if path
        .split(|&b| b == b'/')
        .any(|part| part.starts_with(INTERNAL))
    {
        return None;
    }
    match name.strip_prefix(WHITEOUT) {
        // Nothing but a name can be gone.
        Some(b"" | b"." | b"..") => None,
        Some(gone) => Some(Change::Remove(join(parent, gone))),
        None => Some(Change::Put(entry)),
    }
}

impl Source for Layers {
    fn next(&mut self) -> Result<Option<Change>> {
        loop {
            let Some(tar) = &mut self.current else {
                let Some(layer) = self.waiting.pop_front() else {
                    return Ok(None);
                };
                self.current = Some(self.open(&layer)?);
                return Ok(Some(Change::Layer));
            };
            match tar.next()? {
                Some(change) => {
                    if let Some(change) = translate(change) {
                        return Ok(Some(change));
                    }
                }
                None => {
                    self.done += self.current_len;
                    self.current = None;
                }
            }
        }
    }

    fn data(&mut self) -> Result<Option<Data>> {
        match &mut self.current {
            Some(tar) => tar.data(),
            None => Ok(None),
        }
    }

    fn position(&self) -> u64 {
        let current = self.current.as_ref().map_or(0, Source::position);
        self.done + current.min(self.current_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::entry::{Attrs, Entry, Kind};

    fn change(path: &str) -> Option<Change> {
        translate(Change::Put(Entry {
            path: path.as_bytes().to_vec(),
            kind: Kind::Fifo,
            attrs: Attrs::default(),
        }))
    }

    #[test]
    fn whiteouts_are_changes() {
        assert_eq!(change("./a/.wh.b"), Some(Change::Remove(b"a/b".to_vec())));
        assert_eq!(change(".wh.b"), Some(Change::Remove(b"b".to_vec())));
        assert_eq!(change("a/.wh..wh..opq"), Some(Change::Clear(b"a".to_vec())));
        assert_eq!(change(".wh..wh.plnk/1.2"), None);
        assert_eq!(change("a/.wh..."), None);
        assert!(matches!(change("a/b.wh."), Some(Change::Put(_))));
    }
}
