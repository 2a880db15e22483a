//! Changing an image with C lwext4.

use std::ffi::CStr;
use std::mem::zeroed;

use lwext4_sys as c;

use crate::image::{Image, Result, check, path};

impl Image {
    /// Makes a directory.
    pub fn mkdir(&self, at: &[u8]) -> Result<()> {
        // SAFETY: "/" is mounted.
        let made = unsafe { c::ext4_dir_mk(path(at)?.as_ptr()) };
        check("ext4_dir_mk", at, made)
    }

    /// Makes or replaces a regular file.
    pub fn write(&self, at: &[u8], data: &[u8]) -> Result<()> {
        self.put(at, c"wb", data)
    }

    /// Adds to a regular file's end.
    pub fn append(&self, at: &[u8], data: &[u8]) -> Result<()> {
        self.put(at, c"ab", data)
    }

    fn put(&self, at: &[u8], how: &CStr, data: &[u8]) -> Result<()> {
        let mut count = 0;
        // SAFETY: "/" is mounted; zeroes are a closed file; `data.len()` bytes are read.
        unsafe {
            let mut file: c::ext4_file = zeroed();
            let opened = c::ext4_fopen(&mut file, path(at)?.as_ptr(), how.as_ptr());
            check("ext4_fopen", at, opened)?;
            let (buffer, size) = (data.as_ptr().cast(), data.len() as u64);
            let written = c::ext4_fwrite(&mut file, buffer, size, &mut count);
            check("ext4_fwrite", at, written)?;
            check("ext4_fclose", at, c::ext4_fclose(&mut file))?;
        }
        if count == data.len() as u64 {
            Ok(())
        } else {
            Err(format!("C lwext4 wrote {count} of {} bytes", data.len()))
        }
    }

    /// Shortens a regular file.
    pub fn truncate(&self, at: &[u8], size: u64) -> Result<()> {
        // SAFETY: "/" is mounted; zeroes are a closed file.
        unsafe {
            let mut file: c::ext4_file = zeroed();
            let opened = c::ext4_fopen(&mut file, path(at)?.as_ptr(), c"r+b".as_ptr());
            check("ext4_fopen", at, opened)?;
            let cut = c::ext4_ftruncate(&mut file, size);
            check("ext4_ftruncate", at, cut)?;
            check("ext4_fclose", at, c::ext4_fclose(&mut file))
        }
    }

    /// Makes a symbolic link.
    pub fn symlink(&self, target: &[u8], at: &[u8]) -> Result<()> {
        // SAFETY: "/" is mounted.
        let made = unsafe { c::ext4_fsymlink(path(target)?.as_ptr(), path(at)?.as_ptr()) };
        check("ext4_fsymlink", at, made)
    }

    /// Gives a file one more name.
    pub fn link(&self, from: &[u8], at: &[u8]) -> Result<()> {
        // SAFETY: "/" is mounted.
        let made = unsafe { c::ext4_flink(path(from)?.as_ptr(), path(at)?.as_ptr()) };
        check("ext4_flink", at, made)
    }

    /// Makes a special file: its type's number in directories, and its device number as ext4 stores it.
    pub fn mknod(&self, at: &[u8], kind: u8, device: u32) -> Result<()> {
        // SAFETY: "/" is mounted.
        let made = unsafe { c::ext4_mknod(path(at)?.as_ptr(), kind.into(), device) };
        check("ext4_mknod", at, made)
    }

    /// Removes a name of a file that is not a directory.
    pub fn remove(&self, at: &[u8]) -> Result<()> {
        // SAFETY: "/" is mounted.
        let removed = unsafe { c::ext4_fremove(path(at)?.as_ptr()) };
        check("ext4_fremove", at, removed)
    }

    /// Renames a file.
    pub fn rename(&self, from: &[u8], at: &[u8]) -> Result<()> {
        // SAFETY: "/" is mounted.
        let renamed = unsafe { c::ext4_frename(path(from)?.as_ptr(), path(at)?.as_ptr()) };
        check("ext4_frename", at, renamed)
    }

    /// Sets permissions, owner and group, and the time of the last change of the data.
    /// Owner and group have 16 bits: C lwext4 forgets the others.
    pub fn set(&self, at: &[u8], perm: u32, owner: (u16, u16), mtime: u32) -> Result<()> {
        let name = path(at)?;
        let name = name.as_ptr();
        // SAFETY: "/" is mounted.
        unsafe {
            check("ext4_mode_set", at, c::ext4_mode_set(name, perm))?;
            let owned = c::ext4_owner_set(name, owner.0.into(), owner.1.into());
            check("ext4_owner_set", at, owned)?;
            check("ext4_mtime_set", at, c::ext4_mtime_set(name, mtime))
        }
    }

    /// Sets an extended attribute.
    pub fn set_attribute(&self, at: &[u8], name: &[u8], value: &[u8]) -> Result<()> {
        // SAFETY: "/" is mounted; name and value have the lengths that are said.
        let set = unsafe {
            c::ext4_setxattr(
                path(at)?.as_ptr(),
                name.as_ptr().cast(),
                name.len() as u64,
                value.as_ptr().cast(),
                value.len() as u64,
            )
        };
        check("ext4_setxattr", at, set)
    }
}
