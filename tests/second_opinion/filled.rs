//! A tree that C lwext4 writes, and a record of what is in it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use clwext4::{Image, Result};

const MTIME: u32 = 1_000_000_000;
const FIFO: u8 = 5;
const CHARACTER_DEVICE: u8 = 3;
const BLOCK_DEVICE: u8 = 4;

enum Content {
    Directory,
    File(Vec<u8>),
    Link(Vec<u8>),
    Special(u8, u64),
}

struct File {
    content: Content,
    /// Permissions, owner and group, where they were set.
    set: Option<(u32, u16, u16)>,
    links: u64,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What C lwext4 was asked to write, by path.
pub struct Filled {
    files: BTreeMap<Vec<u8>, File>,
}

/// Bytes that look like no others.
fn data(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..length).map(|_| next()).collect()
}

impl Filled {
    /// Lets C lwext4 fill an image.
    pub fn by(image: &Image, block_size: u32) -> Result<Self> {
        let mut filled = Self {
            files: BTreeMap::new(),
        };
        let block = block_size as usize;
        filled.sizes(image, block)?;
        filled.interleaved(image)?;
        filled.many(image)?;
        filled.deep(image)?;
        filled.links(image, block)?;
        filled.special(image)?;
        filled.settings(image, block)?;
        Ok(filled)
    }

    fn put(&mut self, at: impl Into<Vec<u8>>, content: Content) {
        let file = File {
            content,
            set: None,
            links: 1,
            attributes: Vec::new(),
        };
        self.files.insert(at.into(), file);
    }

    fn mkdir(&mut self, image: &Image, at: &str) -> Result<()> {
        image.mkdir(at.as_bytes())?;
        self.put(at, Content::Directory);
        Ok(())
    }

    fn write(&mut self, image: &Image, at: &str, data: Vec<u8>) -> Result<()> {
        image.write(at.as_bytes(), &data)?;
        self.put(at, Content::File(data));
        Ok(())
    }

    fn file(&mut self, at: &str) -> &mut File {
        self.files.get_mut(at.as_bytes()).expect("it was recorded")
    }

    fn sizes(&mut self, image: &Image, block: usize) -> Result<()> {
        self.mkdir(image, "/sizes")?;
        for size in [
            0,
            1,
            59,
            60,
            block - 1,
            block,
            block + 1,
            65_536,
            (5 << 20) + 7,
        ] {
            self.write(image, &format!("/sizes/{size}"), data(size, size as u32))?;
        }
        let cut = data(64 * block, 4711);
        image.write(b"/sizes/cut", &cut)?;
        image.truncate(b"/sizes/cut", 10 * block as u64 + 5)?;
        self.put("/sizes/cut", Content::File(cut[..10 * block + 5].to_vec()));
        Ok(())
    }

    /// Files that grow by turns, and so lie in pieces.
    fn interleaved(&mut self, image: &Image) -> Result<()> {
        self.mkdir(image, "/interleaved")?;
        let names = ["/interleaved/a", "/interleaved/b", "/interleaved/c"];
        let mut contents = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..60 {
            for (number, (name, content)) in names.iter().zip(&mut contents).enumerate() {
                let piece = data(4000 + 100 * number, round * 3 + number as u32);
                image.append(name.as_bytes(), &piece)?;
                content.extend_from_slice(&piece);
            }
        }
        for (name, content) in names.iter().zip(contents) {
            self.put(*name, Content::File(content));
        }
        Ok(())
    }

    /// A directory that needs an htree, with entries removed and renamed.
    fn many(&mut self, image: &Image) -> Result<()> {
        self.mkdir(image, "/many")?;
        for number in 0..800 {
            let at = format!("/many/a rather long name, the {number}th");
            self.write(image, &at, number.to_string().into_bytes())?;
            if number % 7 == 3 {
                image.remove(at.as_bytes())?;
                self.files.remove(at.as_bytes());
            } else if number % 7 == 5 {
                let to = format!("/many/renamed {number}");
                image.rename(at.as_bytes(), to.as_bytes())?;
                let file = self.files.remove(at.as_bytes()).expect("just recorded");
                self.files.insert(to.into_bytes(), file);
            }
        }
        Ok(())
    }

    fn deep(&mut self, image: &Image) -> Result<()> {
        let mut at = String::new();
        for level in 0..20 {
            at += &format!("/level{level}");
            self.mkdir(image, &at)?;
        }
        self.write(image, &format!("{at}/bottom"), b"here".to_vec())
    }

    fn links(&mut self, image: &Image, block: usize) -> Result<()> {
        self.mkdir(image, "/links")?;
        for length in [1, 58, 59, 60, 61, 255, 1000, (block - 1).min(4095)] {
            let at = format!("/links/{length}");
            let target = vec![b't'; length];
            image.symlink(&target, at.as_bytes())?;
            self.put(at, Content::Link(target));
        }
        self.write(image, "/links/first", b"one inode".to_vec())?;
        for number in 0..10 {
            let at = format!("/links/name{number}");
            image.link(b"/links/first", at.as_bytes())?;
            self.put(at.clone(), Content::File(b"one inode".to_vec()));
            self.file(&at).links = 11;
        }
        self.file("/links/first").links = 11;
        Ok(())
    }

    fn special(&mut self, image: &Image) -> Result<()> {
        self.mkdir(image, "/special")?;
        let small = rustix::fs::makedev(8, 1);
        let large = rustix::fs::makedev(259, 70_000);
        for (at, kind, device, stored) in [
            ("/special/fifo", FIFO, 0, 0),
            ("/special/small", BLOCK_DEVICE, small, 8 << 8 | 1),
            (
                "/special/large",
                CHARACTER_DEVICE,
                large,
                259 << 8 | 70_000 & 0xff | (70_000 & 0xf_ff00) << 12,
            ),
        ] {
            image.mknod(at.as_bytes(), kind, stored)?;
            self.put(at, Content::Special(kind, device));
        }
        Ok(())
    }

    fn settings(&mut self, image: &Image, block: usize) -> Result<()> {
        self.mkdir(image, "/settings")?;
        for (perm, uid, gid) in [
            (0o600, 0, 0),
            (0o4755, 1000, 65_535),
            (0o1777, 65_534, 4711),
            (0o2000, 1, 0),
        ] {
            let at = format!("/settings/{perm:o}");
            self.write(image, &at, at.clone().into_bytes())?;
            image.set(at.as_bytes(), perm, (uid, gid), MTIME)?;
            self.file(&at).set = Some((perm, uid, gid));
        }
        self.write(image, "/settings/attributes", b"x".to_vec())?;
        for (name, value) in [
            (&b"user.small"[..], b"1".to_vec()),
            (b"user.large", data(block / 2, 1)),
            (b"trusted.t", b"trusted".to_vec()),
        ] {
            image.set_attribute(b"/settings/attributes", name, &value)?;
            let file = self.file("/settings/attributes");
            file.attributes.push((name.to_vec(), value));
        }
        Ok(())
    }

    /// Compares all of it with a mount of the image.
    pub fn assert_in(&self, mounted: &Path) -> std::result::Result<(), String> {
        for (at, file) in &self.files {
            let host = mounted.join(OsStr::from_bytes(&at[1..]));
            let same = self.matches(at, file, &host);
            same.map_err(|what| format!("{}: {what}", at.escape_ascii()))?;
        }
        Ok(())
    }

    fn matches(&self, at: &[u8], file: &File, host: &Path) -> std::result::Result<(), String> {
        let found = fs::symlink_metadata(host).map_err(|error| error.to_string())?;
        let kind = found.file_type();
        match &file.content {
            Content::Directory => {
                let listed = fs::read_dir(host).map_err(|error| error.to_string())?;
                let mut names: Vec<Vec<u8>> = listed
                    .map(|entry| Ok(entry?.file_name().as_bytes().to_vec()))
                    .collect::<std::io::Result<_>>()
                    .map_err(|error| error.to_string())?;
                names.sort();
                let inside = self.files.keys().filter_map(|path| {
                    let name = path.strip_prefix(at)?.strip_prefix(b"/")?;
                    (!name.contains(&b'/')).then_some(name)
                });
                same("names", &names[..], &inside.collect::<Vec<_>>()[..])?;
            }
            Content::File(wanted) => {
                let data = fs::read(host).map_err(|error| error.to_string())?;
                if data != *wanted {
                    return Err("contents differ".into());
                }
            }
            Content::Link(wanted) => {
                let target = fs::read_link(host).map_err(|error| error.to_string())?;
                same("target", target.as_os_str().as_bytes(), &wanted[..])?;
            }
            Content::Special(wanted, device) => {
                let number = match kind {
                    kind if kind.is_fifo() => FIFO,
                    kind if kind.is_char_device() => CHARACTER_DEVICE,
                    kind if kind.is_block_device() => BLOCK_DEVICE,
                    _ => 0,
                };
                same("type", number, *wanted)?;
                same("device", found.rdev(), *device)?;
            }
        }
        if !kind.is_dir() {
            same("links", found.nlink(), file.links)?;
        }
        if let Some((perm, uid, gid)) = file.set {
            let seen = (found.mode() & 0o7777, found.uid(), found.gid());
            same(
                "permissions and owner",
                seen,
                (perm, uid.into(), gid.into()),
            )?;
            same("mtime", found.mtime(), i64::from(MTIME))?;
        }
        for (name, wanted) in &file.attributes {
            let mut value = vec![0_u8; 1 << 16];
            let length = rustix::fs::lgetxattr(host, &name[..], &mut value[..])
                .map_err(|error| error.to_string())?;
            same("attribute", &value[..length], &wanted[..])?;
        }
        Ok(())
    }
}

fn same<A, B>(what: &str, seen: A, wanted: B) -> std::result::Result<(), String>
where
    A: PartialEq<B> + std::fmt::Debug,
    B: std::fmt::Debug,
{
    if seen == wanted {
        return Ok(());
    }
    Err(format!("{what} is {seen:?}, wanted {wanted:?}"))
}
