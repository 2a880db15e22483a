//! Tars made byte by byte, with whatever is wrong with them.

/// A tar in the making.
#[derive(Default)]
pub struct Archive {
    pub bytes: Vec<u8>,
}

impl Archive {
    /// Adds an entry with a plain header.
    pub fn add(&mut self, path: &str, typeflag: u8, link: &str, data: &[u8]) -> &mut Archive {
        let mut header = header(path, typeflag, link, data.len() as u64);
        seal(&mut header);
        self.raw(&header, data)
    }

    /// Adds a block as it is, and data behind it.
    pub fn raw(&mut self, block: &[u8; 512], data: &[u8]) -> &mut Archive {
        self.bytes.extend_from_slice(block);
        self.bytes.extend_from_slice(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// Adds an extended header with these records.
    pub fn pax(&mut self, records: &[(&str, &str)]) -> &mut Archive {
        let mut body = String::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut len = rest + 1;
            while len != rest + len.to_string().len() {
                len = rest + len.to_string().len();
            }
            body += &format!("{len} {key}={value}\n");
        }
        self.add("pax", b'x', "", body.as_bytes())
    }

    /// The archive with its end.
    pub fn end(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.extend([0; 1024]);
        bytes
    }
}

/// A header without a checksum.
pub fn header(path: &str, typeflag: u8, link: &str, size: u64) -> [u8; 512] {
    let mut header = [0; 512];
    header[..path.len()].copy_from_slice(path.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[136..148].copy_from_slice(b"07346545000\0");
    header[156] = typeflag;
    header[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header[257..265].copy_from_slice(b"ustar\x0000");
    header
}

/// Stores the checksum.
pub fn seal(header: &mut [u8; 512]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}
