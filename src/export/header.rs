//! Headers of a tar. Sources: POSIX pax(1), "ustar Interchange Format" and "pax Extended Header"; GNU tar
//! manual, "PAX Format, Version 1.0".

use crate::import::acl;
use lwext4::{Attr, FileType, Timestamp};
use std::io::{self, Write};

/// Bytes in a block.
pub const BLOCK: u64 = 512;

/// What a tar is to say of one file.
pub struct Member<'a> {
    /// The path, without a leading slash.
    pub path: &'a [u8],
    /// The attributes.
    pub attr: &'a Attr,
    /// The target of a symbolic link, or of a hard link: the path of the file.
    pub link: &'a [u8],
    /// It is a further name of the file at `link`.
    pub is_hard_link: bool,
    /// Extended attributes.
    pub xattrs: &'a [(Vec<u8>, Vec<u8>)],
    /// Where the data is, if there are holes: (offset, length).
    pub holes: Option<&'a [(u64, u64)]>,
}

impl Member<'_> {
    /// Writes headers, and the map of a sparse file: how many bytes of data are to follow.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<u64> {
        let map = self.holes.map(|segments| self.map(segments));
        let is_data = self.attr.file_type == FileType::Regular && !self.is_hard_link;
        let data = match self.holes {
            _ if !is_data => 0,
            Some(segments) => segments.iter().map(|(_, len)| len).sum(),
            None => self.attr.size,
        };
        let size = data + map.as_ref().map_or(0, |map| map.len() as u64);
        let records = self.records(size);
        if !records.is_empty() {
            out.write_all(&self.ustar(b'x', records.len() as u64, b"././@PaxHeader"))?;
            out.write_all(&records)?;
            pad(out, records.len() as u64)?;
        }
        let name = if self.holes.is_some() {
            b"././GNUSparseFile.0/data"
        } else {
            self.path
        };
        out.write_all(&self.ustar(self.typeflag(), size, name))?;
        if let Some(map) = map {
            out.write_all(&map)?;
        }
        Ok(data)
    }

    fn typeflag(&self) -> u8 {
        match self.attr.file_type {
            _ if self.is_hard_link => b'1',
            FileType::Regular | FileType::Socket => b'0',
            FileType::Symlink => b'2',
            FileType::CharDevice => b'3',
            FileType::BlockDevice => b'4',
            FileType::Directory => b'5',
            FileType::Fifo => b'6',
        }
    }

    /// The map of a sparse file, in whole blocks.
    fn map(&self, segments: &[(u64, u64)]) -> Vec<u8> {
        // A last entry without data tells readers of the offsets alone where the file ends.
        let mut text = format!("{}\n", segments.len() + 1);
        for (at, len) in segments.iter().copied().chain([(self.attr.size, 0)]) {
            text.push_str(&format!("{at}\n{len}\n"));
        }
        let mut bytes = text.into_bytes();
        bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), 0);
        bytes
    }

    /// The records of the extended header, the shortest that say everything.
    fn records(&self, size: u64) -> Vec<u8> {
        let mut out = Vec::new();
        let attr = self.attr;
        if self.holes.is_some() {
            record(&mut out, b"GNU.sparse.major", b"1");
            record(&mut out, b"GNU.sparse.minor", b"0");
            record(&mut out, b"GNU.sparse.name", self.path);
            record(
                &mut out,
                b"GNU.sparse.realsize",
                attr.size.to_string().as_bytes(),
            );
        } else if self.path.len() > 100 {
            record(&mut out, b"path", self.path);
        }
        if self.link.len() > 100 {
            record(&mut out, b"linkpath", self.link);
        }
        if size > MAX_SIZE {
            record(&mut out, b"size", size.to_string().as_bytes());
        }
        for (key, id) in [("uid", attr.uid), ("gid", attr.gid)] {
            if u64::from(id) > MAX_ID {
                record(&mut out, key.as_bytes(), id.to_string().as_bytes());
            }
        }
        if self.is_hard_link {
            return out;
        }
        for (key, time) in [
            ("mtime", attr.mtime),
            ("atime", attr.atime),
            ("ctime", attr.ctime),
        ] {
            let plain = time.nanos == 0 && u64::try_from(time.secs).is_ok_and(|s| s <= MAX_SIZE);
            if key != "mtime" || !plain {
                record(&mut out, key.as_bytes(), seconds(time).as_bytes());
            }
        }
        if let Some(time) = attr.crtime {
            record(
                &mut out,
                b"LIBARCHIVE.creationtime",
                seconds(time).as_bytes(),
            );
        }
        if matches!(attr.file_type, FileType::CharDevice | FileType::BlockDevice)
            && u64::from(attr.device.0.max(attr.device.1)) > MAX_ID
        {
            record(
                &mut out,
                b"SCHILY.devmajor",
                attr.device.0.to_string().as_bytes(),
            );
            record(
                &mut out,
                b"SCHILY.devminor",
                attr.device.1.to_string().as_bytes(),
            );
        }
        for (name, value) in self.xattrs {
            let text = match &name[..] {
                b"system.posix_acl_access" => {
                    acl::to_text(value).map(|text| ("SCHILY.acl.access", text))
                }
                b"system.posix_acl_default" => {
                    acl::to_text(value).map(|text| ("SCHILY.acl.default", text))
                }
                _ => None,
            };
            match text {
                Some((key, text)) => record(&mut out, key.as_bytes(), text.as_bytes()),
                None => record(&mut out, &[b"SCHILY.xattr.", &name[..]].concat(), value),
            }
        }
        out
    }

    fn ustar(&self, typeflag: u8, size: u64, name: &[u8]) -> [u8; BLOCK as usize] {
        let mut block = [0; BLOCK as usize];
        let attr = self.attr;
        let is_extended = typeflag == b'x';
        put(&mut block[..100], name);
        let perm = if is_extended {
            0o644
        } else {
            u64::from(attr.perm)
        };
        octal(&mut block[100..108], perm);
        let id = |id: u32| {
            if is_extended || u64::from(id) > MAX_ID {
                0
            } else {
                u64::from(id)
            }
        };
        octal(&mut block[108..116], id(attr.uid));
        octal(&mut block[116..124], id(attr.gid));
        octal(&mut block[124..136], if size > MAX_SIZE { 0 } else { size });
        let mtime = u64::try_from(attr.mtime.secs).unwrap_or(0).min(MAX_SIZE);
        octal(&mut block[136..148], if is_extended { 0 } else { mtime });
        block[156] = typeflag;
        if matches!(typeflag, b'1' | b'2') {
            put(&mut block[157..257], self.link);
        }
        block[257..265].copy_from_slice(b"ustar\x0000");
        let (major, minor) = match typeflag {
            b'3' | b'4' => attr.device,
            _ => (0, 0),
        };
        octal(&mut block[329..337], u64::from(major).min(MAX_ID));
        octal(&mut block[337..345], u64::from(minor).min(MAX_ID));
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
        octal(&mut block[148..155], sum);
        block
    }
}

/// The largest numbers of seven and of eleven octal digits.
const MAX_ID: u64 = 0o7_777_777;
const MAX_SIZE: u64 = 0o77_777_777_777;

fn put(field: &mut [u8], text: &[u8]) {
    let len = text.len().min(field.len());
    field[..len].copy_from_slice(&text[..len]);
}

/// Octal digits and a NUL.
fn octal(field: &mut [u8], value: u64) {
    let digits = field.len() - 1;
    put(field, format!("{value:0digits$o}").as_bytes());
    field[digits] = 0;
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut len = rest + 1;
    while len != rest + len.to_string().len() {
        len = rest + len.to_string().len();
    }
    out.extend(len.to_string().into_bytes());
    out.push(b' ');
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

fn seconds(time: Timestamp) -> String {
    let (secs, nanos) = (time.secs, time.nanos);
    let text = match (secs, nanos) {
        (_, 0) => return secs.to_string(),
        (0.., _) => format!("{secs}.{nanos:09}"),
        // The fraction is part of the negative number.
        _ => format!(
            "-{}.{:09}",
            (secs + 1).unsigned_abs(),
            1_000_000_000 - nanos
        ),
    };
    text.trim_end_matches('0').to_owned()
}

/// Fills the last block of `len` bytes.
pub fn pad(out: &mut dyn Write, len: u64) -> io::Result<()> {
    let rest = (BLOCK - len % BLOCK) % BLOCK;
    out.write_all(&[0; BLOCK as usize][..rest as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        let mut out = Vec::new();
        record(&mut out, b"a", b"b");
        record(&mut out, b"key", &[b'v'; 91]);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("6 a=b\n99 key=") || text.starts_with("6 a=b\n98 key="));
        assert_eq!(
            text.len() - 6,
            text[6..]
                .split(' ')
                .next()
                .unwrap()
                .parse::<usize>()
                .unwrap()
        );
    }

    #[test]
    fn times_have_fractions() {
        let time = |secs, nanos| seconds(Timestamp { secs, nanos });
        assert_eq!(time(5, 0), "5");
        assert_eq!(time(5, 500_000_000), "5.5");
        assert_eq!(time(-2, 750_000_000), "-1.25");
        assert_eq!(time(-1, 1), "-0.999999999");
    }
}
