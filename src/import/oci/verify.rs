//! Digests: what is read must be what was asked for.

use sha2::{Digest, Sha256, Sha512};
use std::io::{self, Read};

/// A digest to compare with, `ALGORITHM:HEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    text: String,
    algorithm: Algorithm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Wanted {
    /// The digest in `text`; an error for an algorithm that is not known, or no digest at all: it also
    /// becomes a path.
    pub fn parse(text: &str) -> Result<Wanted, String> {
        let bad = || format!("{text}: not a digest that can be verified");
        let (algorithm, hex) = text.split_once(':').ok_or_else(bad)?;
        let (algorithm, len) = match algorithm {
            "sha256" => (Algorithm::Sha256, 64),
            "sha512" => (Algorithm::Sha512, 128),
            _ => return Err(bad()),
        };
        let is_hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        if hex.len() != len || !hex.chars().all(is_hex) {
            return Err(bad());
        }
        Ok(Wanted {
            text: text.to_owned(),
            algorithm,
        })
    }

    /// Where a layout has what it is the digest of.
    pub fn path(&self) -> String {
        format!("blobs/{}", self.text.replacen(':', "/", 1))
    }

    /// The digest as text.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn hasher(&self) -> Hasher {
        match self.algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    /// Whether it is the digest of `bytes`.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.text() == self.text
    }
}

enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn text(self) -> String {
        let (name, digest) = match self {
            Hasher::Sha256(hasher) => ("sha256", hasher.finalize().to_vec()),
            Hasher::Sha512(hasher) => ("sha512", hasher.finalize().to_vec()),
        };
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{name}:{hex}")
    }
}

/// Passes bytes on, and fails at their end if they have another digest.
pub struct Verified<R> {
    inner: R,
    wanted: Wanted,
    hasher: Option<Hasher>,
}

impl<R> Verified<R> {
    /// `inner`, whose digest is to be `wanted`.
    pub fn new(inner: R, wanted: Wanted) -> Verified<R> {
        let hasher = Some(wanted.hasher());
        Verified {
            inner,
            wanted,
            hasher,
        }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        if n > 0 {
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&buf[..n]);
            }
        } else if !buf.is_empty()
            && let Some(hasher) = self.hasher.take()
        {
            let found = hasher.text();
            if found != self.wanted.text {
                let wanted = &self.wanted.text;
                let what = format!("damaged: its digest is {found}, and not {wanted}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_end_tells() {
        let read = |bytes: &[u8]| {
            let mut all = Vec::new();
            let wanted = Wanted::parse(ABC).unwrap();
            Verified::new(bytes, wanted)
                .read_to_end(&mut all)
                .map(|_| all)
        };
        assert_eq!(read(b"abc").unwrap(), b"abc");
        assert!(read(b"abd").unwrap_err().to_string().contains(ABC));
    }

    #[test]
    fn a_digest_is_no_path() {
        for text in ["sha256:../../etc", "md5:00", "abc", "sha256:"] {
            assert!(Wanted::parse(text).is_err(), "{text}");
        }
    }
}
