//! What precedes a header: extended headers, and GNU tar's long names.

use super::header::Header;
use super::pax::Pax;

/// The longest extended header that is read, in bytes: bounds the memory that an archive can ask for.
pub const MOST: u64 = 16 << 20;

/// What the headers before a file's own said.
#[derive(Debug, Default)]
pub struct Extended {
    /// Records.
    pub pax: Pax,
    /// A long path (`L`).
    pub path: Option<Vec<u8>>,
    /// A long target of a link (`K`).
    pub link: Option<Vec<u8>>,
}

impl Extended {
    /// Starts from what global headers said.
    pub fn new(global: &Pax) -> Extended {
        Extended {
            pax: global.clone(),
            ..Extended::default()
        }
    }

    /// The file's path.
    pub fn path(&self, header: &Header<'_>) -> Vec<u8> {
        let Pax { sparse, path, .. } = &self.pax;
        let given = sparse.name.as_deref().or(path.as_deref());
        let given = given.or(self.path.as_deref().map(until_nul));
        given.map_or_else(|| header.path(), <[u8]>::to_vec)
    }

    /// The target of the link that it is.
    pub fn link(&self, header: &Header<'_>) -> Vec<u8> {
        let given = self.pax.link.as_deref();
        let given = given.or(self.link.as_deref().map(until_nul));
        given.unwrap_or_else(|| header.link()).to_vec()
    }
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&b| b == 0).next().unwrap_or_default()
}
