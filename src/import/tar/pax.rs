//! Extended headers: records that go before a header's fields. Sources: POSIX pax(1), "pax Extended
//! Header"; GNU tar manual, "Storing Sparse Files"; libarchive-formats(5).

use super::sparse::{Map, MapError};
use crate::import::entry::AclTexts;
use lwext4::Timestamp;
use std::collections::HashSet;

/// What an extended header says. `None`: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pax {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub mtime: Option<Timestamp>,
    pub atime: Option<Timestamp>,
    pub ctime: Option<Timestamp>,
    pub crtime: Option<Timestamp>,
    pub device: (Option<u32>, Option<u32>),
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub sparse: Sparse,
    pub acls: AclTexts,
}

/// What it says about holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sparse {
    /// Version 1.x: the map precedes the data.
    pub map_in_data: bool,
    /// The map, in versions 0.x.
    pub map: Option<Map>,
    pub name: Option<Vec<u8>>,
    pub real_size: Option<u64>,
    /// The offset of version 0.0 whose length has not come yet.
    offset: Option<u64>,
}

/// What is wrong with an extended header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaxError(pub String);

impl From<MapError> for PaxError {
    fn from(error: MapError) -> PaxError {
        PaxError(error.to_string())
    }
}

impl Pax {
    /// Takes the records in `bytes` over those that it has.
    ///
    /// # Errors
    /// Records that are none, or numbers that are none.
    pub fn read(&mut self, mut bytes: &[u8]) -> Result<(), PaxError> {
        // An attribute may come twice, in two encodings: one header has each name once.
        let mut seen = HashSet::new();
        while !bytes.is_empty() {
            let (key, value, rest) =
                record(bytes).ok_or_else(|| PaxError("a broken record".into()))?;
            self.set(key, value, &mut seen).map_err(|error| {
                let key = String::from_utf8_lossy(key);
                PaxError(format!("{key}: {}", error.0))
            })?;
            bytes = rest;
        }
        Ok(())
    }

    fn set(
        &mut self,
        key: &[u8],
        value: &[u8],
        seen: &mut HashSet<Vec<u8>>,
    ) -> Result<(), PaxError> {
        let owned = || Some(value.to_vec()).filter(|value| !value.is_empty());
        match key {
            b"path" => self.path = owned(),
            b"linkpath" => self.link = owned(),
            b"size" => self.size = integer(value)?,
            b"uid" => self.uid = integer(value)?,
            b"gid" => self.gid = integer(value)?,
            b"mtime" => self.mtime = time(value)?,
            b"atime" => self.atime = time(value)?,
            b"ctime" => self.ctime = time(value)?,
            b"LIBARCHIVE.creationtime" => self.crtime = time(value)?,
            b"SCHILY.devmajor" => self.device.0 = integer(value)?,
            b"SCHILY.devminor" => self.device.1 = integer(value)?,
            b"SCHILY.acl.access" => self.acls.access = owned(),
            b"SCHILY.acl.default" => self.acls.default = owned(),
            b"RHT.security.selinux" => {
                self.put_xattr(b"security.selinux".to_vec(), value.to_vec(), seen)
            }
            b"GNU.sparse.major" => self.sparse.map_in_data = value != b"0",
            b"GNU.sparse.name" => self.sparse.name = owned(),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.real_size = integer(value)?,
            b"GNU.sparse.map" => self.sparse.map = Some(Map::parse_list(value)?),
            b"GNU.sparse.offset" => self.sparse.offset = integer(value)?,
            b"GNU.sparse.numbytes" => {
                let map = self.sparse.map.get_or_insert_default();
                match (self.sparse.offset.take(), integer(value)?) {
                    (Some(offset), Some(len)) => map.push(offset, len)?,
                    _ => return Err(PaxError("a length without an offset".into())),
                }
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.put_xattr(name.to_vec(), value.to_vec(), seen);
                } else if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
                    let value = base64(value).ok_or_else(|| PaxError("no base64".into()))?;
                    self.put_xattr(percent_decoded(name), value, seen);
                }
            }
        }
        Ok(())
    }

    fn put_xattr(&mut self, name: Vec<u8>, value: Vec<u8>, seen: &mut HashSet<Vec<u8>>) {
        if !seen.insert(name.clone()) {
            return;
        }
        // The kernel's own form of ACLs comes as an attribute, too.
        match self.xattrs.iter_mut().find(|(old, _)| *old == name) {
            Some((_, old)) => *old = value,
            None => self.xattrs.push((name, value)),
        }
    }
}

/// The first record, `LENGTH KEY=VALUE\n`, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|&b| b == b' ')?;
    let len: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let body = bytes.get(space + 1..len)?;
    let (newline, body) = body.split_last()?;
    let equals = body.iter().position(|&b| b == b'=')?;
    (*newline == b'\n').then_some((&body[..equals], &body[equals + 1..], &bytes[len..]))
}

fn integer<T: std::str::FromStr>(value: &[u8]) -> Result<Option<T>, PaxError> {
    if value.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(value).ok();
    match text.and_then(|text| text.parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(PaxError("no number that is allowed there".into())),
    }
}

/// Seconds with a fraction, perhaps negative.
fn time(value: &[u8]) -> Result<Option<Timestamp>, PaxError> {
    if value.is_empty() {
        return Ok(None);
    }
    let bad = || PaxError("no time".into());
    let text = std::str::from_utf8(value).map_err(|_| bad())?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let secs: i64 = whole.parse().map_err(|_| bad())?;
    let mut nanos = 0u32;
    for at in 0..9 {
        let digit = fraction.as_bytes().get(at).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return Err(bad());
        }
        nanos = nanos * 10 + u32::from(digit - b'0');
    }
    Ok(Some(if negative && nanos > 0 {
        Timestamp {
            secs: secs.saturating_sub(1),
            nanos: 1_000_000_000 - nanos,
        }
    } else {
        Timestamp { secs, nanos }
    }))
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for &byte in text.iter().filter(|byte| !matches!(byte, b'=' | b'\n')) {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = |at: usize| tail.get(at).and_then(|&b| char::from(b).to_digit(16));
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                rest = &tail[2..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pax(bytes: &[u8]) -> Pax {
        let mut pax = Pax::default();
        pax.read(bytes).unwrap();
        pax
    }

    #[test]
    fn records_override() {
        let read = pax(b"12 path=a=b\n22 mtime=-1.250000000\n12 path=cde\n");
        assert_eq!(read.path.as_deref(), Some(&b"cde"[..]));
        let time = Timestamp {
            secs: -2,
            nanos: 750_000_000,
        };
        assert_eq!(read.mtime, Some(time));
        for broken in [
            &b"12 path=a=b"[..],
            b"5 a\n",
            b"99 a=b\n",
            b"x a=b\n",
            b"0 a=b\n",
        ] {
            assert!(Pax::default().read(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn attributes_come_in_two_encodings() {
        let read = pax(b"40 LIBARCHIVE.xattr.user.a%3Db=AQID/w==\n".as_ref());
        assert_eq!(read.xattrs, [(b"user.a=b".to_vec(), vec![1, 2, 3, 255])]);
    }

    #[test]
    fn old_maps_are_gathered() {
        let read = pax(b"23 GNU.sparse.offset=0\n25 GNU.sparse.numbytes=5\n");
        assert_eq!(read.sparse.map.unwrap().segments(), [(0, 5)]);
    }
}
