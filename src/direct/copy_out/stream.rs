//! Files written as a row of bytes, to what is no file.

use super::super::tree::Tree;
use crate::failure::Failure;
use std::fs::File;
use std::io::{self, Write};

/// Writes a file as a stream; the error is the source's failure, or the host's.
pub(super) fn stream<T: Tree>(
    tree: &T,
    node: &T::Node,
    file: &mut File,
) -> std::result::Result<(), StreamError> {
    let mut at = 0u64;
    let mut host = None;
    let pad = |file: &mut File, at: &mut u64, to: u64| -> io::Result<()> {
        let gap = to.saturating_sub(*at);
        io::copy(&mut io::Read::take(io::repeat(0), gap), file)?;
        *at = to;
        Ok(())
    };
    let size = tree.content(node, &mut |offset, bytes| {
        let written = pad(file, &mut at, offset).and_then(|()| file.write_all(bytes));
        at = offset + bytes.len() as u64;
        written.map_err(|error| {
            host = Some(error);
            Failure::told(1)
        })
    });
    match (size, host) {
        (_, Some(error)) => Err(StreamError::Host(error)),
        (Err(failure), None) => Err(StreamError::Source(failure)),
        (Ok(size), None) => pad(file, &mut at, size).map_err(StreamError::Host),
    }
}

pub(super) enum StreamError {
    Source(Failure),
    Host(io::Error),
}

impl StreamError {
    pub fn unwrap_or_else(self, host: impl FnOnce(io::Error) -> Failure) -> Failure {
        match self {
            StreamError::Source(failure) => failure,
            StreamError::Host(error) => host(error),
        }
    }
}
