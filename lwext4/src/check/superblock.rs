//! The superblock, and what it takes to begin: its numbers must fit each other, and the journal must
//! be replayed, in memory.

use super::problem::{Problem, ProblemKind};
use super::state::Checker;
use super::{CheckOptions, Summary};
use crate::device::BlockDevice;
use crate::error::{Error, Result};
use crate::fs::Geometry;
use crate::journal::overlay::RecoveredDevice;
use crate::journal::recovery::{Recovery, recover};
use crate::ondisk::features::{Compat, Incompat, RoCompat, Support, TABLE};
use crate::ondisk::superblock::{
    FLAG_SIGNED_HASH, FLAG_UNSIGNED_HASH, MAGIC, OFFSET, SIZE, STATE_ERROR, Superblock,
};
use crate::open::open_journal;
use std::sync::Arc;

/// What the passes need to begin.
pub(super) struct FileSystem {
    pub dev: Arc<dyn BlockDevice>,
    pub sb: Superblock,
    pub geo: Geometry,
    pub summary: Summary,
}

/// The file system, or only a summary when the superblock is too damaged to go on.
pub(super) struct Opened {
    pub file_system: Option<FileSystem>,
    pub summary: Summary,
}

fn read(dev: &dyn BlockDevice) -> Result<Superblock> {
    let mut bytes = [0; SIZE];
    if dev.size() < OFFSET + SIZE as u64 {
        return Err(Error::NotExt4(format!("only {} bytes long", dev.size())));
    }
    dev.read_at(&mut bytes, OFFSET)
        .map_err(|e| Error::io("reading the superblock", e))?;
    Superblock::from_bytes(&bytes)
        .filter(|sb| sb.magic() == MAGIC)
        .ok_or_else(|| Error::NotExt4("no ext4 superblock at byte 1024".into()))
}

/// Fails for features that nobody here can read.
fn check_features(sb: &Superblock) -> Result<()> {
    let features = sb.features();
    for feature in TABLE.iter().filter(|feature| features.has(feature.bit)) {
        if let Support::Refused(why) = feature.support {
            return Err(Error::Unsupported(format!(
                "feature {} cannot be checked: {why}",
                feature.name
            )));
        }
    }
    let unknown = features
        .names()
        .into_iter()
        .find(|name| name.starts_with("FEATURE_"));
    match unknown {
        Some(name) => Err(Error::Unsupported(format!(
            "unknown feature {name}: the image was made by a newer tool"
        ))),
        None => Ok(()),
    }
}

/// Reads the superblock and replays the journal in memory.
pub(super) fn open(
    dev: Arc<dyn BlockDevice>,
    options: &CheckOptions,
    report: &mut dyn FnMut(Problem),
) -> Result<Opened> {
    let mut summary = Summary::default();
    let mut dev = dev;
    let mut problem = |summary: &mut Summary, kind, text: String| {
        summary.problems += 1;
        report(Problem::new(kind, text));
    };
    let mut sb = read(&*dev)?;
    let wrong_sum = |sb: &Superblock| {
        sb.features().ro_compat.contains(RoCompat::METADATA_CSUM)
            && (sb.checksum_type() != 1 || sb.checksum() != sb.computed_checksum())
    };
    if wrong_sum(&sb) {
        let text = "the superblock's checksum is wrong";
        problem(&mut summary, ProblemKind::Checksum, text.to_owned());
        return Ok(Opened {
            file_system: None,
            summary,
        });
    }
    check_features(&sb)?;
    let geometry = |sb: &Superblock, dev: &dyn BlockDevice| match Geometry::new(sb, dev.size()) {
        Ok(geo) => Ok(geo),
        Err(Error::Corrupt(corrupt)) => Err(corrupt.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let mut geo = match geometry(&sb, &*dev) {
        Ok(geo) => geo,
        Err(text) => {
            problem(&mut summary, ProblemKind::Superblock, text);
            return Ok(Opened {
                file_system: None,
                summary,
            });
        }
    };
    if geo.features.compat.contains(Compat::HAS_JOURNAL) && sb.journal_inum() != 0 {
        let recovery = open_journal(&dev, &sb, &geo).and_then(|file| recover(&file));
        if let Ok(errno @ ..=-1 | errno @ 1..) = recovery.as_ref().map(Recovery::errno) {
            let text = format!("the journal records that the file system failed ({errno})");
            problem(&mut summary, ProblemKind::Journal, text);
        }
        match recovery {
            Ok(recovery) if recovery.is_clean() || options.norecovery => {}
            Ok(recovery) if geo.features.incompat.contains(Incompat::RECOVER) => {
                summary.replayed = recovery.transactions();
                let recovered: Arc<dyn BlockDevice> = Arc::new(RecoveredDevice::new(recovery));
                let again = read(&*recovered).ok().filter(|sb| !wrong_sum(sb));
                match again.and_then(|sb| Some((geometry(&sb, &*recovered).ok()?, sb))) {
                    Some((new_geo, new_sb)) => {
                        (dev, geo, sb) = (recovered, new_geo, new_sb);
                    }
                    None => {
                        let text = "the journal holds a superblock that makes no sense";
                        problem(&mut summary, ProblemKind::Journal, text.to_owned());
                    }
                }
            }
            Ok(_) => {
                let text =
                    "the journal holds transactions, but the superblock asks for no recovery";
                problem(&mut summary, ProblemKind::Journal, text.to_owned());
            }
            Err(error) => {
                let text = format!("the journal cannot be read: {error}");
                problem(&mut summary, ProblemKind::Journal, text);
            }
        }
    }
    Ok(Opened {
        summary: Summary::default(),
        file_system: Some(FileSystem {
            dev,
            sb,
            geo,
            summary,
        }),
    })
}

impl Checker<'_> {
    fn bad_superblock(&mut self, text: impl Into<String>) {
        self.report(Problem::new(ProblemKind::Superblock, text));
    }

    /// Fields beyond those that [`open`] needed.
    pub(super) fn check_superblock(&mut self) {
        let features = self.geo.features;
        let (compat, incompat) = (features.compat, features.incompat);
        if self.sb.r_blocks_count() > self.sb.blocks_count() / 2 {
            self.bad_superblock("more than half of the blocks are reserved");
        }
        let ratio = 1u64 << self.cluster_bits;
        if u64::from(self.sb.clusters_per_group()) * ratio != u64::from(self.sb.blocks_per_group())
        {
            self.bad_superblock("clusters per group do not fit blocks per group");
        }
        if !compat.contains(Compat::RESIZE_INODE) && self.sb.reserved_gdt_blocks() != 0 {
            self.bad_superblock("descriptor blocks are reserved without resize_inode");
        }
        let journal = self.sb.journal_inum();
        if compat.contains(Compat::HAS_JOURNAL) {
            if journal == 0 && self.sb.journal_dev() == 0 {
                self.bad_superblock("no journal in spite of has_journal");
            }
            if journal != 0 && self.sb.journal_uuid() != [0; 16] {
                self.bad_superblock("both a journal inside and one on another device");
            }
        } else {
            if journal != 0 {
                self.bad_superblock("a journal without has_journal");
            }
            if incompat.contains(Incompat::RECOVER) {
                self.bad_superblock("recovery is needed, but there is no journal");
            }
        }
        let desc_size = self.sb.desc_size_raw();
        if desc_size != 0 && (!desc_size.is_power_of_two() || desc_size > 1024) {
            self.bad_superblock("the size of group descriptors makes no sense");
        }
        if self.sb.uuid() == [0; 16] {
            self.bad_superblock("the UUID is all zeroes");
        }
        let hint = FLAG_SIGNED_HASH | FLAG_UNSIGNED_HASH;
        if compat.contains(Compat::DIR_INDEX) && self.sb.flags() & hint == 0 {
            self.bad_superblock("whether directory hashes are signed is not said");
        }
        if self.sb.rev_level() == 0
            && (self.sb.feature_compat() | self.sb.feature_incompat() | self.sb.feature_ro_compat())
                != 0
        {
            self.bad_superblock("features in revision 0");
        }
        if self.sb.state() & STATE_ERROR != 0 {
            let count = self.sb.error_count();
            let text = format!("errors were recorded earlier ({count}): e2fsck clears the record");
            self.report(Problem::new(ProblemKind::Superblock, text).note());
        }
    }
}
