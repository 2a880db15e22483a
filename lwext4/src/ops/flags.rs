//! Inode flags and projects, as chattr(1) and lsattr(1) have them, and access times.

use crate::dir;
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::Credits;
use crate::ondisk::features::{Incompat, RoCompat};
use crate::ondisk::inode::InodeFlags;
use crate::types::{FileType, Ino, Timestamp};

/// Flags that callers see.
pub(crate) const VISIBLE: u32 = 0x725B_DFFF;
/// Flags that callers may change. Others that they see are passed over in silence, since chattr(1)
/// gives back all that it was told.
const MODIFIABLE: u32 = 0x624B_C0FF;

/// The longest label, in bytes.
const LABEL_MAX: usize = 16;

/// A day, in seconds: the oldest that relatime lets an access time become.
const DAY: i64 = 24 * 60 * 60;

/// The flags that files of a type can have.
fn possible(file_type: Option<FileType>) -> InodeFlags {
    let of_dirs =
        InodeFlags::DIRSYNC | InodeFlags::TOPDIR | InodeFlags::CASEFOLD | InodeFlags::PROJINHERIT;
    match file_type {
        Some(FileType::Directory) => InodeFlags::all(),
        Some(FileType::Regular) => InodeFlags::all() - of_dirs,
        _ => InodeFlags::NODUMP | InodeFlags::NOATIME,
    }
}

impl Fs {
    /// Sets the flags of an inode that callers may change.
    pub fn set_flags(&self, ino: Ino, flags: u32) -> Result<()> {
        if flags & !VISIBLE != 0 {
            return Err(Error::NotSupported("one of these inode flags"));
        }
        let wanted = InodeFlags::from_bits_retain(flags & MODIFIABLE);
        self.change_inode(ino, &mut |data| {
            let old = data.raw.flags();
            let modifiable = InodeFlags::from_bits_retain(MODIFIABLE);
            if !possible(data.raw.file_type()).contains(wanted) {
                return Err(Error::NotSupported("one of these flags for this file type"));
            }
            let new = (old - modifiable) | wanted;
            let changed = old ^ new;
            if changed.contains(InodeFlags::EXTENTS) {
                return Err(Error::NotSupported("changing how a file maps its blocks"));
            }
            if changed.contains(InodeFlags::CASEFOLD)
                && !self.geo.features.incompat.contains(Incompat::CASEFOLD)
            {
                return Err(Error::NotSupported("casefold without the feature"));
            }
            if changed.contains(InodeFlags::CASEFOLD) && !dir::is_empty(self, data)? {
                return Err(Error::NotEmpty);
            }
            data.raw.set_flags(new);
            Ok(())
        })
    }

    /// Puts an inode into a project.
    pub fn set_project(&self, ino: Ino, project: u32) -> Result<()> {
        self.change_inode(ino, &mut |data| {
            if data.raw.projid() == project {
                return Ok(());
            }
            if !self.geo.features.ro_compat.contains(RoCompat::PROJECT) {
                return Err(Error::NotSupported("projects without the feature"));
            }
            data.raw.set_projid(project);
            if data.raw.projid() != project {
                return Err(Error::NotSupported("the inode has no room for a project"));
            }
            Ok(())
        })
    }

    /// Sets the label.
    pub fn set_label(&self, label: &[u8]) -> Result<()> {
        self.check_writable()?;
        let end = label.iter().position(|&b| b == 0);
        let label = &label[..end.unwrap_or(label.len())];
        if label.len() > LABEL_MAX {
            return Err(Error::InvalidArgument("a label has at most 16 bytes"));
        }
        let root = self.inode(Ino::ROOT)?;
        let mut h = self.begin(Credits::INODE)?;
        let mut data = root.data.write();
        self.sb.lock().set_label(label);
        // Every transaction that changes something takes the superblock along.
        let stored = h.store(&mut data);
        h.finish(stored)
    }

    /// Changes an inode's own bytes, and its change time.
    fn change_inode(
        &self,
        ino: Ino,
        change: &mut dyn FnMut(&mut InodeData) -> Result<()>,
    ) -> Result<()> {
        self.check_writable()?;
        let inode = self.inode(ino)?;
        self.retry_on_full(|| {
            let mut h = self.begin(Credits::INODE)?;
            let mut data = inode.data.write();
            let before = data.raw.clone();
            let changed = change(&mut data).and_then(|()| {
                if data.raw == before {
                    return Ok(());
                }
                h.prepare_charge(&data.raw)?;
                data.touch(self.now(), false);
                h.store_synced(&inode, &mut data, false)
            });
            h.finish_with(&mut data, changed)
        })
    }

    /// Sets the access time to `now` if it is not younger than the last change of the file, or a day
    /// old.
    pub fn accessed(&self, ino: Ino, now: Timestamp) -> Result<()> {
        if self.check_writable().is_err() {
            return Ok(());
        }
        let inode = self.inode(ino)?;
        if !is_due(&inode.data.read(), now) {
            return Ok(());
        }
        let mut h = self.begin(Credits::INODE)?;
        let mut data = inode.data.write();
        if !is_due(&data, now) {
            return Ok(());
        }
        data.raw.set_atime(now);
        let stored = h.store(&mut data);
        h.finish_with(&mut data, stored)
    }
}

/// Whether relatime sets the access time now.
fn is_due(data: &InodeData, now: Timestamp) -> bool {
    let fixed = InodeFlags::NOATIME | InodeFlags::IMMUTABLE;
    let atime = data.raw.atime();
    !data.raw.flags().intersects(fixed)
        && (atime <= data.raw.mtime()
            || atime <= data.raw.ctime()
            || now.secs.saturating_sub(atime.secs) >= DAY)
}
