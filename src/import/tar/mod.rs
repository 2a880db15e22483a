//! A tar as a stream of changes: every format that GNU tar, bsdtar, Go and Python write.

mod extended;
mod header;
mod pax;
mod sparse;

pub use header::BLOCK;

use super::entry::{Attrs, Change, Data, Entry, Kind, Source};
use super::input::Input;
use crate::failure::{Failure, Result};
use extended::Extended;
use header::{Format, Header};
use lwext4::Timestamp;
use sparse::{Lines, Map};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

/// Reads a tar.
pub struct Tar {
    /// What to call it in messages.
    name: PathBuf,
    input: Input,
    /// What global extended headers said.
    global: pax::Pax,
    body: Body,
    /// Bytes behind the data up to the next header.
    padding: u64,
    ended: bool,
}

/// The data that follows the header read last.
#[derive(Debug, Default)]
struct Body {
    /// Bytes that were not taken yet.
    left: u64,
    /// Where the next ones go in the file.
    at: u64,
    /// Segments that follow the current one, of a sparse file.
    segments: VecDeque<(u64, u64)>,
    /// Bytes of the current segment that were not taken yet.
    segment_left: u64,
}

impl Body {
    fn plain(len: u64) -> Body {
        Body {
            left: len,
            segment_left: len,
            ..Body::default()
        }
    }

    fn sparse(len: u64, map: &Map) -> Body {
        Body {
            left: len,
            segments: map.segments().iter().copied().collect(),
            ..Body::default()
        }
    }
}

impl Tar {
    /// A tar in `input`, called `name`.
    pub fn new(name: PathBuf, input: Input) -> Tar {
        Tar {
            name,
            input,
            global: pax::Pax::default(),
            body: Body::default(),
            padding: 0,
            ended: false,
        }
    }

    /// Where the data of the entry read last starts in the (decompressed) tar.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    fn fail(&self, what: impl std::fmt::Display) -> Failure {
        Failure::of(&self.name, what)
    }

    fn io(&self, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.cut_short(),
            _ => self.fail(error),
        }
    }

    fn cut_short(&self) -> Failure {
        let at = self.input.offset();
        self.fail(format!(
            "cut short: it ends at byte {at}, in the middle of a file"
        ))
        .remedy("get a complete copy")
    }

    /// The next block; `None` at the end of the input.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        match self.input.read(&mut block) {
            Ok(0) => Ok(None),
            Ok(BLOCK) => Ok(Some(block)),
            Ok(_) => Err(self.cut_short()),
            Err(error) => Err(self.io(&error)),
        }
    }

    /// Skips what is left of the entry before.
    fn finish_body(&mut self) -> Result<()> {
        let rest = self.body.left.saturating_add(self.padding);
        self.body = Body::default();
        self.padding = 0;
        match self.input.skip(rest) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.cut_short()),
            Err(error) => Err(self.io(&error)),
        }
    }

    /// The block of the next header; `None` at the archive's end.
    fn header_block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let mut zeroes = 0;
        while zeroes < 2 {
            match self.block()? {
                None if zeroes == 0 && self.input.offset() == 0 => {
                    return Err(self.fail("empty, not a tar"));
                }
                None => return Ok(None),
                Some(block) if block == [0; BLOCK] => zeroes += 1,
                Some(block) => return Ok(Some(block)),
            }
        }
        self.input.drain().map_err(|error| self.io(&error))?;
        Ok(None)
    }

    /// Reads headers up to the one of a file, with the extended ones before it.
    fn read_entry(&mut self) -> Result<Option<Change>> {
        let mut extended = Extended::new(&self.global);
        loop {
            let start = self.input.offset();
            let Some(block) = self.header_block()? else {
                self.ended = true;
                return Ok(None);
            };
            let header = Header::new(&block).ok_or_else(|| {
                if start == 0 {
                    self.fail("not a tar, nor one compressed with gzip, zstd or xz")
                } else {
                    self.fail(format!("damaged: no header at byte {start}"))
                }
            })?;
            let number = |value: Option<i64>| {
                let value = value.and_then(|value| u64::try_from(value).ok());
                value.ok_or_else(|| {
                    self.fail(format!("damaged: the size in the header at byte {start}"))
                })
            };
            match header.typeflag() {
                b'x' | b'X' => {
                    let text = self.text(number(header.size())?, start)?;
                    let read = extended.pax.read(&text);
                    read.map_err(|error| self.bad_extended(start, &error))?;
                }
                b'g' => {
                    let text = self.text(number(header.size())?, start)?;
                    let read = self.global.read(&text);
                    read.map_err(|error| self.bad_extended(start, &error))?;
                    extended.pax = self.global.clone();
                }
                b'L' => extended.path = Some(self.text(number(header.size())?, start)?),
                b'K' => extended.link = Some(self.text(number(header.size())?, start)?),
                // A volume's label; a list of names as GNU tar once wrote it.
                b'V' | b'N' => {
                    self.expect(number(header.size())?);
                    self.finish_body()?;
                }
                b'M' => {
                    return Err(self
                        .fail("the continuation of a file: a part of an archive of several volumes")
                        .remedy("put the volumes together first"));
                }
                _ => return self.entry(&header, extended, start).map(Some),
            }
        }
    }

    fn bad_extended(&self, start: u64, error: &pax::PaxError) -> Failure {
        self.fail(format!(
            "damaged: the extended header at byte {start}: {}",
            error.0
        ))
    }

    /// The content of an extended header.
    fn text(&mut self, len: u64, start: u64) -> Result<Vec<u8>> {
        if len > extended::MOST {
            return Err(self.fail(format!(
                "the extended header at byte {start} has {len} bytes, more than {} that are allowed",
                extended::MOST
            )));
        }
        let mut text = vec![0; len as usize];
        match self.input.read(&mut text) {
            Ok(n) if n == text.len() => {}
            Ok(_) => return Err(self.cut_short()),
            Err(error) => return Err(self.io(&error)),
        }
        self.padding = padding(len);
        self.finish_body()?;
        Ok(text)
    }

    /// Says that `len` bytes of data follow.
    fn expect(&mut self, len: u64) {
        self.body = Body::plain(len);
        self.padding = padding(len);
    }

    fn entry(&mut self, header: &Header<'_>, extended: Extended, start: u64) -> Result<Change> {
        let damaged = |tar: &Tar, field| {
            tar.fail(format!(
                "damaged: the {field} in the header at byte {start}"
            ))
        };
        let path = extended.path(header);
        let size = match extended.pax.size {
            Some(size) => size,
            None => header
                .size()
                .and_then(|size| u64::try_from(size).ok())
                .ok_or_else(|| damaged(self, "size"))?,
        };
        let id = |given: Option<u32>, field: Option<i64>| {
            given.or(field.and_then(|id| u32::try_from(id).ok()))
        };
        let (uid, gid) = match (
            id(extended.pax.uid, header.uid()),
            id(extended.pax.gid, header.gid()),
        ) {
            (Some(uid), Some(gid)) => (uid, gid),
            _ => return Err(damaged(self, "owner")),
        };
        let seconds = |secs| Timestamp { secs, nanos: 0 };
        let (atime, ctime) = header.other_times();
        let attrs = Attrs {
            perm: header.perm().ok_or_else(|| damaged(self, "mode"))?,
            uid,
            gid,
            mtime: extended.pax.mtime.or(header.mtime().map(seconds)),
            atime: extended.pax.atime.or(atime.map(seconds)),
            ctime: extended.pax.ctime.or(ctime.map(seconds)),
            crtime: extended.pax.crtime,
            xattrs: extended.pax.xattrs.clone(),
            acls: extended.pax.acls.clone(),
        };
        let device = || {
            let (major, minor) = header.device().unwrap_or_default();
            let (given_major, given_minor) = extended.pax.device;
            (given_major.unwrap_or(major), given_minor.unwrap_or(minor))
        };
        let kind = match header.typeflag() {
            b'1' => Kind::HardLink(extended.link(header)),
            b'2' => Kind::Symlink(extended.link(header)),
            b'3' => Kind::CharDevice(device().0, device().1),
            b'4' => Kind::BlockDevice(device().0, device().1),
            b'5' => Kind::Directory,
            // A directory with a list of names, of an incremental backup.
            b'D' => {
                self.expect(size);
                Kind::Directory
            }
            b'6' => Kind::Fifo,
            b'0' | b'\0' if path.ends_with(b"/") => Kind::Directory,
            // Data of an unknown type is a file's, says POSIX.
            _ => {
                self.expect(size);
                let size = self.file_size(header, &extended, size, start)?;
                Kind::File {
                    size,
                    data: self.body.left,
                    segments: self.body.segments.len().max(1) as u64,
                }
            }
        };
        Ok(Change::Put(Entry { path, kind, attrs }))
    }

    /// The size of a regular file of `stored` bytes of data, after its map of holes was read.
    fn file_size(
        &mut self,
        header: &Header<'_>,
        extended: &Extended,
        stored: u64,
        start: u64,
    ) -> Result<u64> {
        let sparse = &extended.pax.sparse;
        let wrong =
            |tar: &Tar, error| tar.fail(format!("damaged: the file at byte {start}: {error}"));
        let (map, real_size) = if header.typeflag() == b'S' && header.format == Format::Gnu {
            let (entries, mut more, real_size) = header.sparse();
            let mut map = Map::default();
            map.push_old(entries).map_err(|e| wrong(self, e))?;
            while more {
                let block = self.block()?.ok_or_else(|| self.cut_short())?;
                map.push_old(&block[..504]).map_err(|e| wrong(self, e))?;
                more = block[504] != 0;
            }
            (map, real_size.and_then(|size| u64::try_from(size).ok()))
        } else if sparse.map_in_data {
            let mut lines = Lines::default();
            let map = loop {
                if self.body.left < BLOCK as u64 {
                    return Err(self.fail(format!(
                        "damaged: no map of the sparse file at byte {start}"
                    )));
                }
                let block = self.block()?.ok_or_else(|| self.cut_short())?;
                self.body.left -= BLOCK as u64;
                if let Some(map) = lines.push(&block).map_err(|e| wrong(self, e))? {
                    break map;
                }
            };
            (map, sparse.real_size)
        } else if let Some(map) = &sparse.map {
            (map.clone(), sparse.real_size)
        } else {
            return Ok(stored);
        };
        let size = real_size.unwrap_or(map.end());
        if map.bytes() != self.body.left || map.end() > size {
            return Err(self.fail(format!(
                "damaged: the map of the sparse file at byte {start} does not fit its size"
            )));
        }
        self.body = Body::sparse(self.body.left, &map);
        Ok(size)
    }
}

fn padding(len: u64) -> u64 {
    let block = BLOCK as u64;
    (block - len % block) % block
}

impl Source for Tar {
    fn next(&mut self) -> Result<Option<Change>> {
        if self.ended {
            return Ok(None);
        }
        self.finish_body()?;
        self.read_entry()
    }

    fn data(&mut self) -> Result<Option<Data>> {
        if self.body.segment_left == 0 {
            match self.body.segments.pop_front() {
                Some((at, len)) => {
                    self.body.at = at;
                    self.body.segment_left = len;
                }
                None => return Ok(None),
            }
        }
        let bytes = self
            .input
            .take(self.body.segment_left)
            .map_err(|error| self.io(&error))?;
        if bytes.is_empty() {
            return Err(self.cut_short());
        }
        let at = self.body.at;
        let len = bytes.len() as u64;
        self.body.at += len;
        self.body.left -= len;
        self.body.segment_left -= len;
        Ok(Some(Data { at, bytes }))
    }

    fn position(&self) -> u64 {
        self.input.raw_position()
    }
}
