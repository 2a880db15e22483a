//! Image files and what e2fsprogs says of them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::command::{command, output, run, said};

/// The program under test.
pub const LIVEROOT: &str = env!("CARGO_BIN_EXE_liveroot");

/// Sets of features that images come with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features {
    /// What Debian 12 makes by default.
    Debian12,
    /// What e2fsprogs makes by default since 1.47.1.
    E2fsprogs1_47_1,
    /// No checksums of metadata.
    NoMetadataCsum,
}

impl Features {
    /// For `-O`, whatever the machine's own defaults are.
    fn mke2fs(self) -> &'static str {
        match self {
            Features::Debian12 => "64bit,metadata_csum,^metadata_csum_seed,^orphan_file",
            Features::E2fsprogs1_47_1 => "64bit,metadata_csum,metadata_csum_seed,orphan_file",
            Features::NoMetadataCsum => "64bit,^metadata_csum,^metadata_csum_seed,^orphan_file",
        }
    }

    /// For `liveroot create --features`, whose default is Debian 12's.
    fn create(self) -> Option<&'static str> {
        match self {
            Features::Debian12 => None,
            Features::E2fsprogs1_47_1 => Some("metadata_csum_seed,orphan_file"),
            Features::NoMetadataCsum => Some("^metadata_csum"),
        }
    }
}

/// Who makes the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// e2fsprogs.
    Mke2fs,
    /// `liveroot create`.
    Create,
}

/// How an image is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    pub maker: Maker,
    pub features: Features,
    /// Bytes in a block.
    pub block_size: u32,
    /// Bytes in an inode.
    pub inode_size: u32,
    /// Size in MiB.
    pub mib: u64,
    /// Number of inodes, where the default is too small.
    pub inodes: Option<u64>,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            maker: Maker::Create,
            features: Features::Debian12,
            block_size: 4096,
            inode_size: 256,
            mib: 1024,
            inodes: None,
        }
    }
}

/// Free blocks and inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    pub blocks: u64,
    pub inodes: u64,
}

/// An image in a directory of its own, deleted in the end.
#[derive(Debug)]
pub struct Image {
    pub path: PathBuf,
    _dir: TempDir,
}

impl Image {
    /// Makes an image; an error where this machine's mke2fs does not know the features.
    pub fn make(spec: &Spec) -> Result<Self, String> {
        let dir = TempDir::with_prefix("liveroot-test-").map_err(|error| error.to_string())?;
        let path = dir.path().join("image.ext4");
        let mut make = match spec.maker {
            Maker::Mke2fs => {
                let file = File::create(&path).map_err(|error| error.to_string())?;
                file.set_len(spec.mib << 20)
                    .map_err(|error| error.to_string())?;
                mke2fs(spec)
            }
            Maker::Create => create(spec),
        };
        make.arg(&path);
        let made = output(&mut make);
        if String::from_utf8_lossy(&made.stderr).contains("Invalid filesystem option") {
            return Err(format!("this mke2fs cannot make {:?}", spec.features));
        }
        assert!(
            made.status.success(),
            "{make:?} failed with {}\n{}",
            made.status,
            said(&made)
        );
        Ok(Self { path, _dir: dir })
    }

    /// Makes an image of `mib` MiB by mke2fs with exactly these options.
    #[track_caller]
    pub fn mke2fs(options: &[&str], mib: u64) -> Self {
        let dir = TempDir::with_prefix("liveroot-test-").expect("a temporary directory");
        let path = dir.path().join("image.ext4");
        let file = File::create(&path).expect("a file can be made");
        file.set_len(mib << 20).expect("a file can be sparse");
        run(command("mke2fs", ["-q", "-F"]).args(options).arg(&path));
        Self { path, _dir: dir }
    }

    /// Makes an image of `mib` MiB by `liveroot create` with exactly these options.
    #[track_caller]
    pub fn create(options: &[&str], mib: u64) -> Self {
        let dir = TempDir::with_prefix("liveroot-test-").expect("a temporary directory");
        let path = dir.path().join("image.ext4");
        let mut create = command(LIVEROOT, ["create", "--quiet", "--size"]);
        run(create.arg(format!("{mib}M")).args(options).arg(&path));
        Self { path, _dir: dir }
    }

    /// The names of its features, as dumpe2fs lists them.
    #[track_caller]
    pub fn features(&self) -> Vec<String> {
        let report = self.described();
        let list = report
            .lines()
            .find_map(|line| line.strip_prefix("Filesystem features:"))
            .unwrap_or_else(|| panic!("no features in {report}"));
        list.split_whitespace().map(String::from).collect()
    }

    /// Asks e2fsck, which must find nothing. Gives the share of non-contiguous files in percent.
    #[track_caller]
    pub fn fsck(&self) -> f64 {
        let mut fsck = Command::new("e2fsck");
        let report = run(fsck.arg("-fn").arg(&self.path));
        non_contiguous(&report).unwrap_or_else(|| panic!("no summary in {report}"))
    }

    /// The superblock's free counts.
    #[track_caller]
    pub fn free(&self) -> Free {
        let [blocks, inodes] = ["Free blocks:", "Free inodes:"].map(|name| self.number(name));
        Free { blocks, inodes }
    }

    /// What is free of files: the free counts, and the blocks of quota files, which keep room for every id that they
    /// have seen.
    #[track_caller]
    pub fn unused(&self) -> Free {
        let described = self.described();
        let files = described.lines().filter_map(|line| {
            let (what, ino) = line.split_once(" quota inode:")?;
            ["User", "Group", "Project"]
                .contains(&what)
                .then_some(ino.trim())
        });
        let sectors: u64 = files
            .map(|ino| {
                let mut stat = command("debugfs", ["-R", &format!("stat <{ino}>")]);
                let told = run(stat.arg(&self.path));
                told.split_once("Blockcount: ")
                    .and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<u64>().ok())
                    .unwrap_or_else(|| panic!("no Blockcount in {told}"))
            })
            .sum();
        let mut free = self.free();
        free.blocks += sectors * 512 / self.number("Block size:");
        free
    }

    /// The superblock, as dumpe2fs describes it.
    #[track_caller]
    pub fn described(&self) -> String {
        run(Command::new("dumpe2fs").arg("-h").arg(&self.path))
    }

    /// A number from that description.
    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        let report = self.described();
        report
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
            .unwrap_or_else(|| panic!("no {name} in {report}"))
    }
}

fn mke2fs(spec: &Spec) -> Command {
    let mut mke2fs = command("mke2fs", ["-q", "-F", "-t", "ext4"]);
    mke2fs
        .args(["-O", spec.features.mke2fs()])
        .args(["-b", &spec.block_size.to_string()])
        .args(["-I", &spec.inode_size.to_string()]);
    if let Some(inodes) = spec.inodes {
        mke2fs.args(["-N", &inodes.to_string()]);
    }
    mke2fs
}

fn create(spec: &Spec) -> Command {
    let mut create = command(LIVEROOT, ["create"]);
    create
        .args(["--size", &format!("{}M", spec.mib)])
        .args(["--block-size", &spec.block_size.to_string()])
        .args(["--inode-size", &spec.inode_size.to_string()]);
    if let Some(features) = spec.features.create() {
        create.args(["--features", features]);
    }
    if let Some(inodes) = spec.inodes {
        create.args(["--inodes", &inodes.to_string()]);
    }
    create
}

/// The percentage in e2fsck's last line: `… files (0.4% non-contiguous), …`.
fn non_contiguous(report: &str) -> Option<f64> {
    let (before, _) = report.split_once("% non-contiguous")?;
    before.rsplit_once('(')?.1.parse().ok()
}

/// Paths as arguments.
pub fn args<const N: usize>(paths: [&Path; N]) -> [&std::ffi::OsStr; N] {
    paths.map(Path::as_os_str)
}
