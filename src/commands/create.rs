//! `liveroot create`

use super::fresh::Fresh;
use super::import::threads;
use crate::cli::{self, Size};
use crate::failure::{Failure, Result};
use crate::import::clock::clock;
use crate::import::progress::{Progress, Style};
use crate::import::{Job, Spool, fill, fit, measure};
use crate::session::image::human_size;
use crate::session::in_use::{self, FileId};
use crate::sys::{Access, ByteRange};
use lwext4::{
    BlockDevice, Durability, Erase, Error, FileDevice, FormatOptions, FormatReport, JournalSize,
    OpenOptions, Timestamp, Unflushed, Volume, format,
};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Makes an image.
pub fn run(args: &cli::Create) -> Result<()> {
    let path = &args.image;
    let (present, replace) = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => (None, false),
        Err(error) => return Err(Failure::of(path, error)),
        Ok(metadata) => {
            let kind = metadata.file_type();
            if !kind.is_file() && !kind.is_block_device() {
                return Err(Failure::of(path, "neither a file nor a block device"));
            }
            if !args.force {
                return Err(Failure::of(path, "exists already")
                    .remedy("choose another name, or replace it with --force"));
            }
            (Some(metadata), true)
        }
    };
    let clock = clock(args.fill.reproducible)?;
    let mut source = args.from.as_deref().map(Spool::new);
    let alone = present.is_none() && source.is_some();
    let size = args.size.or(alone.then_some(Size::Auto));
    if let (Some(source), Some(Size::Auto)) = (&mut source, size) {
        source.keep()?;
    }
    let plan = Plan {
        args,
        size,
        options: format_options(args, size, clock.map(|clock| clock.0))?,
        clock,
        source: source.map(RefCell::new),
    };
    match present {
        None => plan.new_file(path, plan.size(None)?, replace),
        Some(metadata) => plan.replace(&metadata),
    }
}

/// What is to be made.
struct Plan<'a> {
    args: &'a cli::Create,
    /// As large as what it replaces, if nothing is said.
    size: Option<Size>,
    options: FormatOptions,
    clock: Option<(Timestamp, bool)>,
    source: Option<RefCell<Spool>>,
}

/// A size, and the options that go with it.
struct Sized {
    bytes: u64,
    options: FormatOptions,
    /// It was found by measuring, and may turn out too small.
    measured: bool,
}

/// How often an image that was measured too small is made anew.
const TRIES: u32 = 4;

impl Plan<'_> {
    /// How large the image is to be; `present`: as large as it is.
    fn size(&self, present: Option<u64>) -> Result<Sized> {
        let fixed = |bytes| Sized {
            bytes,
            options: self.options.clone(),
            measured: false,
        };
        match (self.size, &self.source) {
            (Some(Size::Bytes(bytes)), _) => Ok(fixed(bytes)),
            (Some(Size::Auto), None) => {
                Err(Failure::usage("--size auto measures what --from names")
                    .remedy("give a size, or a source"))
            }
            (Some(Size::Auto), Some(source)) => {
                let needs = measure(
                    &mut source.borrow_mut(),
                    &self.args.fill,
                    self.options.block_size,
                )?;
                let (bytes, options) = fit(&needs, self.args.headroom, &self.options)
                    .map_err(|error| explain(&self.args.image, &error))?;
                Ok(Sized {
                    bytes,
                    options,
                    measured: true,
                })
            }
            (None, _) => present.map(fixed).ok_or_else(|| {
                Failure::of(&self.args.image, "its size is missing")
                    .remedy("give it, for example: --size 2G")
                    .by_usage()
            }),
        }
    }

    fn replace(&self, metadata: &Metadata) -> Result<()> {
        let image = &self.args.image;
        let path = image.canonicalize().map_err(|e| Failure::of(image, e))?;
        let is_file = metadata.is_file();
        let old = File::options()
            .read(true)
            .write(true)
            // The kernel gives nobody a block device that it uses itself.
            .custom_flags(if is_file { 0 } else { libc::O_EXCL })
            .open(&path)
            .map_err(|error| match error.raw_os_error() {
                Some(libc::EBUSY) => Failure::of(&path, "in use by the kernel")
                    .remedy("unmount it and detach what uses it"),
                _ => Failure::of(&path, error),
            })?;
        in_use::check_kernel(&path, metadata, Access::Write)?;
        let everything = ByteRange { start: 0, len: 0 };
        in_use::lock(&path, &old, FileId::of(metadata), everything, Access::Write)?;
        let device = FileDevice::new(old).map_err(|e| Failure::of(&path, e))?;
        let old_size = device.size();
        let mut size = self.size(Some(old_size).filter(|&size| size > 0))?;
        if is_file {
            return self.new_file(&path, size, true);
        }
        if size.bytes > old_size {
            return Err(Failure::of(
                &path,
                format!("the device has only {}", human_size(old_size)),
            ));
        }
        let file = device
            .file()
            .try_clone()
            .map_err(|e| Failure::of(&path, e))?;
        let part = FileDevice::part(file, 0, size.bytes);
        size.options.erase = Erase::Metadata;
        self.make(&path, part, &size).map_err(Unmade::into_failure)
    }

    /// Makes the image in a file without a name, which gets its name when all is done: whatever
    /// happens before, nothing is left behind.
    fn new_file(&self, path: &Path, mut size: Sized, replace: bool) -> Result<()> {
        let mut tries = 0;
        let fresh = loop {
            let fresh = Fresh::beside(path)?;
            let bytes = size.bytes;
            let set = fresh.file.set_len(bytes);
            set.map_err(|error| match error.raw_os_error() {
                Some(libc::EFBIG) => Failure::of(
                    path,
                    format!(
                        "the host's file system has no files of {}",
                        human_size(bytes)
                    ),
                ),
                _ => Failure::of(path, format!("setting its size: {error}")),
            })?;
            let file = fresh.file.try_clone().map_err(|e| Failure::of(path, e))?;
            let device = FileDevice::new(file).map_err(|e| Failure::of(path, e))?;
            match self.make(path, device, &size) {
                Ok(()) => break fresh,
                Err(Unmade::Full(_)) if size.measured && tries < TRIES => {
                    // Directories can take more than they were measured to.
                    tries += 1;
                    size.bytes += size.bytes / 64 + (1 << 20);
                }
                Err(unmade) => return Err(unmade.into_failure()),
            }
        };
        let published = fresh.publish(path, replace);
        published.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::of(path, "exists already")
                .remedy("choose another name, or replace it with --force"),
            _ => Failure::of(path, error),
        })
    }

    /// Makes the file system, and fills it.
    fn make(&self, path: &Path, device: FileDevice, size: &Sized) -> Result<(), Unmade> {
        let style = self.args.report.style();
        let device: Arc<dyn BlockDevice> = if self.source.is_some() && !self.args.sync {
            // Nobody depends on it yet, as on the copy that cp(1) makes.
            Arc::new(Unflushed(device))
        } else {
            Arc::new(device)
        };
        let report = format(&*device, &size.options).map_err(|error| explain(path, &error))?;
        if let Some(warning) = warning(path, &report).filter(|_| !self.args.report.quiet) {
            eprintln!("{warning}");
        }
        let Some(source) = &self.source else {
            if style == Style::People {
                println!("{}", summary(path, &report));
            }
            return Ok(());
        };
        let threads = threads(&self.args.fill);
        let opened = source.borrow_mut().open(&self.args.fill, threads)?;
        let options = OpenOptions {
            // Before it has a name, nobody misses it.
            durability: Durability::None,
            commit_interval: Duration::from_secs(u64::from(u32::MAX)),
            clock: self.clock.map(|clock| clock.0),
            ..OpenOptions::default()
        };
        let volume = Volume::open(device, options).map_err(|error| explain(path, &error))?;
        let progress = Progress::new(style, source.borrow().name(), opened.total);
        let job = Job {
            image: &self.args.image,
            to: b"/",
            threads,
            clock: self.clock,
        };
        let filled = fill(&volume, job, opened, &progress);
        let full = filled.is_err() && volume.statfs().free_blocks * 100 < report.blocks
            || volume.statfs().free_inodes == 0;
        let result = filled.and_then(|totals| {
            let closed = volume.close();
            closed.map_err(|error| explain(path, &error))?;
            let line = format!("{}, {} files", summary(path, &report), totals.entries);
            Ok((totals, line))
        });
        if full && size.measured && result.is_err() {
            return result.map(|_| ()).map_err(Unmade::Full);
        }
        Ok(progress.end(result).map(|_| ())?)
    }
}

/// Why there is no image.
enum Unmade {
    /// It was full before all was in.
    Full(Failure),
    /// Anything else.
    Failed(Failure),
}

impl From<Failure> for Unmade {
    fn from(failure: Failure) -> Unmade {
        Unmade::Failed(failure)
    }
}

impl Unmade {
    fn into_failure(self) -> Failure {
        match self {
            Unmade::Full(failure) | Unmade::Failed(failure) => failure,
        }
    }
}

fn format_options(
    args: &cli::Create,
    size: Option<Size>,
    clock: Option<Timestamp>,
) -> Result<FormatOptions> {
    const MIB: u64 = 1 << 20;
    let defaults = FormatOptions::default();
    let (root_uid, root_gid) = args.root_owner.unwrap_or((0, 0));
    let journal = match args.journal_size {
        _ if args.no_journal => JournalSize::None,
        None => JournalSize::Auto,
        Some(bytes) => match u32::try_from(bytes / MIB) {
            Ok(mib) if mib > 0 && bytes % MIB == 0 => JournalSize::MiB(mib),
            _ => return Err(Failure::usage("the journal's size must be whole MiB")),
        },
    };
    Ok(FormatOptions {
        block_size: match narrow("block size", args.block_size)? {
            // What mke2fs gives small images suits files that come and go; pages suit all others.
            None if args.from.is_some() => Some(4096),
            given => given,
        },
        cluster_size: narrow("cluster size", args.cluster_size)?,
        inode_size: narrow("inode size", args.inode_size)?,
        inodes: args.inodes,
        bytes_per_inode: args.bytes_per_inode,
        label: args.label.clone().unwrap_or_default().into_bytes(),
        uuid: args
            .uuid
            .or(clock.map(|now| derived(args, size, now, "uuid"))),
        hash_seed: clock.map(|now| derived(args, size, now, "hash seed")),
        time: clock,
        reserved_percent: args.reserved.unwrap_or(match size {
            Some(Size::Auto) => 0.0,
            _ => defaults.reserved_percent,
        }),
        journal,
        features: args
            .features
            .join(",")
            .parse()
            .map_err(|error: Error| Failure::usage(error).remedy("see: man ext4, FEATURES"))?,
        root_uid,
        root_gid,
        erase: Erase::Nothing,
        ..defaults
    })
}

/// A UUID that follows from what the image is: its label, its size and its time.
fn derived(args: &cli::Create, size: Option<Size>, now: Timestamp, purpose: &str) -> [u8; 16] {
    let label = args.label.as_deref().unwrap_or_default();
    let text = format!("liveroot {purpose}\0{label}\0{size:?}\0{}", now.secs);
    let digest = Sha256::digest(text.as_bytes());
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&digest[..16]);
    // RFC 9562: version 8, of a maker's own.
    uuid[6] = uuid[6] & 0x0F | 0x80;
    uuid[8] = uuid[8] & 0x3F | 0x80;
    uuid
}

fn narrow<T: TryFrom<u64>>(what: &str, value: Option<u64>) -> Result<Option<T>> {
    value
        .map(T::try_from)
        .transpose()
        .map_err(|_| Failure::usage(format!("the {what} is too large")))
}

fn explain(path: &Path, error: &Error) -> Failure {
    match error {
        Error::InvalidOption(what) => Failure::of(path, what).by_usage(),
        _ => Failure::of(path, error),
    }
}

/// What Linux will say of the image, where it does not mount it everywhere.
fn warning(path: &Path, report: &FormatReport) -> Option<String> {
    let page = rustix::param::page_size();
    (report.block_size as usize > page).then(|| {
        format!(
            "liveroot: warning: {}: blocks of {} bytes are larger than this machine's pages of {page}: its kernel may \
             refuse to mount the image, liveroot does not",
            path.display(),
            report.block_size,
        )
    })
}

fn summary(path: &Path, report: &FormatReport) -> String {
    let block = u64::from(report.block_size);
    let journal = match report.journal_blocks {
        0 => "no journal".to_owned(),
        blocks => format!("journal {}", human_size(u64::from(blocks) * block)),
    };
    let clusters = if report.cluster_size > block {
        format!(" in clusters of {}", human_size(report.cluster_size))
    } else {
        String::new()
    };
    format!(
        "{}: {}, {} free, blocks of {}{clusters}, {} inodes of {} bytes, {journal}",
        path.display(),
        human_size(report.blocks.saturating_mul(block)),
        human_size(report.free_blocks.saturating_mul(block)),
        human_size(block),
        report.inodes,
        report.inode_size,
    )
}
