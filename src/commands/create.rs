//! `liveroot create`

use crate::cli;
use crate::failure::{Failure, Result};
use crate::session::image::human_size;
use crate::session::in_use::{self, FileId};
use crate::sys::{Access, ByteRange};
use lwext4::{Erase, Error, FileDevice, FormatOptions, FormatReport, JournalSize, format};
use rustix::fs::{AtFlags, CWD, OFlags, RenameFlags, linkat, renameat_with};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Makes an image.
pub fn run(args: &cli::Create) -> Result<()> {
    let options = format_options(args)?;
    let path = &args.image;
    let report = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            new_file(path, size(args, None)?, &options, false)?
        }
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
            replace(args, &metadata, options)?
        }
    };
    if !args.quiet {
        println!("{}", summary(path, &report));
        if let Some(warning) = warning(path, &report) {
            eprintln!("{warning}");
        }
    }
    Ok(())
}

fn replace(
    args: &cli::Create,
    metadata: &Metadata,
    options: FormatOptions,
) -> Result<FormatReport> {
    let path = args
        .image
        .canonicalize()
        .map_err(|e| Failure::of(&args.image, e))?;
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
    let old_size = lwext4::BlockDevice::size(&device);
    let size = size(args, Some(old_size).filter(|&size| size > 0))?;
    if is_file {
        return new_file(&path, size, &options, true);
    }
    if size > old_size {
        return Err(Failure::of(
            &path,
            format!("the device has only {}", human_size(old_size)),
        ));
    }
    let file = device
        .file()
        .try_clone()
        .map_err(|e| Failure::of(&path, e))?;
    let part = FileDevice::part(file, 0, size);
    let options = FormatOptions {
        erase: Erase::Metadata,
        ..options
    };
    format(&part, &options).map_err(|error| explain(&path, &error))
}

/// Makes the file system in a file without a name, which gets its name when all is done: whatever
/// happens before, nothing is left behind.
fn new_file(
    path: &Path,
    size: u64,
    options: &FormatOptions,
    replace: bool,
) -> Result<FormatReport> {
    let fresh = Fresh::beside(path)?;
    fresh
        .file
        .set_len(size)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::EFBIG) => Failure::of(
                path,
                format!(
                    "the host's file system has no files of {}",
                    human_size(size)
                ),
            ),
            _ => Failure::of(path, format!("setting its size: {error}")),
        })?;
    let device = FileDevice::new(fresh.file.try_clone().map_err(|e| Failure::of(path, e))?)
        .map_err(|e| Failure::of(path, e))?;
    let report = format(&device, options).map_err(|error| explain(path, &error))?;
    fresh
        .publish(path, replace)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::of(path, "exists already")
                .remedy("choose another name, or replace it with --force"),
            _ => Failure::of(path, error),
        })?;
    Ok(report)
}

/// A file that has no name yet, or where the host's file system needs one, one that is removed if it
/// is not published.
struct Fresh {
    file: File,
    temporary: Option<PathBuf>,
}

impl Fresh {
    fn beside(path: &Path) -> Result<Fresh> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let unnamed = OFlags::TMPFILE.bits() as i32;
        let opened = File::options()
            .read(true)
            .write(true)
            .custom_flags(unnamed)
            .open(directory);
        match opened {
            Ok(file) => Ok(Fresh {
                file,
                temporary: None,
            }),
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EOPNOTSUPP | libc::EISDIR | libc::EINVAL)
                ) =>
            {
                let temporary = temporary_name(path);
                let file = File::options()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .open(&temporary)
                    .map_err(|e| Failure::of(&temporary, e))?;
                Ok(Fresh {
                    file,
                    temporary: Some(temporary),
                })
            }
            Err(error) => Err(match error.kind() {
                io::ErrorKind::NotFound => Failure::of(directory, "no such directory")
                    .remedy(format!("make it: mkdir -p {}", directory.display())),
                _ => Failure::of(directory, error),
            }),
        }
    }

    fn publish(mut self, path: &Path, replace: bool) -> io::Result<()> {
        if self.temporary.is_none() {
            let link = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            if !replace {
                linkat(CWD, link, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
                return Ok(());
            }
            // A link replaces nothing, a rename does.
            let temporary = temporary_name(path);
            linkat(CWD, link, CWD, &temporary, AtFlags::SYMLINK_FOLLOW)?;
            self.temporary = Some(temporary);
        }
        if let Some(temporary) = &self.temporary {
            let flags = if replace {
                RenameFlags::empty()
            } else {
                RenameFlags::NOREPLACE
            };
            renameat_with(CWD, temporary, CWD, path, flags)?;
            self.temporary = None;
        }
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn size(args: &cli::Create, present: Option<u64>) -> Result<u64> {
    args.size.or(present).ok_or_else(|| {
        Failure::of(&args.image, "its size is missing")
            .remedy("give it, for example: --size 2G")
            .by_usage()
    })
}

fn format_options(args: &cli::Create) -> Result<FormatOptions> {
    const MIB: u64 = 1 << 20;
    let defaults = FormatOptions::default();
    let (root_uid, root_gid) = args.root_owner.unwrap_or_else(|| {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        (uid.as_raw(), gid.as_raw())
    });
    let journal = match args.journal_size {
        _ if args.no_journal => JournalSize::None,
        None => JournalSize::Auto,
        Some(bytes) => match u32::try_from(bytes / MIB) {
            Ok(mib) if mib > 0 && bytes % MIB == 0 => JournalSize::MiB(mib),
            _ => return Err(Failure::usage("the journal's size must be whole MiB")),
        },
    };
    Ok(FormatOptions {
        block_size: narrow("block size", args.block_size)?,
        cluster_size: narrow("cluster size", args.cluster_size)?,
        inode_size: narrow("inode size", args.inode_size)?,
        inodes: args.inodes,
        bytes_per_inode: args.bytes_per_inode,
        label: args.label.clone().unwrap_or_default().into_bytes(),
        uuid: args.uuid,
        reserved_percent: args.reserved.unwrap_or(defaults.reserved_percent),
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
