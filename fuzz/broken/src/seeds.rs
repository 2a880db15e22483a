//! Whole images, one for each set of features, with the small tree in them.

use crate::device::Layered;
use crate::fields::field;
use crate::mutate::edit;
use crate::structures::Kind;
use crate::structures::Structures;
pub use crate::tree::Ending;
use crate::tree::{encryption_context, fill, marks};
use lwext4::ondisk::inode::InodeFlags;
use lwext4::{
    BlockDevice, FileType, FormatOptions, Ino, JournalSize, MemDevice, OpenOptions, Volume, format,
};
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// A whole image.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Its feature set and ending.
    pub name: String,
    /// Its bytes.
    pub image: Arc<Vec<u8>>,
    /// Its structures.
    pub found: Arc<Structures>,
}

impl Seed {
    /// Whether its journal has something to be replayed.
    pub fn has_transactions(&self) -> bool {
        self.found
            .log
            .as_ref()
            .is_some_and(|log| !log.copies.is_empty())
    }
}

/// A feature set: who makes it, with which options, how many MiB.
struct Recipe {
    name: &'static str,
    size: u64,
    make: Make,
}

enum Make {
    /// By the engine: features, journal blocks, block size, inode size.
    Engine(&'static str, JournalSize, u32, u16),
    /// By mke2fs, filled by the engine.
    Mke2fs(&'static str),
    /// By mke2fs, filled by it too: structures as another writer makes them.
    Mke2fsTree(&'static str),
}

use Make::{Engine, Mke2fs, Mke2fsTree};

const LEAST: JournalSize = JournalSize::Blocks(1024);

const RECIPES: &[Recipe] = &[
    Recipe {
        name: "default",
        size: 4,
        make: Engine("", LEAST, 1024, 256),
    },
    Recipe {
        name: "new",
        size: 6,
        make: Engine(
            "orphan_file,metadata_csum_seed,large_dir,sparse_super2",
            LEAST,
            1024,
            256,
        ),
    },
    Recipe {
        name: "meta_bg",
        size: 4,
        make: Engine("^resize_inode,meta_bg", LEAST, 1024, 256),
    },
    Recipe {
        name: "uninit_bg",
        size: 12,
        make: Engine("^metadata_csum,uninit_bg", LEAST, 1024, 128),
    },
    Recipe {
        name: "no-journal",
        size: 3,
        make: Engine("^has_journal", JournalSize::None, 1024, 256),
    },
    Recipe {
        name: "no-sums",
        size: 4,
        make: Engine("^metadata_csum,^64bit", LEAST, 1024, 512),
    },
    Recipe {
        name: "4k",
        size: 10,
        make: Engine("fast_commit", LEAST, 4096, 256),
    },
    Recipe {
        name: "ext3",
        size: 4,
        make: Engine(
            "^extent,^64bit,^metadata_csum,^flex_bg,^huge_file",
            LEAST,
            1024,
            128,
        ),
    },
    Recipe {
        name: "ext2",
        size: 3,
        make: Engine(
            "none,filetype,sparse_super,ext_attr,dir_index",
            JournalSize::None,
            1024,
            128,
        ),
    },
    Recipe {
        name: "mke2fs-default",
        size: 4,
        make: Mke2fs("-t ext4 -J size=1 -O ^orphan_file"),
    },
    Recipe {
        name: "mke2fs-rev0",
        size: 3,
        make: Mke2fs("-r 0 -t ext2"),
    },
    Recipe {
        name: "mke2fs-ext3",
        size: 4,
        make: Mke2fs("-t ext3 -J size=1"),
    },
    Recipe {
        name: "mke2fs-groups",
        size: 4,
        make: Mke2fs("-t ext4 -J size=1 -g 512 -G 4 -O bigalloc,^bigalloc"),
    },
    Recipe {
        name: "mke2fs-inline",
        size: 4,
        make: Mke2fs("-t ext4 -J size=1 -O inline_data"),
    },
    Recipe {
        name: "mke2fs-inline-wide",
        size: 4,
        make: Mke2fs("-t ext4 -I 1024 -O inline_data,casefold,ea_inode,^has_journal"),
    },
    Recipe {
        name: "mke2fs-ea_inode",
        size: 4,
        make: Mke2fs("-t ext4 -J size=1 -O ea_inode"),
    },
    Recipe {
        name: "mke2fs-bigalloc",
        size: 12,
        make: Mke2fs("-t ext4 -J size=1 -O bigalloc -C 4096"),
    },
    Recipe {
        name: "mke2fs-bigalloc-wide",
        size: 24,
        make: Mke2fs("-t ext4 -O bigalloc,quota,inline_data,^has_journal -C 16384"),
    },
    Recipe {
        name: "mke2fs-64k",
        size: 16,
        make: Mke2fs("-b 65536 -t ext4 -O ^has_journal"),
    },
    Recipe {
        name: "mke2fs-quota",
        size: 5,
        make: Mke2fs("-t ext4 -J size=1 -O quota,project,verity,orphan_file"),
    },
    Recipe {
        name: "mke2fs-mmp",
        size: 4,
        make: Mke2fs("-t ext4 -J size=1 -O mmp"),
    },
    Recipe {
        name: "mke2fs-inline-tree",
        size: 4,
        make: Mke2fsTree("-t ext4 -J size=1 -O inline_data"),
    },
    Recipe {
        name: "mke2fs-casefold",
        size: 4,
        make: Mke2fs("-t ext4 -J size=1 -O casefold,stable_inodes"),
    },
    Recipe {
        name: "mke2fs-encrypt",
        size: 4,
        make: Mke2fs("-t ext4 -J size=1 -O encrypt,stable_inodes"),
    },
    Recipe {
        name: "mke2fs-everything",
        size: 6,
        make: Mke2fs(
            "-t ext4 -J size=1 -I 512 \
             -O ea_inode,casefold,encrypt,project,verity,mmp,large_dir,orphan_file",
        ),
    },
];

/// Every seed that can be made here: those of mke2fs are left out where there is none. `missing` is
/// told of each, and why.
pub fn all(missing: &mut dyn FnMut(&str)) -> Vec<Seed> {
    let mut seeds = Vec::new();
    for recipe in RECIPES {
        let endings: &[Ending] = match recipe.make {
            Mke2fsTree(_) => &[Ending::Clean],
            _ => &[Ending::Clean, Ending::Crashed],
        };
        for &ending in endings {
            match make(recipe, ending) {
                Ok(seed) => seeds.push(seed),
                Err(error) => missing(&format!("{} {ending:?}: {error}", recipe.name)),
            }
        }
    }
    seeds
}

/// The seed of this name and ending.
///
/// # Errors
/// When there is none, or it cannot be made here.
pub fn named(name: &str, ending: Ending) -> Result<Seed, Box<dyn Error>> {
    let recipe = RECIPES.iter().find(|recipe| recipe.name == name);
    make(recipe.ok_or("no such seed")?, ending)
}

fn make(recipe: &Recipe, ending: Ending) -> Result<Seed, Box<dyn Error>> {
    let size = recipe.size << 20;
    let device = match &recipe.make {
        Engine(features, journal, block_size, inode_size) => {
            let device = Arc::new(MemDevice::new(size));
            let options = FormatOptions {
                features: features.parse()?,
                journal: *journal,
                block_size: Some(*block_size),
                inode_size: Some(*inode_size),
                inodes: Some(512),
                uuid: Some(*b"seed of damage 1"),
                hash_seed: Some(*b"seed of hashes 1"),
                ..FormatOptions::default()
            };
            format(&*device, &options)?;
            device
        }
        Mke2fs(options) => Arc::new(MemDevice::from_bytes(&mke2fs(options, size, None)?)),
        Mke2fsTree(options) => {
            let dir = source()?;
            let image = mke2fs(options, size, Some(dir.path()))?;
            return seed(recipe.name.to_owned(), image);
        }
    };
    fill(device.clone(), ending)?;
    let mut image = vec![0; size as usize];
    device.read_at(&mut image, 0)?;
    let mut seed = seed(format!("{} {ending:?}", recipe.name), image)?;
    mark(&mut seed)?;
    Ok(seed)
}

/// Sets the flags of [`marks`].
fn mark(seed: &mut Seed) -> Result<(), Box<dyn Error>> {
    let marks = marks(&seed.found.features);
    if marks.is_empty() {
        return Ok(());
    }
    let options = OpenOptions {
        read_only: true,
        ..OpenOptions::default()
    };
    let device = Arc::new(Layered::new(seed.image.clone(), false));
    let volume = Volume::open(device, options)?;
    let mut edits = Vec::new();
    for (path, flag) in marks {
        let step = |dir, name: &&str| Ok(volume.lookup(dir?, name.as_bytes())?.attr.ino);
        let ino = path.iter().fold(Ok::<_, lwext4::Error>(Ino::ROOT), step)?;
        let flags = seed.found.inode(&seed.image, ino.0).ok_or("no inode")?;
        let flags = flags.flags() | flag;
        edits.push((Kind::Inode(ino.0), field(0x20, 4), u64::from(flags.bits())));
        if flag == InodeFlags::ENCRYPT {
            let inode = volume.getattr(ino)?;
            if inode.file_type == FileType::Symlink && inode.size < 60 {
                edits.push((Kind::Inode(ino.0), field(0x28, 2), inode.size - 2));
            }
            let context = encryption_context();
            edits.extend(context.iter().enumerate().map(|(i, &byte)| {
                let at = field(0xA0 + i, 1);
                (Kind::Inode(ino.0), at, u64::from(byte))
            }));
        }
    }
    let mut image = seed.image.to_vec();
    edit(&seed.found, &mut image, &edits);
    seed.image = Arc::new(image);
    Ok(())
}

fn seed(name: String, image: Vec<u8>) -> Result<Seed, Box<dyn Error>> {
    let found = Structures::of(&image).ok_or("its structures are not found")?;
    Ok(Seed {
        name,
        found: Arc::new(found),
        image: Arc::new(image),
    })
}

/// An image that mke2fs makes.
fn mke2fs(options: &str, size: u64, tree: Option<&Path>) -> Result<Vec<u8>, Box<dyn Error>> {
    let file = tempfile::NamedTempFile::new()?;
    file.as_file().set_len(size)?;
    let mut command = Command::new("mke2fs");
    command
        .args(["-q", "-F", "-b", "1024", "-N", "512"])
        .args(["-U", "73656564-206f-6620-6461-6d6167652031"])
        .args(["-E", "hash_seed=73656564-206f-6620-6861-736865732031"])
        .args(options.split_whitespace());
    if let Some(tree) = tree {
        command.arg("-d").arg(tree);
    }
    let made = command.arg(file.path()).output()?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into());
    }
    Ok(std::fs::read(file.path())?)
}

/// A tree of the host for mke2fs to copy.
fn source() -> std::io::Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    let path = |name: &str| dir.path().join(name);
    let write = |name: &str, len: usize| std::fs::write(path(name), vec![b'd'; len]);
    write("tiny", 20)?;
    write("inside", 130)?;
    write("long", 200 << 10)?;
    std::fs::create_dir(path("few"))?;
    std::os::unix::fs::symlink("tiny", path("few/short"))?;
    std::os::unix::fs::symlink("x".repeat(300), path("few/long"))?;
    write("few/file", 1)?;
    std::fs::create_dir(path("many"))?;
    for i in 0..120 {
        write(&format!("many/{i:03}{}", "n".repeat(120)), 0)?;
    }
    Ok(dir)
}
