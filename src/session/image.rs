//! Finding, opening and locking the bytes of a file system.

use super::in_use::{self, FileId};
use super::options::Place;
use super::partition::{self, Partition};
use super::sniff;
use crate::failure::{Failure, Result};
use crate::sys::{Access, ByteRange};
use lwext4::Error;
use lwext4::{BlockDevice, FileDevice};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An opened image.
#[derive(Clone, Debug)]
pub struct Image {
    /// The path as the user gave it.
    pub given: PathBuf,
    /// The absolute path, without symlinks.
    pub path: PathBuf,
    /// Which file it is.
    pub id: FileId,
    /// The bytes of the file system in it.
    pub device: Arc<FileDevice>,
    range: ByteRange,
    whole: bool,
}

/// Opens the image at `path` for `access`, and finds the file system in it. Nothing is locked.
///
/// # Errors
/// The file is missing, not readable or writable, or no file; the place is not in it.
pub fn open(path: &Path, place: Place, access: Access) -> Result<Image> {
    // A fifo would block; a non-blocking descriptor makes no difference to files and disks.
    let file = File::options()
        .read(true)
        .write(access == Access::Write)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| explain_open(path, access, &error))?;
    let metadata = file.metadata().map_err(|e| Failure::of(path, e))?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(Failure::of(path, "a directory, not an image"));
    }
    if !kind.is_file() && !kind.is_block_device() {
        return Err(Failure::of(path, "neither a file nor a block device"));
    }
    let absolute = path.canonicalize().map_err(|e| Failure::of(path, e))?;
    let disk = FileDevice::new(file).map_err(|e| Failure::of(path, e))?;
    if disk.size() == 0 {
        return Err(Failure::of(path, "the file is empty").remedy(format!(
            "make an image of it: liveroot create --force {} --size 1G",
            path.display()
        )));
    }
    let range = find(path, place, &disk)?;
    let file = disk.file().try_clone().map_err(|e| Failure::of(path, e))?;
    let device = match place {
        Place::Partition(_) => FileDevice::part(file, range.start, range.len),
        Place::Whole | Place::Offset(_) => {
            FileDevice::from_offset(file, range.start).map_err(|e| Failure::of(path, e))?
        }
    };
    Ok(Image {
        given: path.to_owned(),
        path: absolute,
        id: FileId::of(&metadata),
        device: Arc::new(device),
        range,
        whole: place == Place::Whole,
    })
}

fn explain_open(path: &Path, access: Access, error: &io::Error) -> Failure {
    let readable = || File::open(path).is_ok();
    match error.raw_os_error() {
        Some(libc::ENOENT) => Failure::of(path, "no such file").remedy(format!(
            "make one: liveroot create {} --size 1G",
            path.display()
        )),
        Some(libc::EACCES | libc::EPERM | libc::EROFS) if access == Access::Write && readable() => {
            Failure::of(path, format!("not writable ({error})"))
                .remedy("make it writable, or look at it with --read-only")
        }
        Some(libc::EISDIR) => Failure::of(path, "a directory, not an image"),
        Some(libc::EACCES | libc::EPERM) => {
            Failure::of(path, "not readable: permission denied").remedy("see its mode with ls -l")
        }
        _ => Failure::of(path, error),
    }
}

/// The bytes of `disk` that hold the file system.
fn find(path: &Path, place: Place, disk: &FileDevice) -> Result<ByteRange> {
    let to_end = |start: u64| disk.size().checked_sub(start).filter(|&len| len > 0);
    match place {
        Place::Whole => Ok(ByteRange {
            start: 0,
            len: disk.size(),
        }),
        Place::Offset(start) => match to_end(start) {
            Some(len) => Ok(ByteRange { start, len }),
            None => Err(Failure::of(
                path,
                format!("the offset {start} lies beyond the end, {}", disk.size()),
            )),
        },
        Place::Partition(number) => {
            let table = partition::read_table(disk).map_err(|e| Failure::of(path, e))?;
            let Some(found) = table.iter().find(|p| p.number == number) else {
                return Err(Failure::of(path, format!("there is no partition {number}"))
                    .remedy(format!("there are: {}", list(&table))));
            };
            match to_end(found.start) {
                Some(len) if len >= found.size => Ok(ByteRange {
                    start: found.start,
                    len: found.size,
                }),
                _ => Err(Failure::of(
                    path,
                    format!("partition {number} reaches beyond the end of the file"),
                )
                .remedy("the file seems to be cut short")),
            }
        }
    }
}

fn list(table: &[Partition]) -> String {
    let rows: Vec<String> = table
        .iter()
        .map(|p| format!("{} ({}, {})", p.number, human_size(p.size), p.kind))
        .collect();
    rows.join(", ")
}

/// A size for people: at most four digits and a unit.
pub fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for larger in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if value.fract() < 0.05 || value >= 100.0 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

impl Image {
    /// Where the file system starts in the file, in bytes.
    pub fn start(&self) -> u64 {
        self.range.start
    }

    /// Makes sure that nobody else writes the image, or for [`Access::Write`] that nobody has it, as
    /// long as it is open.
    ///
    /// # Errors
    /// Another liveroot, QEMU or the kernel has it.
    pub fn lock(&self, access: Access) -> Result<()> {
        let file = self.device.file();
        let metadata = file.metadata().map_err(|e| Failure::of(&self.given, e))?;
        in_use::check_kernel(&self.given, &metadata, access)?;
        // The whole file also where it grows.
        let range = ByteRange {
            len: if self.whole { 0 } else { self.range.len },
            ..self.range
        };
        in_use::lock(&self.given, file, self.id, range, access)
    }

    /// Why the engine does not open it, in terms of what the user can do.
    pub fn explain(&self, error: &Error, access: Access) -> Failure {
        let failure = |what: String| Failure::of(&self.given, what);
        let path = self.given.display();
        match error {
            Error::NotExt4(_) => {
                if let (true, Ok(table)) = (self.whole, partition::read_table(&*self.device)) {
                    return failure(format!(
                        "a disk with partitions, not an ext4 image: {}",
                        list(&table)
                    ))
                    .remedy("choose one with --partition NUMBER");
                }
                match sniff::name(&*self.device) {
                    Some(sniff::EXT4) => failure(error.to_string())
                        .remedy("get a complete copy of the image, or repair it with e2fsck"),
                    Some(name) => failure(format!("not an ext4 image, but {name}")),
                    None => failure(error.to_string())
                        .remedy("make an image with: liveroot create FILE --size 1G"),
                }
            }
            Error::Unsupported(_) if access == Access::Write => {
                failure(error.to_string()).remedy("try to look at it with --read-only")
            }
            Error::InUse(_) => failure(error.to_string()).remedy(format!(
                "unmount it there; if that machine is gone for good: tune2fs -f -E clear_mmp {path}"
            )),
            Error::CutShort { .. } => failure(error.to_string())
                .remedy("get the whole image; e2fsck mends only what is there"),
            Error::Corrupt(_) => {
                failure(error.to_string()).remedy(format!("repair it: e2fsck -f {path}"))
            }
            Error::NeedsRecovery => failure(error.to_string()).remedy(format!(
                "mount it writable once, or use -o norecovery; e2fsck -f {path} does it too"
            )),
            _ => failure(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!(human_size(0), "0 B");
        assert_eq!(human_size(1536), "1.5 KiB");
        assert_eq!(human_size(2 << 30), "2 GiB");
        assert_eq!(human_size(u64::MAX), "16384 PiB");
    }

    #[test]
    fn what_is_no_image_is_said_plainly() {
        let dir = tempfile::tempdir().unwrap();
        let said = |path: &Path, place| {
            open(path, place, Access::Read)
                .unwrap_err()
                .to_string()
                .replace(&path.display().to_string(), "PATH")
        };
        assert_eq!(
            said(dir.path(), Place::Whole),
            "PATH: a directory, not an image"
        );
        assert_eq!(
            said(&dir.path().join("missing"), Place::Whole),
            "PATH: no such file; make one: liveroot create PATH --size 1G"
        );
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(
            said(&file, Place::Offset(1)),
            "PATH: the offset 1 lies beyond the end, 1"
        );
        assert_eq!(
            said(&file, Place::Partition(1)),
            "PATH: there is no partition table (MBR or GPT)"
        );
        assert_eq!(
            said(Path::new("/dev/null"), Place::Whole),
            "PATH: neither a file nor a block device"
        );
    }

    #[test]
    fn two_writers_do_not_get_the_same_image() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4096).unwrap();
        let open = |place| open(file.path(), place, Access::Write).unwrap();
        let whole = open(Place::Whole);
        whole.lock(Access::Write).unwrap();
        let error = open(Place::Whole).lock(Access::Write).unwrap_err();
        assert!(error.to_string().contains("in use by another"), "{error}");
        assert!(open(Place::Offset(1024)).lock(Access::Read).is_err());
        drop(whole);
        open(Place::Offset(1024)).lock(Access::Write).unwrap();
    }
}
