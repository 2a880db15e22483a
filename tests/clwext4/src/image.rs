//! An image as C lwext4 reads it.

use std::ffi::{CStr, CString, c_int};
use std::fs::File;
use std::io::Error;
use std::mem::zeroed;
use std::path::Path;
use std::ptr;
use std::slice;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lwext4_sys as c;

use crate::device::{Device, EIO};

/// C lwext4 keeps its mounts in global variables without locks: one image at a time.
static ONE: Mutex<()> = Mutex::new(());
const DEVICE: &CStr = c"image";
const ROOT: &CStr = c"/";
/// More than the names of a file's attributes can take.
const NAMES_MAX: usize = 1 << 16;

/// What C lwext4 did, or the call that failed and why.
pub type Result<T> = std::result::Result<T, String>;

/// A directory entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The bytes.
    pub name: Vec<u8>,
    /// The inode behind it.
    pub inode: u32,
    /// The type's number in directories.
    pub kind: u8,
}

/// An inode's attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of stat(2)")]
pub struct Inode {
    pub ino: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub nlink: u64,
    pub size: u64,
    /// Seconds and nanoseconds.
    pub mtime: (i64, i64),
    pub ctime: (i64, i64),
    /// The first two of the words that hold the block map, or a device's number.
    pub words: [u32; 2],
}

/// An image that C lwext4 has mounted. Paths are absolute, from the image's root.
pub struct Image {
    mounted: bool,
    writable: bool,
    _device: Device,
    _one: MutexGuard<'static, ()>,
}

pub(crate) fn path(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| "a path with a NUL".into())
}

pub(crate) fn check(call: &str, at: &[u8], errno: c_int) -> Result<()> {
    if errno == 0 {
        return Ok(());
    }
    let error = Error::from_raw_os_error(errno);
    let at = at.escape_ascii();
    Err(format!("C lwext4: {call}: {at}: {error}"))
}

impl Image {
    /// Mounts an image file; of one that is mounted for writing, the journal is replayed.
    pub fn mount(image: &Path, writable: bool) -> Result<Self> {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut device = File::options()
            .read(true)
            .write(writable)
            .open(image)
            .and_then(Device::new)
            .map_err(|error| format!("{}: {error}", image.display()))?;
        // SAFETY: `ONE` is held; the device outlives its registration, which `unmount` ends.
        unsafe {
            check(
                "ext4_device_register",
                b"",
                c::ext4_device_register(device.as_ptr(), DEVICE.as_ptr()),
            )?;
            let mounted = c::ext4_mount(DEVICE.as_ptr(), ROOT.as_ptr(), !writable);
            if mounted != 0 {
                c::ext4_device_unregister(DEVICE.as_ptr());
            }
            check("ext4_mount", b"", mounted)?;
        }
        let image = Self {
            mounted: true,
            writable,
            _device: device,
            _one: one,
        };
        if writable {
            // SAFETY: "/" is mounted.
            unsafe {
                check("ext4_recover", b"", c::ext4_recover(ROOT.as_ptr()))?;
                check(
                    "ext4_journal_start",
                    b"",
                    c::ext4_journal_start(ROOT.as_ptr()),
                )?;
                let cached = c::ext4_cache_write_back(ROOT.as_ptr(), true);
                check("ext4_cache_write_back", b"", cached)?;
            }
        }
        Ok(image)
    }

    /// Writes everything and unmounts.
    pub fn unmount(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.mounted = false;
        let mut done = Ok(());
        // SAFETY: "/" is mounted until the last but one call here, and the device registered until the last.
        unsafe {
            if self.writable {
                let flushed = c::ext4_cache_write_back(ROOT.as_ptr(), false);
                done = done.and(check("ext4_cache_write_back", b"", flushed));
                let stopped = c::ext4_journal_stop(ROOT.as_ptr());
                done = done.and(check("ext4_journal_stop", b"", stopped));
            }
            done = done.and(check("ext4_umount", b"", c::ext4_umount(ROOT.as_ptr())));
            // Says ENOENT whatever it did.
            c::ext4_device_unregister(DEVICE.as_ptr());
        }
        done
    }

    /// What is in a directory, without `.` and `..`, in the directory's order.
    pub fn read_dir(&self, at: &[u8]) -> Result<Vec<Name>> {
        let mut names = Vec::new();
        // SAFETY: "/" is mounted; zeroes are a closed directory; an entry is good until the next call, and holds
        // `name_length` bytes of name, 255 at most.
        unsafe {
            let mut dir: c::ext4_dir = zeroed();
            let opened = c::ext4_dir_open(&mut dir, path(at)?.as_ptr());
            check("ext4_dir_open", at, opened)?;
            while let Some(entry) = c::ext4_dir_entry_next(&mut dir).as_ref() {
                let name = slice::from_raw_parts(entry.name.as_ptr(), entry.name_length.into());
                if name != b"." && name != b".." {
                    names.push(Name {
                        name: name.to_vec(),
                        inode: entry.inode,
                        kind: entry.inode_type,
                    });
                }
            }
            check("ext4_dir_close", at, c::ext4_dir_close(&mut dir))?;
        }
        Ok(names)
    }

    /// The attributes of a file. Right for inodes of 256 bytes: of smaller ones C lwext4 copies more than there is.
    pub fn inode(&self, at: &[u8]) -> Result<Inode> {
        let name = path(at)?;
        let name = name.as_ptr();
        let (mut ino, mut mode) = (0, 0);
        // SAFETY: "/" is mounted; zeroes are an inode; all pointers are to variables of the right type; any bits are
        // good for either side of the union.
        let (raw, high) = unsafe {
            let mut raw: c::ext4_inode = zeroed();
            let filled = c::ext4_raw_inode_fill(name, &mut ino, &mut raw);
            check("ext4_raw_inode_fill", at, filled)?;
            check("ext4_mode_get", at, c::ext4_mode_get(name, &mut mode))?;
            (raw, raw.osd2.linux2)
        };
        // Its own `ext4_owner_get` forgets the upper halves.
        let id = |low: u16, high: u16| u32::from(high) << 16 | u32::from(low);
        let time = |seconds: u32, extra: u32| {
            let epoch = i64::from(extra & 3) << 32;
            (i64::from(seconds as i32) + epoch, i64::from(extra >> 2))
        };
        Ok(Inode {
            ino: ino.into(),
            mode,
            uid: id(raw.uid, high.uid_high),
            gid: id(raw.gid, high.gid_high),
            nlink: raw.links_count.into(),
            size: u64::from(raw.size_lo) | u64::from(raw.size_hi) << 32,
            mtime: time(raw.modification_time, raw.mtime_extra),
            ctime: time(raw.change_inode_time, raw.ctime_extra),
            words: [raw.blocks[0], raw.blocks[1]],
        })
    }

    /// The target of a symbolic link.
    pub fn read_link(&self, at: &[u8]) -> Result<Vec<u8>> {
        let mut target = vec![0; 1 << 16];
        let mut length = 0;
        // SAFETY: "/" is mounted; at most `target.len()` bytes are written.
        let read = unsafe {
            let (buffer, size) = (target.as_mut_ptr().cast(), target.len() as u64);
            c::ext4_readlink(path(at)?.as_ptr(), buffer, size, &mut length)
        };
        check("ext4_readlink", at, read)?;
        target.truncate(length as usize);
        Ok(target)
    }

    /// Up to `length` bytes of a regular file; fewer at the end.
    pub fn read(&self, at: &[u8], offset: u64, length: usize) -> Result<Vec<u8>> {
        let mut data = vec![0; length];
        let mut count = 0;
        // SAFETY: "/" is mounted; zeroes are a closed file; at most `data.len()` bytes are written.
        unsafe {
            let mut file: c::ext4_file = zeroed();
            let opened = c::ext4_fopen(&mut file, path(at)?.as_ptr(), c"rb".as_ptr());
            check("ext4_fopen", at, opened)?;
            let sought = c::ext4_fseek(&mut file, offset as i64, 0);
            check("ext4_fseek", at, sought)?;
            let (buffer, size) = (data.as_mut_ptr().cast(), data.len() as u64);
            let read = c::ext4_fread(&mut file, buffer, size, &mut count);
            check("ext4_fread", at, read)?;
            check("ext4_fclose", at, c::ext4_fclose(&mut file))?;
        }
        data.truncate(count as usize);
        Ok(data)
    }

    /// The names of a file's extended attributes, as `listxattr(2)` has them.
    pub fn attribute_names(&self, at: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut list = vec![0_u8; NAMES_MAX];
        // It leaves the size alone when there are none.
        let mut length = 0;
        // SAFETY: "/" is mounted; at most `list.len()` bytes are written.
        let listed = unsafe {
            let (buffer, size) = (list.as_mut_ptr().cast(), list.len() as u64);
            c::ext4_listxattr(path(at)?.as_ptr(), buffer, size, &mut length)
        };
        check("ext4_listxattr", at, listed)?;
        list.truncate(length as usize);
        let names = list.split_inclusive(|&byte| byte == 0);
        Ok(names.map(|name| name[..name.len() - 1].to_vec()).collect())
    }

    /// The value of an extended attribute, as it is on disk; `None` where C lwext4 calls it an input/output error: of
    /// all attributes of an inode that has none in itself, or is full of them.
    pub fn attribute(&self, at: &[u8], name: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut value = vec![0_u8; 1 << 16];
        let mut length = 0;
        // SAFETY: "/" is mounted; `name` has the length that is said; at most `value.len()` bytes are written.
        let got = unsafe {
            c::ext4_getxattr(
                path(at)?.as_ptr(),
                name.as_ptr().cast(),
                name.len() as u64,
                value.as_mut_ptr().cast(),
                value.len() as u64,
                ptr::from_mut(&mut length),
            )
        };
        if got == EIO {
            return Ok(None);
        }
        check("ext4_getxattr", at, got)?;
        value.truncate(length as usize);
        Ok(Some(value))
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if self.mounted {
            // The test has failed already; the next one needs the mount point.
            let _ = self.end();
        }
    }
}
