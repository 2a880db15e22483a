//! `liveroot stat`

use crate::cli;
use crate::direct::facts::{Facts, is_device};
use crate::direct::mode::{letters, type_name};
use crate::direct::names::Names;
use crate::direct::opened::{Target, targets};
use crate::direct::output::{Complaints, JsonName, Out};
use crate::direct::resolve::{self, Follow};
use crate::direct::time;
use crate::failure::{Failure, Result};
use lwext4::{Attr, FileType, Timestamp};
use serde::Serialize;

/// Tells everything about files of an image.
pub fn run(args: &cli::Stat) -> Result<()> {
    let format = match (&args.format, &args.printf) {
        (Some(format), _) => Some(parse(format, false)?),
        (None, Some(format)) => Some(parse(format, true)?),
        (None, None) => None,
    };
    let mut out = Out::new();
    let mut complaints = Complaints::default();
    let mut json = Vec::new();
    for target in targets(&args.files, &args.place)? {
        let follow = if args.dereference {
            Follow::Yes
        } else {
            Follow::No
        };
        let found = File::of(&target, follow);
        let Some(facts) = complaints.take(found) else {
            continue;
        };
        match &format {
            _ if args.json => json.push(facts.report()),
            Some(pieces) => {
                for piece in pieces {
                    out.bytes(&facts.piece(&out, piece))?;
                }
                if args.printf.is_none() {
                    out.bytes(b"\n")?;
                }
            }
            None => out.bytes(&facts.for_people(&out))?,
        }
    }
    if args.json {
        out.json(&json)?;
    }
    out.finish()?;
    complaints.end()
}

/// A piece of a format.
enum Piece {
    Text(Vec<u8>),
    Fact {
        letter: char,
        width: usize,
        left: bool,
        zeroes: bool,
        /// Digits behind the point of seconds.
        digits: Option<usize>,
    },
}

fn parse(format: &str, escapes: bool) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' && escapes {
            match chars.next() {
                Some('n') => text.push(b'\n'),
                Some('t') => text.push(b'\t'),
                Some('r') => text.push(b'\r'),
                Some('0') => text.push(0),
                Some(other) => text.extend(other.to_string().bytes()),
                None => text.push(b'\\'),
            }
            continue;
        }
        if c != '%' {
            text.extend(c.to_string().bytes());
            continue;
        }
        let (mut left, mut zeroes) = (false, false);
        while let Some(flag) = chars.next_if(|c| "-0".contains(*c)) {
            left |= flag == '-';
            zeroes |= flag == '0';
        }
        let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut value = 0usize;
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                let digit = digit.to_digit(10).unwrap_or(0) as usize;
                value = (value * 10 + digit).min(4096);
            }
            value
        };
        let width = number(&mut chars);
        let digits = chars.next_if_eq(&'.').map(|_| match number(&mut chars) {
            0 => 9,
            digits => digits.min(9),
        });
        match chars.next() {
            Some('%') => text.push(b'%'),
            Some(letter) if "aAbBdDfFgGhinNostTuUwWxXyYzZ".contains(letter) => {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Fact {
                    letter,
                    width,
                    left,
                    zeroes,
                    digits,
                });
            }
            Some(letter) => {
                return Err(Failure::usage(format!("%{letter}: not a part of a format"))
                    .remedy("see liveroot stat --help"));
            }
            None => text.push(b'%'),
        }
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

/// What is known of a file.
struct File {
    given: Vec<u8>,
    attr: Attr,
    target: Option<Vec<u8>>,
    names: Names,
    block_size: u32,
}

#[derive(Serialize)]
struct Report {
    file: JsonName,
    #[serde(flatten)]
    facts: Facts,
    generation: u32,
    accessed: String,
    modified: String,
    changed: String,
    created: Option<String>,
    /// As `lsattr` counts them.
    flags: u32,
    project: u32,
}

impl File {
    fn of(target: &Target, follow: Follow) -> Result<File> {
        let volume = &target.reader.volume;
        let failure = |e: lwext4::Error| target.address.failure(e);
        let attr = resolve::attr(volume, &target.address.path, follow).map_err(failure)?;
        Ok(File {
            given: target.address.given.clone(),
            target: match attr.file_type {
                FileType::Symlink => Some(volume.readlink(attr.ino).map_err(failure)?),
                _ => None,
            },
            names: Names::of(volume),
            block_size: volume.statfs().block_size,
            attr,
        })
    }

    fn report(&self) -> Report {
        let attr = &self.attr;
        Report {
            file: JsonName(self.given.clone()),
            facts: Facts::new(attr, &self.names, self.target.as_deref()),
            generation: attr.generation,
            accessed: time::full(attr.atime),
            modified: time::full(attr.mtime),
            changed: time::full(attr.ctime),
            created: attr.crtime.map(time::full),
            flags: attr.flags,
            project: attr.projid,
        }
    }

    /// As `stat` words it.
    fn kind(&self) -> &'static str {
        match self.attr.file_type {
            FileType::Regular if self.attr.size == 0 => "regular empty file",
            kind => type_name(kind),
        }
    }

    fn quoted(&self, out: &Out) -> Vec<u8> {
        let mut text = out.shown(&self.given);
        if let Some(target) = &self.target {
            text.extend_from_slice(b" -> ");
            text.extend(out.shown(target));
        }
        text
    }

    fn for_people(&self, out: &Out) -> Vec<u8> {
        let attr = &self.attr;
        let mut text = b"  File: ".to_vec();
        text.extend(self.quoted(out));
        let device = if is_device(attr) {
            format!("     Device type: {},{}", attr.device.0, attr.device.1)
        } else {
            String::new()
        };
        let name = |name: Option<&str>| crate::failure::printable(name.unwrap_or("UNKNOWN"));
        text.extend(
            format!(
                "\n  Size: {:<10}\tBlocks: {:<10} IO Block: {:<6} {}\nInode: {:<11} Links: {}{device}\n\
                 Access: ({:04o}/{})  Uid: ({:>5}/{:>8})   Gid: ({:>5}/{:>8})\n\
                 Access: {}\nModify: {}\nChange: {}\n Birth: {}\n",
                attr.size,
                attr.sectors,
                self.block_size,
                self.kind(),
                attr.ino.0,
                attr.nlink,
                attr.perm,
                letters(attr.file_type, attr.perm),
                attr.uid,
                name(self.names.user(attr.uid)),
                attr.gid,
                name(self.names.group(attr.gid)),
                time::full(attr.atime),
                time::full(attr.mtime),
                time::full(attr.ctime),
                attr.crtime.map_or("-".to_owned(), time::full),
            )
            .bytes(),
        );
        text
    }

    fn piece(&self, out: &Out, piece: &Piece) -> Vec<u8> {
        let (letter, width, left, zeroes, digits) = match piece {
            Piece::Text(text) => return text.clone(),
            Piece::Fact {
                letter,
                width,
                left,
                zeroes,
                digits,
            } => (*letter, *width, *left, *zeroes, *digits),
        };
        let mut text = self.fact(out, letter, digits);
        let pad = width.saturating_sub(text.len());
        if left {
            text.extend(vec![b' '; pad]);
        } else {
            let fill = if zeroes && !"nNFAUGwxyz".contains(letter) {
                b'0'
            } else {
                b' '
            };
            text.splice(0..0, vec![fill; pad]);
        }
        text
    }

    fn fact(&self, out: &Out, letter: char, digits: Option<usize>) -> Vec<u8> {
        let attr = &self.attr;
        let seconds = |time: Timestamp| match digits {
            None => time.secs.to_string(),
            Some(digits) => {
                let text = time::seconds(time);
                let cut = text.len().saturating_sub(9 - digits);
                text.get(..cut).unwrap_or(&text).to_owned()
            }
        };
        let name = |name: Option<&str>| name.unwrap_or("UNKNOWN").to_owned();
        match letter {
            'n' => return out.shown(&self.given),
            'N' => return self.quoted(out),
            'a' => format!("{:o}", attr.perm),
            'A' => letters(attr.file_type, attr.perm),
            'b' => attr.sectors.to_string(),
            'B' => "512".to_owned(),
            'd' | 'D' => "0".to_owned(),
            'f' => format!("{:x}", attr.file_type.mode_bits() | attr.perm),
            'F' => self.kind().to_owned(),
            'g' => attr.gid.to_string(),
            'G' => name(self.names.group(attr.gid)),
            'h' => attr.nlink.to_string(),
            'i' => attr.ino.0.to_string(),
            'o' => self.block_size.to_string(),
            's' => attr.size.to_string(),
            't' => format!("{:x}", attr.device.0),
            'T' => format!("{:x}", attr.device.1),
            'u' => attr.uid.to_string(),
            'U' => name(self.names.user(attr.uid)),
            'w' => attr.crtime.map_or("-".to_owned(), time::full),
            'W' => attr.crtime.map_or("0".to_owned(), seconds),
            'x' => time::full(attr.atime),
            'X' => seconds(attr.atime),
            'y' => time::full(attr.mtime),
            'Y' => seconds(attr.mtime),
            'z' => time::full(attr.ctime),
            _ => seconds(attr.ctime),
        }
        .into_bytes()
    }
}
