//! The three feature sets of the superblock, with the names that mke2fs and tune2fs use.

use bitflags::bitflags;

bitflags! {
    /// Features that an implementation may ignore (`s_feature_compat`, 0x5C).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Compat: u32 {
        /// Directory preallocation.
        const DIR_PREALLOC = 0x1;
        /// AFS server inodes.
        const IMAGIC_INODES = 0x2;
        /// A journal.
        const HAS_JOURNAL = 0x4;
        /// Extended attributes.
        const EXT_ATTR = 0x8;
        /// Blocks reserved for growing the descriptor table.
        const RESIZE_INODE = 0x10;
        /// Hashed directories.
        const DIR_INDEX = 0x20;
        /// Backup superblocks in two groups only.
        const SPARSE_SUPER2 = 0x200;
        /// Fast commits in the journal.
        const FAST_COMMIT = 0x400;
        /// Inode numbers never change.
        const STABLE_INODES = 0x800;
        /// A file that lists orphans.
        const ORPHAN_FILE = 0x1000;
        const _ = !0;
    }
}

bitflags! {
    /// Features that an implementation must know to read (`s_feature_incompat`, 0x60).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Incompat: u32 {
        /// Compression (never implemented).
        const COMPRESSION = 0x1;
        /// Directory entries carry the file type.
        const FILETYPE = 0x2;
        /// The journal must be replayed.
        const RECOVER = 0x4;
        /// The file system is an external journal.
        const JOURNAL_DEV = 0x8;
        /// Descriptors spread over meta groups.
        const META_BG = 0x10;
        /// Files may map blocks by extents.
        const EXTENTS = 0x40;
        /// 64-bit block numbers.
        const BIT64 = 0x80;
        /// Multiple-mount protection.
        const MMP = 0x100;
        /// Bitmaps and inode tables of several groups together.
        const FLEX_BG = 0x200;
        /// Extended attribute values in inodes.
        const EA_INODE = 0x400;
        /// Data in directory entries (never implemented).
        const DIRDATA = 0x1000;
        /// The checksum seed is stored, not derived from the UUID.
        const CSUM_SEED = 0x2000;
        /// Three-level directories, beyond 2 GiB.
        const LARGEDIR = 0x4000;
        /// Small files inside their inodes.
        const INLINE_DATA = 0x8000;
        /// Encrypted files.
        const ENCRYPT = 0x10000;
        /// Case-insensitive directories.
        const CASEFOLD = 0x20000;
        const _ = !0;
    }
}

bitflags! {
    /// Features that an implementation must know to write (`s_feature_ro_compat`, 0x64).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct RoCompat: u32 {
        /// Backup superblocks in few groups.
        const SPARSE_SUPER = 0x1;
        /// Files of 2 GiB and more.
        const LARGE_FILE = 0x2;
        /// B-tree directories (never implemented).
        const BTREE_DIR = 0x4;
        /// Block counts of inodes beyond 32 bits.
        const HUGE_FILE = 0x8;
        /// Group descriptors carry a CRC-16.
        const GDT_CSUM = 0x10;
        /// Directories of 65,000 subdirectories and more.
        const DIR_NLINK = 0x20;
        /// Inodes have room for more fields.
        const EXTRA_ISIZE = 0x40;
        /// Snapshot (never implemented).
        const HAS_SNAPSHOT = 0x80;
        /// Quota in hidden inodes.
        const QUOTA = 0x100;
        /// Allocation in clusters.
        const BIGALLOC = 0x200;
        /// Every structure of metadata carries a CRC-32C.
        const METADATA_CSUM = 0x400;
        /// Replica (never implemented).
        const REPLICA = 0x800;
        /// The image must not be written.
        const READONLY = 0x1000;
        /// Project quota.
        const PROJECT = 0x2000;
        /// Files share blocks: the image cannot be written.
        const SHARED_BLOCKS = 0x4000;
        /// Verity files.
        const VERITY = 0x8000;
        /// The orphan file is not empty.
        const ORPHAN_PRESENT = 0x10000;
        const _ = !0;
    }
}

/// All three sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Features {
    /// Features that may be ignored.
    pub compat: Compat,
    /// Features needed to read.
    pub incompat: Incompat,
    /// Features needed to write.
    pub ro_compat: RoCompat,
}

/// How far the engine goes with a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Images with the feature are read and written.
    ReadWrite,
    /// Images with the feature are only read; the text says why.
    ReadOnly(&'static str),
    /// Images with the feature are refused; the text says why.
    Refused(&'static str),
}

/// One feature: where it is, what it is called, and how far the engine goes with it.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// The name that mke2fs, tune2fs and dumpe2fs use.
    pub name: &'static str,
    /// Its bit.
    pub bit: Bit,
    /// How far the engine goes.
    pub support: Support,
}

/// A feature's bit, with the set it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bit {
    /// In the first set.
    Compat(Compat),
    /// In the second set.
    Incompat(Incompat),
    /// In the third set.
    RoCompat(RoCompat),
}

const fn compat(name: &'static str, bit: Compat, support: Support) -> Feature {
    Feature {
        name,
        bit: Bit::Compat(bit),
        support,
    }
}
const fn incompat(name: &'static str, bit: Incompat, support: Support) -> Feature {
    Feature {
        name,
        bit: Bit::Incompat(bit),
        support,
    }
}
const fn ro_compat(name: &'static str, bit: RoCompat, support: Support) -> Feature {
    Feature {
        name,
        bit: Bit::RoCompat(bit),
        support,
    }
}

use Support::{ReadOnly, ReadWrite, Refused};
const NEVER: Support = Refused("no implementation of this feature exists");

/// The one table of features: every check, message and listing comes from it.
pub const TABLE: &[Feature] = &[
    compat("dir_prealloc", Compat::DIR_PREALLOC, ReadWrite),
    compat("imagic_inodes", Compat::IMAGIC_INODES, ReadWrite),
    compat("has_journal", Compat::HAS_JOURNAL, ReadWrite),
    compat("ext_attr", Compat::EXT_ATTR, ReadWrite),
    compat("resize_inode", Compat::RESIZE_INODE, ReadWrite),
    compat("dir_index", Compat::DIR_INDEX, ReadWrite),
    compat("sparse_super2", Compat::SPARSE_SUPER2, ReadWrite),
    compat("fast_commit", Compat::FAST_COMMIT, ReadWrite),
    compat("stable_inodes", Compat::STABLE_INODES, ReadWrite),
    compat("orphan_file", Compat::ORPHAN_FILE, ReadWrite),
    incompat("compression", Incompat::COMPRESSION, NEVER),
    incompat("filetype", Incompat::FILETYPE, ReadWrite),
    incompat("needs_recovery", Incompat::RECOVER, ReadWrite),
    incompat(
        "journal_dev",
        Incompat::JOURNAL_DEV,
        Refused("this is an external journal, not a file system"),
    ),
    incompat("meta_bg", Incompat::META_BG, ReadWrite),
    incompat("extent", Incompat::EXTENTS, ReadWrite),
    incompat("64bit", Incompat::BIT64, ReadWrite),
    incompat("mmp", Incompat::MMP, ReadWrite),
    incompat("flex_bg", Incompat::FLEX_BG, ReadWrite),
    incompat("ea_inode", Incompat::EA_INODE, ReadWrite),
    incompat("dirdata", Incompat::DIRDATA, NEVER),
    incompat("metadata_csum_seed", Incompat::CSUM_SEED, ReadWrite),
    incompat("large_dir", Incompat::LARGEDIR, ReadWrite),
    incompat("inline_data", Incompat::INLINE_DATA, ReadWrite),
    incompat("encrypt", Incompat::ENCRYPT, ReadWrite),
    incompat("casefold", Incompat::CASEFOLD, ReadWrite),
    ro_compat("sparse_super", RoCompat::SPARSE_SUPER, ReadWrite),
    ro_compat("large_file", RoCompat::LARGE_FILE, ReadWrite),
    ro_compat("btree_dir", RoCompat::BTREE_DIR, NEVER),
    ro_compat("huge_file", RoCompat::HUGE_FILE, ReadWrite),
    ro_compat("uninit_bg", RoCompat::GDT_CSUM, ReadWrite),
    ro_compat("dir_nlink", RoCompat::DIR_NLINK, ReadWrite),
    ro_compat("extra_isize", RoCompat::EXTRA_ISIZE, ReadWrite),
    ro_compat("snapshot_bitmap", RoCompat::HAS_SNAPSHOT, NEVER),
    ro_compat("quota", RoCompat::QUOTA, ReadWrite),
    ro_compat("bigalloc", RoCompat::BIGALLOC, ReadWrite),
    ro_compat("metadata_csum", RoCompat::METADATA_CSUM, ReadWrite),
    ro_compat("replica", RoCompat::REPLICA, NEVER),
    ro_compat(
        "read-only",
        RoCompat::READONLY,
        ReadOnly("the image is marked read-only"),
    ),
    ro_compat("project", RoCompat::PROJECT, ReadWrite),
    ro_compat(
        "shared_blocks",
        RoCompat::SHARED_BLOCKS,
        ReadOnly("files share blocks"),
    ),
    ro_compat("verity", RoCompat::VERITY, ReadWrite),
    ro_compat("orphan_present", RoCompat::ORPHAN_PRESENT, ReadWrite),
];

/// Features of which each alone is read and written, but not both together: with the reason.
pub const APART: &[(Bit, Bit, &str)] = &[(
    Bit::RoCompat(RoCompat::QUOTA),
    Bit::Incompat(Incompat::EA_INODE),
    "attribute values in inodes are not counted for quota",
)];

/// Something that keeps an image from being written, or from being opened at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What is in the way, as a sentence: it names the feature, and says why.
    pub text: String,
    /// Whether the image can be read all the same.
    pub readable: bool,
}

impl Features {
    /// Everything that keeps an image with these features from being written or opened: what stands in
    /// the table, what does not go together, and features that nobody here knows.
    pub fn obstacles(&self) -> Vec<Obstacle> {
        let obstacle = |readable, text| Obstacle { text, readable };
        let only_read = |what: &str, why: &str| {
            obstacle(
                true,
                format!("{what} reading only ({why}): open it read-only"),
            )
        };
        let mut found: Vec<Obstacle> = self
            .known()
            .filter_map(|feature| match feature.support {
                Support::ReadWrite => None,
                Support::ReadOnly(why) => {
                    Some(only_read(&format!("feature {} allows", feature.name), why))
                }
                Support::Refused(why) => Some(obstacle(
                    false,
                    format!("feature {} is not supported: {why}", feature.name),
                )),
            })
            .collect();
        for (one, other, why) in APART {
            if self.has(*one) && self.has(*other) {
                let name = |bit: Bit| {
                    let row = TABLE.iter().find(|feature| feature.bit == bit);
                    row.map_or("", |feature| feature.name)
                };
                let both = format!(
                    "features {} and {} together allow",
                    name(*one),
                    name(*other)
                );
                found.push(only_read(&both, why));
            }
        }
        for name in self.names() {
            let readable = name.starts_with("FEATURE_R");
            if readable || name.starts_with("FEATURE_I") {
                let text = format!("unknown feature {name}: the image was made by a newer tool");
                found.push(obstacle(readable, text));
            }
        }
        // What matters most comes first.
        found.sort_by_key(|obstacle| obstacle.readable);
        found
    }

    /// Whether `bit` is set.
    pub fn has(&self, bit: Bit) -> bool {
        match bit {
            Bit::Compat(bit) => self.compat.contains(bit),
            Bit::Incompat(bit) => self.incompat.contains(bit),
            Bit::RoCompat(bit) => self.ro_compat.contains(bit),
        }
    }

    /// Sets or clears `bit`.
    pub fn set(&mut self, bit: Bit, on: bool) {
        match bit {
            Bit::Compat(bit) => self.compat.set(bit, on),
            Bit::Incompat(bit) => self.incompat.set(bit, on),
            Bit::RoCompat(bit) => self.ro_compat.set(bit, on),
        }
    }

    /// The table's rows for the features that are set.
    pub fn known(&self) -> impl Iterator<Item = &'static Feature> + '_ {
        TABLE.iter().filter(|feature| self.has(feature.bit))
    }

    /// The names of the features that are set, unknown ones as mke2fs writes them (`FEATURE_I20`).
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .known()
            .map(|feature| feature.name.to_owned())
            .collect();
        let sets = [
            ('C', self.compat.bits()),
            ('I', self.incompat.bits()),
            ('R', self.ro_compat.bits()),
        ];
        for (letter, bits) in sets {
            for number in (0..32).filter(|n| bits >> n & 1 == 1) {
                let known = TABLE.iter().any(|feature| match (letter, feature.bit) {
                    ('C', Bit::Compat(bit)) => bit.bits() == 1 << number,
                    ('I', Bit::Incompat(bit)) => bit.bits() == 1 << number,
                    ('R', Bit::RoCompat(bit)) => bit.bits() == 1 << number,
                    _ => false,
                });
                if !known {
                    names.push(format!("FEATURE_{letter}{number}"));
                }
            }
        }
        names
    }

    /// The feature that mke2fs calls `name`, if the table has it. `metadata_csum` and `uninit_bg`
    /// are rows of their own; aliases (`extents`, `gdt_csum`, `large_directories`) are accepted.
    pub fn by_name(name: &str) -> Option<&'static Feature> {
        let name = match name {
            "extents" => "extent",
            "gdt_csum" => "uninit_bg",
            "resize_inodes" => "resize_inode",
            "largedir" => "large_dir",
            other => other,
        };
        TABLE.iter().find(|feature| feature.name == name)
    }
}
