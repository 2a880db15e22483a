//! The images that are tried, and what checks them.

use lwext4::{BlockDevice, FileDevice, FormatOptions, MemDevice};
use machine::command::{command, run};
use machine::e2fsprogs::{self, DEBUGFS, E2FSCK, MKE2FS, TUNE2FS, assert_clean};
use machine::requirements::can_run;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub struct Family {
    pub name: &'static str,
    pub kib: u64,
    /// mke2fs's options, or ours.
    pub made_by: Maker,
    /// A command to run on the image, for what mke2fs has no option.
    pub tuned: &'static [&'static str],
    /// Room for a few files only: running full is the normal case.
    pub tiny: bool,
}

pub enum Maker {
    Mke2fs(&'static [&'static str]),
    Ours {
        block_size: u32,
        inode_size: u16,
        features: &'static str,
    },
}

const fn mke2fs(name: &'static str, kib: u64, options: &'static [&'static str]) -> Family {
    Family {
        name,
        kib,
        made_by: Maker::Mke2fs(options),
        tuned: &[],
        tiny: kib < 8192,
    }
}

const fn ours(
    name: &'static str,
    kib: u64,
    block_size: u32,
    inode_size: u16,
    features: &'static str,
) -> Family {
    let made_by = Maker::Ours {
        block_size,
        inode_size,
        features,
    };
    Family {
        name,
        kib,
        made_by,
        tuned: &[],
        tiny: kib < 8192,
    }
}

const fn tuned(mut family: Family, options: &'static [&'static str]) -> Family {
    family.tuned = options;
    family
}

pub const FAMILIES: &[Family] = &[
    mke2fs(
        "debian-4k",
        131072,
        &["-t", "ext4", "-b", "4096", "-g", "4096"],
    ),
    mke2fs("debian-1k", 49152, &["-t", "ext4", "-b", "1024"]),
    mke2fs(
        "newer-2k",
        65536,
        &[
            "-t",
            "ext4",
            "-b",
            "2048",
            "-g",
            "8192",
            "-O",
            "metadata_csum_seed,orphan_file",
        ],
    ),
    mke2fs(
        "no-csum-2k",
        49152,
        &["-t", "ext4", "-b", "2048", "-O", "^metadata_csum"],
    ),
    mke2fs(
        "no-journal-1k",
        32768,
        &["-t", "ext4", "-b", "1024", "-O", "^has_journal"],
    ),
    mke2fs(
        "uninit-bg",
        49152,
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-I",
            "128",
            "-O",
            "^metadata_csum,uninit_bg",
        ],
    ),
    mke2fs(
        "meta-bg",
        49152,
        &["-t", "ext4", "-b", "1024", "-O", "meta_bg,^resize_inode"],
    ),
    mke2fs(
        "small-journal",
        32768,
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-g",
            "1024",
            "-J",
            "size=1",
            "-O",
            "^flex_bg,^64bit",
        ],
    ),
    mke2fs(
        "plain-dirs",
        32768,
        &["-t", "ext4", "-b", "1024", "-O", "^dir_index,^filetype"],
    ),
    tuned(
        mke2fs(
            "unsigned-hash",
            49152,
            &["-t", "ext4", "-b", "1024", "-g", "4096"],
        ),
        &["debugfs", "-w", "-R", "ssv flags 2"],
    ),
    mke2fs(
        "exotic",
        65536,
        &[
            "-t",
            "ext4",
            "-b",
            "2048",
            "-I",
            "512",
            "-O",
            "sparse_super2,large_dir,fast_commit,stable_inodes,^resize_inode",
        ],
    ),
    mke2fs(
        "large-blocks",
        262144,
        &[
            "-t",
            "ext4",
            "-b",
            "65536",
            "-N",
            "8192",
            "-O",
            "^has_journal",
        ],
    ),
    tuned(
        mke2fs(
            "tea",
            49152,
            &["-t", "ext4", "-b", "1024", "-O", "orphan_file"],
        ),
        &["tune2fs", "-E", "hash_alg=tea"],
    ),
    tuned(
        mke2fs(
            "legacy-hash",
            32768,
            &["-t", "ext3", "-b", "1024", "-I", "256"],
        ),
        &["tune2fs", "-E", "hash_alg=legacy"],
    ),
    mke2fs("ext3", 49152, &["-t", "ext3", "-b", "1024"]),
    mke2fs("ext2", 32768, &["-t", "ext2", "-b", "1024", "-I", "128"]),
    ours("ours-1k", 65536, 1024, 256, ""),
    ours(
        "ours-4k",
        131072,
        4096,
        256,
        "metadata_csum_seed,orphan_file",
    ),
    ours("ours-2k-128", 49152, 2048, 128, "^metadata_csum"),
    ours("ours-bigalloc", 65536, 1024, 256, "bigalloc"),
    ours("ours-no-journal", 32768, 1024, 128, "^has_journal"),
    mke2fs(
        "inline-4k",
        65536,
        &["-t", "ext4", "-b", "4096", "-O", "inline_data"],
    ),
    mke2fs(
        "inline-1k",
        49152,
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-I",
            "1024",
            "-O",
            "inline_data,orphan_file",
        ],
    ),
    mke2fs(
        "inline-plain",
        32768,
        &[
            "-t",
            "ext4",
            "-b",
            "2048",
            "-I",
            "512",
            "-O",
            "inline_data,^dir_index,^extent,^64bit",
        ],
    ),
    mke2fs(
        "values-1k",
        49152,
        &["-t", "ext4", "-b", "1024", "-O", "ea_inode"],
    ),
    mke2fs(
        "values-inline",
        49152,
        &[
            "-t",
            "ext4",
            "-b",
            "2048",
            "-O",
            "ea_inode,inline_data,orphan_file",
        ],
    ),
    mke2fs(
        "quota",
        49152,
        &["-t", "ext4", "-b", "1024", "-O", "quota,project"],
    ),
    mke2fs(
        "bigalloc-1k",
        49152,
        &["-t", "ext4", "-b", "1024", "-C", "4096", "-O", "bigalloc"],
    ),
    mke2fs(
        "bigalloc-4k",
        262144,
        &[
            "-t", "ext4", "-b", "4096", "-C", "65536", "-N", "8192", "-O", "bigalloc",
        ],
    ),
    mke2fs(
        "bigalloc-old",
        32768,
        &[
            "-t",
            "ext4",
            "-b",
            "1024",
            "-C",
            "8192",
            "-I",
            "128",
            "-O",
            "bigalloc,^has_journal,^metadata_csum,^flex_bg",
        ],
    ),
    mke2fs("tiny-1k", 1024, &["-t", "ext4", "-b", "1024"]),
    mke2fs(
        "tiny-journal",
        3072,
        &["-t", "ext4", "-b", "1024", "-N", "200"],
    ),
    mke2fs("tiny-4k", 6144, &["-t", "ext4", "-b", "4096"]),
    mke2fs("tiny-ext3", 3072, &["-t", "ext3", "-b", "1024"]),
    mke2fs(
        "few-inodes",
        8192,
        &["-t", "ext4", "-b", "1024", "-N", "64"],
    ),
];

/// Where an image is while it is tried.
pub struct Disk {
    pub path: PathBuf,
    memory: Option<Arc<MemDevice>>,
    keep: bool,
}

impl Drop for Disk {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether the programs are there that make, tune and judge images; says so if not.
pub fn have_tools(test: &str) -> bool {
    can_run(test, &[MKE2FS, E2FSCK, TUNE2FS, DEBUGFS])
}

impl Disk {
    /// Makes an image, in a file or in memory.
    pub fn make(family: &Family, in_memory: bool) -> Disk {
        let path = tempfile::Builder::new()
            .prefix(&format!("lwext4-model-{}-", family.name))
            .suffix(".img")
            .tempfile()
            .and_then(|file| Ok(file.keep()?.1))
            .expect("a temporary file");
        match &family.made_by {
            Maker::Mke2fs(options) => e2fsprogs::mke2fs(&path, family.kib << 10, *options),
            Maker::Ours {
                block_size,
                inode_size,
                features,
            } => {
                let options = FormatOptions {
                    block_size: Some(*block_size),
                    inode_size: Some(*inode_size),
                    features: features.parse().expect("features"),
                    ..FormatOptions::default()
                };
                let file = File::create(&path).expect("the image file");
                file.set_len(family.kib << 10).expect("the image's size");
                lwext4::format(&*file_device(&path), &options).expect("formatting");
            }
        }
        if let [program, options @ ..] = family.tuned {
            run(command(program, options).arg(&path));
        }
        let memory = in_memory.then(|| {
            let bytes = std::fs::read(&path).expect("the image");
            Arc::new(MemDevice::from_bytes(&bytes))
        });
        let keep = std::env::var_os("LWEXT4_MODEL_KEEP").is_some();
        Disk { path, memory, keep }
    }

    pub fn device(&self) -> Arc<dyn BlockDevice> {
        match &self.memory {
            Some(memory) => memory.clone(),
            None => file_device(&self.path),
        }
    }

    /// The image as a file, for other programs.
    pub fn file(&self) -> &Path {
        if let Some(memory) = &self.memory {
            let file = File::create(&self.path).expect("the image file");
            memory.write_to(&file).expect("writing the image out");
        }
        &self.path
    }

    /// `e2fsck -fn` must find nothing.
    pub fn check(&self) {
        assert_clean(self.file());
    }
}

fn file_device(path: &Path) -> Arc<dyn BlockDevice> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .expect("the image file");
    Arc::new(FileDevice::new(file).expect("the image file"))
}
