//! Changing attributes.

use crate::attr::{Attr, SetAttr};
use crate::error::{Error, Result};
use crate::file::{check_not_verity, clear_suid};
use crate::fs::Fs;
use crate::inode::InodeData;
use crate::journal::{Credits, Handle};
use crate::ondisk::features::Incompat;
use crate::ondisk::inode::InodeFlags;
use crate::types::{FileType, Ino, Timestamp};
use crate::{SetXattrMode, acl, xattr};

impl Fs {
    /// Changes the attributes that are given: the inode's attributes after that.
    pub fn setattr(&self, ino: Ino, set: &SetAttr) -> Result<Attr> {
        self.check_writable()?;
        let inode = self.inode(ino)?;
        let now = self.now();
        if let Some(size) = set.size {
            {
                let data = inode.data.read();
                check_changeable(&data, set)?;
                check_not_verity(&data)?;
                if data.raw.flags().contains(InodeFlags::APPEND) {
                    return Err(Error::NotPermitted("the file is append-only"));
                }
            }
            self.truncate(ino, size, &mut |data| {
                data.touch(now, true);
                if set.kill_suid {
                    clear_suid(data, set.kill_sgid);
                }
            })?;
        }
        let attr = self.retry_on_full(|| {
            let mut h = self.begin(self.credits_for_values(Credits::INODE))?;
            let mut data = inode.data.write();
            check_changeable(&data, set)?;
            let changed = apply(&mut h, &mut data, set, now)
                .and_then(|()| h.store_synced(&inode, &mut data, false));
            h.finish_with(&mut data, changed)?;
            data.attr(self)
        });
        self.evict_values()?;
        attr
    }

    /// Sets an extended attribute, by its full name.
    pub fn setxattr(&self, ino: Ino, name: &[u8], value: &[u8], mode: SetXattrMode) -> Result<()> {
        self.change_xattr(ino, &mut |h, data| xattr::set(h, data, name, value, mode))
    }

    /// Removes an extended attribute, by its full name.
    pub fn removexattr(&self, ino: Ino, name: &[u8]) -> Result<()> {
        self.change_xattr(ino, &mut |h, data| xattr::remove(h, data, name))
    }

    fn change_xattr(
        &self,
        ino: Ino,
        change: &mut dyn FnMut(&mut Handle<'_>, &mut InodeData) -> Result<()>,
    ) -> Result<()> {
        self.check_writable()?;
        let inode = self.inode(ino)?;
        let changed = self.retry_on_full(|| {
            let mut h = self.begin(self.credits_for_values(Credits::NAME))?;
            let mut data = inode.data.write();
            if data
                .raw
                .flags()
                .intersects(InodeFlags::IMMUTABLE | InodeFlags::APPEND)
            {
                return Err(Error::NotPermitted("the file is immutable or append-only"));
            }
            let changed = change(&mut h, &mut data).and_then(|()| {
                data.touch(self.now(), false);
                h.store_synced(&inode, &mut data, false)
            });
            h.finish_with(&mut data, changed)
        });
        self.evict_values().and(changed)
    }

    /// What changing attributes may change, on top of `credits`: a block of them that other inodes use,
    /// too, is copied, and each of its values in inodes has one user more.
    fn credits_for_values(&self, credits: Credits) -> Credits {
        let apart = self.geo.features.incompat.contains(Incompat::EA_INODE);
        let most = self.geo.block_size / 20;
        Credits(credits.0 + if apart { most } else { 0 })
    }
}

/// Fails when the inode's flags forbid the change.
fn check_changeable(data: &InodeData, set: &SetAttr) -> Result<()> {
    let flags = data.raw.flags();
    let owner = set.perm.is_some() || set.uid.is_some() || set.gid.is_some();
    let other = owner || set.size.is_some() || set.atime.is_some() || set.kill_suid;
    if set.mtime.is_some() && set.ctime.is_some() && !other {
        // A kernel with a writeback cache brings the times of what was written before the flag came.
        return Ok(());
    }
    if flags.contains(InodeFlags::IMMUTABLE) || (flags.contains(InodeFlags::APPEND) && owner) {
        return Err(Error::NotPermitted("the file is immutable or append-only"));
    }
    Ok(())
}

fn apply(h: &mut Handle<'_>, data: &mut InodeData, set: &SetAttr, now: Timestamp) -> Result<()> {
    let mut changed = set.size.is_some();
    // First what can fail for want of space, for quota and for the ACL.
    if set.uid.is_some() || set.gid.is_some() {
        data.raw.set_uid(set.uid.unwrap_or(data.raw.uid()));
        data.raw.set_gid(set.gid.unwrap_or(data.raw.gid()));
        h.prepare_charge(&data.raw)?;
        changed = true;
    }
    if let Some(perm) = set.perm {
        if data.raw.file_type() == Some(FileType::Symlink) {
            let mode = data.raw.mode() & 0xF000 | perm & 0o7777;
            data.raw.set_mode(mode);
        } else {
            acl::chmod(h, data, perm & 0o7777)?;
        }
        changed = true;
    }
    if set.kill_suid && set.perm.is_none() {
        clear_suid(data, set.kill_sgid);
        changed = true;
    }
    if let Some(atime) = set.atime {
        data.raw.set_atime(atime);
        changed = true;
    }
    if let Some(mtime) = set.mtime {
        data.raw.set_mtime(mtime);
        changed = true;
    }
    match set.ctime {
        Some(ctime) => data.raw.set_ctime(ctime),
        None if changed => data.raw.set_ctime(now),
        None => {}
    }
    Ok(())
}
