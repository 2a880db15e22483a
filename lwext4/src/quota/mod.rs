//! Quota: how many bytes and inodes every user, group and project has, in hidden files.
//!
//! What an inode counts for follows from its bytes alone ([`Charge`]). So one place keeps the files
//! right: whenever an inode is stored, what it counts for now replaces what it counted for when it was
//! stored last, in the same transaction. Limits are kept, but nobody is held to them: the kernel does
//! the same unless it is mounted with `usrquota` and its like.

mod file;
mod tree;

use crate::error::{Corrupt, Error, Result};
use crate::fs::{Fs, Geometry};
use crate::inode::InodeData;
use crate::journal::Handle;
use crate::ondisk::features::RoCompat;
use crate::ondisk::inode::{InodeFlags, RawInode};
use crate::ondisk::quota::QuotaKind;
use crate::types::Ino;
use file::QuotaFile;
use parking_lot::Mutex;
use std::sync::OnceLock;

/// Blocks that an operation may change in one quota file: it takes one id out of the tree, and puts
/// another in, for which the file grows.
const CREDITS: u32 = 20;

/// What an inode counts for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    /// Owner, group and project.
    ids: [u32; 3],
    bytes: u64,
    inodes: u32,
}

impl Charge {
    /// What `raw` counts for: nothing when it is free or reserved. Inodes without a name count until
    /// they are deleted. Values of attributes count for those who use them.
    pub fn of(geo: &Geometry, ino: Ino, raw: &RawInode) -> Charge {
        let orphan = raw.dtime() <= geo.inodes();
        let in_use = raw.mode() != 0 && (raw.links_count() != 0 || orphan);
        let counts = in_use && (ino == Ino::ROOT || ino.0 >= geo.first_ino);
        if !geo.features.ro_compat.contains(RoCompat::QUOTA)
            || !counts
            || raw.flags().contains(InodeFlags::EA_INODE)
        {
            return Charge::default();
        }
        Charge {
            ids: [raw.uid(), raw.gid(), raw.projid()],
            bytes: raw.sectors(geo.block_size).saturating_mul(512),
            inodes: 1,
        }
    }

    fn id(&self, kind: QuotaKind) -> u32 {
        self.ids[kind as usize]
    }

    /// The id of one kind that the inode counts for, its bytes, and 1 for itself; `None` if it counts
    /// for nobody.
    pub fn counts_for(&self, kind: QuotaKind) -> Option<(u32, u64, u64)> {
        (self.inodes > 0).then(|| (self.id(kind), self.bytes, u64::from(self.inodes)))
    }

    fn amounts(&self) -> (i64, i64) {
        let bytes = i64::try_from(self.bytes).unwrap_or(i64::MAX);
        (bytes, i64::from(self.inodes))
    }
}

/// The quota files of a volume that is written.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    files: OnceLock<Vec<Mutex<QuotaFile>>>,
    inodes: OnceLock<[u32; 3]>,
}

impl Quotas {
    fn files(&self) -> &[Mutex<QuotaFile>] {
        self.files.get().map_or(&[], Vec::as_slice)
    }

    /// Whether the inode is a quota file that is kept right: it is nobody else's to read or change.
    pub fn owns(&self, ino: Ino) -> bool {
        self.inodes
            .get()
            .is_some_and(|inodes| inodes.contains(&ino.0))
    }

    /// Blocks that any operation may change for quota's sake.
    pub fn credits(&self) -> u32 {
        self.files().len() as u32 * CREDITS
    }
}

impl Fs {
    /// Finds the quota files: from now on they are kept right.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when one of them makes no sense.
    pub fn open_quotas(&self) -> Result<()> {
        if !self.geo.features.ro_compat.contains(RoCompat::QUOTA) {
            return Ok(());
        }
        let inodes = self.sb.lock().quota_inums();
        let mut files = Vec::new();
        for (kind, ino) in QuotaKind::ALL.into_iter().zip(inodes) {
            if ino != 0 {
                files.push(Mutex::new(QuotaFile::open(self, kind, Ino(ino))?));
            }
        }
        let _ = self.quotas.files.set(files);
        let _ = self.quotas.inodes.set(inodes);
        Ok(())
    }

    /// Finds the quota files again: their inodes, or blocks of theirs, have moved.
    ///
    /// # Errors
    /// As [`Self::open_quotas`].
    pub fn reopen_quotas(&self) -> Result<()> {
        for file in self.quotas.files() {
            file.lock().reopen(self)?;
        }
        Ok(())
    }
}

impl Handle<'_> {
    /// Counts the inode for what it is now, instead of what it was when stored last.
    pub fn charge(&mut self, inode: &mut InodeData) -> Result<()> {
        let fs = self.fs();
        let files = fs.quotas.files();
        if files.is_empty() || fs.quotas.owns(inode.ino) {
            return Ok(());
        }
        let new = Charge::of(&fs.geo, inode.ino, &inode.raw);
        let old = inode.charged;
        if new == old {
            return Ok(());
        }
        let (was, is) = (old.amounts(), new.amounts());
        for file in files {
            let mut file = file.lock();
            let (from, to) = (old.id(file.kind()), new.id(file.kind()));
            if from == to || old.inodes == 0 || new.inodes == 0 {
                let id = if new.inodes == 0 { from } else { to };
                file.add(self, id, is.0 - was.0, is.1 - was.1)?;
            } else {
                file.add(self, from, -was.0, -was.1)?;
                file.add(self, to, is.0, is.1)?;
            }
        }
        inode.charged = new;
        Ok(())
    }

    /// Makes sure that the inode can be counted for the ids that it has: before anything else changes,
    /// since later there is no way back.
    ///
    /// # Errors
    /// [`Error::NoSpace`].
    pub fn prepare_charge(&mut self, raw: &RawInode) -> Result<()> {
        let fs = self.fs();
        for file in fs.quotas.files() {
            let mut file = file.lock();
            let id = match file.kind() {
                QuotaKind::User => raw.uid(),
                QuotaKind::Group => raw.gid(),
                QuotaKind::Project => raw.projid(),
            };
            file.prepare(self, id)?;
        }
        Ok(())
    }
}

/// An error of a quota file.
fn corrupt(what: &'static str, ino: Ino) -> Error {
    Corrupt::new(what).ino(ino).into()
}
