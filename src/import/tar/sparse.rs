//! Where the data of a sparse file goes: GNU tar's old format, and its versions 0.0, 0.1 and 1.0 in
//! extended headers. Source: GNU tar manual, "Storing Sparse Files".

use super::header::number;
use std::fmt;

/// Segments that a map has at most: bounds the memory that an archive can ask for.
const MOST: usize = 1 << 20;
/// An entry of the old format: two numbers of 12 bytes.
const OLD_ENTRY: usize = 24;

/// Segments of data, ascending: (offset in the file, length).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    segments: Vec<(u64, u64)>,
    /// The end of the last segment, also of an empty one.
    end: u64,
    /// Bytes in all of them.
    bytes: u64,
}

/// What is wrong with a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapError(&'static str);

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the map of a sparse file: {}", self.0)
    }
}

impl Map {
    /// Adds a segment behind all others.
    pub fn push(&mut self, offset: u64, len: u64) -> Result<(), MapError> {
        let end = offset
            .checked_add(len)
            .filter(|&end| i64::try_from(end).is_ok());
        let end = end.ok_or(MapError("a segment beyond all sizes"))?;
        if offset < self.end {
            return Err(MapError("segments overlap or go back"));
        }
        if self.segments.len() >= MOST {
            return Err(MapError("more than a million segments"));
        }
        self.end = end;
        // The last entry often only marks the file's end.
        if len > 0 {
            self.bytes = self.bytes.saturating_add(len);
            self.segments.push((offset, len));
        }
        Ok(())
    }

    /// The segments.
    pub fn segments(&self) -> &[(u64, u64)] {
        &self.segments
    }

    /// Bytes of data in all of them.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the last segment ends.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Version 0.1: `offset,length,offset,length,…`.
    pub fn parse_list(text: &[u8]) -> Result<Map, MapError> {
        let mut map = Map::default();
        let mut numbers = text.split(|&b| b == b',').map(decimal);
        while let Some(offset) = numbers.next() {
            let len = numbers.next().ok_or(MapError("an odd count of numbers"))?;
            map.push(offset?, len?)?;
        }
        Ok(map)
    }

    /// Takes over the entries of a block of the old format: whether there can be more.
    pub fn push_old(&mut self, entries: &[u8]) -> Result<bool, MapError> {
        for entry in entries.chunks_exact(OLD_ENTRY) {
            // An entry without digits ends the list.
            if entry[12] == 0 {
                return Ok(false);
            }
            let part = |field| number(field).and_then(|n| u64::try_from(n).ok());
            match (part(&entry[..12]), part(&entry[12..])) {
                (Some(offset), Some(len)) => self.push(offset, len)?,
                _ => return Err(MapError("no number")),
            }
        }
        Ok(true)
    }
}

/// Reads the map of version 1.0, which precedes the data in decimal lines: how many segments there are,
/// then offset and length of each.
#[derive(Debug, Default)]
pub struct Lines {
    map: Map,
    digits: Vec<u8>,
    count: Option<u64>,
    offset: Option<u64>,
}

impl Lines {
    /// Takes the next block: the map, once complete. What is behind it in its block means nothing.
    pub fn push(&mut self, block: &[u8]) -> Result<Option<Map>, MapError> {
        for &byte in block {
            if byte != b'\n' {
                self.digits.push(byte);
                if self.digits.len() > 20 {
                    return Err(MapError("a number that is too long"));
                }
                continue;
            }
            let number = decimal(&self.digits)?;
            self.digits.clear();
            match (self.count, self.offset) {
                (None, _) => self.count = Some(number),
                (Some(_), None) => self.offset = Some(number),
                (Some(left), Some(offset)) => {
                    self.map.push(offset, number)?;
                    self.offset = None;
                    self.count = Some(left.saturating_sub(1));
                }
            }
            if self.count == Some(0) {
                return Ok(Some(std::mem::take(&mut self.map)));
            }
        }
        Ok(None)
    }
}

fn decimal(text: &[u8]) -> Result<u64, MapError> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or(MapError("no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_lines_say_the_same() {
        let list = Map::parse_list(b"0,512,4096,512,9000,0").unwrap();
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"3\n0\n51"), Ok(None));
        let map = lines.push(b"2\n4096\n512\n9000\n0\n\0\0").unwrap().unwrap();
        assert_eq!(list, map);
        assert_eq!(
            (map.bytes(), map.end(), map.segments().len()),
            (1024, 9000, 2)
        );
    }

    #[test]
    fn impossible_maps_are_refused() {
        assert!(Map::parse_list(b"0,5,4,5").is_err());
        assert!(Map::parse_list(b"0,5,9").is_err());
        assert!(Map::parse_list(b"9223372036854775807,5").is_err());
        assert!(Lines::default().push(&[b'1'; 30]).is_err());
    }
}
