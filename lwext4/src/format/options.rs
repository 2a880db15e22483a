//! What the caller may choose, and the defaults that follow from the size: those of
//! `mke2fs -t ext4` with Debian 12's `mke2fs.conf`.

use super::geometry;
use crate::error::{Error, Result};
use crate::ondisk::features::{Bit, Compat, Feature, Features, Incompat, RoCompat};
use crate::types::Timestamp;
use std::str::FromStr;

/// How to make a file system. [`Default`] gives what Debian 12's `mke2fs -t ext4` gives.
#[derive(Clone, Debug)]
pub struct FormatOptions {
    /// Block size in bytes, a power of two from 1,024 to 65,536; `None`: 4,096, or 1,024 below 512 MiB.
    pub block_size: Option<u32>,
    /// Cluster size in bytes, with the feature bigalloc: a power of two above the block size, up to 512 MiB; `None`: 16
    /// blocks.
    pub cluster_size: Option<u32>,
    /// Inode size in bytes, a power of two from 128 to the block size; `None`: 256.
    pub inode_size: Option<u16>,
    /// How many inodes, rounded up to fill the inode tables. Goes before `bytes_per_inode`.
    pub inodes: Option<u64>,
    /// One inode for so many bytes of the device; `None`: 16,384, and other ratios for small and very
    /// large devices.
    pub bytes_per_inode: Option<u64>,
    /// The label, at most 16 bytes.
    pub label: Vec<u8>,
    /// The UUID; `None`: a random one.
    pub uuid: Option<[u8; 16]>,
    /// The seed of directory hashes; `None`: a random one.
    pub hash_seed: Option<[u8; 16]>,
    /// Share of the blocks that only the reserved user may take, 0 to 50 per cent.
    pub reserved_percent: f64,
    /// The journal's size.
    pub journal: JournalSize,
    /// Changes of the default features.
    pub features: FeatureEdits,
    /// The time to record as that of creation; `None`: now.
    pub time: Option<Timestamp>,
    /// Owner of the root directory.
    pub root_uid: u32,
    /// Group of the root directory.
    pub root_gid: u32,
    /// Permission bits of the root directory (07777).
    pub root_perm: u16,
    /// What to do with the bytes that are on the device already.
    pub erase: Erase,
}

impl Default for FormatOptions {
    fn default() -> Self {
        FormatOptions {
            block_size: None,
            cluster_size: None,
            inode_size: None,
            inodes: None,
            bytes_per_inode: None,
            label: Vec::new(),
            uuid: None,
            hash_seed: None,
            reserved_percent: 5.0,
            journal: JournalSize::Auto,
            features: FeatureEdits::default(),
            time: None,
            root_uid: 0,
            root_gid: 0,
            root_perm: 0o755,
            erase: Erase::Metadata,
        }
    }
}

/// How large the journal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JournalSize {
    /// By the size of the device, as mke2fs chooses; none below 2,048 blocks or without `has_journal`.
    #[default]
    Auto,
    /// No journal: the same as the feature edit `^has_journal`.
    None,
    /// So many blocks, at least 1,024.
    Blocks(u32),
    /// So many MiB.
    MiB(u32),
}

/// What happens to what was on the device before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Erase {
    /// Nothing: the device reads as zeroes everywhere already, as a fresh sparse file does.
    Nothing,
    /// Space that metadata takes is zeroed with [`BlockDevice::punch`](crate::BlockDevice::punch);
    /// free space keeps its old bytes.
    #[default]
    Metadata,
    /// The whole device is zeroed with [`BlockDevice::punch`](crate::BlockDevice::punch).
    Everything,
}

/// Changes of a feature set, in order: the argument of mke2fs's `-O`.
///
/// Names are separated by commas or white space; `^` or `-` before a name clears the feature, `none`
/// clears all. Parse one from a string:
///
/// ```
/// use lwext4::FeatureEdits;
/// let edits: FeatureEdits = "^has_journal,metadata_csum_seed".parse()?;
/// # let _ = edits;
/// # Ok::<(), lwext4::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FeatureEdits(Vec<Edit>);

#[derive(Clone, Copy, Debug)]
enum Edit {
    ClearAll,
    Set(&'static Feature),
    Clear(&'static Feature),
}

impl FromStr for FeatureEdits {
    type Err = Error;

    /// # Errors
    /// [`Error::InvalidOption`] for a name that no feature has, [`Error::Unsupported`] for a feature
    /// that cannot be produced.
    fn from_str(text: &str) -> Result<FeatureEdits> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        words
            .filter(|word| !word.is_empty())
            .map(|word| {
                if word == "none" {
                    return Ok(Edit::ClearAll);
                }
                let (name, clear) = match word.strip_prefix(['^', '-']) {
                    Some(name) => (name, true),
                    None => (word.strip_prefix('+').unwrap_or(word), false),
                };
                let feature = Features::by_name(name)
                    .ok_or_else(|| Error::InvalidOption(format!("unknown feature: {name}")))?;
                if clear {
                    Ok(Edit::Clear(feature))
                } else if PRODUCIBLE.has(feature.bit) {
                    Ok(Edit::Set(feature))
                } else {
                    Err(Error::Unsupported(format!(
                        "a file system with the feature {name} cannot be made here"
                    )))
                }
            })
            .collect::<Result<_>>()
            .map(FeatureEdits)
    }
}

impl FeatureEdits {
    /// `features` after the changes.
    pub fn apply(&self, mut features: Features) -> Features {
        for edit in &self.0 {
            match edit {
                Edit::ClearAll => features = NONE,
                Edit::Set(feature) => features.set(feature.bit, true),
                Edit::Clear(feature) => features.set(feature.bit, false),
            }
        }
        features
    }

    /// Whether an edit clears `bit` by name.
    pub(super) fn clears(&self, bit: Bit) -> bool {
        self.0
            .iter()
            .any(|edit| matches!(edit, Edit::Clear(feature) if feature.bit == bit))
    }
}

const NONE: Features = Features {
    compat: Compat::empty(),
    incompat: Incompat::empty(),
    ro_compat: RoCompat::empty(),
};

/// The features of Debian 12's `mke2fs -t ext4`.
pub(super) const DEFAULT: Features = Features {
    compat: Compat::HAS_JOURNAL
        .union(Compat::EXT_ATTR)
        .union(Compat::RESIZE_INODE)
        .union(Compat::DIR_INDEX),
    incompat: Incompat::FILETYPE
        .union(Incompat::EXTENTS)
        .union(Incompat::BIT64)
        .union(Incompat::FLEX_BG),
    ro_compat: RoCompat::SPARSE_SUPER
        .union(RoCompat::LARGE_FILE)
        .union(RoCompat::HUGE_FILE)
        .union(RoCompat::DIR_NLINK)
        .union(RoCompat::EXTRA_ISIZE)
        .union(RoCompat::METADATA_CSUM),
};

/// Every feature that a new file system may have.
const PRODUCIBLE: Features = Features {
    compat: DEFAULT
        .compat
        .union(Compat::SPARSE_SUPER2)
        .union(Compat::FAST_COMMIT)
        .union(Compat::STABLE_INODES)
        .union(Compat::ORPHAN_FILE),
    incompat: DEFAULT
        .incompat
        .union(Incompat::META_BG)
        .union(Incompat::CSUM_SEED)
        .union(Incompat::LARGEDIR),
    ro_compat: DEFAULT
        .ro_compat
        .union(RoCompat::GDT_CSUM)
        .union(RoCompat::BIGALLOC),
};

/// Block size and bytes per inode by the device's size in bytes (`mke2fs.conf`: floppy, small,
/// default, big, huge).
pub(super) fn size_class(size: u64) -> (u32, u64) {
    const MIB: u64 = 1 << 20;
    const TIB: u64 = 1 << 40;
    match size {
        _ if size < 3 * MIB => (1024, 8192),
        _ if size < 512 * MIB => (1024, 4096),
        _ if size < 4 * TIB => (4096, 16384),
        _ if size < 16 * TIB => (4096, 32768),
        _ => (4096, 65536),
    }
}

/// The features that `options` ask for, checked against each other.
pub(super) fn features(options: &FormatOptions) -> Result<Features> {
    let mut features = options.features.apply(DEFAULT);
    let journal = Bit::Compat(Compat::HAS_JOURNAL);
    match options.journal {
        JournalSize::Auto => {}
        JournalSize::None => features.set(journal, false),
        JournalSize::Blocks(_) | JournalSize::MiB(_) if options.features.clears(journal) => {
            return refuse("a journal's size is given, but has_journal is cleared");
        }
        JournalSize::Blocks(_) | JournalSize::MiB(_) => features.set(journal, true),
    }
    if features.ro_compat.contains(RoCompat::METADATA_CSUM) {
        // The stronger checksum replaces the weaker one.
        features.ro_compat.remove(RoCompat::GDT_CSUM);
    } else if features.incompat.contains(Incompat::CSUM_SEED) {
        return refuse("the feature metadata_csum_seed needs metadata_csum");
    }
    if features.ro_compat.contains(RoCompat::BIGALLOC) {
        if !features.incompat.contains(Incompat::EXTENTS) {
            return refuse("the feature bigalloc needs extent");
        }
        // Its inode counts single blocks of clusters that others share.
        features.compat.remove(Compat::RESIZE_INODE);
    } else if options.cluster_size.is_some() {
        return refuse("a cluster size needs the feature bigalloc");
    }
    let Features {
        compat, incompat, ..
    } = features;
    let resize = compat.contains(Compat::RESIZE_INODE);
    if resize && incompat.contains(Incompat::META_BG) {
        return refuse("the features resize_inode and meta_bg exclude each other");
    }
    if resize && !features.ro_compat.contains(RoCompat::SPARSE_SUPER) {
        return refuse("the feature resize_inode needs sparse_super");
    }
    if incompat.contains(Incompat::BIT64) && !incompat.contains(Incompat::EXTENTS) {
        return refuse("the feature 64bit needs extent");
    }
    if !compat.contains(Compat::HAS_JOURNAL) {
        if compat.contains(Compat::ORPHAN_FILE) {
            return refuse("the feature orphan_file needs has_journal");
        }
        if compat.contains(Compat::FAST_COMMIT) {
            return refuse("the feature fast_commit needs has_journal");
        }
    }
    Ok(features)
}

/// How many inodes to make at least, on a file system of `blocks` blocks that has one for `least_ratio` bytes by
/// default.
pub(super) fn wanted_inodes(
    blocks: u64,
    block_size: u32,
    inode_size: u16,
    least_ratio: u64,
    options: &FormatOptions,
) -> Result<u64> {
    let inodes = match (options.inodes, options.bytes_per_inode) {
        (Some(inodes), _) => inodes,
        (None, ratio) => {
            let ratio = match ratio {
                Some(ratio) if !(1024..=64 << 20).contains(&ratio) => {
                    return Err(Error::InvalidOption(format!(
                        "bad number of bytes per inode, {ratio}: 1024 to 67108864 are possible"
                    )));
                }
                Some(ratio) => ratio,
                None => least_ratio.max(u64::from(block_size)),
            };
            let bytes = blocks.saturating_mul(u64::from(block_size));
            (bytes / ratio).min(u64::from(u32::MAX))
        }
    };
    let bytes = inodes.saturating_mul(u64::from(inode_size));
    if inodes > u64::from(u32::MAX) || bytes >= blocks.saturating_mul(u64::from(block_size)) {
        return geometry::too_many_inodes(inodes);
    }
    Ok(inodes.max(u64::from(geometry::FIRST_INO) + 1))
}

fn refuse<T>(text: &str) -> Result<T> {
    Err(Error::InvalidOption(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str) -> Result<Features> {
        features(&FormatOptions {
            features: text.parse()?,
            ..FormatOptions::default()
        })
    }

    #[test]
    fn edits_apply_in_order() {
        let edits: FeatureEdits = "none ext_attr,^ext_attr, +filetype".parse().unwrap();
        let features = edits.apply(DEFAULT);
        assert_eq!(features.names(), ["filetype"]);
    }

    #[test]
    fn metadata_csum_replaces_uninit_bg() {
        let features = edited("uninit_bg").unwrap();
        assert!(!features.ro_compat.contains(RoCompat::GDT_CSUM));
    }

    #[test]
    fn bad_features_are_refused_by_name() {
        for (text, word) in [
            ("flexbg", "flexbg"),
            ("bigalloc,^extent,^64bit", "extent"),
            ("inline_data", "inline_data"),
            ("meta_bg", "resize_inode"),
            ("^sparse_super", "sparse_super"),
            ("^extent", "64bit"),
            ("^has_journal,orphan_file", "orphan_file"),
            ("^metadata_csum,metadata_csum_seed", "metadata_csum_seed"),
        ] {
            let error = edited(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
