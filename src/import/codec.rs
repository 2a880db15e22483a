//! Compressed streams, told by their first bytes.

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::io::{self, BufRead, BufReader, Cursor, Read};

/// The largest dictionary of an xz stream, in bytes: what `xz -9` uses.
const XZ_DICTIONARY: u64 = 64 << 20;
const PEEK: usize = 32;

type Input = Box<dyn Read + Send>;

/// What is behind `input`, decompressed if it is gzip, zstd or xz.
///
/// # Errors
/// What reading says; [`io::ErrorKind::InvalidData`] for a stream that needs too much memory.
pub fn decompress(mut input: Input) -> io::Result<Input> {
    let mut start = Vec::with_capacity(PEEK);
    input.by_ref().take(PEEK as u64).read_to_end(&mut start)?;
    let codec = Codec::of(&start);
    if codec == Codec::Xz {
        check_dictionary(&start)?;
    }
    let whole: Input = Box::new(Cursor::new(start).chain(input));
    Ok(match codec {
        Codec::Gzip => Box::new(MultiGzDecoder::new(whole)),
        Codec::Zstd => Box::new(Zstd::new(whole)),
        Codec::Xz => Box::new(XzReader::new(whole, true)),
        Codec::Plain => whole,
        Codec::Unsupported(name) => return unsupported(name),
    })
}

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all, as far as can be told.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz file format.
    Xz,
    /// In a way that is known by name only.
    Unsupported(&'static str),
}

impl Codec {
    /// By a stream's first bytes, of which six suffice.
    pub fn of(start: &[u8]) -> Codec {
        let magic = |magic: &[u8]| start.starts_with(magic);
        match () {
            () if magic(b"\x1F\x8B") => Codec::Gzip,
            () if is_zstd(start) => Codec::Zstd,
            () if magic(b"\xFD7zXZ\0") => Codec::Xz,
            () if magic(b"BZh") => Codec::Unsupported("bzip2"),
            () if magic(b"\x04\x22\x4D\x18") => Codec::Unsupported("lz4"),
            () => Codec::Plain,
        }
    }
}

fn unsupported<T>(name: &str) -> io::Result<T> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!("compressed with {name}; decompress it and give it through a pipe"),
    ))
}

fn is_zstd(start: &[u8]) -> bool {
    let magic = start.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    magic.is_some_and(|magic| magic == 0xFD2F_B528 || magic & 0xFFFF_FFF0 == 0x184D_2A50)
}

/// Fails for a dictionary that would take too much memory. The header of the first block tells its
/// size, in a filter's last byte: xz file format 1.2, sections 3.1 and 5.3.1.
fn check_dictionary(start: &[u8]) -> io::Result<()> {
    let Some((size, filters)) = start.get(12..).and_then(<[u8]>::split_first) else {
        return Ok(());
    };
    let len = usize::from(*size) * 4;
    let lzma2 = filters.iter().take(len).collect::<Vec<_>>();
    let bits = lzma2.windows(3).find_map(|window| match window {
        [0x21, 1, bits] => Some(u32::from(**bits)),
        _ => None,
    });
    let dictionary = match bits {
        Some(bits @ 0..40) => (2 | u64::from(bits) & 1) << (bits / 2 + 11),
        Some(40) => u64::from(u32::MAX),
        _ => 0,
    };
    if dictionary > XZ_DICTIONARY {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "an xz stream with a dictionary of {} MiB, more than the 64 MiB that are allowed",
                dictionary >> 20
            ),
        ));
    }
    Ok(())
}

/// Frames of zstd one behind the other, with skippable ones among them.
struct Zstd {
    input: Option<BufReader<Input>>,
    frame: Option<StreamingDecoder<BufReader<Input>, FrameDecoder>>,
}

impl Zstd {
    fn new(input: Input) -> Zstd {
        Zstd {
            input: Some(BufReader::with_capacity(128 * 1024, input)),
            frame: None,
        }
    }

    /// Opens the next frame; false at the end of the input.
    fn open(&mut self) -> io::Result<bool> {
        let Some(mut input) = self.input.take() else {
            return Ok(false);
        };
        while skippable(&mut input)? {}
        if input.fill_buf()?.is_empty() {
            return Ok(false);
        }
        self.frame = Some(StreamingDecoder::new(input).map_err(invalid)?);
        Ok(true)
    }
}

/// Skips a frame that holds no data; false when the next one is no such frame.
fn skippable(input: &mut BufReader<Input>) -> io::Result<bool> {
    let magic = match input.fill_buf()?.first_chunk() {
        Some(bytes) => u32::from_le_bytes(*bytes),
        None => return Ok(false),
    };
    if magic & 0xFFFF_FFF0 != 0x184D_2A50 {
        return Ok(false);
    }
    let mut header = [0; 8];
    input.read_exact(&mut header)?;
    let len = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    let skipped = io::copy(&mut input.by_ref().take(u64::from(len)), &mut io::sink())?;
    if skipped < u64::from(len) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(true)
}

fn invalid(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("zstd: {error}"))
}

impl Read for Zstd {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let n = frame.read(buf)?;
                if n > 0 || buf.is_empty() {
                    return Ok(n);
                }
            }
            if let Some(frame) = self.frame.take() {
                let sum = (
                    frame.decoder.get_checksum_from_data(),
                    frame.decoder.get_calculated_checksum(),
                );
                if let (Some(stored), Some(found)) = sum
                    && stored != found
                {
                    return Err(invalid("checksum"));
                }
                self.input = Some(frame.into_inner());
            }
            if !self.open()? {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        decompress(Box::new(Cursor::new(bytes.to_vec())))?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn short_and_plain_input_passes() {
        for bytes in [&b""[..], b"x", b"\x1F", &[7; 100]] {
            assert_eq!(read(bytes).unwrap(), bytes);
        }
    }

    #[test]
    fn frames_of_zstd_follow_each_other() {
        use ruzstd::encoding::{CompressionLevel, compress_to_vec};
        let frame = |text: &str| compress_to_vec(text.as_bytes(), CompressionLevel::Fastest);
        let mut bytes = frame("one ");
        bytes.extend([0x53, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 9, 9]);
        bytes.extend(frame("two"));
        assert_eq!(read(&bytes).unwrap(), b"one two");
        bytes.truncate(bytes.len() - 3);
        assert!(read(&bytes).is_err());
    }

    #[test]
    fn what_cannot_be_decompressed_is_named() {
        assert!(read(b"BZh91AY").unwrap_err().to_string().contains("bzip2"));
        // A first block whose LZMA2 filter asks for 4 GiB - 1.
        let mut xz = b"\xFD7zXZ\0\0\x04\0\0\0\0".to_vec();
        xz.extend([2, 0, 0x21, 1, 40, 0, 0, 0, 0, 0, 0, 0]);
        assert!(read(&xz).unwrap_err().to_string().contains("4095 MiB"));
    }
}
